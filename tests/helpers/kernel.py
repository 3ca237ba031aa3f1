"""A real kernel and its messages, without a page."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from tests.helpers.comm import PATIENCE
from tests.helpers.paths import ROOT

Message = Mapping[str, Any]


class Kernel:
    """A running kernel.

    Parameters
    ----------
    folder
        Folder of its cache and files.
    """

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        env = {**os.environ, "PYTHONPATH": str(ROOT), "STAA_CACHE": str(folder / "cache")}
        self.manager.start_kernel(env=env, cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        self.messages: list[Message] = []

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def start(self, code: str) -> str:
        """Start a cell and return the message id of its outputs."""
        return self.client.execute(code)

    def run(self, code: str) -> list[Message]:
        """Run a cell to its end and return its outputs; an error in the cell fails the test."""
        cell = self.start(code)
        outputs = self.finish(cell)
        tracebacks = [message["content"]["traceback"] for message in outputs if message["msg_type"] == "error"]
        assert not tracebacks, "\n".join(tracebacks[0])
        return outputs

    def finish(self, cell: str) -> list[Message]:
        """Wait until a cell has ended and return its outputs."""
        self.wait_for_message(
            lambda message: (
                message["parent_header"].get("msg_id") == cell and message["content"].get("execution_state") == "idle"
            )
        )
        return [message for message in self.messages if message["parent_header"].get("msg_id") == cell]

    def wait_for_message(self, condition: Callable[[Message], bool]) -> Message:
        """Return the first message that meets a condition, or wait for it."""
        deadline = time.monotonic() + PATIENCE
        for message in self.messages:
            if condition(message):
                return message
        while True:
            message = self.client.get_iopub_msg(timeout=deadline - time.monotonic())
            self.messages.append(message)
            if condition(message):
                return message

    def create_subshell(self) -> str:
        """Create a subshell, a thread that handles messages while a cell runs, and return its id."""
        self.client.control_channel.send(self.client.session.msg("create_subshell_request", {}))
        while True:
            reply = self.client.control_channel.get_msg(timeout=PATIENCE)
            if reply["msg_type"] == "create_subshell_reply":
                return reply["content"]["subshell_id"]

    def send(self, comm: str, content: Any, subshell: str | None = None) -> None:
        """Send a custom message to a widget."""
        data = {"method": "custom", "content": content}
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def wait_for_answer(self, name: str) -> dict[str, Any]:
        """Wait for the answer to a request."""
        return _content(
            self.wait_for_message(lambda message: _content(message).get("id") == name and "ok" in _content(message))
        )

    def wait_for_progress(self, name: str, label: str) -> None:
        """Wait until the progress of a request has come to a step."""
        self.wait_for_message(
            lambda message: (
                _content(message).get("id") == name and _content(message).get("progress", {}).get("label") == label
            )
        )


def _content(message: Message) -> dict[str, Any]:
    content = message["content"].get("data", {}).get("content", {})
    return content if message["msg_type"] == "comm_msg" and isinstance(content, dict) else {}
