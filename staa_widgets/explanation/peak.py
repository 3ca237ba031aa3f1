"""`Peak`: where and when a model looked most, in numbers and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation


class Peak(NamedTuple):
    """The strongest place of the strongest slice.

    Parameters
    ----------
    slice
        Index of the slice with the largest share of attribution.
    start, end
        Seconds that this slice stands for, half-open.
    x, y
        Centre of its strongest patch in pixels of the displayed source frame.
    """

    slice: int
    start: float
    end: float
    x: float
    y: float


def find_peak(explanation: Explanation) -> Peak:
    """Find the strongest place of the strongest slice."""
    e = explanation
    when = int(e.temporal.argmax())
    _, h, w = e.maps.shape
    row, column = divmod(int(np.abs(e.maps[when]).argmax()), w)
    x0, y0, x1, y1 = e.box
    start, end = e.spans[when].tolist()
    return Peak(when, start, end, x0 + (column + 0.5) / w * (x1 - x0), y0 + (row + 0.5) / h * (y1 - y0))


def describe_position(explanation: Explanation) -> str:
    """Say in words where in the frame the peak lies, such as ``"top left"``."""
    (width, height), found = explanation.frame_size, explanation.peak
    row = ("top", "", "bottom")[min(int(3 * found.y / height), 2)]
    column = ("left", "", "right")[min(int(3 * found.x / width), 2)]
    return " ".join(word for word in (row, column) if word) or "centre"
