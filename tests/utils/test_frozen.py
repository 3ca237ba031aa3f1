"""Array fields of frozen dataclasses are validated, copied and read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import ParameterError
from staa_widgets.utils.frozen import freeze


@dataclass(frozen=True)
class Track:
    points: Any

    def __post_init__(self) -> None:
        freeze(self, "points", np.float32, (None, 2))


def test_the_field_is_a_read_only_copy_of_its_type() -> None:
    points = np.array([[1, 2], [3, 4]])
    track = Track(points)
    points[0, 0] = 9
    assert track.points.dtype == np.float32
    np.testing.assert_array_equal(track.points, [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="read-only"):
        track.points[0, 0] = 9
    assert Track(np.zeros((0, 2))).points.shape == (0, 2)


@pytest.mark.parametrize(
    "points", [[1, 2], [[1, 2, 3]], [[1, float("nan")]], [[1, float("inf")]], [["a", "b"]], [[1], [1, 2]]]
)
def test_arrays_of_another_shape_or_type_are_refused_by_field_name(points: Any) -> None:
    with pytest.raises(ParameterError, match=r"Track\.points"):
        Track(points)
