"""Draw ground truth as the player does: an outline in the frames, and bands in time charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.render.theme import GROUND_TRUTH_COLOR
from staa_widgets.utils.text import readable_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.render.canvas import Canvas, TimeAxis
    from staa_widgets.render.style import HeatStyle
    from staa_widgets.video.ground_truth import GroundTruth

OUTLINE_STROKES = (((0, 0, 0), 0.65, 4.0), ((0x4D, 0xFF, 0xA6), 1.0, 1.75))
"""Color, opacity and width of the two lines of an outline, the lower one first; as in js/src/heat/outline.ts."""

BAND_OPACITY = 0.16
"""Opacity of the band that marks the time of the action in a time chart; as in js/src/ui/chart_plot.ts."""

_SMOOTHING = 4
"""Number of smoothing passes: enough that the steps of pixels look like a line."""

_SAMPLES = 4
"""Samples a pixel and direction with which lines are drawn."""


def visible_ground_truth(explanation: Explanation, style: HeatStyle) -> GroundTruth | None:
    """Return the ground truth to draw, or ``None`` if it is unknown or the style hides it."""
    return explanation.ground_truth if style.show_ground_truth else None


def describe_ground_truth(explanation: Explanation, truth: GroundTruth) -> str:
    """Return the legend of the ground truth: the label and the seconds of the action."""
    spans = truth.spans(explanation.times, explanation.end)
    seconds = ", ".join(f"{start:.2f}–{end:.2f} s" for start, end in spans)
    return f"ground truth (green): {readable_name(truth.label)}, {seconds or 'at no time'}"


def outline_lines(explanation: Explanation, truth: GroundTruth, frame: int) -> list[NDArray[np.float64]]:
    """Return the outline of the action in a source frame: closed lines ``(n, 2)`` of x and y as shares of the frame."""
    (mask,) = truth.masks([frame - explanation.first_frame])
    return [line / truth.size for line in trace_outline(mask)]


def trace_outline(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Return the outline of a mask along pixel edges, smoothed by less than half a pixel.

    Parameters
    ----------
    mask
        bool ``(H, W)``.

    Returns
    -------
    list of NDArray
        Closed lines, ``(n, 2)`` each: x and y of their points in pixels, the first one only at the start.
    """
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    # Edges between inside and outside, clockwise: the neighbor outside, and the corners where they begin and end.
    sides = (
        (padded[:-2, 1:-1], (0, 0), (0, 1)),
        (padded[1:-1, 2:], (0, 1), (1, 1)),
        (padded[2:, 1:-1], (1, 1), (1, 0)),
        (padded[1:-1, :-2], (1, 0), (0, 0)),
    )
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for neighbor, begin, end in sides:
        cells = np.argwhere(inside & ~neighbor)
        for start, stop in zip((cells + begin).tolist(), (cells + end).tolist(), strict=True):
            following.setdefault((start[1], start[0]), []).append((stop[1], stop[0]))
    lines = []
    for start in following:
        points = []
        corner = start
        while following[corner]:
            points.append(corner)
            corner = following[corner].pop()
        if points:
            lines.append(_smooth_line(np.array(points, np.float64)))
    return lines


def _smooth_line(line: NDArray[np.float64]) -> NDArray[np.float64]:
    for _ in range(_SMOOTHING):
        line = (2 * line + np.roll(line, 1, axis=0) + np.roll(line, -1, axis=0)) / 4
    return line


def draw_outline(pixels: NDArray[np.uint8], lines: list[NDArray[np.float64]], unit: float) -> None:
    """Draw an outline into an image.

    Parameters
    ----------
    pixels
        uint8 ``(H, W, 3)``, changed in place.
    lines
        As `outline_lines` returns them.
    unit
        Pixels of the image for each pixel on a page, in which line widths are given.
    """
    from PIL import Image, ImageDraw

    if not lines:
        return
    height, width = pixels.shape[:2]
    points = [line * (width, height) for line in lines]
    reach = math.ceil(max(stroke for _, _, stroke in OUTLINE_STROKES) * unit / 2) + 1
    every = np.concatenate(points)
    left, top = np.maximum(np.floor(every.min(axis=0)).astype(int) - reach, 0)
    right, bottom = np.minimum(np.ceil(every.max(axis=0)).astype(int) + reach, (width, height))
    part = pixels[top:bottom, left:right]
    for color, opacity, stroke in OUTLINE_STROKES:
        cover = Image.new("L", (part.shape[1] * _SAMPLES, part.shape[0] * _SAMPLES))
        drawing = ImageDraw.Draw(cover)
        for line in points:
            closed = np.concatenate([line, line[:2]]) - (left, top)
            drawing.line((closed * _SAMPLES).ravel().tolist(), 255, max(1, round(stroke * unit * _SAMPLES)))
        share = np.asarray(cover.reduce(_SAMPLES), np.float32)[..., None] * (opacity / 255)
        part[:] = np.rint(part + (np.array(color, np.float32) - part) * share)


def draw_outline_on_canvas(
    canvas: Canvas,
    lines: list[NDArray[np.float64]],
    place: tuple[float, float, float, float],
    thickness: float = 1.0,
) -> None:
    """Draw an outline over an image that was pasted at a place ``(x, y, width, height)``.

    Line widths are multiplied by `thickness`.
    """
    from PIL import Image

    left, top, width, height = (round(value * canvas.scale) for value in place)
    box = (left, top, left + width, top + height)
    pixels = np.array(canvas.image.crop(box))
    draw_outline(pixels, lines, canvas.scale * thickness)
    canvas.image.paste(Image.fromarray(pixels), box)


def draw_bands(canvas: Canvas, axis: TimeAxis, explanation: Explanation, truth: GroundTruth) -> None:
    """Mark the seconds of the action in a time chart, behind its bars."""
    red, green, blue = (int(GROUND_TRUTH_COLOR[i : i + 2], 16) for i in (1, 3, 5))
    pale = "#" + "".join(f"{round(255 + (value - 255) * BAND_OPACITY):02x}" for value in (red, green, blue))
    for start, end in truth.spans(explanation.times, explanation.end):
        canvas.rectangle(axis.x(start), axis.top - 4, axis.x(end), axis.bottom, pale)
        canvas.rectangle(axis.x(start), axis.top - 4, axis.x(end), axis.top, GROUND_TRUTH_COLOR)
