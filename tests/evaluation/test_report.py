"""The report: one file that opens offline and shows the users' names as text."""

from __future__ import annotations

import json
import math
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import Page
from plotly.offline import get_plotlyjs

from staa_widgets import Results
from staa_widgets.errors import ExportError, ParameterError
from staa_widgets.evaluation.report.cost_figure import draw_cost_against_quality
from staa_widgets.evaluation.report.curve_figure import draw_curves
from staa_widgets.evaluation.report.formatting import format_number
from staa_widgets.evaluation.report.page import to_page
from staa_widgets.evaluation.report.score_table_figure import draw_score_table
from staa_widgets.evaluation.report.small_multiples import figures_in_row
from staa_widgets.evaluation.rows import CostRow, CurveRow, Failure, ReferenceRow, Row
from staa_widgets.utils.html import Markup, element
from tests.helpers.chromium import PATIENCE

HOSTILE = "</script><script>window.pwned=1</script><!--<script><img src=x onerror=pwned=1><b>&amp;\u2028'\""
CLIPS = 12
LEVELS = {"good": 0.8, "fair": 0.78, "weak": 0.2, "guess": 0.3}
METRICS: dict[str, Any] = {
    "pointing": {
        "category": "ground_truth",
        "higher_is_better": True,
        "range": [0, 1],
        "chance": "share of cells in the ground truth",
    },
    "deletion": {
        "category": "insertion_deletion",
        "higher_is_better": False,
        "range": [0, 1],
        "chance": "random orders",
    },
    "sparseness": {"category": "complexity", "higher_is_better": None, "range": [0, None], "chance": "none"},
}


def make_results(suffix: str = "", models: tuple[str, ...] = ("m",)) -> Results:
    """Make results of four methods: "guess" is the control; "good" and "fair" are too close to tell apart."""
    noise = np.random.default_rng(0).normal(0, 0.1, (len(models), len(LEVELS), CLIPS))
    rows, costs, curves, references = [], [], [], []
    for m, model in enumerate(models):
        for k, (method, level) in enumerate(LEVELS.items()):
            label = method + suffix
            for n in range(CLIPS):
                key = (model + suffix, f"clip {n}{suffix}", label)
                value = level + noise[m, k, n]
                forwards, backwards = (21, 20) if method == "fair" else (1, 0)
                costs.append(CostRow(*key, forwards, backwards, 0.5))
                rows += [Row(*key, f"{metric}{suffix}", float(value)) for metric in ("pointing", "sparseness")]
                rows.append(Row(*key, f"deletion{suffix}", float(1 - value)))
                curves.append(CurveRow(*key, f"deletion{suffix}", (0.0, 0.5, 1.0), (0.9, float(1 - value), 0.1)))
        for n in range(CLIPS):
            orders = {"random": 0.7, "oracle": 0.1 + 0.001 * n}
            references += [
                ReferenceRow(model + suffix, f"clip {n}{suffix}", order, f"deletion{suffix}", v)
                for order, v in orders.items()
            ]
    settings = {
        "target": None,
        "models": {model + suffix: {"family": "timesformer"} for model in models},
        "clips": {f"clip {n}{suffix}": {"seed": 40 + n} for n in range(CLIPS)},
        "methods": {
            method + suffix: {
                "group": "control" if method == "guess" else "attention",
                "class_specific": True,
                "name": f"staa{suffix}",
                "changed": {"layers": f"last{suffix}"},
                "summary": f"It looks.{suffix}",
            }
            for method in LEVELS
        },
        "metrics": {metric + suffix: {**facts, "summary": f"It says.{suffix}"} for metric, facts in METRICS.items()},
        "versions": {"staa_widgets": "0"},
    }
    failures = [Failure("m" + suffix, f"clip {n}{suffix}", "", "", "VideoError", f"Broken.{suffix}") for n in range(5)]
    return Results(tuple(rows), tuple(costs), tuple(curves), tuple(references), tuple(failures), settings)


@cache
def report_content(suffix: str = "", *models: str) -> str:
    """Return the report without the Plotly library, which is long."""
    return to_page(make_results(suffix, models or ("m",))).replace(get_plotlyjs(), "")


