"""The threads that compute for players, and the tasks that run on these threads."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Protocol

from staa_widgets.errors import CancelledError
from staa_widgets.utils.fork import renew_in_forked_child
from staa_widgets.utils.progress import Progress
from staa_widgets.widget.protocol import error_message, progress_message, result_message

INTERVAL = 0.1
"""Minimum seconds between two progress messages of a task."""

MAX_MESSAGE_BYTES = 2_000_000
"""Maximum bytes of binary data in one message: some notebook hosts drop larger messages."""

_log = logging.getLogger(__name__)


Answer = tuple[Mapping[str, Any], Sequence[bytes]]
"""JSON values, with binary data."""


class Operation(Protocol):
    """Work of one request, in two steps: `compute`, then `finish`."""

    def compute(self, report: Progress) -> Any:
        """Do the long part and return its result; `report` raises `CancelledError` once the request is cancelled."""
        ...

    def finish(self, result: Any) -> Answer:
        """Apply the result to the player, and return the answer; not called for a cancelled request."""
        ...


class Host(Protocol):
    """Members of a player that tasks and the service use."""

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
    """One thread that runs the submitted calls in order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.reset()

    def reset(self) -> None:
        """Forget the thread and all calls, as in a forked child, where the thread does not exist."""
        self._queue: OrderedDict[object, Callable[[], object]] = OrderedDict()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._pending = 0

    @property
    def pending(self) -> int:
        """Number of calls that are queued or running."""
        return self._pending

    def submit(self, key: object, run: Callable[[], object], waiting: Callable[[], object]) -> None:
        """Queue a call under a key; if it has to wait for another call, `waiting` is called first."""
        # The call runs in a copy of the context variables, in which the kernel stores the current request and the
        # thread for its messages.
        context = copy_context()
        with self._changed:
            self._pending += 1
            is_waiting = self._pending > 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run_forever, name=self._name, daemon=True)
                self._thread.start()
        if is_waiting:
            waiting()
        with self._changed:
            self._queue[key] = lambda: context.run(run)
            self._changed.notify()

    def withdraw(self, key: object) -> None:
        """Take a call out of the queue, if it has not begun."""
        with self._changed:
            if self._queue.pop(key, None) is not None:
                self._pending -= 1

    def _run_forever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue)
                _, run = self._queue.popitem(last=False)
            try:
                run()
            except BaseException:
                _log.exception("A computation for a player failed.")
            finally:
                # Release what the call holds while the thread waits for the next one.
                del run
                with self._changed:
                    self._pending -= 1


@dataclass(frozen=True)
class Workers:
    """The worker threads that all players of a process share.

    Parameters
    ----------
    compute
        Thread for explanations and files.
    frames
        Thread for frames, so that frames need not wait for a computation.
    """

    compute: Worker = field(default_factory=lambda: Worker("staa-worker"))
    frames: Worker = field(default_factory=lambda: Worker("staa-frames"))

    def of_op(self, op: str) -> Worker:
        """Return the thread for an op of the protocol."""
        return self.frames if op == "frames" else self.compute


WORKERS = Workers()
"""Shared by all players of a process, because only one explanation is computed at a time, and
threads of closed players would accumulate."""


def _reset_workers() -> bool:
    for worker in (WORKERS.compute, WORKERS.frames):
        worker.reset()
    return False


renew_in_forked_child(_reset_workers)


class Task:
    """One operation that a page has requested; the request is answered exactly once.

    Parameters
    ----------
    host
        The player.
    id
        Id of the request; ``None`` if no answer is expected.
    operation
        Operation to run.
    quiet
        Whether to send no progress messages.
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
        """Answer at once that the task is cancelled; the computation stops at its next report."""
        if self._claim():
            self._answer(CancelledError(why, "Finished parts stay in the cache."))

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
        """Send the progress of the operation; raises `CancelledError` once the task is answered."""
        self._check_cancelled()
        self.send_progress(step, done, total)

    def send_progress(self, step: str, done: int, total: int) -> None:
        """Send the progress of the operation, at most once per `INTERVAL`."""
        if self.id is not None and not self._quiet and time.monotonic() - self._last_report >= INTERVAL:
            self._last_report = time.monotonic()
            self.host.send(progress_message(self.id, step, done, total))

    def _check_cancelled(self) -> None:
        if self._finished:
            raise CancelledError("The computation was cancelled.")

    def _claim(self) -> bool:
        """Return ``True`` to the first caller only; this caller must send the answer."""
        with self._lock:
            is_first, self._finished = not self._finished, True
        return is_first

    def _answer(self, outcome: Answer | Exception) -> None:
        if self.id is None:
            if isinstance(outcome, Exception):
                _log.warning("The player was not changed: %s", outcome)
        elif isinstance(outcome, Exception):
            self.host.send(error_message(self.id, outcome))
        else:
            result, buffers = outcome
            pieces = [piece for data in buffers for piece in split_bytes(data)]
            for done, piece in enumerate(pieces[:-1], 1):
                self.host.send(progress_message(self.id, "sending the file", done, len(pieces)), [piece])
            self.host.send(result_message(self.id, result), pieces[-1:])


def split_bytes(data: bytes) -> list[bytes]:
    """Split binary data into pieces of at most `MAX_MESSAGE_BYTES`."""
    return [data[start : start + MAX_MESSAGE_BYTES] for start in range(0, len(data), MAX_MESSAGE_BYTES)]
