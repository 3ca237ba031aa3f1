"""Figure of insertion and deletion curves."""

from __future__ import annotations

import math
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.report.colors import GROUP_COLORS, METHOD_COLORS, make_transparent
from staa_widgets.evaluation.report.formatting import format_label, format_number, method_group
from staa_widgets.evaluation.rows import mean_by_clip, mean_with_interval
from staa_widgets.render.theme import plotly_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    import plotly.graph_objects as go

    from staa_widgets.evaluation.bootstrap import Interval
    from staa_widgets.evaluation.results import Results

GRID = np.linspace(0, 1, 33)
"""Shares of the clip at which curves are averaged."""

DASHES = ("dot", "dash", "dashdot", "longdash")
MAX_BANDS = 6
"""Maximum number of methods with bands; more bands would cover each other."""

LEGEND_LINE_HEIGHT = 17
"""Height in pixels of a legend line; a line holds about three methods."""

CurvesByClip = dict[tuple[str, str], np.ndarray]
"""Probability at each of `GRID`, by model and clip."""


def draw_curves(results: Results, metric: str, model: str | None = None) -> go.Figure:
    """Draw each method's mean curve: the target's probability over the share of the clip that was changed.

    Bands are 95 % intervals; for more than six methods the intervals appear on hovering only.

    Parameters
    ----------
    results
        Results of the evaluation; the curves are in `Results.curves`.
    metric
        Label of an insertion or deletion metric.
    model
        Name of a model; by default all models together.

    Raises
    ------
    ParameterError
        If there are no curves of this metric.
    """
    import plotly.graph_objects as go

    name = str(results.metric_info(metric).get("name", metric))
    change = "inserted" if name.startswith("insertion") else "deleted" if name.startswith("deletion") else "changed"
    curves = _interpolate_curves(results, metric, model)
    order = [method for method in dict.fromkeys((*results.methods, *curves)) if method in curves]
    figure = go.Figure(layout={"template": plotly_template()})
    gray = cycle({"color": GROUP_COLORS["control"], "dash": dash} for dash in DASHES)
    colored = cycle([*({"color": c} for c in METHOD_COLORS), *({"color": c, "dash": "dash"} for c in METHOD_COLORS)])
    for method in order:
        line = {**next(gray if method_group(results, method) == "control" else colored), "width": 2}
        _draw_curve(figure, method, _mean_intervals(curves[method]), line, band=len(order) <= MAX_BANDS)
    figure.update_layout(
        xaxis={"title": {"text": f"share of the clip {change}"}, "tickformat": "~%", "range": [0, 1]},
        yaxis={"title": {"text": "probability of the target class"}, "range": [0, 1.02]},
        height=460 + LEGEND_LINE_HEIGHT * (len(order) // 3),
        margin={"t": 30},
        hovermode="x",
        showlegend=True,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top", "font": {"size": 13}},
        dragmode=False,
    )
    return figure


def _interpolate_curves(results: Results, metric: str, model: str | None) -> dict[str, CurvesByClip]:
    """Return the curves of a metric by method, interpolated at the shares `GRID`."""
    curves: dict[str, CurvesByClip] = {}
    for row in results.curves:
        if row.metric == metric and model in (None, row.model):
            curves.setdefault(row.method, {})[row.model, row.clip] = np.interp(GRID, row.shares, row.values)
    if not curves:
        available = ", ".join(dict.fromkeys(row.metric for row in results.curves))
        raise ParameterError(f"There are no curves of {metric!r}.", f"Choose from {available}." if available else "")
    return curves


def _mean_intervals(curves: CurvesByClip) -> list[Interval]:
    intervals = []
    for index in range(len(GRID)):
        values = {key: float(curve[index]) for key, curve in curves.items()}
        intervals.append(mean_with_interval(list(mean_by_clip(values).values())))
    return intervals


def _draw_curve(
    figure: go.Figure, method: str, intervals: list[Interval], line: Mapping[str, object], *, band: bool
) -> None:
    import plotly.graph_objects as go

    if band and all(math.isfinite(interval.low) for interval in intervals):
        figure.add_trace(
            go.Scatter(
                x=[*GRID, *GRID[::-1]],
                y=[interval.high for interval in intervals] + [interval.low for interval in reversed(intervals)],
                fill="toself",
                fillcolor=make_transparent(str(line["color"])),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=method,
            )
        )
    figure.add_trace(
        go.Scatter(
            x=GRID,
            y=[interval.mean for interval in intervals],
            name=format_label(method),
            legendgroup=method,
            mode="lines",
            line=dict(line),
            customdata=[f"[{format_number(interval.low)}, {format_number(interval.high)}]" for interval in intervals],
            hovertemplate=f"{format_label(method)}: %{{y:.2f}} %{{customdata}}<extra></extra>",
        )
    )