def test_a_metric_that_repeats_another_is_left_out():
    """`deletion_least` is the same as `insertion`, if both have the same parameters."""
    blur, freeze = {"filler": "blur"}, {"filler": "freeze"}
    metrics = {
        "insertion": {"name": "insertion", "params": blur, "same_as": ""},
        "deletion": {"name": "deletion", "params": blur, "same_as": ""},
        "least": {"name": "deletion_least", "params": blur, "same_as": "insertion"},
        "least, freeze": {"name": "deletion_least", "params": freeze, "same_as": "insertion"},
    }
    for facts in metrics.values():
        facts |= {"category": "insertion_deletion", "higher_is_better": True, "range": [0, 1], "summary": "An area."}
    keys = [("m", f"clip {n}", method, metric) for n in range(3) for method in LEVELS for metric in metrics]
    rows = tuple(Row(*key, LEVELS[key[2]]) for key in keys)
    curves = tuple(CurveRow(*key, (0.0, 1.0), (0.9, 0.1)) for key in keys)
    references = tuple(
        ReferenceRow("m", f"clip {n}", order, metric, 0.5) for n in range(3) for order in LEVELS for metric in metrics
    )
    results = Results(rows, curves=curves, references=references, settings={"metrics": metrics})
    assert results.metrics == tuple(metrics)
    assert results.shown_metrics == ("insertion", "deletion", "least, freeze")
    page = to_page(results).replace(get_plotlyjs(), "")
    tables = Reader(page).tables
    headers = [" ".join(row[0]) for row in tables]
    assert sum("least, freeze" in header for header in headers) >= 2
    # Only the list of metrics names it, and says why.
    (listed,) = (row for table in tables for row in table if "The same as" in " ".join(row))
    assert listed[0].startswith("least")
    assert listed[1] == "An area. The same as 'insertion', so the tables leave it out."
    assert not any(" least " in f" {header} ".replace("least, freeze", "") for header in headers)


def test_what_has_no_content_is_left_out():
    keys = [("m", f"clip {n}", method) for n in range(3) for method in LEVELS]
    rows = [Row(*key, "pointing", math.nan) for key in keys] + [Row(*key, "sparseness", 0.5) for key in keys]
    results = make_results()
    part = Results(tuple(rows), results.costs, settings=results.settings)
    assert part.shown_metrics == ("sparseness",)
    page = to_page(part).replace(get_plotlyjs(), "")
    headings = headings_of(page)
    assert {"Scores", "Scores at a glance", "Metrics and methods"} <= set(headings)
    assert not {"Summary", "Compared with the controls", "Curves", "Score and cost", "Failures"} & set(headings)
    assert not any("pointing" in " ".join(table[0]) for table in Reader(page).tables)
    assert "No score could be computed" in page
    nothing = Results((), failures=results.failures, settings=results.settings)
    assert headings_of(to_page(nothing)) == ["Metrics and methods", "Failures"]


def headings_of(page: str) -> list[str]:
    return [part.split("</h2>")[0] for part in page.split("<h2>")[1:]]


def test_figures_of_a_kind_stand_in_one_row():
    results = make_results()
    figures = {name: draw_cost_against_quality(results, name) for name in ("pointing", "deletion")}
    row: Any = figures_in_row(figures, "score")
    layout = row.layout
    assert layout.xaxis.domain[1] < layout.xaxis2.domain[0]
    assert layout.yaxis.domain == layout.yaxis2.domain
    assert (layout.yaxis.title.text, layout.yaxis2.title.text) == ("score", "")
    for number, (name, figure) in zip(("", "2"), figures.items(), strict=True):
        single: Any = figure
        inside = [trace for trace in row.data if trace.xaxis == f"x{number}"]
        assert [list(trace.y) for trace in inside] == [list(trace.y) for trace in single.data]
        assert layout[f"yaxis{number}"].range == single.layout.yaxis.range
        lines = [shape for shape in layout.shapes if shape.yref == f"y{number}"]
        assert [line.y0 for line in lines] == [shape.y0 for shape in single.layout.shapes]
        labels = {label.text for label in layout.annotations if label.yref == f"y{number}"}
        assert labels == {label.text for label in single.layout.annotations}
        assert name in {label.text for label in layout.annotations if label.yref == "paper"}
    shown = [trace.name for trace in row.data if trace.showlegend]
    assert sorted(shown) == ["attention", "control"]


