"""The kernel's side of a player: requests come in on any thread, one worker thread computes, answers go out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, Protocol

from staa_widgets.errors import CancelledError
from staa_widgets.explanation import Explanation
from staa_widgets.question import Question
from staa_widgets.turn import WAITING
from staa_widgets.widget.messages import Cancel, Request, answered, failed, progressed, read

INTERVAL = 0.1
"""Least seconds between two reports of progress."""

_log = logging.getLogger(__name__)


class Host(Protocol):
    """What the service asks of a player."""

    def send(self, content: dict[str, Any]) -> None:
        """Send a message to every page that shows the player."""
        ...

    def hello(self) -> dict[str, Any]:
        """Say what the kernel can do for this player."""
        ...

    def ask_about(self, method: str | None, target: int | None, params: Mapping[str, Any]) -> Question:
        """Put a question about the clip on show into words; raises typed errors."""
        ...

    def settle(self, explanation: Explanation, question: Question) -> None:
        """Show the answer."""
        ...


class Worker:
    """One thread that runs what it is given, in order."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._left = 0

    def submit(self, run: Callable[[], object], waiting: Callable[[], object]) -> None:
        """Queue something; `waiting` is called first if it has to wait for something else."""
        # By the context a kernel knows which request is answered, and so which of its threads is to hear the next one.
        within = copy_context()
        with self._lock:
            self._left += 1
            waits = self._left > 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="staa-worker", daemon=True)
                self._thread.start()
        if waits:
            waiting()
        self._queue.put(lambda: within.run(run))

    def _work(self) -> None:
        while True:
            run = self._queue.get()
            try:
                run()
            except BaseException:
                _log.exception("A computation for a player broke off.")
            finally:
                with self._lock:
                    self._left -= 1


WORKER = Worker()


class Task:
    """One computation asked for from a page; it is answered once.

    Parameters
    ----------
    host
        The player.
    id
        Of the request; ``None`` where nobody waits for an answer.
    question
        What to compute.
    """

    def __init__(self, host: Host, id: str | None, question: Question) -> None:  # noqa: A002
        self.host = host
        self.id = id
        self.question = question
        self._lock = threading.Lock()
        self._over = False
        self._told = -INTERVAL

    def cancel(self, why: str) -> None:
        """Answer at once that the task is cancelled; the computation stops at its next report."""
        if self._claim():
            self._answer(CancelledError(why, "What was finished is kept."))

    def run(self) -> None:
        """Compute, show and answer."""
        began = time.perf_counter()
        try:
            self._go_on()
            found = self.question.ask(self.report)
        except Exception as error:
            if self._claim():
                self._answer(error)
            return
        if not self._claim():
            return
        try:
            self.host.settle(found, self.question)
        except Exception as error:
            self._answer(error)
            return
        self._answer(
            {
                "method": found.method,
                "target": found.target,
                "cache": found.provenance["cache"],
                "seconds": round(time.perf_counter() - began, 3),
            }
        )

    def report(self, step: str, done: int, total: int) -> None:
        """Tell how far it has come; raises `CancelledError` once nobody waits."""
        self._go_on()
        self.tell(step, done, total)

    def tell(self, step: str, done: int, total: int) -> None:
        """Tell how far it has come, but not too often."""
        if self.id is not None and time.monotonic() - self._told >= INTERVAL:
            self._told = time.monotonic()
            self.host.send(progressed(self.id, step, done, total))

    def _go_on(self) -> None:
        if self._over:
            raise CancelledError("The computation was cancelled.")

    def _claim(self) -> bool:
        with self._lock:
            mine, self._over = not self._over, True
        return mine

    def _answer(self, outcome: dict[str, Any] | Exception) -> None:
        if self.id is None:
            if isinstance(outcome, Exception):
                _log.warning("The player stays as it was: %s", outcome)
        elif isinstance(outcome, Exception):
            self.host.send(failed(self.id, outcome))
        else:
            self.host.send(answered(self.id, outcome))


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
        self._task: Task | None = None

    def receive(self, content: Any) -> None:
        """Take a message from a page: answer it at once, or queue it. What asks for no answer is passed over."""
        if not isinstance(content, Mapping) or "id" not in content or content.get("kind") == "anywidget-command":
            return
        try:
            asked = read(content)
            match asked:
                case Cancel():
                    self._cancel(asked.id)
                case Request(op="hello"):
                    self._host.send(answered(asked.id, self._host.hello()))
                case Request():
                    self._compute(asked)
        except Exception as error:
            self._host.send(failed(content["id"], error))

    def compute(self, id: str | None, question: Question) -> None:  # noqa: A002
        """Queue a computation in place of the one under way."""
        task = Task(self._host, id, question)
        with self._lock:
            before, self._task = self._task, task
        if before is not None:
            before.cancel("Something newer was asked for.")
        WORKER.submit(task.run, lambda: task.tell(WAITING, 0, 1))

    def stop(self, why: str) -> None:
        """Cancel what is under way."""
        with self._lock:
            task, self._task = self._task, None
        if task is not None:
            task.cancel(why)

    def _compute(self, asked: Request) -> None:
        args = asked.args
        self.compute(asked.id, self._host.ask_about(args.get("method"), args.get("target"), args.get("params", {})))

    def _cancel(self, id: str) -> None:  # noqa: A002
        with self._lock:
            task = self._task if self._task is not None and self._task.id == id else None
        if task is not None:
            task.cancel("The computation was cancelled.")
