"""Draw heat maps over frames in numpy; every pixel has exactly the color that the player's canvas gives it."""

from __future__ import annotations

import io
import math
from collections import OrderedDict
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.render.heat import choose_colormap, compute_cutoff, compute_heat
from staa_widgets.render.interpolation import interpolate, make_taps
from staa_widgets.render.style import DEFAULT_STYLE, HeatStyle

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

LEVELS = 1024
"""Number of levels that map values are rounded to."""

FADE_RANGE = 0.45
"""Part of the range above the cutoff over which the heat map fades in."""

OUTSIDE_BRIGHTNESS = 80
"""Part of the brightness, in 255ths, that a frame keeps outside the box that the model saw."""

BACKGROUND = (0x22, 0x25, 0x2B)
"""Color of the background where an explanation has no preview."""

BACKGROUND_MAX_SIDE = 640
"""Longer side of that background in pixels."""

_MAX_OVERLAYS = 8
"""Largest number of cached overlays; the frames of a slice share one."""


def palette(style: HeatStyle, cutoff: float, colormap: NDArray[np.uint8], *, signed: bool) -> NDArray[np.uint8]:
    """Return the color and opacity of each level, uint8 ``(1024, 4)``; level 0 is value 0, or -1 if values are signed.

    Parameters
    ----------
    style
        Opacity and gamma.
    cutoff
        Magnitude up to which values are not drawn, as a share of the magnitude at the last level.
    colormap
        uint8 ``(256, 3)``.
    signed
        Whether values may be negative.
    """
    level = np.arange(LEVELS)
    value = 2 * level / (LEVELS - 1) - 1 if signed else level / (LEVELS - 1)
    strength = np.abs(value) ** style.gamma
    floor = cutoff**style.gamma
    color = np.floor((127.5 + 127.5 * np.sign(value) * strength if signed else 255 * strength) + 0.5)
    cover = np.clip((strength - floor) / (FADE_RANGE * (1 - floor)), 0, 1) if floor < 1 else np.zeros(LEVELS)
    alpha = np.floor(255 * style.opacity * cover + 0.5)
    return np.column_stack([colormap[np.minimum(color, 255).astype(int)], alpha]).astype(np.uint8)


def display_frames(explanation: Explanation) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return source indices and times of the frames that can be shown, ``(P,)`` each: the preview's, else all."""
    e = explanation
    if e.preview is not None:
        return e.preview.indices, e.preview.times
    return e.first_frame + np.arange(len(e.times)), e.times


def display_index(explanation: Explanation, frame: int) -> int:
    """Return the position in `display_frames` of the frame nearest to a source frame; of two nearest, the earlier one.

    Raises
    ------
    ParameterError
        If the clip has no such frame.
    """
    e = explanation
    last = e.first_frame + len(e.times) - 1
    if isinstance(frame, bool) or not isinstance(frame, Integral) or not e.first_frame <= frame <= last:
        raise ParameterError(f"frame is {frame!r}.", f"Choose from {e.first_frame} to {last}, the frames of the clip.")
    return int(np.abs(display_frames(e)[0] - int(frame)).argmin())


