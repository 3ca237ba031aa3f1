"""`Recordings`: the recording that runs, and the clips of those that are finished."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from staa_widgets.errors import ParameterError, PlayerError
from staa_widgets.live_video.recorder import Recorder
from staa_widgets.utils.numbers import is_positive_number
from staa_widgets.utils.text import quote_value

if TYPE_CHECKING:
    import os

    from staa_widgets.live_video.frame import LiveFrame
    from staa_widgets.video.clip import Clip

MAX_SECONDS = 600.0
"""Largest number of seconds of a recording."""


class Recordings:
    """Starts and finishes recordings of a live source, one at a time, and holds their clips.

    Attributes
    ----------
    clips
        Clips of the finished recordings, the newest last. Those without a path of their own last as long as this
        object.
    """

    def __init__(self) -> None:
        self.clips: list[Clip] = []
        self._recorder: Recorder | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()

    def begin(self, seconds: float, path: str | os.PathLike[str] | None = None) -> Recorder:
        """Record the frames that are added from now on; arguments and errors as `Live.record`."""
        if not is_positive_number(seconds) or seconds > MAX_SECONDS:
            raise ParameterError(f"seconds is {quote_value(seconds)}.", f"Use a positive number up to {MAX_SECONDS:g}.")
        with self._lock:
            if self._recorder is not None and not self._recorder.done.is_set():
                raise PlayerError("A recording is running.", "Wait until it is done.")
            self._recorder = Recorder(Path(path or self._temporary_path()), float(seconds))
            return self._recorder

    def add(self, frame: LiveFrame) -> None:
        """Write a frame if a recording runs."""
        if self._recorder is not None:
            self._recorder.add(frame)

    def finish(self) -> None:
        """Complete the recording that runs with the frames so far."""
        if self._recorder is not None:
            self._recorder.finish()

    def keep(self, recorder: Recorder) -> Clip:
        """Return the clip of a finished recording, and add it to `clips`; errors as `Live.record`."""
        from staa_widgets.video.open import open_clip

        recorder.raise_error()
        clip = open_clip(recorder.path)
        self.clips.append(clip)
        return clip

    def _temporary_path(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="staa-live-", ignore_cleanup_errors=True)
        return Path(self._folder.name) / f"live-{len(self.clips) + 1}.mp4"
