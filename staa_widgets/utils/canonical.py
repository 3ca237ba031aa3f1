"""Write JSON in one canonical form: equal values give equal text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.utils.text import check_text


def to_json_value(value: Any) -> Any:
    """Convert a value that may hold numpy numbers and arrays to a value that `json` can write.

    Raises
    ------
    ParameterError
        If the value holds anything that JSON cannot represent, such as NaN or infinity, or text that is not valid.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {check_text("A name", str(key)): to_json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_value(item) for item in value]
    if isinstance(value, str):
        return check_text("A value", value)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and np.isfinite(value)):
        return value
    raise ParameterError(
        f"{value!r} of type {type(value).__name__} cannot be stored as JSON.",
        "Use finite numbers, strings, and lists or mappings of them.",
    )


def canonical_json(value: Any) -> str:
    """Return a value as JSON with sorted keys and no spaces, the same text for equal values."""
    return json.dumps(to_json_value(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
