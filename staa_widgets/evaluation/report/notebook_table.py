"""Table of scores that a notebook shows for `Results`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staa_widgets.evaluation.report.formatting import direction_arrow, format_interval, format_number, method_group
from staa_widgets.evaluation.report.ranking import index_summaries, leading_methods
from staa_widgets.evaluation.report.verdict import verdict_text
from staa_widgets.utils.html import Markup, element

if TYPE_CHECKING:
    from staa_widgets.evaluation.results import Results
    from staa_widgets.evaluation.rows import Summary

GRAY = "opacity:0.75"
"""Style of the rows of controls, which is readable on light and dark notebooks."""


def to_notebook_html(results: Results) -> str:
    """Return the verdict and the table of scores as HTML without scripts: a row per method, a column per metric.

    Scores are means over clips, all models together, with 95 % bootstrap intervals. Bold marks the best method of a
    column and all that do not differ from it; controls are gray. Names are escaped.

    Parameters
    ----------
    results
        Results to show.
    """
    summaries = index_summaries(results)
    metrics = results.shown_metrics
    leaders = {metric: leading_methods(results, metric, summaries) for metric in metrics}
    heads = [element("th", f"{metric}{direction_arrow(results, metric)}", scope="col") for metric in metrics]
    rows = [
        element(
            "tr",
            element("th", method, scope="row", style="text-align:left"),
            *(_cell(summaries.get((method, metric)), method in leaders[metric]) for metric in metrics),
            style=GRAY if method_group(results, method) == "control" else None,
        )
        for method in results.methods
    ]
    top = element("thead", element("tr", element("th", "method", scope="col", style="text-align:left"), *heads))
    note = "Means over clips with 95 % intervals. Bold: the best, and all that do not differ from it. Gray: controls."
    return element(
        "div",
        element("p", verdict_text(results)),
        element("table", top, element("tbody", *rows)) if rows and metrics else None,
        element("p", element("small", note)) if rows and metrics else None,
        style="overflow-x:auto",
        tabindex="0",
        role="region",
        aria_label="Scores",
    )


def _cell(summary: Summary | None, best: bool) -> Markup:
    if summary is None:
        return element("td", "–")
    number = format_number(summary.mean)
    interval = format_interval(summary.low, summary.high)
    return element(
        "td",
        element("b", number) if best else number,
        f" {interval}" if interval else None,
        style="white-space:nowrap",
    )
