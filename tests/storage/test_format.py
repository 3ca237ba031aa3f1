"""The file format: any changed bit is detected."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.errors import FormatError
from staa_widgets.storage.format import pack, unpack


def test_every_changed_bit_is_detected():
    data = pack("record", {"value": 1.0}, {"array": np.full(4, 1, np.float32)})
    for i in range(len(data)):
        changed = bytearray(data)
        changed[i] ^= 4
        with pytest.raises(FormatError):
            unpack("record", bytes(changed))


def test_values_and_arrays_of_any_memory_order_are_loaded_unchanged():
    array = np.arange(6).reshape(2, 3)
    values, arrays = unpack("record", pack("record", {"a": [1, None]}, {"array": array.T}))
    assert values == {"a": [1, None]}
    np.testing.assert_array_equal(arrays["array"], array.T)


def test_a_file_of_another_kind_is_refused():
    with pytest.raises(FormatError, match="Cannot read the record: the file is of another kind, preview"):
        unpack("record", pack("preview", {}, {}))
