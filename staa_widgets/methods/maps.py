"""Make maps from the arrays of a record: checks, reshaping and scaling for the methods that read a record."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.records.geometry import Geometry


def require_array(array: NDArray[Any] | None) -> NDArray[Any]:
    """Return an array of a record; raise `ParameterError` if it was not recorded."""
    if array is None:
        raise ParameterError(
            "The record does not contain an array that these parameters need.",
            "Record the pass again with the method's needs(params).",
        )
    return array


def to_grid(geometry: Geometry, values: NDArray[Any]) -> NDArray[Any]:
    """Reshape values of patches, ``(…, P)`` row by row, to ``(…, h, w)``."""
    return values.reshape(*values.shape[:-1], geometry.height, geometry.width)


def equalize_slices(maps: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return maps in which every slice has the same sum; a slice of zeros becomes uniform."""
    mass = maps.sum((1, 2), keepdims=True)
    return np.where(mass > 0, maps / np.where(mass > 0, mass, 1), 1 / maps[0].size)


def scale_to_sum_one(maps: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return maps scaled to sum 1; maps of zeros stay zero."""
    total = maps.sum()
    return np.asarray(maps / total if total > 0 else maps, np.float32)
