"""Measure how far frames are from the style of drawn actions, to tell films and other videos from drawn clips.

A drawn clip has a dark, almost gray ground with soft shades, and on it bright figures with limbs of a certain width.
Each property is a number for each frame, whatever model is used. `RANGES` holds what drawn clips have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Width and height in pixels at which frames are measured."""

GROUND_DEPTH = 0.09
"""Largest difference in brightness between the ground and its median, with white as 1."""

FIGURE_CONTRAST = 0.3
"""Least difference in brightness between the figures and the median of the ground."""

LIMIT = 1.0
"""Largest deviation of a drawn clip: all properties are in their ranges."""


class Range(NamedTuple):
    """Least and greatest value of a property of drawn clips."""

    low: float
    high: float


RANGES: dict[str, Range] = {
    "ground brightness": Range(0.0081, 0.2599),
    "ground tint": Range(-0.0220, 0.0769),
    "ground share": Range(0.5184, 0.9998),
    "ground shades": Range(0.0060, 0.0317),
    "ground texture": Range(-0.0021, 0.0250),
    "darker share": Range(-0.0050, 0.0102),
    "figure tint": Range(-0.0847, 0.2965),
    "figure texture": Range(-0.0169, 0.0594),
    "figure softness": Range(-0.0041, 1.1283),
    "figure core": Range(0.1447, 0.8562),
    "figure thickness": Range(-0.0732, 0.5405),
    "figure height": Range(0.3876, 1.1750),
}
"""Range of each property; chosen by ``python -m benchmarks.drawn_style --choose``, on clips of seeds of its own."""


def style_deviation(frames: NDArray[np.uint8]) -> float:
    """Return how far frames are from the style of drawn actions: 0 to 1 for drawn clips, more for films.

    Parameters
    ----------
    frames
        uint8 ``(n, H, W, 3)``, RGB, as a model sees them.

    Returns
    -------
    float
        Largest distance of a property from the middle of its range, in halves of the range. A property of several
        frames is its median.
    """
    return deviation_of(median_style(frames))


def median_style(frames: NDArray[np.uint8]) -> dict[str, float]:
    """Return the median of each property over frames, uint8 ``(n, H, W, 3)``."""
    return {name: float(np.median(numbers)) for name, numbers in measure_style(frames).items()}


def deviation_of(values: Mapping[str, float]) -> float:
    """Return the deviation of a clip with these values of all properties, see `style_deviation`."""
    return max(abs(2 * values[name] - low - high) / (high - low) for name, (low, high) in RANGES.items())


def measure_style(frames: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Return the properties of frames by name, each of shape ``(n,)``.

    Brightness is the mean of the color channels, and tint the difference between the greatest and the least channel;
    both are at most 1. The ground are the pixels nearly as bright as the median pixel, and the figures are those much
    brighter. The softness of the figures is the number of pixels between both, for each pixel at the edge of a figure:
    few in a drawing, many in a film. Core and thickness are the shares of the figures that are left without their outer
    one or two pixels.

    Parameters
    ----------
    frames
        uint8 ``(n, H, W, 3)``, RGB.
    """
    colors = _resize(frames).astype(np.float32) / 255
    brightness, tint = colors.mean(-1), colors.max(-1) - colors.min(-1)
    median = np.median(brightness, (1, 2))
    difference = brightness - median[:, None, None]
    ground, figures = np.abs(difference) < GROUND_DEPTH, difference > FIGURE_CONTRAST
    between = (difference >= GROUND_DEPTH) & ~figures
    core = _erode(figures)
    edge = figures & ~core
    inner_core = _erode(core)
    steps = _largest_steps(brightness)
    return {
        "ground brightness": median,
        "ground tint": np.median(tint, (1, 2)),
        "ground share": ground.mean((1, 2), dtype=np.float32),
        "ground shades": _masked_deviation(difference, _erode(ground)),
        "ground texture": _masked_median(steps, ground[:, 1:, 1:]),
        "darker share": (difference <= -GROUND_DEPTH).mean((1, 2), dtype=np.float32),
        "figure tint": _masked_median(tint, core),
        "figure texture": _masked_median(steps, inner_core[:, 1:, 1:]),
        "figure softness": _ratio(between, edge),
        "figure core": _ratio(core, figures),
        "figure thickness": _ratio(inner_core, figures),
        "figure height": _longest_paths(figures),
    }


def _resize(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if frames.shape[1:3] == (SIDE, SIDE):
        return frames
    from PIL import Image

    return np.stack([np.asarray(Image.fromarray(f).resize((SIDE, SIDE), Image.Resampling.BILINEAR)) for f in frames])


def _largest_steps(brightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the difference of each pixel from its left or upper neighbor, whichever is greater: ``(n, H-1, W-1)``."""
    across, down = np.abs(np.diff(brightness, axis=2)), np.abs(np.diff(brightness, axis=1))
    return np.maximum(across[:, 1:], down[:, :, 1:])


def _erode(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask whose eight neighbors are in it too."""
    padded = np.pad(mask, [(0, 0), (1, 1), (1, 1)], mode="edge")
    rows = padded[:, :-2] & padded[:, 1:-1] & padded[:, 2:]
    return rows[:, :, :-2] & rows[:, :, 1:-1] & rows[:, :, 2:]


def _ratio(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the number of pixels of a mask for each pixel of another mask, in each frame."""
    return (part.sum((1, 2)) / np.maximum(whole.sum((1, 2)), 1)).astype(np.float32)


def _masked_median(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the median of each frame's values within a mask; 0 for an empty mask."""
    return np.array([np.median(v[m]) if m.any() else 0 for v, m in zip(values, mask, strict=True)], np.float32)


def _masked_deviation(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the standard deviation of each frame's values within a mask; 0 for an empty mask."""
    return np.array([v[m].std() if m.any() else 0 for v, m in zip(values, mask, strict=True)], np.float32)


def _longest_paths(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the height of the tallest path through each mask that goes down one pixel a row, as a share of the height.

    From row to row a path moves to the left or right by at most one pixel, so that it follows bent limbs.
    """
    count, height, width = mask.shape
    lengths, longest = np.zeros((count, width), np.int32), np.zeros(count, np.int32)
    for row in range(height):
        padded = np.pad(lengths, [(0, 0), (1, 1)])
        above = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
        lengths = np.where(mask[:, row], above + 1, 0)
        longest = np.maximum(longest, lengths.max(1))
    return (longest / height).astype(np.float32)
