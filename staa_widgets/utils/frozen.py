"""Validated, read-only arrays in frozen dataclasses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError


def freeze(owner: object, name: str, dtype: type[np.generic], shape: tuple[int | None, ...]) -> None:
    """Replace an array field of a frozen dataclass by a validated, read-only copy.

    Parameters
    ----------
    owner, name
        The dataclass instance and the name of its field.
    dtype, shape
        Type and shape that the array must have; ``None`` stands for any length.

    Raises
    ------
    ParameterError
        If the field is not an array of this type and shape, or contains NaN or infinite values.
    """
    field_name = f"{type(owner).__name__}.{name}"
    try:
        array = np.array(getattr(owner, name), dtype)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{field_name} cannot be converted to an array of type {dtype.__name__}.") from error
    fits = array.ndim == len(shape) and all(
        expected in (None, actual) for expected, actual in zip(shape, array.shape, strict=True)
    )
    expected_shape = "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"
    require(fits, f"{field_name} must have shape {expected_shape}, got {array.shape}.")
    require(array.dtype.kind != "f" or bool(np.isfinite(array).all()), f"{field_name} contains NaN or infinite values.")
    object.__setattr__(owner, name, make_read_only(array))


def make_read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Make an array read-only in place and return it."""
    array.setflags(write=False)
    return array


def require(condition: bool, message: str) -> None:
    """Raise `ParameterError` with a message if a condition is false."""
    if not condition:
        raise ParameterError(message)
