"""Figure of the attention of every layer and head: over space and over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.figures.ground_truth import add_lines_above, ground_truth_html
from staa_widgets.figures.head_frames import frames_under_maps
from staa_widgets.render.colormaps import COLORMAPS
from staa_widgets.render.theme import MUTED_COLOR, escape_plotly_text, plotly_template

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from staa_widgets.explanation.explanation import Explanation

MAPS_WIDTH = 640
"""Width in pixels for which the height of the maps is computed: about that of a notebook's output."""

MAPS_TRACE = "staa-heads"
"""``meta`` of the trace of maps, by which `staa_widgets.link` recognizes it."""


def attention_heads(explanation: Explanation, slice: int | None = None) -> go.Figure:  # noqa: A002
    """Draw the attention of every layer and head: above as small maps, below as lines over time.

    Each map and each line is divided by its own maximum, so that shapes can be compared but strengths cannot. Hovering
    over a cell shows its value: in a map the attention, in a line the share of the slice. The frame lies faintly under
    each map: that of the slice, or that of the greatest attribution. A green line marks the seconds of the action, if
    they are known.

    Parameters
    ----------
    explanation
        An explanation that has `attention`, float16 ``(L, H, S, h, w)``.
    slice
        Index of the slice whose maps are drawn; by default the mean over all slices.

    Returns
    -------
    Figure
        After `staa_widgets.link` has linked the figure to a player, a click on a map shows that head in the player.

    Raises
    ------
    ParameterError
        If the explanation has no attention by layer and head, or there is no such slice.
    """
    from plotly.subplots import make_subplots

    e = explanation
    if e.attention is None:
        raise ParameterError(
            "The explanation has no attention of layers and heads.",
            "Explain with attention=True and a model that has attention.",
        )
    layers, count, slices, h, w = e.attention.shape
    if slice is not None and not (isinstance(slice, int | np.integer) and 0 <= slice < slices):
        raise ParameterError(f"slice is {slice!r}.", f"Choose from 0 to {slices - 1}, or None for the mean.")
    attention = e.attention.astype(np.float32)
    x0, y0, x1, y1 = e.box
    cell_aspect = (y1 - y0) / h / ((x1 - x0) / w)
    maps_height = MAPS_WIDTH / count * layers * h * cell_aspect / w
    lines_height = float(np.clip(5 * layers * count, 160, 420))
    plots_height = maps_height + lines_height
    headings = ("Where: one map per head", "When: one row per head")
    heights = [maps_height, lines_height]
    figure = make_subplots(2, 1, row_heights=heights, vertical_spacing=90 / plots_height, subplot_titles=headings)
    figure.update_annotations(x=0, xanchor="left", yshift=4, font={"size": 14})
    figure.add_trace(_maps_trace(attention.mean(axis=2) if slice is None else attention[:, :, slice]), row=1, col=1)
    figure.add_trace(_shares_trace(e, attention.sum(axis=(3, 4))), row=2, col=1)
    add_lines_above(figure, e, row=2)
    time_text = "mean over time" if slice is None else f"{e.spans[slice, 0]:.2f} – {e.spans[slice, 1]:.2f} s"
    # A line for each name, so that long names are not cut.
    names = [escape_plotly_text(name) for name in (e.clip_name, e.model_id) if name]
    source = "<br>".join([*names[:-1], " · ".join([*names[-1:], time_text])]) + ground_truth_html(e)
    under = frames_under_maps(e, slice)
    small_style = f"font-size:13px;color:{MUTED_COLOR}"
    figure.update_layout(
        template=plotly_template(),
        title={
            "text": f"Attention by layer and head<br><span style='{small_style}'>{source}</span>",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 16, "l": 16},
        },
        margin={"t": 128, "b": 120},
        height=plots_height + 350,
        images=[under] if under else [],
        coloraxis2={
            "colorscale": _color_scale(see_through=under is not None),
            "cmin": 0,
            "cmax": 1,
            "showscale": False,
        },
        coloraxis={
            "colorscale": _color_scale(),
            "cmin": 0,
            "cmax": 1,
            "colorbar": {
                "title": {"text": "share of its own maximum", "side": "top"},
                "tickvals": [0, 0.5, 1],
                "orientation": "h",
                "yref": "container",
                "y": 0,
                "yanchor": "bottom",
                "thickness": 14,
                "len": 0.6,
                "outlinewidth": 0,
            },
        },
    )
    bare_axis: dict[str, Any] = {"showgrid": False, "zeroline": False, "showline": False, "ticks": ""}
    figure.update_xaxes(
        **bare_axis,
        title_text="head",
        tickvals=[i * (w + 1) + (w - 1) / 2 for i in range(count)],
        ticktext=[str(i + 1) for i in range(count)],
        constrain="domain",
        row=1,
    )
    figure.update_yaxes(
        **bare_axis,
        title_text="layer",
        tickvals=[i * (h + 1) + (h - 1) / 2 for i in range(layers)],
        ticktext=[str(i + 1) for i in range(layers)],
        autorange="reversed",
        scaleanchor="x",
        scaleratio=cell_aspect,
        constrain="domain",
        constraintoward="top",
        row=1,
    )
    figure.update_xaxes(title_text="seconds", range=[float(e.spans[0, 0]), float(e.spans[-1, 1])], row=2)
    figure.update_yaxes(
        **bare_axis,
        title_text="layer",
        tickvals=[(i + 0.5) * count for i in range(layers)],
        ticktext=[str(i + 1) for i in range(layers)],
        range=[layers * count, 0],
        row=2,
    )
    return figure


