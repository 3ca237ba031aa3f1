"""Sources in memory and on disk: a clip that is played at its own speed, and an iterator of frames."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.live_video.sources.source import Sink
from staa_widgets.video.inputs.arrays import check_frames, to_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.video.clip import Clip

QUICK = 0.012
"""Seconds in which an iterator yields a frame that was made before; cameras take longer."""

TRIALS = 5
"""Number of frames from which it is decided whether an iterator waits for its frames."""


@dataclass(frozen=True, eq=False)
class ClipSource:
    """A clip that is played once at its own speed; a frame counts as captured at its own time.

    Parameters
    ----------
    clip
        The clip.
    """

    clip: Clip

    @property
    def name(self) -> str:
        """Name of the clip."""
        return self.clip.name

    def run(self, sink: Sink) -> None:
        """Offer each frame at its time."""
        start = sink.now() - self.clip.start
        frames = self.clip.iter_frames(np.arange(len(self.clip)))
        try:
            for seconds, frame in zip(self.clip.times.tolist(), frames, strict=True):
                if sink.wait(start + seconds - sink.now()):
                    return
                sink.offer(start + seconds, partial(_identity, frame))
            sink.wait(start + self.clip.end - sink.now())
        finally:
            if isinstance(frames, Generator):
                frames.close()

    def interrupt(self) -> None:
        """Do nothing: `run` never blocks for long."""


@dataclass(frozen=True, eq=False)
class IteratorSource:
    """An iterator of frames: ``(H, W, 3)`` as an array, tensor or image.

    An iterator that waits for its frames, as one that reads a camera, sets its own speed. One that yields its first
    frames at once is played at `fps` frames a second.

    Parameters
    ----------
    frames
        The iterator.
    fps
        Frames a second of an iterator that does not wait.
    """

    frames: Iterator[Any]
    fps: float
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def name(self) -> str:
        """``"frames"``."""
        return "frames"

    def run(self, sink: Sink) -> None:
        """Offer each frame when the iterator yields it, or at its turn."""
        # After a quick restart the former thread may still be waiting for its frame.
        with self._lock:
            self._run(sink)

    def _run(self, sink: Sink) -> None:
        first_frames, is_quick = self._try(sink)
        due = sink.now()
        for frame in chain(first_frames, self.frames):
            if sink.wait(due - sink.now() if is_quick else 0.0):
                return
            sink.offer(due if is_quick else sink.now(), partial(_to_image, frame))
            due = max(due + 1 / self.fps, sink.now())

    def _try(self, sink: Sink) -> tuple[list[Any], bool]:
        """Return the first frames, and whether the iterator yielded most of them at once."""
        # The first frame does not count: many iterators open their device for it.
        frames = list(islice(self.frames, 1))
        quick = 0
        asked = sink.now()
        for frame in islice(self.frames, TRIALS):
            quick += sink.now() - asked < QUICK
            frames.append(frame)
            if sink.is_stopped:
                break
            asked = sink.now()
        return frames, 2 * quick >= len(frames) - 1

    def interrupt(self) -> None:
        """Do nothing: an iterator cannot be interrupted."""


def _identity(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return frame


def _to_image(frame: Any) -> NDArray[np.uint8]:
    """Return a frame as RGB uint8 ``(H, W, 3)``; raises `FrameArrayError` for another shape or type."""
    return check_frames(np.asarray(to_numpy(frame))[None])[0]
