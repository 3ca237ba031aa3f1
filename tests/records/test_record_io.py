"""Records are written to and read from files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import FormatError
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.record_io import record_from_parts, record_to_parts
from staa_widgets.storage.format import pack, unpack

GEOMETRY = Geometry(frames=4, tubelet=2, height=3, width=5, order="time_major", prefix=1, input_size=(24, 40))


@pytest.mark.parametrize("target", [None, 1])
def test_a_record_and_its_needs_are_loaded_unchanged(target: int | None):
    rows = np.arange(60, dtype=np.float32).reshape(1, 2, 2, 15)
    record = Record(GEOMETRY, "joint", np.zeros(3, np.float32), target, rows=rows, sampling_errors={"rows": 0.1})
    needs = Needs(rows=True, patch=(1, 2, 3))
    data = pack("record", *record_to_parts((record, needs)))
    loaded, loaded_needs = record_from_parts(*unpack("record", data))
    assert (loaded.geometry, loaded.attention_type, loaded.target) == (GEOMETRY, "joint", target)
    assert loaded.sampling_errors == {"rows": 0.1}
    np.testing.assert_array_equal(loaded.rows, rows)  # pyright: ignore[reportArgumentType]
    assert loaded.temporal is None
    assert loaded_needs.rows


def test_a_record_with_unknown_fields_is_refused():
    with pytest.raises(FormatError, match="another version"):
        record_from_parts({"needs": {}, "geometry": {"input_size": [1, 1]}}, {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rows": np.zeros((1, 2, 2, 14), np.float32)}, "rows has shape"),
        ({"rows": np.zeros((2, 15), np.float32)}, "record is damaged"),
        ({"rows": np.full((1, 2, 2, 15), np.nan, np.float32)}, "not finite"),
        ({"logits": np.array([0, np.inf, 0], np.float32)}, "not finite"),
        ({"logits": [0.0, 1.0]}, "no array"),
        ({"target": 3}, "no class"),
        ({"sampling_errors": {"rows": "small"}}, "record is damaged"),
    ],
)
def test_a_record_that_is_not_sound_is_refused(change: dict[str, Any], reason: str):
    values, arrays = record_to_parts((Record(GEOMETRY, "joint", np.zeros(3, np.float32)), Needs()))
    for name, part in change.items():
        values.pop(name, None)
        (arrays if isinstance(part, np.ndarray) else values)[name] = part
        if name == "logits" and not isinstance(part, np.ndarray):
            del arrays[name]
    with pytest.raises(FormatError, match=reason):
        record_from_parts(values, arrays)
