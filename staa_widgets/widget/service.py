"""Kernel side of a player: receives requests on any thread, computes in a worker thread and sends the answers."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from staa_widgets.engine.lock import WAITING
from staa_widgets.widget.protocol import Cancel, Request, error_message, parse_message, result_message
from staa_widgets.widget.tracebacks import TRACEBACKS
from staa_widgets.widget.worker import WORKERS, Host, Operation, Task, Worker, Workers

MAX_VIEWS = 8
"""Maximum number of views of a player whose requests for frames wait at the same time."""


class Service:
    """Answers the requests of one player.

    Parameters
    ----------
    host
        The player.
    workers
        The threads that compute.
    """

    def __init__(self, host: Host, workers: Workers = WORKERS) -> None:
        self._host = host
        self._workers = workers
        self._lock = threading.Lock()
        self._tasks: dict[str, tuple[Task, Worker]] = {}

    def receive(self, content: Any) -> None:
        """Handle a message from a page: answer it at once or queue it. Messages that are not requests are ignored."""
        if not isinstance(content, Mapping) or "id" not in content or content.get("kind") == "anywidget-command":
            return
        try:
            message = parse_message(content)
            match message:
                case Cancel():
                    self._cancel(message.id)
                case Request(op="hello"):
                    self._host.send(result_message(message.id, self._host.hello()))
                case Request(op="traceback"):
                    text = TRACEBACKS.text(message.args.get("key", ""))
                    self._host.send(result_message(message.id, {"text": text}))
                case Request():
                    self.run(message.op, message.id, self._host.operation(message.op, message.args))
        except Exception as error:
            self._host.send(error_message(content["id"], error))

    def run(self, op: str, id: str | None, operation: Operation) -> None:  # noqa: A002
        """Queue an operation, and cancel the previous one of the same op."""
        worker = self._workers.of_op(op)
        per_view = worker is self._workers.frames
        task = Task(self._host, id, operation, quiet=per_view)
        # Two views of a player may show different frames: a request for frames replaces only an earlier one from the
        # same view.
        channel = f"{op} {(id or '').partition('-')[0]}" if per_view else op
        with self._lock:
            replaced = [self._tasks.pop(channel)] if channel in self._tasks else []
            self._tasks[channel] = task, worker
            crowd = [other for other in self._tasks if other.startswith("frames ")][:-MAX_VIEWS]
            replaced += [self._tasks.pop(other) for other in crowd]
        _cancel_all(replaced, "A newer request replaced this one.")
        worker.submit(task, lambda: self._run_task(channel, task), lambda: task.send_progress(WAITING, 0, 1))

    def stop(self, why: str, *ops: str) -> None:
        """Cancel the queued and running tasks of these ops, or all tasks."""
        with self._lock:
            tasks = [self._tasks.pop(channel) for channel in [*self._tasks] if not ops or channel.split()[0] in ops]
        _cancel_all(tasks, why)

    def _run_task(self, channel: str, task: Task) -> None:
        try:
            task.run()
        finally:
            # A finished task still holds its explanation and video, which the player may no longer show: release them.
            with self._lock:
                if channel in self._tasks and self._tasks[channel][0] is task:
                    del self._tasks[channel]

    def _cancel(self, id: str) -> None:  # noqa: A002
        with self._lock:
            tasks = [(task, worker) for task, worker in self._tasks.values() if task.id == id]
        _cancel_all(tasks, "The computation was cancelled.")


def _cancel_all(tasks: Iterable[tuple[Task, Worker]], why: str) -> None:
    """Answer tasks that they are cancelled, and take those that have not begun out of the queue."""
    for task, worker in tasks:
        task.cancel(why)
        worker.withdraw(task)
