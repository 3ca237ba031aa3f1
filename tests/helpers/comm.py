"""The page's end of a widget's comm, without a page: it applies messages as a page does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm
from ipywidgets.widgets.widget import _put_buffers

from staa_widgets.widget.worker import WORKERS

PATIENCE = 60


class Page:
    """Records the messages of one comm, and sends messages to the kernel.

    Parameters
    ----------
    open_message
        State and buffers with which the widget was opened.
    """

    def __init__(self, open_message: Mapping[str, Any]) -> None:
        self.initial: dict[str, Any] = dict(open_message["state"])
        self.state = dict(self.initial)
        self.updates: list[dict[str, Any]] = []
        self.echoes: list[dict[str, Any]] = []
        self.messages: list[Any] = []
        self.log: list[str] = []
        self.comm: Any = None
        self._arrived = threading.Condition()

    def receive(self, data: dict[str, Any]) -> None:
        with self._arrived:
            self.log.append(data["method"])
            if data["method"] == "update":
                self.updates.append(data["state"])
                self.state |= data["state"]
            elif data["method"] == "echo_update":
                self.echoes.append(data["state"])
            else:
                self.messages.append(data["content"])
            self._arrived.notify_all()

    def wait_until(self, condition: Callable[[Page], bool]) -> None:
        """Wait until a condition holds."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: condition(self), PATIENCE)

    def wait_for_answer(self, name: str) -> dict[str, Any]:
        """Wait for the answer to a request."""
        self.wait_until(lambda page: any(message["id"] == name and "ok" in message for message in page.messages))
        return next(message for message in self.messages if message["id"] == name and "ok" in message)

    def send(self, content: Any) -> None:
        """Send a message to the kernel, in this thread."""
        self._send_to_kernel({"method": "custom", "content": content})

    def set(self, **state: Any) -> None:
        """Set traits, as a page does."""
        self.state |= state
        self._send_to_kernel({"method": "update", "state": state, "buffer_paths": []})

    def _send_to_kernel(self, data: dict[str, Any]) -> None:
        self.comm.handle_msg({"content": {"data": data}, "buffers": []})


class Pages(dict[str, Page]):
    """Pages by the id of their widget."""

    def page_of(self, widget: Any) -> Page:
        return self[widget.model_id]


def replace_comms(monkeypatch: pytest.MonkeyPatch) -> Pages:
    """Replace the kernel's comms and return the pages at their other end."""
    pages = Pages()

    class Recorder(BaseComm):
        def publish_msg(
            self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any
        ) -> None:
            data = deepcopy(data)
            if buffers and "state" in data:
                _put_buffers(data["state"], data["buffer_paths"], [bytes(buffer) for buffer in buffers])
            if msg_type == "comm_open":
                pages[self.comm_id] = Page(data)
                pages[self.comm_id].comm = self
            elif msg_type == "comm_msg":
                pages[self.comm_id].receive(data)

    monkeypatch.setattr(comm, "create_comm", Recorder)
    return pages


def wait_for_worker() -> None:
    """Wait until the worker has nothing left to do."""
    deadline = time.monotonic() + PATIENCE
    while WORKERS.compute.pending:
        assert time.monotonic() < deadline
        time.sleep(0.001)
