"""`InFlight`: values on their way to the page, of which only a few are sent before the page has answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MAX_IN_FLIGHT = 2
"""Number of values that may be on their way."""


class InFlight(Generic[T]):
    """Sends values to the page; while two are on their way, only the newest other one waits.

    Parameters
    ----------
    send
        Called with a number and the value.

    Attributes
    ----------
    dropped
        Number of values that a newer one replaced.
    """

    def __init__(self, send: Callable[[int, T], None]) -> None:
        self.dropped = 0
        self._send = send
        self._next = 0
        self._sent: dict[int, T] = {}
        self._waiting: list[T] = []
        self._lock = threading.Lock()

    def put(self, value: T) -> None:
        """Send a value now, or when the page has answered an earlier one."""
        with self._lock:
            self.dropped += len(self._waiting)
            self._waiting = [value]
        self._send_next()

    def done(self, number: Any) -> T | None:
        """Note that the page has answered a value; return it, or ``None`` if it is not on its way."""
        with self._lock:
            value = self._sent.pop(number, None) if isinstance(number, int) else None
        self._send_next()
        return value

    def clear(self) -> None:
        """Forget all values: the page has begun anew."""
        with self._lock:
            self._sent.clear()
            self._waiting.clear()

    def _send_next(self) -> None:
        with self._lock:
            if not self._waiting or len(self._sent) >= MAX_IN_FLIGHT:
                return
            value, number = self._waiting.pop(), self._next
            self._next += 1
            self._sent[number] = value
        self._send(number, value)
