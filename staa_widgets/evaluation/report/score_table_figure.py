"""Figure of the table of scores, methods × metrics."""

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
"""Colors from the worst to the best of a column."""

ROW_HEIGHT = 30
"""Height in pixels of a row."""


def draw_score_table(results: Results, model: str | None = None) -> go.Figure:
    """Draw the table of methods × metrics: means as numbers, with colors from the worst to the best of each column.

    Columns whose metric has no direction stay white. Interval, number of clips and chance appear on hovering.

    Parameters
    ----------
    results
        Results of the evaluation.
    model
        Name of a model; by default all models together.
    """
    import plotly.graph_objects as go

    summaries = index_summaries(results, model)
    methods, metrics = list(results.methods), list(results.shown_metrics)
    shape = (len(methods), len(metrics))
    positions, text, hover = np.full(shape, np.nan), np.full(shape, "", object), np.full(shape, "", object)
    for column, metric in enumerate(metrics):
        for row, method in enumerate(methods):
            summary = summaries.get((method, metric))
            if summary:
                text[row, column] = format_number(summary.mean)
                hover[row, column] = hover_text(summary, results)
        column_summaries = [summaries.get((method, metric)) for method in methods]
        positions[:, column] = _relative_positions(column_summaries, results, metric)
    figure = go.Figure(layout={"template": plotly_template()})
    figure.add_trace(
        go.Heatmap(
            z=positions,
            text=text,
            customdata=hover,
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
    # Positions are numbers, so that two labels shortened to the same text stay two rows.
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
    """Return the position of each mean in its column, from 0 for the worst to 1 for the best mean."""
    better = results.metric_info(metric).get("higher_is_better")
    means = [summary.mean for summary in column if summary]
    if better is None or not means:
        # A cell without a color still needs a value, because a gap shows nothing on hovering.
        return [0.0 if summary else float("nan") for summary in column]
    low, width = min(means), (max(means) - min(means)) or 1.0
    positions = [(summary.mean - low) / width if summary else float("nan") for summary in column]
    return positions if better else [1 - position for position in positions]
