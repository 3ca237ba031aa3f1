"""`PageCamera`: the camera of the computer whose browser shows the widget."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ProtocolError
from staa_widgets.live_video.sources.source import Sink

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 2_000_000
"""Bytes of a picture that a page may send."""

MAX_SIDE = 1920
"""Pixels of the longer side of a picture that a page may send."""


class PageCamera:
    """Frames that the page sends as JPEG or WebP; only the page can start it, after a click."""

    name = "camera of the page"

    def __init__(self) -> None:
        self._sink: Sink | None = None
        self._ended = threading.Event()
        self._offset: float | None = None

    def run(self, sink: Sink) -> None:
        """Accept frames until the session ends."""
        self._offset = None
        self._ended.clear()
        self._sink = sink
        try:
            while not sink.is_stopped and not self._ended.wait(0.2):
                pass
        finally:
            self._sink = None

    def interrupt(self) -> None:
        """End `run`."""
        self._ended.set()

    def receive(self, picture: bytes | memoryview, page_seconds: float) -> None:
        """Accept a frame from the page.

        Parameters
        ----------
        picture
            JPEG or WebP file.
        page_seconds
            When it was captured, by the clock of the page. The clocks are aligned by the fastest message so far.

        Raises
        ------
        ProtocolError
            If the picture is too large or cannot be read.
        """
        sink = self._sink
        if sink is None:
            return
        if len(picture) > MAX_BYTES or not np.isfinite(page_seconds):
            raise ProtocolError("The page sent a picture that is too large.", f"At most {MAX_BYTES} bytes are read.")
        now = sink.now()
        offset = now - page_seconds
        self._offset = offset if self._offset is None else min(self._offset, offset)
        sink.offer(page_seconds + self._offset, lambda: decode_picture(picture))

    def page_time(self, seconds: float) -> float:
        """Return a second of the session by the clock of the page."""
        return seconds - (self._offset or 0.0)


def decode_picture(picture: bytes | memoryview) -> NDArray[np.uint8]:
    """Return a JPEG or WebP file as RGB uint8 ``(height, width, 3)``; raises `ProtocolError` if it is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(picture), formats=["JPEG", "WEBP"]) as image:
            if max(image.size) > MAX_SIDE:
                raise ProtocolError("The page sent a picture that is too large.", f"At most {MAX_SIDE} pixels.")
            return np.asarray(image.convert("RGB"), np.uint8)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, ProtocolError):
            raise
        raise ProtocolError("The page sent a picture that cannot be read.", "Reload the page.") from error
