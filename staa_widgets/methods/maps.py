"""What the methods that read a record share: taking arrays out of it and making maps of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.records.geometry import Geometry


def require_array(array: NDArray[Any] | None) -> NDArray[Any]:
    """Give an array of a record, which must be there."""
    if array is None:
        raise ParameterError(
            "The record does not hold what these parameters need.", "Record it anew with the method's needs(params)."
        )
    return array


def to_grid(geometry: Geometry, values: NDArray[Any]) -> NDArray[Any]:
    """Bring values of patches, ``(…, P)`` row by row, to ``(…, h, w)``."""
    return values.reshape(*values.shape[:-1], geometry.height, geometry.width)


def equalize_slices(maps: NDArray[np.floating]) -> NDArray[np.floating]:
    """Give every slice the same mass; one that holds nothing becomes uniform."""
    mass = maps.sum((1, 2), keepdims=True)
    return np.where(mass > 0, maps / np.where(mass > 0, mass, 1), 1 / maps[0].size)


def scale_to_sum_one(maps: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale to sum 1; zero stays zero."""
    total = maps.sum()
    return np.asarray(maps / total if total > 0 else maps, np.float32)
