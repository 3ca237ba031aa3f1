"""Pictures of the clips with the best and the worst scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staa_widgets.evaluation.report.formatting import direction_arrow, format_number
from staa_widgets.utils.html import Markup, element, join_markup

if TYPE_CHECKING:
    from staa_widgets.evaluation.results import Results
    from staa_widgets.evaluation.rows import ExampleRow


def example_list(results: Results) -> Markup | None:
    """Return the pictures of the best and the worst clips, the best first; ``None`` if there are no pictures."""
    examples = [row for row in results.examples if row.metric in results.shown_metrics]
    if not examples:
        return None
    metric = examples[0].metric
    same = [row for row in examples if row.metric == metric]
    better = results.metric_info(metric).get("higher_is_better")
    ranked = sorted(same, key=lambda row: row.value if better is False else -row.value)
    best = (len(ranked) + 1) // 2
    figures = [
        _figure(results, row, "Only clip" if len(ranked) == 1 else "Best" if place < best else "Worst")
        for place, row in enumerate(ranked)
    ]
    methods = " and ".join(dict.fromkeys(row.method for row in ranked))
    note = (
        f"Clips by their score of {metric}{direction_arrow(results, metric)} with {methods}. Where the ground truth is "
        "known, it is outlined in green, and its time is green in the chart."
    )
    return join_markup(element("p", note), element("div", *figures, class_="examples"))


def _figure(results: Results, row: ExampleRow, rank: str) -> Markup:
    model = f", {row.model}" if len(results.models) > 1 else ""
    caption = element("figcaption", element("b", f"{rank}: {format_number(row.value)}"), f" {row.clip}{model}")
    image = element("img", src=f"data:image/jpeg;base64,{row.image}", alt=row.text, width="600", loading="lazy")
    return element("figure", caption, image)
