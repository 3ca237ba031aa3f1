"""Methods × metrics at one glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.evaluation.report.formatting import direction_arrow, format_label, format_number, hover_text
from staa_widgets.evaluation.report.ranking import index_summaries
from staa_widgets.render.theme import TEXT_COLOR, plotly_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from staa_widgets.evaluation.results import Results
    from staa_widgets.evaluation.rows import Summary

COLOR_SCALE = ((0, "#ffffff"), (1, "#8fb4f0"))
"""From the worst of a column to its best."""

ROW_HEIGHT = 30
"""Pixels of a row."""


def draw_score_table(results: Results, model: str | None = None) -> go.Figure:
    """Draw methods × metrics: means as numbers, coloured by where they stand between the column's worst and best.

    Columns whose metric has no direction stay white. Intervals, number of clips and chance are told on hovering.

    Parameters
    ----------
    results
        What to draw.
    model
        Name of a model; by default all of them together.
    """
    import plotly.graph_objects as go

    held = index_summaries(results, model)
    methods, metrics = list(results.methods), list(results.metrics)
    shape = (len(methods), len(metrics))
    standing, text, told = np.full(shape, np.nan), np.full(shape, "", object), np.full(shape, "", object)
    for column, metric in enumerate(metrics):
        for row, method in enumerate(methods):
            if found := held.get((method, metric)):
                text[row, column], told[row, column] = format_number(found.mean), hover_text(found, results)
        standing[:, column] = _relative_positions([held.get((method, metric)) for method in methods], results, metric)
    figure = go.Figure(layout={"template": plotly_template()})
    figure.add_trace(
        go.Heatmap(
            z=standing,
            text=text,
            customdata=told,
            texttemplate="%{text}",
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            zmin=0,
            zmax=1,
            colorscale=[list(stop) for stop in COLOR_SCALE],
            showscale=False,
            xgap=2,
            ygap=2,
            textfont={"size": 13, "color": TEXT_COLOR},
        )
    )
    # Numbers as places and labels as their text: two labels that were cut to the same letters stay two rows.
    ticks = {"ticks": "", "showgrid": False, "zeroline": False, "showline": False, "fixedrange": True}
    figure.update_layout(
        xaxis={
            **ticks,
            "side": "top",
            "tickangle": -35,
            "tickvals": list(range(len(metrics))),
            "ticktext": [f"{format_label(metric)}{direction_arrow(results, metric)}" for metric in metrics],
        },
        yaxis={
            **ticks,
            "autorange": "reversed",
            "nticks": None,
            "tickvals": list(range(len(methods))),
            "ticktext": [format_label(method) for method in methods],
        },
        height=150 + ROW_HEIGHT * len(methods),
        margin={"t": 20, "r": 60},
        dragmode=False,
    )
    return figure


def _relative_positions(column: Sequence[Summary | None], results: Results, metric: str) -> list[float]:
    """Say where each mean of a column stands: 0 its worst, 1 its best."""
    better = results.metric_info(metric).get("higher_is_better")
    known = [found.mean for found in column if found]
    if better is None or not known:
        # A cell without a colour must still be hovered over, which a gap cannot be.
        return [0.0 if found else float("nan") for found in column]
    low, width = min(known), (max(known) - min(known)) or 1.0
    places = [(found.mean - low) / width if found else float("nan") for found in column]
    return places if better else [1 - place for place in places]
