"""`Recorder`: write the frames of a session to a video file without loss, and open it as a clip."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ExportError, FileWriteError

if TYPE_CHECKING:
    from staa_widgets.live_video.frame import LiveFrame

TIME_BASE = Fraction(1, 90_000)
"""Unit of the times in the file."""

OPTIONS = {"qp": "0", "preset": "ultrafast"}
"""H.264 of RGB without loss: the clip holds the frames that the model saw."""


class Recorder:
    """Writes frames to a video file until a number of seconds is recorded.

    Parameters
    ----------
    path
        File to write, ending in ``.mp4`` or ``.mkv``. An existing file is replaced.
    seconds
        Seconds of the source's time to record.

    Attributes
    ----------
    done
        Event that is set when the file is complete, or could not be written.

    Raises
    ------
    FileWriteError
        If the file cannot be written.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        import av
        from av.error import FFmpegError

        self.path, self.seconds = path, seconds
        self.done = threading.Event()
        self.error: Exception | None = None
        self.frames = 0
        self._first: float | None = None
        self._size: tuple[int, int] | None = None
        self._pts = -1
        self._lock = threading.Lock()
        try:
            self._container = av.open(str(path), "w")
        except (OSError, FFmpegError, ValueError) as error:
            raise FileWriteError(
                f"Cannot write the recording {path.name!r}: {type(error).__name__}.",
                "Choose a folder that exists and can be written, and a name that ends in .mp4 or .mkv.",
            ) from error
        self._stream = self._container.add_stream("libx264rgb", rate=30, options=OPTIONS)
        self._stream.pix_fmt = "rgb24"
        self._stream.time_base = TIME_BASE
        self._stream.codec_context.time_base = TIME_BASE

    def add(self, frame: LiveFrame) -> None:
        """Write a frame; the frame that lies `seconds` after the first one completes the file."""
        import av

        with self._lock:
            if self.done.is_set():
                return
            height, width = frame.image.shape[:2]
            if self._first is None:
                self._first, self._size = frame.time, (width, height)
                self._stream.width, self._stream.height = width, height
            pts = round((frame.time - self._first) / TIME_BASE)
            if (width, height) != self._size or frame.time - self._first >= self.seconds:
                self._close()
                return
            if pts <= self._pts:
                return
            try:
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.image), format="rgb24")
                picture.pts, picture.time_base = pts, TIME_BASE
                self._container.mux(self._stream.encode(picture))
            except Exception as error:  # PyAV raises errors of many types.
                self.error = error
                self._close()
                return
            self._pts = pts
            self.frames += 1

    def finish(self) -> None:
        """Complete the file with the frames so far."""
        with self._lock:
            if not self.done.is_set():
                self._close()

    def raise_error(self) -> None:
        """Raise an error if the file has no frames or could not be written."""
        if self.error is not None:
            raise FileWriteError(
                f"The recording {self.path.name!r} could not be written: {self.error}.",
                "Choose a folder with free space.",
            ) from self.error
        if not self.frames:
            raise ExportError(
                "The source gave no frames to record.", "Check that it is running, for example with live.stats."
            )

    def _close(self) -> None:
        try:
            if self.frames:
                self._container.mux(self._stream.encode())
            self._container.close()
        except Exception as error:
            self.error = self.error or error
        self.done.set()
