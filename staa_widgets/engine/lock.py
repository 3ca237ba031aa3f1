"""One computation at a time in a process, whoever asks: a cell, a thread, a player."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from staa_widgets.utils.progress import Progress

WAITING = "waiting for another computation"

_lock = RLock()


@contextmanager
def compute_lock(report: Progress) -> Iterator[None]:
    """Compute alone; re-entrant.

    Parameters
    ----------
    report
        Called twice a second while another thread computes; what it raises ends the waiting.
    """
    while not _lock.acquire(timeout=0.5):
        report(WAITING, 0, 1)
    try:
        yield
    finally:
        _lock.release()
