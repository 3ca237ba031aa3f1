"""`FrameStream`: a video decoder that stays open between requests for frames."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.video.clip import Clip

IDLE_SECONDS = 3.0
"""Seconds that a file stays open after a request, because the next request often continues where it ended."""


class FrameStream:
    """Decoder of one player, kept open at its position, because most requests continue where the last one ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clip: Clip | None = None
        self._size: tuple[int, int] | None = None
        self._frames: Iterator[NDArray[np.uint8]] = iter(())
        self._position = 0
        self._timer: threading.Timer | None = None

    def read(
        self, clip: Clip, first: int, count: int, size: tuple[int, int] | None = None
    ) -> Generator[NDArray[np.uint8], None, None]:
        """Yield the frames of a clip from position `first` on, one at a time.

        Parameters
        ----------
        clip
            The clip.
        first, count
            Position of the first frame in the clip, and number of frames.
        size
            ``(width, height)`` of the frames; by default those of the clip. A damaged frame is replaced by the last
            good one, with a warning.

        Raises
        ------
        VideoError
            As `Clip.iter_frames`.
        """
        with self._lock:
            try:
                yield from self._next_frames(clip, first, count, size)
            except Exception:
                self._close()
                raise
            finally:
                self._timer = threading.Timer(IDLE_SECONDS, self.close_if_idle)
                self._timer.daemon = True
                self._timer.start()

    def close_if_idle(self) -> None:
        """Close the file, unless it is in use."""
        if self._lock.acquire(blocking=False):
            self._close()
            self._lock.release()

    def _next_frames(
        self, clip: Clip, first: int, count: int, size: tuple[int, int] | None
    ) -> Iterator[NDArray[np.uint8]]:
        if self._timer:
            self._timer.cancel()
        if clip is not self._clip or first != self._position or size != self._size:
            self._close()
            self._clip, self._position, self._size = clip, first, size
            self._frames = clip.iter_frames(
                np.arange(first, len(clip)),
                size=size,
                on_damage=lambda frame: clip.warn_of_damage([frame], "the player", stacklevel=2),
            )
        for _ in range(count):
            frame = next(self._frames)
            self._position += 1
            yield frame

    def _close(self) -> None:
        if isinstance(self._frames, Generator):
            self._frames.close()
        self._clip, self._frames = None, iter(())
