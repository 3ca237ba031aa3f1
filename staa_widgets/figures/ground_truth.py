"""Draw the ground truth into figures: the seconds of the action as bands, and their legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staa_widgets.render.ground_truth import BAND_OPACITY, describe_ground_truth
from staa_widgets.render.theme import GROUND_TRUTH_COLOR, escape_plotly_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from staa_widgets.explanation.explanation import Explanation

EDGE = 0.03
"""Height of the solid line of a band, as a share of the plot."""


def add_bands(figure: go.Figure, e: Explanation, row: int = 1) -> None:
    """Mark the seconds of the action behind the bars of a row, as the player does."""
    _add_areas(figure, e, row, ((0, 1, BAND_OPACITY), (1 - EDGE, 1, 1)))


def add_lines_above(figure: go.Figure, e: Explanation, row: int) -> None:
    """Mark the seconds of the action by a line above a row that is filled with colors."""
    _add_areas(figure, e, row, ((1 + EDGE / 2, 1 + 1.5 * EDGE, 1),))


def _add_areas(figure: go.Figure, e: Explanation, row: int, areas: tuple[tuple[float, float, float], ...]) -> None:
    """Add areas over the seconds of the action: bottom and top as shares of the plot, and opacity."""
    if e.ground_truth is None:
        return
    axis = "" if row == 1 else str(row)
    for start, end in e.ground_truth.spans(e.times, e.end):
        for bottom, top, opacity in areas:
            figure.add_shape(
                type="rect",
                x0=start,
                x1=end,
                y0=bottom,
                y1=top,
                xref=f"x{axis}",
                yref=f"y{axis} domain",
                layer="below",
                line={"width": 0},
                fillcolor=GROUND_TRUTH_COLOR,
                opacity=opacity,
            )


def ground_truth_html(*explanations: Explanation) -> str:
    """Return the legend of the ground truth; an empty string if no explanation has one."""
    texts = {describe_ground_truth(e, e.ground_truth) for e in explanations if e.ground_truth is not None}
    if not texts:
        return ""
    legend = escape_plotly_text(texts.pop() if len(texts) == 1 else "ground truth (green)", 80)
    return f" · <span style='color:{GROUND_TRUTH_COLOR}'>{legend}</span>"
