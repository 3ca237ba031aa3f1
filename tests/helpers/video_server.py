"""A server of videos and of a camera over HTTP, on the loopback."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

USER, PASSWORD = "guest", "s3cret-w0rd"


class VideoServer:
    """The answers of the server, by path; a test changes them while it runs.

    Attributes
    ----------
    files
        Bytes by path.
    redirects
        Addresses by path.
    requests
        Path and header of each request so far.
    plugged
        Whether the camera at ``/camera`` sends frames; it ends its connection when this is cleared.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.plugged = threading.Event()
        self.plugged.set()
        self.stalled = threading.Event()
        self.url = ""


def jpeg(level: int) -> bytes:
    """Return a gray picture as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((48, 64, 3), level, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


@contextmanager
def run_video_server() -> Iterator[VideoServer]:
    """Run a server until the block ends."""
    state = VideoServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            state.requests.append((self.path, dict(self.headers)))
            path = self.path.partition("?")[0]
            if path in state.redirects:
                self.send_response(302)
                self.send_header("Location", state.redirects[path])
                self.end_headers()
            elif path == "/camera":
                self._send_camera()
            elif path == "/private" and self.headers.get("Authorization") != _basic():
                self.send_error(401)
            elif path in state.files or path == "/private":
                body = state.files.get(path, b"")
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            else:
                self.send_error(404)

        def _send_camera(self) -> None:
            if not state.plugged.is_set():
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            level = 0
            pause = threading.Event()
            try:
                while state.plugged.is_set():
                    if not state.stalled.is_set():
                        level = (level + 1) % 256
                        data = jpeg(level)
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                        self.wfile.write(head.encode() + data + b"\r\n")
                    pause.wait(0.04)
            except OSError:
                pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.plugged.clear()
        server.shutdown()
        server.server_close()


def _basic() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
