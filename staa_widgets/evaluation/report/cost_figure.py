"""Figure of cost against quality: passes of each method against its mean score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from staa_widgets.evaluation.report.colors import GROUP_COLORS
from staa_widgets.evaluation.report.formatting import format_cost, format_label, hover_text, method_group
from staa_widgets.evaluation.report.ranking import best_summary, index_summaries
from staa_widgets.render.theme import GRID_COLOR, MUTED_COLOR, escape_plotly_text, plotly_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from staa_widgets.evaluation.results import Results
    from staa_widgets.evaluation.rows import Summary

HEIGHT, PLOT_HEIGHT = 440, 320
"""Height in pixels of the figure, and of its plot area."""

LABEL_HEIGHT = 17
"""Height in pixels of a label."""


class _Point(NamedTuple):
    method: str
    group: str
    passes: float
    summary: Summary


def draw_cost_against_quality(
    results: Results, metric: str, model: str | None = None, *, compact: bool = False
) -> go.Figure:
    """Draw one point per method: x is its passes through the model, y is the metric's mean with a 95 % interval.

    The best control is drawn as a line: a method that is not above the line explains nothing.

    Parameters
    ----------
    results
        Results of the evaluation.
    metric
        Label of the metric.
    model
        Name of a model; by default all models together.
    compact
        Whether the figure is narrow: labels are then short.

    Raises
    ------
    ParameterError
        If there is no such metric in the results.
    """
    import plotly.graph_objects as go

    better = results.metric_info(metric).get("higher_is_better")
    points = _make_points(results, metric, model)
    figure = go.Figure(layout={"template": plotly_template()})
    for name in GROUP_COLORS:
        group_points = [point for point in points if point.group == name]
        if group_points:
            _draw_group(figure, name, group_points, results, model)
    control = best_summary(results, metric, [point.summary for point in points if point.group == "control"])
    if control:
        figure.add_hline(
            y=control.mean,
            line={"dash": "dash", "width": 1.5, "color": MUTED_COLOR},
            annotation={
                "text": ("" if compact else "best control: ") + format_label(control.method),
                "font": {"size": 13, "color": MUTED_COLOR},
                "yshift": -1,
            },
            annotation_position="top right" if better else "bottom right",
        )
    summaries = [point.summary for point in points]
    low, high = _axis_range([end for summary in summaries for end in (summary.mean, summary.low, summary.high)])
    _label_points(figure, [point for point in points if point.group != "control"], PLOT_HEIGHT / (high - low))
    log_passes = [math.log10(point.passes) for point in points] or [0.0]
    tick_values = [10**power for power in range(math.floor(max(log_passes)) + 2)]
    direction = {True: ", higher is better", False: ", lower is better", None: ""}[better]
    figure.update_layout(
        # The margin at the right is for the label of the most expensive method.
        xaxis={
            "type": "log",
            "title": {"text": "passes" if compact else "passes through the model (forward + backward)"},
            "range": [min(log_passes) - 0.1, max(log_passes) + 0.3 + 0.25 * (max(log_passes) - min(log_passes))],
            "tickvals": tick_values,
            "ticktext": [f"{tick:,}" for tick in tick_values],
        },
        yaxis={"title": {"text": escape_plotly_text(metric) + direction}, "range": [low, high]},
        height=HEIGHT,
        margin={"t": 40},
        showlegend=True,
        dragmode=False,
    )
    return figure


def _make_points(results: Results, metric: str, model: str | None) -> list[_Point]:
    summaries = index_summaries(results, model)
    points = []
    for method in results.methods:
        forwards, backwards, _ = results.cost(method, model)
        summary = summaries.get((method, metric))
        if summary and math.isfinite(forwards):
            # A logarithmic axis has no 0, so methods without a pass are drawn at one pass.
            points.append(_Point(method, method_group(results, method), max(forwards + backwards, 1), summary))
    return points


def _draw_group(figure: go.Figure, name: str, points: list[_Point], results: Results, model: str | None) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Scatter(
            x=[point.passes for point in points],
            y=[point.summary.mean for point in points],
            mode="markers",
            name=name,
            marker={"color": GROUP_COLORS[name], "size": 7 if name == "control" else 11},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [_zero_if_not_finite(point.summary.high - point.summary.mean) for point in points],
                "arrayminus": [_zero_if_not_finite(point.summary.mean - point.summary.low) for point in points],
                "thickness": 1.2,
                "width": 3,
            },
            customdata=[
                f"{hover_text(point.summary, results)}<br>{format_cost(results, point.method, model)}"
                for point in points
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )


def _label_points(figure: go.Figure, points: Sequence[_Point], pixels: float) -> None:
    """Write the name of each point beside it; names are shifted apart where points have about the same cost.

    Parameters
    ----------
    figure
        Figure to write on.
    points
        Points to label.
    pixels
        Height of one unit of the metric.
    """
    columns: dict[int, list[_Point]] = {}
    for point in points:
        # A label is about as wide as half a power of ten, so names are shifted within each half power of ten.
        columns.setdefault(round(math.log10(point.passes) * 2), []).append(point)
    for column in columns.values():
        rising = sorted(column, key=lambda point: point.summary.mean)
        preferred = np.array([point.summary.mean * pixels for point in rising])
        for point, shift in zip(rising, preferred - _spread_labels(preferred), strict=True):
            figure.add_annotation(
                x=math.log10(point.passes),
                y=point.summary.mean,
                text=format_label(point.method),
                showarrow=True,
                arrowhead=0,
                arrowwidth=1,
                arrowcolor=GRID_COLOR,
                standoff=6,
                ax=16,
                ay=float(shift),
                xanchor="left",
                font={"size": 13, "color": GROUP_COLORS[point.group]},
            )


def _spread_labels(preferred: np.ndarray) -> np.ndarray:
    """Return positions with the same order and mean that are at least the height of a label apart."""
    positions = preferred.copy()
    for i in range(1, len(positions)):
        positions[i] = max(positions[i], positions[i - 1] + LABEL_HEIGHT)
    return positions - np.mean(positions - preferred)


def _axis_range(values: Sequence[float]) -> tuple[float, float]:
    """Return an axis range that covers the finite values, with some margin."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    margin = 0.08 * (high - low) or 0.1
    return low - margin, high + margin


def _zero_if_not_finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
