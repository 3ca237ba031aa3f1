"""The file format: any change to a file is noticed."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.errors import FormatError
from staa_widgets.storage.format import pack, unpack


def test_no_bit_of_a_file_can_change_unseen():
    data = pack("record", {"value": 1.0}, {"array": np.full(4, 1, np.float32)})
    for i in range(len(data)):
        changed = bytearray(data)
        changed[i] ^= 4
        with pytest.raises(FormatError):
            unpack("record", bytes(changed))


def test_values_and_arrays_come_back_in_any_memory_order():
    array = np.arange(6).reshape(2, 3)
    values, arrays = unpack("record", pack("record", {"a": [1, None]}, {"array": array.T}))
    assert values == {"a": [1, None]}
    np.testing.assert_array_equal(arrays["array"], array.T)


def test_a_file_of_another_kind_is_refused():
    with pytest.raises(FormatError, match="Cannot read the record: the file is of another kind, preview"):
        unpack("record", pack("preview", {}, {}))