_COLOR_STOPS = COLORMAPS["inferno"][np.linspace(0, 255, 16).round().astype(int)]


def _color_scale(*, see_through: bool = False) -> list[list[Any]]:
    """Return the color scale; if it is to be seen through, weak colors are, so that a picture shows under them."""
    alphas = np.linspace(0.3, 1, 16).round(3) if see_through else np.ones(16)
    colors = zip(_COLOR_STOPS.tolist(), alphas.tolist(), strict=True)
    return [[i / 15, f"rgba{(*color, alpha)}"] for i, (color, alpha) in enumerate(colors)]


def _maps_trace(maps: np.ndarray) -> go.Heatmap:
    """Return the trace of all maps ``(L, H, h, w)``, with an empty row and column between them."""
    import plotly.graph_objects as go

    layers, count, h, w = maps.shape
    tops = maps.max(axis=(2, 3), keepdims=True)
    shapes = np.divide(maps, tops, out=np.zeros_like(maps), where=tops > 0)
    numbers = np.ogrid[1 : layers + 1, 1 : count + 1, 1 : h + 1, 1 : w + 1]
    hover_values = np.stack(np.broadcast_arrays(*numbers, maps), axis=-1)
    return go.Heatmap(
        z=_tile_maps(shapes),
        customdata=_tile_maps(hover_values.astype(np.float32)),
        coloraxis="coloraxis2",
        hoverongaps=False,
        hovertemplate="layer %{customdata[0]}, head %{customdata[1]}<br>row %{customdata[2]}, column %{customdata[3]}"
        "<br><b>%{customdata[4]:.3g}</b>, %{z:.0%} of its maximum<extra></extra>",
        meta={"kind": MAPS_TRACE, "grid": [h, w]},
    )


def _tile_maps(maps: np.ndarray) -> np.ndarray:
    """Return maps ``(L, H, h, w, …)`` side by side in one array, with NaN in the row and column between them."""
    layers, count, h, w = maps.shape[:4]
    padded = np.full((layers, count, h + 1, w + 1, *maps.shape[4:]), np.nan, np.float32)
    padded[:, :, :h, :w] = maps
    tiles = padded.swapaxes(1, 2).reshape(layers * (h + 1), count * (w + 1), *maps.shape[4:])
    return tiles[:-1, :-1]


def _shares_trace(e: Explanation, mass: np.ndarray) -> go.Heatmap:
    """Return the trace of the lines, one per head: attention per slice, ``(L, H, S)``, divided by its maximum."""
    import plotly.graph_objects as go

    layers, count, slices = mass.shape
    lines = mass.reshape(-1, slices)
    total, top = lines.sum(axis=1, keepdims=True), lines.max(axis=1, keepdims=True)
    shares = np.divide(lines, total, out=np.full_like(lines, 1 / slices), where=total > 0)
    layer, head = 1 + np.indices((layers, count)).reshape(2, -1)
    starts, ends = e.spans.T.astype(np.float32)
    hover_values = np.stack(np.broadcast_arrays(layer[:, None], head[:, None], starts, ends, shares), axis=-1)
    return go.Heatmap(
        x=np.append(e.spans[:, 0], e.spans[-1, 1]),
        y=np.arange(layers * count + 1),
        z=np.divide(lines, top, out=np.zeros_like(lines), where=top > 0),
        customdata=hover_values.astype(np.float32),
        coloraxis="coloraxis",
        hovertemplate="layer %{customdata[0]}, head %{customdata[1]}<br>"
        "%{customdata[2]:.2f} – %{customdata[3]:.2f} s: <b>%{customdata[4]:.1%}</b> of its attention<extra></extra>",
    )
