"""Figure of a synthetic clip's ground truth together with an explanation of the clip."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.figures import temporal_bars
from staa_widgets.render.compositor import Compositor
from staa_widgets.render.theme import escape_plotly_text

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import NDArray

    from staa_widgets.datasets.drawn_actions import ActionClip
    from staa_widgets.explanation.explanation import Explanation

GROUND_TRUTH_COLOR = (0, 158, 96)
MAX_PICTURES = 8
"""Maximum number of pictures in a row; if there are more slices, only some are drawn."""

MAX_PICTURE_SIDE = 200
"""Pixels of a picture's longer side."""


def ground_truth_figure(explanation: Explanation, clip: ActionClip) -> go.Figure:
    """Draw ground truth and explanation slice by slice: two rows of pictures above a bar chart over time.

    The upper row tints the limbs that perform the action; the lower row shows the map over the same frames, scaled to
    the clip's largest value. Below, the time in which the action happens is shaded behind the explanation's bars.

    Parameters
    ----------
    explanation
        An explanation of `clip`.
    clip
        The synthetic clip, with its ground truth.

    Raises
    ------
    ParameterError
        If the explanation is of another clip.
    """
    e = explanation
    if (*e.frame_size, e.sampled_frames.max() < len(clip.frames)) != (*clip.frames.shape[2:0:-1], True):
        raise ParameterError("The explanation is of another clip.", "Explain this clip: staa.explain(clip).")
    figure = temporal_bars(replace(e, ground_truth=None))
    figure.update_layout(
        title={
            "text": f"Ground truth and explanation: {escape_plotly_text(clip.label)}, {escape_plotly_text(e.method)}"
        },
        height=520,
        margin={"t": 60},
        yaxis={"domain": [0, 0.36]},
        yaxis2=_picture_row_axis([0.42, 0.68], "explanation"),
        yaxis3=_picture_row_axis([0.72, 0.98], "truth"),
    )
    for start, end in _action_spans(clip):
        figure.add_vrect(
            x0=start, x1=end, fillcolor=f"rgb{GROUND_TRUTH_COLOR}", opacity=0.16, line_width=0, layer="below"
        )
        figure.add_annotation(
            x=(start + end) / 2,
            y=1,
            xref="x",
            yref="y domain",
            yanchor="bottom",
            showarrow=False,
            text="action",
            font={"size": 13, "color": "#00704a"},
        )
    compositor = Compositor(e, size=e.frame_size)
    for group in np.array_split(np.arange(len(e.sampled_frames)), min(len(e.sampled_frames), MAX_PICTURES)):
        s = int(group[len(group) // 2])
        start, end = e.spans[group[0], 0], e.spans[group[-1], 1]
        frame = int(e.sampled_frames[s, e.sampled_frames.shape[1] // 2])
        heat_map = compositor.paint(clip.frames[frame], float(e.spans[s].mean()))
        for row, picture in (("y3", tint_ground_truth(clip, frame)), ("y2", heat_map)):
            figure.add_layout_image(
                source=_picture_data_uri(picture),
                xref="x",
                yref=row,
                x=(start + end) / 2,
                y=0.5,
                xanchor="center",
                yanchor="middle",
                sizex=0.97 * (end - start),
                sizey=1,
                sizing="contain",
            )
    return figure


def _picture_row_axis(domain: list[float], title: str) -> dict[str, object]:
    return {
        "domain": domain,
        "title": {"text": title},
        "range": [0, 1],
        "visible": True,
        "showgrid": False,
        "zeroline": False,
        "showticklabels": False,
        "ticks": "",
        "anchor": "x",
        "fixedrange": True,
    }


def _action_spans(clip: ActionClip) -> list[tuple[float, float]]:
    step = float(np.diff(clip.times).mean())
    edges = np.flatnonzero(np.diff(np.concatenate([[0], clip.when.astype(np.int8), [0]])))
    moments = np.append(clip.times, clip.times[-1] + step)[edges]
    return [(float(start), float(end)) for start, end in moments.reshape(-1, 2)]


def tint_ground_truth(clip: ActionClip, frame: int) -> NDArray[np.uint8]:
    """Return a frame in pale colors, uint8 ``(H, W, 3)``, with the limbs that perform the action in green."""
    pale = 255 - (255 - clip.frames[frame].astype(np.float64)) * 0.45
    return np.where(clip.where[frame][..., None], np.array(GROUND_TRUTH_COLOR), pale).astype(np.uint8)


def _picture_data_uri(picture: NDArray[np.uint8]) -> str:
    from PIL import Image

    image = Image.fromarray(picture)
    image.thumbnail((MAX_PICTURE_SIDE, MAX_PICTURE_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