def traces(figure: Any) -> Any:
    """Return the traces of a figure, untyped, because Plotly's types do not describe them."""
    return figure.data


class Reader(HTMLParser):
    """Collects elements, and rows of tables as texts of their cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "small" and self.tables and self.tables[-1]:
            self.tables[-1][-1][-1] += "|"

    def handle_data(self, data: str) -> None:
        if self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data


def test_the_score_table_states_means_intervals_and_the_best_method():
    results = make_results()
    page = report_content()
    scores = {row[0]: row for row in Reader(page).tables[0]}
    best, fair, weak, control = (summary for summary in results.summary() if summary.metric == "pointing")
    assert scores["good"][1] == f"{best.mean:.2f}|[{best.low:.2f}, {best.high:.2f}]"
    for summary, bold in ((best, True), (fair, True), (weak, False), (control, False)):
        assert (f'<span class="best">{summary.mean:.2f}</span>' in page) == bold
    assert f"<b>good</b> {best.mean:.2f} [{best.low:.2f}, {best.high:.2f}]; no clear difference from: fair" in page
    assert scores["fair"][-1] == "|21 forward + 20 backward passes, 0.5 s"


def test_with_one_clip_no_method_is_shown_to_be_behind():
    whole = make_results()
    rows = [row for row in whole.rows if row.clip == "clip 0"]
    page = to_page(Results(tuple(rows), settings=whole.settings)).replace(get_plotlyjs(), "")
    best, *others = sorted((row for row in rows if row.metric == "pointing"), key=lambda row: -row.value)
    names = page.partition(f"<b>{best.method}</b> {best.value:.2f}; not shown to be worse: ")[2].partition("<")[0]
    assert {*names.split(", ")} == {row.method for row in others}
    assert "every other" not in page


def test_methods_are_compared_with_the_controls():
    _, comparison, normalized, *_ = Reader(report_content()).tables
    differences = {row[0]: row[1] for row in comparison}
    assert differences["method"] == "pointing\u00a0↑|− guess"
    difference = make_results().compare("good", "guess", "pointing")
    assert differences["good"] == f"+{difference.mean:.2f} ✓|[{difference.low:.2f}, {difference.high:.2f}]"
    assert "✓" not in differences["weak"]
    assert "guess" not in differences
    share = {row[0]: float(row[1].split("|")[0].replace("−", "-")) for row in normalized[1:]}
    assert share["good"] > 0.7 > share["weak"]


def test_report_explains_metrics_and_names_failures():
    *_, metrics, methods, failures = Reader(report_content()).tables
    assert metrics[1] == [
        "pointing",
        "It says.",
        "share of cells in the ground truth",
        "higher ↑",
        "0 … 1",
        "ground truth",
    ]
    assert metrics[3][3:5] == ["neither", "0 … ∞"]
    assert methods[1][0] == "good|staa(layers='last')"
    assert failures[1][:2] == ["clip 0, clip 1, clip 2 and 2 more", "Broken. (VideoError)"]


def test_heading_and_facts():
    page = report_content()
    assert "<dd>12 drawn actions, seeds 40 – 51</dd>" in page
    assert "<h1>4 methods compared</h1>" in page
    assert "<h1>Mine &amp; yours</h1>" in to_page(Results(()), "Mine & yours")
    assert Reader(report_content("", "a", "b")).tags.count("details") == 3


def test_heat_is_the_place_of_a_method_within_its_column():
    results = make_results()
    (heat,) = traces(draw_score_table(results))
    assert isinstance(heat, go.Heatmap)
    heat_values = np.asarray(heat.z)
    means = {(summary.method, summary.metric): summary.mean for summary in results.summary()}
    column = np.array([means[method, "pointing"] for method in LEVELS])
    np.testing.assert_allclose(heat_values[:, 0], (column - column.min()) / np.ptp(column))
    # Deletion is 1 - pointing, and lower is better.
    np.testing.assert_allclose(heat_values[:, 1], heat_values[:, 0])
    assert not heat_values[:, 2].any()
    assert "[" in np.asarray(heat.customdata)[0, 0]


def test_costs_are_passes_and_bars_are_intervals():
    results = make_results()
    attention, control = traces(draw_cost_against_quality(results, "pointing"))
    assert list(attention.x or ()) == [1, 41, 1]
    assert control.name == "control"
    good = results.summary()[0]
    assert attention.error_y.array[0] == pytest.approx(good.high - good.mean)
    with pytest.raises(ParameterError, match="no metric"):
        draw_cost_against_quality(results, "none")


def test_curves_are_means_with_bands():
    results = make_results()
    lines = [trace for trace in traces(draw_curves(results, "deletion")) if trace.name]
    assert [line.name for line in lines] == list(LEVELS)
    middle = np.flatnonzero(np.asarray(lines[0].x) == 0.5)[0]
    deletion = next(
        summary for summary in results.summary() if (summary.method, summary.metric) == ("good", "deletion")
    )
    assert lines[0].y[middle] == pytest.approx(deletion.mean)
    assert lines[0].customdata[middle] == f"[{deletion.low:.2f}, {deletion.high:.2f}]"
    with pytest.raises(ParameterError, match="no curves of 'pointing'"):
        draw_curves(results, "pointing")


def test_many_curves_differ_in_style_and_have_no_bands():
    assert [trace.fill for trace in traces(draw_curves(make_results(), "deletion"))].count("toself") == len(LEVELS)
    few = make_results()
    curves = [row._replace(method=f"{row.method} {n}") for n in range(4) for row in few.curves]
    many = traces(draw_curves(Results(few.rows, curves=tuple(curves), settings=few.settings), "deletion"))
    assert len(many) == 4 * len(LEVELS)
    assert len({(trace.line.color, trace.line.dash) for trace in many}) == len(many)


@pytest.mark.parametrize(
    ("value", "text"), [(0.126, "0.13"), (-0.126, "−0.13"), (-0.001, "0.00"), (12.34, "12.3"), (math.nan, "–")]
)
def test_numbers_have_three_digits_or_a_dash(value: float, text: str):
    assert format_number(value) == text


def test_text_is_escaped_and_markup_is_not():
    inner = element("b", "<i>&")
    assert inner == "<b>&lt;i&gt;&amp;</b>"
    assert element("p", inner, "<", None, class_='"x"', data_a="1", id=None) == (
        '<p class="&quot;x&quot;" data-a="1"><b>&lt;i&gt;&amp;</b>&lt;</p>'
    )
    assert isinstance(inner, Markup)


def test_hostile_names_add_no_element():
    assert Reader(report_content(HOSTILE)).tags == Reader(report_content()).tags


def test_results_of_one_or_no_row_make_a_report(tmp_path: Path):
    one = Results((Row("m", "c", "a", "x", 0.5),))
    assert one.to_html(tmp_path / "one.html").read_text("utf-8").count("<table") == 3
    assert "<h1>" in to_page(Results(()))
    with pytest.raises(ExportError, match="cannot be written"):
        one.to_html(tmp_path / "missing" / "one.html")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 420])
def test_report_opens_offline_with_names_as_text(page: Page, tmp_path: Path, width: int):
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(PATIENCE)
    page.set_viewport_size({"width": width, "height": 900})
    path = make_results(HOSTILE).to_html(tmp_path / "report.html")
    page.goto(path.as_uri(), timeout=PATIENCE)
    page.wait_for_function("document.querySelectorAll('.main-svg').length && document.readyState === 'complete'")
    figures = page.locator(".plot").count()
    assert figures == 3  # heat, curves, and the cost of two metrics with a direction side by side
    assert page.locator(".plot .plot-container").count() == figures
    assert requests == [path.as_uri()]
    assert complaints == []
    assert page.evaluate("window.pwned") is None
    assert page.locator("img, main b b").count() == 0
    assert page.locator("tbody th").get_by_text(f"good{HOSTILE}", exact=True).count() >= 2
    assert page.locator(".ytick text").first.text_content() == ("good" + " ".join(HOSTILE.split()))[:27] + "…"
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_figures_in_the_page_are_json():
    page = report_content(HOSTILE)
    figures = [
        part.split("</script>")[0].split(">", 1)[1] for part in page.split('<script type="application/json"')[1:]
    ]
    assert [set(json.loads(text)) for text in figures] == [{"data", "layout"}] * 3
