"""The frame under the maps of the figure of attention heads: one picture with the frame once for each map."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.render.compositor import display_index, frame_image, peak_frame

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

FAINT = 0.5
"""Part of its brightness that the frame keeps."""

TOTAL_WIDTH = 960
"""Width of the picture in pixels, about."""


def frames_under_maps(explanation: Explanation, slice: int | None) -> dict[str, Any] | None:  # noqa: A002
    """Return the layout image of a figure: the part of the frame that the model saw, faint, under each map.

    Parameters
    ----------
    explanation
        An explanation that has `attention`.
    slice
        The slice whose frame is shown; ``None`` for that of the greatest attribution.

    Returns
    -------
    dict or None
        A value for ``layout.images`` in the coordinates of the maps, of which each takes ``h + 1`` rows and ``w + 1``
        columns. ``None`` for an explanation without preview.
    """
    from PIL import Image

    e = explanation
    if e.preview is None or e.attention is None:
        return None
    layers, heads, _, h, w = e.attention.shape
    sampled = peak_frame(e) if slice is None else int(e.sampled_frames[slice, e.sampled_frames.shape[1] // 2])
    frame = Image.fromarray(frame_image(e, display_index(e, sampled)))
    scale = frame.width / e.frame_size[0]
    x0, y0, x1, y1 = (edge * scale for edge in e.box)
    pixels_per_cell = max(TOTAL_WIDTH // (heads * (w + 1)), 2)
    # Outside of the frame the crop is black. Cells are square here; the figure stretches the picture as it does cells.
    seen = frame.crop((round(x0), round(y0), round(x1), round(y1)))
    tile = seen.resize((w * pixels_per_cell, h * pixels_per_cell))
    faint = (np.asarray(tile) * FAINT).astype(np.uint8)
    size = pixels_per_cell * layers * (h + 1), pixels_per_cell * heads * (w + 1)
    board = np.full((*size, 3), 255, np.uint8)
    for layer, head in np.ndindex(layers, heads):
        top, left = layer * (h + 1) * pixels_per_cell, head * (w + 1) * pixels_per_cell
        board[top : top + faint.shape[0], left : left + faint.shape[1]] = faint
    file = io.BytesIO()
    Image.fromarray(board).save(file, "JPEG", quality=70)
    return {
        "source": f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}",
        "xref": "x",
        "yref": "y",
        "x": -0.5,
        "y": -0.5,
        "sizex": heads * (w + 1),
        "sizey": layers * (h + 1),
        "sizing": "stretch",
        "layer": "below",
    }
