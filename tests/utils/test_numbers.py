"""Numbers that users give."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from staa_widgets import action_clip, open_clip
from staa_widgets.errors import ParameterError
from staa_widgets.utils.numbers import is_positive_number

BAD: list[Any] = ["25", b"25", True, 0, -1, math.nan, math.inf, 10**400, [25], None, 1j]


def test_numbers_above_zero_that_a_float_can_hold() -> None:
    assert all(map(is_positive_number, [1, 0.5, 1e-310, Fraction(30000, 1001), np.float32(25), np.int64(3)]))
    assert not any(map(is_positive_number, BAD))


@pytest.mark.parametrize("value", [value for value in BAD if value is not None], ids=lambda value: str(value)[:9])
def test_frames_per_second_are_checked(value: Any) -> None:
    frames = np.asarray(action_clip(3, size=48, fps=8).frames)
    with pytest.raises(ParameterError, match="fps must be a positive number"):
        open_clip(frames, fps=value)


def test_frames_that_would_last_forever_are_refused() -> None:
    with pytest.raises(ParameterError, match="would last inf days"):
        open_clip(np.zeros((3, 8, 8, 3), np.uint8), fps=1e-310)
    with pytest.raises(ParameterError, match="start= and end= must be numbers"):
        open_clip(np.zeros((3, 8, 8, 3), np.uint8), start=10**400)
