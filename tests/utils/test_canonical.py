"""Canonical JSON: equal values give equal text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import ParameterError
from staa_widgets.utils.canonical import canonical_json, to_json_value


def test_equal_values_give_the_same_text() -> None:
    one = {"frames": np.array([[0, 4]]), "rate": np.float32(0.5), "layers": (1, 2)}
    other = {"layers": [1, np.int64(2)], "rate": 0.5, "frames": [[0, 4]]}
    assert canonical_json(one) == canonical_json(other) == '{"frames":[[0,4]],"layers":[1,2],"rate":0.5}'


def test_keys_become_strings_and_none_and_bool_stay() -> None:
    assert to_json_value({1: None, "on": True}) == {"1": None, "on": True}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object(), {"nested": [1, {2}]}])
def test_values_that_json_cannot_hold_are_refused(value: Any) -> None:
    with pytest.raises(ParameterError) as caught:
        canonical_json(value)
    assert caught.value.hint
