"""Process-wide lock: one explanation is computed at a time, whichever notebook cell, thread or player requests it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from staa_widgets.utils.fork import begin_computation, renew_in_forked_child
from staa_widgets.utils.progress import Progress

WAITING = "waiting for another computation"

_lock = RLock()


@contextmanager
def compute_lock(report: Progress) -> Iterator[None]:
    """Hold the process-wide lock for computing; a thread that holds the lock may take it again.

    Parameters
    ----------
    report
        Called twice a second while another thread computes; it may raise an error to stop waiting.

    Raises
    ------
    ForkedProcessError
        If another thread was computing when this process was forked.
    """
    begin_computation()
    lock = _lock
    while not lock.acquire(timeout=0.5):
        report(WAITING, 0, 1)
    try:
        yield
    finally:
        lock.release()


def _renew_lock() -> bool:
    global _lock
    was_held = not _lock.acquire(blocking=False)
    _lock = RLock()
    return was_held


renew_in_forked_child(_renew_lock)
