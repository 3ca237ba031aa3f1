"""Records are written to and read from files."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.errors import FormatError
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.record_io import record_from_bytes, record_to_bytes
from staa_widgets.storage.format import pack

GEOMETRY = Geometry(frames=4, tubelet=2, height=3, width=5, order="time_major", prefix=1, input_size=(24, 40))


@pytest.mark.parametrize("target", [None, 1])
def test_a_record_and_its_needs_are_loaded_unchanged(target: int | None):
    rows = np.arange(60, dtype=np.float32).reshape(1, 2, 2, 15)
    record = Record(GEOMETRY, "joint", np.zeros(3, np.float32), target, rows=rows, sampling_errors={"rows": 0.1})
    needs = Needs(rows=True, patch=(1, 2, 3))
    loaded, loaded_needs = record_from_bytes(record_to_bytes(record, needs))
    assert (loaded.geometry, loaded.attention_type, loaded.target) == (GEOMETRY, "joint", target)
    assert loaded.sampling_errors == {"rows": 0.1}
    np.testing.assert_array_equal(loaded.rows, rows)  # pyright: ignore[reportArgumentType]
    assert loaded.temporal is None
    assert loaded_needs.rows


def test_a_record_with_unknown_fields_is_refused():
    with pytest.raises(FormatError, match="another version"):
        record_from_bytes(pack("record", {"needs": {}, "geometry": {"input_size": [1, 1]}}, {}))
