"""A real kernel, and what it says, without a page."""

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
    """One kernel of its own.

    Parameters
    ----------
    folder
        Where its cache and files lie.
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
        """Start a cell and return what its outputs are known by."""
        return self.client.execute(code)

    def run(self, code: str) -> list[Message]:
        """Run a cell to its end and return what it put out; an error in it is one here."""
        cell = self.start(code)
        outputs = self.finish(cell)
        wrong = [message["content"]["traceback"] for message in outputs if message["msg_type"] == "error"]
        assert not wrong, "\n".join(wrong[0])
        return outputs

    def finish(self, cell: str) -> list[Message]:
        """Wait until a cell has ended and return what it put out."""
        self.wait_for_message(
            lambda message: (
                message["parent_header"].get("msg_id") == cell and message["content"].get("execution_state") == "idle"
            )
        )
        return [message for message in self.messages if message["parent_header"].get("msg_id") == cell]

    def wait_for_message(self, wanted: Callable[[Message], bool]) -> Message:
        """Return the first message of all so far that is wanted, or wait for it."""
        deadline = time.monotonic() + PATIENCE
        for message in self.messages:
            if wanted(message):
                return message
        while True:
            message = self.client.get_iopub_msg(timeout=deadline - time.monotonic())
            self.messages.append(message)
            if wanted(message):
                return message

    def create_subshell(self) -> str:
        """Ask for a thread that hears messages while a cell runs."""
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
        """Wait until a request is told to have come to a step."""
        self.wait_for_message(
            lambda message: (
                _content(message).get("id") == name and _content(message).get("progress", {}).get("label") == label
            )
        )


def _content(message: Message) -> dict[str, Any]:
    content = message["content"].get("data", {}).get("content", {})
    return content if message["msg_type"] == "comm_msg" and isinstance(content, dict) else {}
