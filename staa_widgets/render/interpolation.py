"""Values of a map between the centers of its patches: a smooth surface with the map's own range and sum."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

STEEPEST = 1.5
"""Greatest slope at a center, as a multiple of the smaller difference from its two neighbors.

With it no value lies outside of the range of the four centers around it: in each direction a control point of the
surface is at most a third of this, half a difference, away from its center.
"""


class Taps(NamedTuple):
    """The two cells between which each pixel lies, along one side of an image.

    Parameters
    ----------
    start, stop
        Half-open range of the pixels whose centers lie in the box of the map.
    first, second
        int64 ``(stop - start,)``, the cells.
    position
        float64 ``(stop - start,)``, 0 at the center of the first cell, 1 at that of the second.
    """

    start: int
    stop: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    position: Values


def make_taps(size: int, start: float, end: float, cells: int, *, nearest: bool) -> Taps:
    """Return the cells around each pixel, where `cells` cells cover the pixels from `start` to `end` of `size`.

    Outside of the outermost centers, and everywhere if `nearest`, a pixel has the value of its own cell.
    """
    begin, stop = (min(max(math.ceil(edge - 0.5), 0), size) for edge in (start, end))
    centers = ((np.arange(begin, stop) + 0.5 - start) / (end - start)) * cells
    last = cells - 1
    places = np.minimum(np.floor(centers), last) if nearest else np.clip(centers - 0.5, 0, last)
    places = np.asarray(places, np.float64)
    first = np.floor(places).astype(np.int64)
    return Taps(begin, stop, first, np.minimum(first + 1, last), places - first)


def interpolate(field: Values, rows: Taps, columns: Taps) -> Values:
    """Return the values of a map at pixels: a bicubic Hermite surface with limited slopes, in any units.

    The surface has the map's value at the center of each patch and the map's sum over all patches. It is smooth, and
    stays between the values of the four centers around a pixel, so that a map without negative values has none here.

    Parameters
    ----------
    field
        float64 ``(h, w)``.
    rows, columns
        The cells around each pixel, from `make_taps`.

    Returns
    -------
    NDArray
        float64 ``(height, width)``.
    """
    down_slopes, across_slopes = _slopes(field, 0), _slopes(field, 1)
    t = rows.position[:, None]
    a, b, c, d = _cubic(*(part[cells] for part in (field, down_slopes) for cells in (rows.first, rows.second)))
    lines = a + t * (b + t * (c + t * d))
    above, below = across_slopes[rows.first], across_slopes[rows.second]
    slopes = above + (below - above) * (t * t * (3 - 2 * t))

    next_column = np.minimum(np.arange(field.shape[1]) + 1, field.shape[1] - 1)
    a, b, c, d = _cubic(lines, lines[:, next_column], slopes, slopes[:, next_column])
    value, t = d[:, columns.first], columns.position
    for coefficient in (c, b, a):
        value *= t
        value += coefficient[:, columns.first]
    return value


def _slopes(field: Values, axis: int) -> Values:
    """Return the slope at each center along an axis; 0 at peaks, valleys and the outermost centers."""
    steps = np.diff(field, axis=axis, prepend=field.take([0], axis), append=field.take([-1], axis))
    count = field.shape[axis]
    before, after = steps.take(range(count), axis), steps.take(range(1, count + 1), axis)
    steepest = STEEPEST * np.minimum(np.abs(before), np.abs(after))
    slopes = np.sign(before) * np.minimum(np.abs(before + after) / 2, steepest)
    return np.where(before * after > 0, slopes, 0.0)


def _cubic(start: Values, end: Values, start_slope: Values, end_slope: Values) -> tuple[Values, Values, Values, Values]:
    """Return the coefficients of the cubic polynomials from 0 to 1 with these values and slopes, constants first."""
    rise = end - start
    return start, start_slope, 3 * rise - 2 * start_slope - end_slope, start_slope + end_slope - 2 * rise
