"""Traits that several threads may set: cells, a kernel's other threads, the worker. traitlets itself has no lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anywidget

_lock = threading.RLock()


@contextmanager
def trait_lock() -> Iterator[None]:
    """Hold the lock under which traits are changed.

    One lock for all widgets, and it gives way in the end, because observers run within and may wait for anything.
    """
    held = _lock.acquire(timeout=2)
    try:
        yield
    finally:
        if held:
            _lock.release()


class ThreadSafeWidget(anywidget.AnyWidget):
    """A widget whose traits are set by one thread at a time."""

    def __setattr__(self, name: str, value: Any) -> None:
        with trait_lock():
            super().__setattr__(name, value)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what a page has set."""
        with trait_lock():
            super().set_state(sync_data)

    @contextmanager
    def hold_sync(self) -> Iterator[None]:
        """Send what is set within in one message."""
        with trait_lock(), super().hold_sync():
            yield

    @contextmanager
    def hold_trait_notifications(self) -> Iterator[None]:
        """Tell observers of what is set within at the end."""
        with trait_lock(), super().hold_trait_notifications():
            yield
