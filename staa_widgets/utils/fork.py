"""Forked processes: locks are made new in the child, and a fork during a computation is refused with an error.

A forked child has a copy of the memory of its parent, but only the thread that forked. Locks that other threads held,
in Python and inside torch, are never released there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from staa_widgets.errors import ForkedProcessError


@dataclass
class _State:
    forked_while_busy: bool = False


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


def refuse_fork_while_busy() -> None:
    """Raise `ForkedProcessError` if another thread was computing when this process was forked."""
    if _state.forked_while_busy:
        raise ForkedProcessError(
            "This process was forked while another thread of its parent was computing.",
            "Start processes with multiprocessing.get_context('spawn'), or fork when nothing is computed.",
        )
