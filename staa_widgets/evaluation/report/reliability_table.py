"""Section of a report: how far each metric can be relied on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.report.formatting import direction_arrow, format_count, format_number
from staa_widgets.utils.html import Markup, comma_list, element, header_row, join_markup, scrolling_table

if TYPE_CHECKING:
    from staa_widgets.evaluation.reliability import Reliability
    from staa_widgets.evaluation.results import Results

NOTE = (
    "A metric can be relied on if it orders the methods alike on different clips, and puts random maps last. "
    "Reliability: mean rank correlation of the orders of two clips; 1 for the same order on every clip. Each clip is "
    "weighted by the share of the methods that score better than random maps. The mean weight is 1 if random maps are "
    "last on every clip, and 0.5 if they are in the middle. Chance is the mean reliability of scores that mean nothing."
)

MIDDLE_WEIGHT = 0.5
"""Mean weight of a metric for which random maps are in the middle of the methods."""


def reliability_table(results: Results) -> Markup | None:
    """Return the table of the reliability and the mean weight of each metric, with the finding in words.

    ``None`` if the results have no method ``"random"``, fewer than three methods, or no metric with a direction.
    """
    measured = {metric: _measure(results, metric) for metric in results.shown_metrics}
    reliabilities = {metric: found for metric, found in measured.items() if found is not None and found.methods > 2}
    if not reliabilities:
        return None
    rows = [_row(results, metric, found) for metric, found in reliabilities.items()]
    return join_markup(
        element("p", NOTE),
        scrolling_table(header_row("metric", "reliability", "chance", "mean weight", "clips"), rows, "scores"),
        _finding(reliabilities),
    )


def _measure(results: Results, metric: str) -> Reliability | None:
    try:
        return results.reliability(metric)
    except ParameterError:
        return None


def _row(results: Results, metric: str, found: Reliability) -> Markup:
    left_out = f"{found.constant_clips} without an order left out" if found.constant_clips else ""
    return element(
        "tr",
        element("th", f"{metric}{direction_arrow(results, metric)}", scope="row"),
        element("td", format_number(found.value)),
        element("td", format_number(found.chance)),
        element("td", format_number(found.mean_weight)),
        element("td", str(found.clips), element("small", left_out) if left_out else None),
    )


def _finding(reliabilities: dict[str, Reliability]) -> Markup | None:
    """Return sentences that name the most and the least reliable metric, and those that random maps pass."""
    defined = {metric: found for metric, found in reliabilities.items() if math.isfinite(found.value)}
    ordered = sorted(defined, key=lambda metric: defined[metric].value, reverse=True)
    sentences: list[Markup | str] = []
    if len(ordered) > 1:
        most, least = ordered[0], ordered[-1]
        sentences.append(
            f"Most reliable of {format_count(len(ordered), 'metric')}: {most} ({format_number(defined[most].value)}); "
            f"least: {least} ({format_number(defined[least].value)}). "
        )
    passed = [metric for metric, found in reliabilities.items() if found.mean_weight <= MIDDLE_WEIGHT]
    if passed:
        names = comma_list(passed)
        sentences.append(
            join_markup("By ", names, " random maps beat half of the other methods or more: a good score says little.")
        )
    return element("p", *sentences) if sentences else None
