"""Small clients of browsers that are not Chromium: WebDriver BiDi for Firefox, WebDriver for WebKitGTK."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60

KEYS = {"ArrowLeft": "\ue012", "ArrowRight": "\ue014", "Home": "\ue011", "End": "\ue010"}
"""Characters of WebDriver for keys that write nothing."""


def free_port() -> int:
    """Return a port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command: Sequence[str], **environment: str) -> Iterator[Path]:
    """Run a program until the block ends; yields the file with what it writes."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as output:
            env = {**os.environ, **environment}
            process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield log
        except BaseException:
            print(log.read_text("utf-8", "replace")[-4000:])
            raise
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE)


def key_actions(name: str, actions: Sequence[str]) -> list[dict[str, Any]]:
    """Return the actions of a keyboard that press and release a key, or one of the two."""
    steps = [{"type": action, "value": KEYS.get(name, name)} for action in actions or ("keyDown", "keyUp")]
    return [{"type": "key", "id": "keyboard", "actions": steps}]


class BiDi:
    """One page in Firefox.

    Parameters
    ----------
    url
        Address that Firefox prints.
    """

    def __init__(self, url: str) -> None:
        import websocket

        # Firefox refuses connections from web pages, which state an origin.
        self._socket = websocket.create_connection(f"{url}/session", timeout=PATIENCE, suppress_origin=True)
        self._count = 0
        self._send("session.new", {"capabilities": {}})
        self._context = self._send("browsingContext.getTree", {})["contexts"][0]["context"]

    def open(self, url: str) -> None:
        """Open a page."""
        self._send("browsingContext.navigate", {"context": self._context, "url": url, "wait": "complete"})

    def evaluate(self, expression: str) -> Any:
        """Return the JSON value of an expression in the page."""
        target = {"context": self._context}
        text = f"JSON.stringify({expression})"
        answer = self._send("script.evaluate", {"expression": text, "target": target, "awaitPromise": True})
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def key(self, name: str, *actions: str) -> None:
        """Send ``keyDown`` and ``keyUp`` of a key, or those of them that are given."""
        self._send("input.performActions", {"context": self._context, "actions": key_actions(name, actions)})

    def screenshot(self) -> bytes:
        """Return the visible part of the page as PNG."""
        return base64.b64decode(self._send("browsingContext.captureScreenshot", {"context": self._context})["data"])

    def _send(self, method: str, params: Mapping[str, Any]) -> Any:
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._count:
                assert message["type"] == "success", message
                return message["result"]


class WebDriver:
    """One page in a browser with a WebDriver.

    Parameters
    ----------
    url
        Address of the driver.
    capabilities
        The browser to start.
    """

    def __init__(self, url: str, capabilities: Mapping[str, Any]) -> None:
        self._url = url
        until = time.monotonic() + PATIENCE
        while True:
            try:
                session = self._post("/session", {"capabilities": {"alwaysMatch": dict(capabilities)}})
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < until, "the driver does not answer"
                time.sleep(0.1)
        self._url = f"{url}/session/{session['sessionId']}"

    def open(self, url: str) -> None:
        """Open a page."""
        self._post("/url", {"url": url})

    def evaluate(self, expression: str) -> Any:
        """Return the JSON value of an expression in the page."""
        return json.loads(self._post("/execute/sync", {"script": f"return JSON.stringify({expression})", "args": []}))

    def key(self, name: str, *actions: str) -> None:
        """Send ``keyDown`` and ``keyUp`` of a key, or those of them that are given."""
        self._post("/actions", {"actions": key_actions(name, actions)})

    def screenshot(self) -> bytes:
        """Return the visible part of the page as PNG."""
        with urllib.request.urlopen(f"{self._url}/screenshot", timeout=PATIENCE) as answer:
            return base64.b64decode(json.load(answer)["value"])

    def _post(self, path: str, content: Mapping[str, Any]) -> Any:
        data = json.dumps(content).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from error
