"""A lock for traits: notebook cells, other kernel threads and the worker set traits, and traitlets has no lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anywidget

from staa_widgets.utils.fork import renew_in_forked_child

_lock = threading.RLock()


def _renew_lock() -> bool:
    global _lock
    _lock = threading.RLock()
    return False


renew_in_forked_child(_renew_lock)


@contextmanager
def trait_lock() -> Iterator[None]:
    """Hold the lock for changing traits; after waiting 2 seconds, continue without the lock.

    All widgets share one lock. Observers run while the lock is held and may wait for other threads, hence the timeout.
    """
    lock = _lock
    acquired = lock.acquire(timeout=2)
    try:
        yield
    finally:
        if acquired:
            lock.release()


class ThreadSafeWidget(anywidget.AnyWidget):
    """A widget whose traits are set by one thread at a time."""

    def __setattr__(self, name: str, value: Any) -> None:
        with trait_lock():
            super().__setattr__(name, value)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Apply the trait values that a page has set."""
        with trait_lock():
            super().set_state(sync_data)

    @contextmanager
    def hold_sync(self) -> Iterator[None]:
        """Hold messages to the browser until this context ends; then send all changes made in it in one message."""
        with trait_lock(), super().hold_sync():
            yield

    @contextmanager
    def hold_trait_notifications(self) -> Iterator[None]:
        """Hold notifications until this context ends; then tell observers of all changes made in it."""
        with trait_lock(), super().hold_trait_notifications():
            yield
