"""Traits that several threads may set: cells, a kernel's other threads, the worker. traitlets takes no care of that."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anywidget

_state = threading.RLock()


@contextmanager
def alone() -> Iterator[None]:
    """Change traits alone.

    One lock for all widgets, and it gives way in the end, because observers run within and may wait for anything.
    """
    held = _state.acquire(timeout=2)
    try:
        yield
    finally:
        if held:
            _state.release()


class GuardedWidget(anywidget.AnyWidget):
    """A widget whose traits are set by one thread at a time."""

    def __setattr__(self, name: str, value: Any) -> None:
        with alone():
            super().__setattr__(name, value)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what a page has set."""
        with alone():
            super().set_state(sync_data)

    @contextmanager
    def hold_sync(self) -> Iterator[None]:
        """Send what is set within in one message."""
        with alone(), super().hold_sync():
            yield

    @contextmanager
    def hold_trait_notifications(self) -> Iterator[None]:
        """Tell observers of what is set within at the end."""
        with alone(), super().hold_trait_notifications():
            yield
