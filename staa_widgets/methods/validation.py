"""Checks of parameters that several methods share; each raises `ParameterError`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, TypeGuard

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.methods.fillers import FILLERS, get_filler
from staa_widgets.utils.text import quote_value

SEGMENTS_HINT = "Give the number of parts along time, rows and columns, such as (4, 4, 4)."


def check_whole_number(name: str, value: Any, least: int = 1) -> None:
    """Refuse a value that is not a whole number, is less than `least` or has more than 32 bits."""
    if not _is_whole_number(value) or value < least:
        raise ParameterError(
            f"{name} must be a whole number of at least {least}, got {quote_value(value)}.", f"Give {least} or more."
        )
    if value >= 2**32:
        raise ParameterError(f"{name} must be less than 2^32, got {quote_value(value)}.", "Give a smaller number.")


def check_flag(name: str, value: Any) -> None:
    """Refuse a value that is neither true nor false."""
    if not isinstance(value, bool):
        raise ParameterError(f"{name} must be True or False, got {value!r}.", "Give True or False.")


def check_three_whole_numbers(name: str, values: Any, hint: str) -> None:
    """Refuse values that are not three whole numbers, each at least 1."""
    is_list = isinstance(values, Sequence) and not isinstance(values, str)
    if not (is_list and len(values) == 3 and all(_is_whole_number(value) and value >= 1 for value in values)):
        raise ParameterError(f"{name} must be three whole numbers of at least 1, got {values!r}.", hint)


def check_segments(segments: Any) -> None:
    """Refuse numbers of parts along the axes that are not three whole numbers, or give fewer than two segments."""
    check_three_whole_numbers("segments", segments, SEGMENTS_HINT)
    if prod(segments) < 2:
        raise ParameterError(f"segments={segments!r} gives one segment, but at least two are needed.", SEGMENTS_HINT)


def check_hiding_filler(filler: str) -> None:
    """Refuse an unknown filler, and ``"fade"``, whose constant color would be a new object in the clip."""
    get_filler(filler)
    if filler == "fade":
        raise ParameterError(
            "The filler 'fade' cannot hide parts of a clip: its constant color would look like a new object.",
            f"Choose from {', '.join(name for name in FILLERS if name != 'fade')}.",
        )


def _is_whole_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
