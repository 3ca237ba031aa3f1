"""The kernel's side of a player: requests come in on any thread, one worker thread computes, answers go out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, Protocol

from staa_widgets.engine.lock import WAITING
from staa_widgets.errors import CancelledError
from staa_widgets.utils.progress import Progress
from staa_widgets.widget.protocol import Cancel, Request, error_message, parse_message, progress_message, result_message

INTERVAL = 0.1
"""Least seconds between two reports of progress."""

MAX_MESSAGE_BYTES = 2_000_000
"""Most bytes of bulk in one message: some hosts drop what is larger."""

_log = logging.getLogger(__name__)


Answer = tuple[Mapping[str, Any], Sequence[bytes]]
"""JSON values, and bulk beside them."""


class Operation(Protocol):
    """What one request wants."""

    def compute(self, report: Progress) -> Any:
        """Do the long part; `report` raises once nobody waits."""
        ...

    def finish(self, result: Any) -> Answer:
        """Put what was found into place, unless the request was cancelled before, and say what to answer."""
        ...


class Host(Protocol):
    """What the service asks of a player."""

    def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        """Send a message to every page that shows the player."""
        ...

    def hello(self) -> dict[str, Any]:
        """Say what the kernel can do for this player."""
        ...

    def operation(self, op: str, args: Mapping[str, Any]) -> Operation:
        """Make an errand of a request; raises typed errors."""
        ...


class Worker:
    """One thread that runs what it is given, in order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pending = 0

    def submit(self, run: Callable[[], object], waiting: Callable[[], object]) -> None:
        """Queue something; `waiting` is called first if it has to wait for something else."""
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


WORKERS = {"frames": Worker("staa-frames")}
"""Pictures do not wait for a computation."""

WORKER = Worker("staa-worker")
"""For all other ops."""


class Task:
    """One errand asked for from a page; it is answered once.

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
        """Do it and answer."""
        try:
            self._check_cancelled()
            found = self.operation.compute(self.report)
        except Exception as error:
            if self._claim():
                self._answer(error)
            return
        if not self._claim():
            return
        try:
            self._answer(self.operation.finish(found))
        except Exception as error:
            self._answer(error)

    def report(self, step: str, done: int, total: int) -> None:
        """Tell how far it has come; raises `CancelledError` once nobody waits."""
        self._check_cancelled()
        self.send_progress(step, done, total)

    def send_progress(self, step: str, done: int, total: int) -> None:
        """Tell how far it has come, but not too often."""
        if self.id is not None and not self._quiet and time.monotonic() - self._last_report >= INTERVAL:
            self._last_report = time.monotonic()
            self.host.send(progress_message(self.id, step, done, total))

    def _check_cancelled(self) -> None:
        if self._finished:
            raise CancelledError("The computation was cancelled.")

    def _claim(self) -> bool:
        with self._lock:
            mine, self._finished = not self._finished, True
        return mine

    def _answer(self, outcome: Answer | Exception) -> None:
        if self.id is None:
            if isinstance(outcome, Exception):
                _log.warning("The player stays as it was: %s", outcome)
        elif isinstance(outcome, Exception):
            self.host.send(error_message(self.id, outcome))
        else:
            result, buffers = outcome
            pieces = [part for data in buffers for part in split_bytes(data)]
            for done, piece in enumerate(pieces[:-1], 1):
                self.host.send(progress_message(self.id, "sending", done, len(pieces)), [piece])
            self.host.send(result_message(self.id, result), pieces[-1:])


def split_bytes(data: bytes) -> list[bytes]:
    """Split bytes into pieces that fit a message."""
    return [data[start : start + MAX_MESSAGE_BYTES] for start in range(0, len(data), MAX_MESSAGE_BYTES)]


class Service:
    """Answers the requests of one player.

    Parameters
    ----------
    host
        The player.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}

    def receive(self, content: Any) -> None:
        """Take a message from a page: answer it at once, or queue it. What asks for no answer is passed over."""
        if not isinstance(content, Mapping) or "id" not in content or content.get("kind") == "anywidget-command":
            return
        try:
            asked = parse_message(content)
            match asked:
                case Cancel():
                    self._cancel(asked.id)
                case Request(op="hello"):
                    self._host.send(result_message(asked.id, self._host.hello()))
                case Request():
                    self.run(asked.op, asked.id, self._host.operation(asked.op, asked.args))
        except Exception as error:
            self._host.send(error_message(content["id"], error))

    def run(self, op: str, id: str | None, operation: Operation) -> None:  # noqa: A002
        """Queue an errand in place of the one of the same op under way."""
        apart = op in WORKERS
        task = Task(self._host, id, operation, quiet=apart)
        # Two views of a player may look at different pictures: each has its own latest one.
        channel = f"{op} {(id or '').partition('-')[0]}" if apart else op
        with self._lock:
            before, self._tasks[channel] = self._tasks.get(channel), task
        if before is not None:
            before.cancel("Something newer was asked for.")
        WORKERS.get(op, WORKER).submit(lambda: self._run_task(channel, task), lambda: task.send_progress(WAITING, 0, 1))

    def stop(self, why: str, *ops: str) -> None:
        """Cancel what is under way: of these ops, or all of it."""
        with self._lock:
            tasks = [self._tasks.pop(channel) for channel in [*self._tasks] if not ops or channel.split()[0] in ops]
        for task in tasks:
            task.cancel(why)

    def _run_task(self, channel: str, task: Task) -> None:
        try:
            task.run()
        finally:
            # What is done would keep explanations and videos that are shown no more.
            with self._lock:
                if self._tasks.get(channel) is task:
                    del self._tasks[channel]

    def _cancel(self, id: str) -> None:  # noqa: A002
        with self._lock:
            tasks = [task for task in self._tasks.values() if task.id == id]
        for task in tasks:
            task.cancel("The computation was cancelled.")
