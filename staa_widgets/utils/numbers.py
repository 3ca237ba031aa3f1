"""Check numbers that users give."""

from __future__ import annotations

import math
from typing import Any


def is_positive_number(value: Any) -> bool:
    """Return whether a value is a number above 0 that a float can hold; ``True`` is none."""
    if isinstance(value, bool | str | bytes):
        return False
    try:
        return 0 < float(value) < math.inf
    except (TypeError, ValueError, OverflowError):
        return False
