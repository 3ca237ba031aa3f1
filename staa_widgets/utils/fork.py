"""Forked processes: locks are made new in the child, and a fork during a computation is refused with an error.

A forked child has a copy of the memory of its parent, but only the thread that forked. Locks that other threads held,
in Python and inside torch, are never released there.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from staa_widgets.errors import ForkedProcessError

_END_SECONDS = 1.0


@dataclass
class _State:
    forked_while_busy: bool = False
    computing_threads: set[int] = field(default_factory=set)
    """Numbers that the system gave to threads that compute or have computed."""


_state = _State()


def renew_in_forked_child(renew: Callable[[], bool]) -> None:
    """Call a function in every forked child.

    Parameters
    ----------
    renew
        Makes locks new, and returns whether another thread of the parent held one of them.
    """

    def note_and_renew() -> None:
        _state.forked_while_busy = renew() or _state.forked_while_busy

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=note_and_renew)


def begin_computation() -> None:
    """Check that this process can compute, and note that the current thread does.

    Raises
    ------
    ForkedProcessError
        If another thread was computing when this process was forked.
    """
    _state.computing_threads.add(threading.get_native_id())
    if _state.forked_while_busy:
        raise ForkedProcessError(
            "This process was forked while another thread of its parent was computing.",
            "Start processes with multiprocessing.get_context('spawn'), or fork when nothing is computed.",
        )


def _wait_for_ended_threads() -> None:
    """Wait until the system has ended the threads that computed and that Python has ended, at most a second.

    For about a millisecond after `Thread.join`, such a thread still holds locks of torch while its pool is released. A
    child that is forked meanwhile has these locks for good.
    """
    living = {thread.native_id for thread in threading.enumerate()}
    ended = _state.computing_threads - living
    deadline = time.monotonic() + _END_SECONDS
    while any(Path(f"/proc/self/task/{number}").exists() for number in ended) and time.monotonic() < deadline:
        time.sleep(0.001)
    _state.computing_threads -= ended


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait_for_ended_threads)
