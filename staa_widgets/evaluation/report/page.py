"""Write the HTML page of a report."""

from __future__ import annotations

import json
import os
from importlib import resources
from typing import TYPE_CHECKING

from staa_widgets.evaluation.report import settings as facts
from staa_widgets.evaluation.report import tables
from staa_widgets.evaluation.report.cost_figure import draw_cost_against_quality
from staa_widgets.evaluation.report.curve_figure import draw_curves
from staa_widgets.evaluation.report.example_list import example_list
from staa_widgets.evaluation.report.formatting import direction_arrow, format_count
from staa_widgets.evaluation.report.reliability_table import reliability_table
from staa_widgets.evaluation.report.score_table_figure import draw_score_table
from staa_widgets.evaluation.report.small_multiples import PANEL_WIDTH, figures_in_row
from staa_widgets.evaluation.report.verdict import verdict_text
from staa_widgets.utils.files import export_bytes
from staa_widgets.utils.html import Markup, element, source_hash

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go

    from staa_widgets.evaluation.results import Results

COST_NOTE = (
    "Score of each method against the number of passes that one map takes. Bars are 95 % intervals. The dashed line is "
    "the best control: a method that is no better than it explains nothing."
)

MAX_COST_FIGURES = 4
"""Maximum number of metrics with a figure of cost against quality; the other metrics are in the tables."""

_DRAW_SCRIPT = """
for (const source of document.querySelectorAll("script[data-figure]")) {
  const { data, layout } = JSON.parse(source.textContent);
  Plotly.newPlot(source.previousElementSibling, data, layout, {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["toImage"]],
    toImageButtonOptions: { format: "svg", filename: source.dataset.figure },
  });
}
"""


def to_html(
    results: Results, path: str | os.PathLike[str], title: str = "", *, introduction: Markup | None = None
) -> Path:
    """Write a report: a verdict in words, settings, scores with intervals, figures, and notes on how to read them.

    The report is one file that needs no network; its content policy forbids any request.

    Parameters
    ----------
    results
        Results of the evaluation.
    path
        File to write; an existing file is replaced in one step.
    title
        Heading; by default the number of methods compared.
    introduction
        Section to put before all others.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    return export_bytes(path, to_page(results, title, introduction=introduction).encode(), "report")


def to_page(results: Results, title: str = "", *, introduction: Markup | None = None) -> str:
    """Return the text of the report that `to_html` writes."""
    from plotly.offline import get_plotlyjs

    heading = title or f"{format_count(len(results.methods), 'method')} compared"
    style = resources.files("staa_widgets.evaluation.report").joinpath("report.css").read_text("utf-8")
    library, content = get_plotlyjs(), _report_body(results, heading, introduction)
    # Plotly adds style elements to the page, so any inline style is allowed; scripts are allowed by hash only.
    policy = (
        f"default-src 'none'; script-src {source_hash(library)} {source_hash(_DRAW_SCRIPT)}; "
        "style-src 'unsafe-inline'; img-src data: blob:"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content="staa_widgets"),
        element("title", heading),
        element("link", rel="icon", href="data:,"),
        element("style", Markup(style)),
    )
    scripts = [element("script", Markup(text)) for text in (library, _DRAW_SCRIPT)]
    return f"<!doctype html>\n{element('html', head, element('body', content, *scripts), lang='en')}\n"


def _report_body(results: Results, heading: str, introduction: Markup | None) -> Markup:
    return element(
        "main",
        element("h1", heading),
        element("p", verdict_text(results)),
        facts.settings_list(results),
        introduction,
        _optional_section("Summary", tables.findings_list(results)),
        _score_section(results) if results.shown_metrics else None,
        _optional_section("Compared with the controls", tables.control_table(results)),
        _optional_section("How far each metric can be relied on", reliability_table(results)),
        _optional_section("Best and worst clips", example_list(results)),
        _glance_section(results) if results.shown_metrics else None,
        _curve_section(results),
        _cost_section(results),
        _section(
            "Metrics and methods", facts.metric_table(results), element("h3", "Methods"), facts.method_table(results)
        ),
        _optional_section("Failures", facts.failure_table(results)),
        element(
            "details", element("summary", "All settings"), element("pre", _settings_json(results)), class_="settings"
        ),
    )


def _score_section(results: Results) -> Markup:
    several = len(results.models) > 1
    return _section(
        "Scores",
        element("p", tables.READING_NOTE),
        tables.score_table(results, None if several else next(iter(results.models), None)),
        tables.footnote(results),
        *(
            element("details", element("summary", f"Only {name}"), tables.score_table(results, name))
            for name in (results.models if several else ())
        ),
    )


def _glance_section(results: Results) -> Markup:
    return _section(
        "Scores at a glance",
        element(
            "p",
            "The darker a cell, the nearer it is to the best score of its column; the worst is white. Metrics "
            "without a direction have no color.",
        ),
        _figure_element(draw_score_table(results), "heat-table", 150 + 78 * len(results.shown_metrics)),
    )


def _curve_section(results: Results) -> Markup | None:
    names = [metric for metric in results.shown_metrics if any(row.metric == metric for row in results.curves)]
    if not names:
        return None
    meanings = [
        element("li", element("b", name), f": {summary}")
        for name in names
        if (summary := results.metric_info(name).get("summary", ""))
    ]
    row = figures_in_row({name: draw_curves(results, name) for name in names}, "probability of the target class")
    normalized_table = tables.normalized_score_table(results)
    heading = normalized_table and element("h3", "Scores relative to random orders and the oracle")
    figure = _figure_element(row, "curves", PANEL_WIDTH * len(names))
    return _section("Curves", element("ul", *meanings) if meanings else None, figure, heading, normalized_table)


def _cost_section(results: Results) -> Markup | None:
    directed = [
        metric for metric in results.shown_metrics if results.metric_info(metric).get("higher_is_better") is not None
    ][:MAX_COST_FIGURES]
    if not results.costs or not directed:
        return None
    figures = {
        f"{metric}{direction_arrow(results, metric)}": draw_cost_against_quality(results, metric, compact=True)
        for metric in directed
    }
    row = figures_in_row(figures, "mean score")
    return _section("Score and cost", element("p", COST_NOTE), _figure_element(row, "cost", PANEL_WIDTH * len(figures)))


def _section(heading: str, *content: str | None) -> Markup:
    return element("section", element("h2", heading), *content)


def _optional_section(heading: str, content: Markup | None) -> Markup | None:
    return None if content is None else _section(heading, content)


def _figure_element(figure: go.Figure, name: str, width: int) -> Markup:
    height = figure.to_plotly_json()["layout"].get("height", 450)
    # In a script element only "</script" and "<!--" are special, so every "<" in a user's name is escaped.
    data = Markup((figure.to_json() or "").replace("<", "\\u003c"))
    return element(
        "div",
        element("div", class_="plot", style=f"height:{height}px;min-width:{width}px"),
        element("script", data, type="application/json", data_figure=name),
        class_="figure",
    )


def _settings_json(results: Results) -> str:
    return json.dumps(dict(results.settings), indent=1, ensure_ascii=False)