def peak_frame(explanation: Explanation, *, every_frame: bool = False) -> int:
    """Return the source frame to show first: the middle one of the frames that the model saw for the strongest slice.

    Unless `every_frame` is true, this frame is replaced by the nearest one of `display_frames`.
    """
    e = explanation
    slice_frames = e.sampled_frames[e.temporal.astype(np.float32).argmax()]
    frame = int(slice_frames[len(slice_frames) // 2])
    return frame if every_frame else int(display_frames(e)[0][display_index(e, frame)])


class Compositor:
    """Draws the heat map of an explanation over images of one size.

    Parameters
    ----------
    explanation
        The explanation whose heat map is drawn.
    style
        Display settings.
    size
        ``(width, height)`` of the images; default: the size of the preview's images.

    Raises
    ------
    ParameterError
        If the explanation has no attention of this layer or head.
    """

    def __init__(
        self, explanation: Explanation, style: HeatStyle = DEFAULT_STYLE, size: tuple[int, int] | None = None
    ) -> None:
        e = self.explanation = explanation
        self.style, self.heat, self.size = style, compute_heat(e, style), size or display_size(e)
        self.cutoff, self.colormap = compute_cutoff(self.heat, style), choose_colormap(self.heat, style)
        self._centers = e.times[e.sampled_frames - e.first_frame].mean(axis=1)
        x_scale, y_scale = self.size[0] / e.frame_size[0], self.size[1] / e.frame_size[1]
        self.box = (e.box[0] * x_scale, e.box[1] * y_scale, e.box[2] * x_scale, e.box[3] * y_scale)
        _, rows, columns = self.heat.values.shape
        nearest = style.interpolation == "nearest"
        self._column_taps = make_taps(self.size[0], self.box[0], self.box[2], columns, nearest=nearest)
        self._row_taps = make_taps(self.size[1], self.box[1], self.box[3], rows, nearest=nearest)
        self._overlays: OrderedDict[tuple[int, int, float], tuple[NDArray[np.uint16], NDArray[np.uint16]]]
        self._overlays = OrderedDict()

    def paint(self, pixels: NDArray[np.uint8], time: float) -> NDArray[np.uint8]:
        """Return a copy of an image, uint8 ``(height, width, 3)``, with the heat map of a time in seconds over it."""
        key = self._slices_at(time)
        if key not in self._overlays:
            self._overlays[key] = self._make_overlay(self.map_at(time))
            if len(self._overlays) > _MAX_OVERLAYS:
                self._overlays.popitem(last=False)
        frame_weight, weighted_color = self._overlays[key]
        rows, columns = (slice(taps.start, taps.stop) for taps in (self._row_taps, self._column_taps))
        painted = pixels.copy()
        if self.style.dim_outside:
            painted = ((painted.astype(np.uint16) * OUTSIDE_BRIGHTNESS + 127) // 255).astype(np.uint8)
        mixed = pixels[rows, columns] * frame_weight + weighted_color
        # Integer division by 255; the formula is exact for the 16-bit numbers here.
        painted[rows, columns] = (mixed + 1 + (mixed >> 8)) >> 8
        return painted

    def map_at(self, time: float) -> NDArray[np.float32]:
        """Return the map at a time in seconds, float32 ``(h, w)``."""
        first, second, mix = self._slices_at(time)
        values = self.heat.values
        if mix == 0:
            return values[first]
        return (values[first].astype(np.float64) * (1 - mix) + values[second].astype(np.float64) * mix).astype(
            np.float32
        )

    def _slices_at(self, time: float) -> tuple[int, int, float]:
        """Return the two slices that are mixed at a time in seconds, and the weight of the second slice."""
        hold = self.style.time_interpolation == "hold"
        starts = self.explanation.spans[:, 0] if hold else self._centers
        first = max(int(np.searchsorted(starts, time, side="right")) - 1, 0)
        if hold:
            return first, first, 0.0
        second = min(first + 1, len(starts) - 1)
        gap = starts[second] - starts[first]
        return first, second, float(min(max((time - starts[first]) / gap, 0), 1)) if gap > 0 else 0.0

    def _make_overlay(self, field: NDArray[np.float32]) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Return for each pixel within the box the weight of the frame, 0 … 255, and the weighted color to add."""
        maximum = 1.0
        if self.style.normalize == "frame":
            maximum = float(np.abs(field).max()) or 1.0
        signed = self.heat.is_signed
        # The cutoff of the clip is used in every frame: scaling a frame must not reveal hidden cells.
        colors = palette(self.style, self.cutoff / maximum, self.colormap, signed=signed).astype(np.uint16)
        half = (LEVELS - 1) / 2 if signed else LEVELS - 1
        gain, bias = half / maximum, (half if signed else 0) + 0.5
        values = interpolate(field.astype(np.float64) * gain + bias, self._row_taps, self._column_taps)
        level = np.clip(np.floor(values), 0, LEVELS - 1).astype(np.int64)
        frame_weight = (255 - colors[:, 3:]).astype(np.uint16)
        weighted_color = (colors[:, :3] * colors[:, 3:] + 127).astype(np.uint16)
        return frame_weight[level], weighted_color[level]


def draw_frame(
    explanation: Explanation,
    frame: int | None = None,
    style: HeatStyle = DEFAULT_STYLE,
    pixels: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Return a frame with its heat map over it.

    Parameters
    ----------
    explanation
        The explanation to draw.
    frame
        Source frame; default: `peak_frame`. Without `pixels`, it is replaced by the nearest frame of the preview.
    style
        Display settings.
    pixels
        RGB uint8 ``(H, W, 3)``, the frame itself at any size; default: the image of this frame in the preview.

    Returns
    -------
    NDArray
        uint8 ``(H, W, 3)``.

    Raises
    ------
    ParameterError
        If there is no such frame, layer or head, or `pixels` is not an RGB image.
    """
    e = explanation
    position = display_index(e, peak_frame(e) if frame is None else frame)
    if pixels is None:
        pixels, time = frame_image(e, position), float(display_frames(e)[1][position])
    else:
        if not (isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.shape[2:] == (3,)):
            raise ParameterError("pixels is not an RGB image.", "Pass a uint8 array of shape (H, W, 3).")
        time = float(e.times[(peak_frame(e) if frame is None else frame) - e.first_frame])
    return Compositor(e, style, (pixels.shape[1], pixels.shape[0])).paint(pixels, time)


def frame_image(explanation: Explanation, position: int) -> NDArray[np.uint8]:
    """Return one of `display_frames` without its heat map, uint8 ``(H, W, 3)``; plain background without a preview."""
    from PIL import Image

    e = explanation
    if e.preview is None:
        width, height = display_size(e)
        return np.broadcast_to(np.array(BACKGROUND, np.uint8), (height, width, 3)).copy()
    return np.asarray(Image.open(io.BytesIO(e.preview.jpeg(position))).convert("RGB"))


def display_size(explanation: Explanation) -> tuple[int, int]:
    """Return ``(width, height)`` of the images that `frame_image` returns."""
    e = explanation
    if e.preview is not None:
        return e.preview.width, e.preview.height
    factor = min(1.0, BACKGROUND_MAX_SIDE / max(e.frame_size))
    width, height = (max(1, math.floor(side * factor + 0.5)) for side in e.frame_size)
    return width, height
