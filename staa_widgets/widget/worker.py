"""Threads that compute for players, and the tasks that they run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol

from staa_widgets.errors import CancelledError
from staa_widgets.utils.progress import Progress
from staa_widgets.widget.protocol import error_message, progress_message, result_message

INTERVAL = 0.1
"""Least seconds between two reports of progress."""

MAX_MESSAGE_BYTES = 2_000_000
"""Most bytes of bulk in one message: some hosts drop what is larger."""

_log = logging.getLogger(__name__)


Answer = tuple[Mapping[str, Any], Sequence[bytes]]
"""JSON values, and bulk beside them."""


class Operation(Protocol):
    """The work that one request asks for, in two steps."""

    def compute(self, report: Progress) -> Any:
        """Do the long part and return its result; `report` raises once nobody waits."""
        ...

    def finish(self, result: Any) -> Answer:
        """Put the result into place, and return what to answer; not called for a cancelled request."""
        ...


class Host(Protocol):
    """What tasks and the service use of a player."""

    def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        """Send a message to every page that shows the player."""
        ...

    def hello(self) -> dict[str, Any]:
        """Return what the kernel can do for this player."""
        ...

    def operation(self, op: str, args: Mapping[str, Any]) -> Operation:
        """Return the operation of a request; raises typed errors."""
        ...


class Worker:
    """One thread that runs what is submitted, in order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pending = 0

    @property
    def pending(self) -> int:
        """The number of calls that are queued or running."""
        return self._pending

    def submit(self, run: Callable[[], object], waiting: Callable[[], object]) -> None:
        """Queue a call; `waiting` is called first if the call has to wait for another one."""
        # By the context a kernel knows which request is answered, and so which of its threads is to hear the next one.
        within = copy_context()
        with self._lock:
            self._pending += 1
            waits = self._pending > 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run_forever, name=self._name, daemon=True)
                self._thread.start()
        if waits:
            waiting()
        self._queue.put(lambda: within.run(run))

    def _run_forever(self) -> None:
        while True:
            run = self._queue.get()
            try:
                run()
            except BaseException:
                _log.exception("A computation for a player broke off.")
            finally:
                with self._lock:
                    self._pending -= 1


@dataclass(frozen=True)
class Workers:
    """The threads of a process that work for its players.

    Parameters
    ----------
    compute
        For explanations and files.
    frames
        For pictures, which do not wait for a computation.
    """

    compute: Worker = field(default_factory=lambda: Worker("staa-worker"))
    frames: Worker = field(default_factory=lambda: Worker("staa-frames"))

    def of_op(self, op: str) -> Worker:
        """Return the thread for an op of the protocol."""
        return self.frames if op == "frames" else self.compute


WORKERS = Workers()
"""Shared by all players of a process: only one explanation is computed at a time, and a thread for each of many players
would never end."""


class Task:
    """One operation asked for by a page; it is answered once.

    Parameters
    ----------
    host
        The player.
    id
        Of the request; ``None`` where nobody waits for an answer.
    operation
        What to do.
    quiet
        Whether to keep its progress to itself.
    """

    def __init__(self, host: Host, id: str | None, operation: Operation, *, quiet: bool = False) -> None:  # noqa: A002
        self.host = host
        self.id = id
        self.operation = operation
        self._quiet = quiet
        self._lock = threading.Lock()
        self._finished = False
        self._last_report = -INTERVAL

    def cancel(self, why: str) -> None:
        """Answer at once that the task is cancelled; the work stops at its next report."""
        if self._claim():
            self._answer(CancelledError(why, "What was finished is kept."))

    def run(self) -> None:
        """Run the operation and answer."""
        try:
            self._check_cancelled()
            result = self.operation.compute(self.report)
        except Exception as error:
            if self._claim():
                self._answer(error)
            return
        if not self._claim():
            return
        try:
            self._answer(self.operation.finish(result))
        except Exception as error:
            self._answer(error)

    def report(self, step: str, done: int, total: int) -> None:
        """Send how far the operation has come; raises `CancelledError` once nobody waits."""
        self._check_cancelled()
        self.send_progress(step, done, total)

    def send_progress(self, step: str, done: int, total: int) -> None:
        """Send how far the operation has come, but not too often."""
        if self.id is not None and not self._quiet and time.monotonic() - self._last_report >= INTERVAL:
            self._last_report = time.monotonic()
            self.host.send(progress_message(self.id, step, done, total))

    def _check_cancelled(self) -> None:
        if self._finished:
            raise CancelledError("The computation was cancelled.")

    def _claim(self) -> bool:
        """Return ``True`` to the one caller that may answer."""
        with self._lock:
            first, self._finished = not self._finished, True
        return first

    def _answer(self, outcome: Answer | Exception) -> None:
        if self.id is None:
            if isinstance(outcome, Exception):
                _log.warning("The player stays as it was: %s", outcome)
        elif isinstance(outcome, Exception):
            self.host.send(error_message(self.id, outcome))
        else:
            result, buffers = outcome
            pieces = [piece for data in buffers for piece in split_bytes(data)]
            for done, piece in enumerate(pieces[:-1], 1):
                self.host.send(progress_message(self.id, "sending", done, len(pieces)), [piece])
            self.host.send(result_message(self.id, result), pieces[-1:])


def split_bytes(data: bytes) -> list[bytes]:
    """Cut bulk into pieces of at most `MAX_MESSAGE_BYTES`."""
    return [data[start : start + MAX_MESSAGE_BYTES] for start in range(0, len(data), MAX_MESSAGE_BYTES)]
