"""The peak of an explanation: the strongest patch of the strongest slice, in numbers and in words."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Peak(NamedTuple):
    """The strongest patch of the strongest slice.

    Parameters
    ----------
    slice
        Index of the slice with the largest share of attribution.
    start, end
        Half-open interval of seconds that this slice covers.
    x, y
        Center of the slice's strongest patch in pixels of the displayed source frame.
    """

    slice: int
    start: float
    end: float
    x: float
    y: float


def find_peak(
    maps: NDArray[np.floating[Any]],
    temporal: NDArray[np.floating[Any]],
    spans: NDArray[np.float64],
    box: tuple[float, float, float, float],
) -> Peak:
    """Find the strongest patch of the strongest slice.

    Parameters
    ----------
    maps, temporal, spans, box
        ``(S, h, w)``, ``(S,)``, ``(S, 2)`` and ``(x0, y0, x1, y1)``, as in `Explanation`.
    """
    strongest = int(temporal.argmax())
    _, rows, columns = maps.shape
    row, column = divmod(int(np.abs(maps[strongest]).argmax()), columns)
    x0, y0, x1, y1 = box
    start, end = spans[strongest].tolist()
    x = x0 + (column + 0.5) / columns * (x1 - x0)
    y = y0 + (row + 0.5) / rows * (y1 - y0)
    return Peak(strongest, start, end, x, y)


def describe_total(*, signed: bool) -> str:
    """Return what the shares of slices are shares of; for maps with negative values, magnitudes are added up."""
    return "sum of magnitudes" if signed else "attribution"


def describe_position(peak: Peak, frame_size: tuple[int, int]) -> str:
    """Return the position of a peak within a frame of ``(width, height)`` in words, such as ``"top left"``."""
    width, height = frame_size
    row = ("top", "", "bottom")[min(int(3 * peak.y / height), 2)]
    column = ("left", "", "right")[min(int(3 * peak.x / width), 2)]
    return " ".join(word for word in (row, column) if word) or "center"
