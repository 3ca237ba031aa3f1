"""`Slot`: a queue of length one, in which a new value replaces the one that waits."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """A queue of length one between two threads: the newest value replaces the one that waits.

    Attributes
    ----------
    dropped
        Number of values that were replaced before they were taken.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._values: list[T] = []
        self._closed = False
        self._changed = threading.Condition()

    def put(self, value: T) -> bool:
        """Put a value into the slot; return whether it replaced another one. A closed slot ignores it."""
        with self._changed:
            if self._closed:
                return False
            replaced = bool(self._values)
            self.dropped += replaced
            self._values = [value]
            self._changed.notify()
            return replaced

    def take(self, timeout: float | None = None) -> T | None:
        """Wait for a value and take it; return ``None`` after `timeout` seconds, and from a closed, empty slot."""
        with self._changed:
            self._changed.wait_for(lambda: self._values or self._closed, timeout)
            return self._values.pop() if self._values else None

    def close(self) -> None:
        """Accept no more values; a value that waits can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def is_exhausted(self) -> bool:
        """Whether the slot is closed and empty."""
        with self._changed:
            return self._closed and not self._values


class RateGate:
    """Chooses the frames of a source so that at most a given number a second pass.

    Parameters
    ----------
    rate
        Frames a second.
    """

    TOLERANCE = 0.2
    """Part of the interval by which a frame may come early; cameras are not exact."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._due = -float("inf")
        self._last = -float("inf")

    def admits(self, seconds: float) -> bool:
        """Return whether a frame captured at this second passes. A step back in time starts the count again."""
        if seconds < self._last:
            self._due = seconds
        self._last = seconds
        if seconds < self._due - self.TOLERANCE * self._interval:
            return False
        # The due times form a grid, so that their mean distance is exact; after a gap the grid begins anew.
        begins_anew = not self._due > seconds - self._interval
        self._due = (seconds if begins_anew else self._due) + self._interval
        return True
