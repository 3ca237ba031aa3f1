"""`RenderedFrames`: the frames of a clip with the heat map over them, one after the other, for movies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.render.canvas import Canvas, TimeAxis
from staa_widgets.render.compositor import Compositor, display_frames, display_size, frame_image
from staa_widgets.render.ground_truth import draw_outline, outline_lines, visible_ground_truth
from staa_widgets.render.style import HeatStyle
from staa_widgets.render.summary import LEGEND_ROW, draw_footer, draw_playhead, legend_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.video.clip import Clip

MIN_WIDTH = 320
"""Width in pixels to which narrower images are enlarged if there is a chart under them."""

MIN_CHART_WIDTH = 84
"""Width of the images in pixels below which no chart is drawn: its text would not fit."""

FOOTER_HEIGHT = 146
"""Height of the chart and the colorbar in page pixels."""

MIN_FOOTER_SCALE = 1.4
"""Least image pixels a page pixel at which charts are drawn before they are made smaller, so that text is legible."""


class RenderedFrames:
    """The frames of a movie: an iterable of images, with their times in seconds.

    Parameters
    ----------
    explanation
        The explanation whose clip and heat map are shown.
    style
        Display settings.
    video
        Anything `staa_widgets.open_clip` takes, for every frame at its full size; default: the preview's images.
    start, end
        Seconds: only frames whose time lies in ``[start, end)`` are shown.
    chart
        Whether to draw the time chart, with a marker at the current time, and the colorbar under the images. Images
        narrower than `MIN_CHART_WIDTH` pixels get no chart.
    max_side
        Largest number of pixels of the images' longer side.

    Raises
    ------
    ParameterError
        If the video is not the one that was explained, or no frame lies in the range.
    VideoError
        If the video cannot be read.
    """

    def __init__(
        self,
        explanation: Explanation,
        style: HeatStyle,
        *,
        video: Any = None,
        start: float | None = None,
        end: float | None = None,
        chart: bool = True,
        max_side: int | None = None,
    ) -> None:
        e = self.explanation = explanation
        self._clip = None if video is None else _open_source(e, video)
        frames, times = display_frames(e) if video is None else (e.first_frame + np.arange(len(e.times)), e.times)
        if not all(edge is None or isinstance(edge, Real) for edge in (start, end)):
            raise ParameterError(f"start is {start!r} and end is {end!r}.", "Pass seconds, or None.")
        in_range = np.ones(len(times), bool)
        for edge, compare in ((start, np.greater_equal), (end, np.less)):
            if edge is not None:
                in_range &= compare(times, edge)
        if not in_range.any():
            raise ParameterError(
                f"No frame lies between start={start} and end={end} s.",
                f"The clip runs from {times[0]:.2f} to {e.end:.2f} s.",
            )
        self._positions = np.flatnonzero(in_range)
        self.frames, self.times = frames[in_range], times[in_range]
        next_time = np.append(times[1:], e.end)[in_range][-1]
        self.edges = np.append(self.times, next_time if end is None else max(min(next_time, end), self.times[-1]))
        if self.edges[-1] <= self.edges[-2]:
            self.edges[-1] = self.edges[-2] + _median_gap(times)
        width, height = display_size(e) if self._clip is None else (self._clip.width, self._clip.height)
        factor = max(1.0, MIN_WIDTH / width) if chart else 1.0
        if max_side is not None:
            factor = min(factor, max_side / max(width, height))
        self.image_size = (max(2, round(width * factor)), max(2, round(height * factor)))
        self.compositor = Compositor(e, style, self.image_size)
        self._scale = (
            float(np.clip(self.image_size[0] / 640, 0.7, 3)) if chart and self.image_size[0] >= MIN_CHART_WIDTH else 0.0
        )
        self._footer_height = FOOTER_HEIGHT + LEGEND_ROW * len(legend_lines(self.compositor))
        self._footer: tuple[int, Canvas, TimeAxis] | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of each image, with the chart."""
        width, height = self.image_size
        return width, height + (round(self._footer_height * self._scale) if self._scale else 0)

    def select(self, indices: NDArray[np.int64]) -> None:
        """Keep only the frames at these indices; each frame is then shown until the next one."""
        self._positions, self.frames, self.times = self._positions[indices], self.frames[indices], self.times[indices]
        self.edges = np.append(self.times, self.edges[-1])

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the drawn frames, uint8 ``(height, width, 3)`` of `size`."""
        for i, pixels in enumerate(self._read_pixels()):
            yield self._render(i, pixels)

    def sample(self, count: int) -> Iterator[NDArray[np.uint8]]:
        """Return at most `count` evenly spread frames, drawn over the images of the preview."""
        for i in np.unique(np.linspace(0, len(self) - 1, count).round().astype(int)):
            yield self._render(int(i), frame_image(self.explanation, int(self._positions[i])))

    def _render(self, i: int, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        frame, time = int(self.frames[i]), float(self.times[i])
        painted = self.compositor.paint(_resize(pixels, self.image_size), time)
        if (truth := visible_ground_truth(self.explanation, self.compositor.style)) is not None:
            unit = float(np.clip(max(self.image_size) / 640, 0.7, 3))
            draw_outline(painted, outline_lines(self.explanation, truth, frame), unit)
        return np.concatenate([painted, self._render_footer(frame, time)]) if self._scale else painted

    def _read_pixels(self) -> Iterator[NDArray[np.uint8]]:
        if self._clip is None:
            yield from (frame_image(self.explanation, int(position)) for position in self._positions)
        else:
            damaged: list[int] = []
            # Images that are not enlarged are decoded at their size.
            size = self.image_size if self.image_size[0] <= self._clip.width else None
            yield from self._clip.iter_frames(self.frames - self._clip.first_frame, size=size, on_damage=damaged.append)
            if damaged:
                self._clip.warn_of_damage(damaged, "the movie", stacklevel=3)

    def _render_footer(self, frame: int, time: float) -> NDArray[np.uint8]:
        s = int(self.explanation.slice_of_frame[frame - self.explanation.first_frame])
        width = self.image_size[0] / self._scale
        # Frames come in order, so only the footer of the current slice can be needed again.
        if self._footer is None or self._footer[0] != s:
            factor = math.ceil(MIN_FOOTER_SCALE / self._scale)
            canvas = Canvas(width, self._footer_height, self._scale * factor)
            self._footer = s, canvas, draw_footer(canvas, self.compositor, 4, width - 4, 16, s)
        _, canvas, axis = self._footer
        image = canvas.copy()
        draw_playhead(image, axis, time)
        image.text(axis.x1, 112, f"{time:.2f} s", 15, anchor="rs")
        image.text(axis.x1, 128, f"frame {frame}", 12, "#5c6370", "rs")
        return _resize(np.asarray(image.image), (self.image_size[0], self.size[1] - self.image_size[1]), smooth=False)


def _open_source(e: Explanation, video: Any) -> Clip:
    from staa_widgets.video.open import open_clip

    clip = open_clip(video)
    stop = e.first_frame + len(e.times)
    if clip.sha256 != e.clip_sha256 or clip.first_frame > e.first_frame or clip.first_frame + len(clip) < stop:
        raise ParameterError(
            f"{clip.name!r} is not the video that was explained.", f"Pass {e.clip_name!r}, or omit video=."
        )
    return clip


def _median_gap(times: NDArray[np.float64]) -> float:
    gap = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return gap if gap > 0 else 0.04


def _resize(pixels: NDArray[np.uint8], size: tuple[int, int], *, smooth: bool = True) -> NDArray[np.uint8]:
    if pixels.shape[1::-1] == size:
        return pixels
    from PIL import Image

    return np.asarray(
        Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS if smooth else Image.Resampling.BOX)
    )
