"""Put figures of the same kind side by side into one figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from staa_widgets.render.theme import escape_plotly_text, plotly_template

if TYPE_CHECKING:
    import plotly.graph_objects as go

PANEL_WIDTH = 290
"""Least width of a figure in a row in pixels."""


def figures_in_row(figures: Mapping[str, go.Figure], y_title: str) -> go.Figure:
    """Return one figure with a panel for each figure, in one row, with one legend.

    Parameters
    ----------
    figures
        Figures of one pair of axes by title.
    y_title
        Title of the vertical axis of the first panel; the other panels have none.
    """
    from plotly.subplots import make_subplots

    gap = min(0.24 / len(figures), 0.06)
    titles = [escape_plotly_text(title) for title in figures]
    row: Any = make_subplots(1, len(figures), subplot_titles=titles, horizontal_spacing=gap)
    row.update_annotations(font={"size": 15})
    named: set[str] = set()
    figure: Any = None
    for column, figure in enumerate(figures.values(), 1):
        for trace in figure.data:
            shown = trace.showlegend is not False and trace.name not in named
            row.add_trace(trace, row=1, col=column)
            row.data[-1].update(legendgroup=trace.legendgroup or trace.name, showlegend=shown)
            named |= {trace.name} if shown else set()
        for add, parts in ((row.add_shape, figure.layout.shapes), (row.add_annotation, figure.layout.annotations)):
            for part in parts:
                add(**_move_to_column(part.to_plotly_json(), column))
        for update, axis in ((row.update_xaxes, figure.layout.xaxis), (row.update_yaxes, figure.layout.yaxis)):
            update(axis.to_plotly_json(), row=1, col=column)
        row.update_yaxes(title_text=y_title if column == 1 else "", row=1, col=column)
    height = figure.layout.height
    row.update_layout(
        template=plotly_template(),
        height=height,
        margin={**figure.layout.margin.to_plotly_json(), "t": 64},
        showlegend=figure.layout.showlegend,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.22, "yanchor": "top", "font": {"size": 13}},
        hovermode=figure.layout.hovermode,
        dragmode=False,
    )
    return row


def _move_to_column(part: dict[str, Any], column: int) -> dict[str, Any]:
    """Return a shape or an annotation with its axes replaced by those of a column."""
    number = "" if column == 1 else str(column)
    axes = {name: part.get(name) or name[0] for name in ("xref", "yref")}
    return part | {name: axis.replace(axis[0], axis[0] + number, 1) for name, axis in axes.items() if axis != "paper"}
