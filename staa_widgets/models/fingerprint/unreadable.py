"""Names for values that cannot be described, such as locks and open files."""

from __future__ import annotations

import os
import threading
import uuid
import weakref
from itertools import count
from typing import Any

from staa_widgets.utils.fork import renew_in_forked_child

_PROCESS = uuid.uuid4().hex
_lock = threading.Lock()
_numbers = count()
_references: dict[int, tuple[Any, int]] = {}


def name_unreadable(value: Any) -> str:
    """Return a name that stands for one object of this process, and that no other object or process ever has."""
    with _lock:
        if id(value) not in _references:
            _references[id(value)] = _refer(value), next(_numbers)
        return f"unreadable {_PROCESS} {os.getpid()} {_references[id(value)][1]}"


def _refer(value: Any) -> Any:
    """Return a weak reference that removes itself when the object is freed; for types without one, the object."""
    address = id(value)
    try:
        return weakref.ref(value, lambda _: _references.pop(address, None))
    except TypeError:
        return value


def _renew_lock() -> bool:
    global _lock
    _lock = threading.Lock()
    return False


renew_in_forked_child(_renew_lock)
