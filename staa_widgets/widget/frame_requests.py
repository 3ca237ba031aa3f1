"""Pictures of a run of frames, for a player that scrubs through all of a long clip while its preview holds some."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import ParameterError, VideoError
from staa_widgets.utils.progress import Progress
from staa_widgets.video.preview import LADDER, jpeg, shrunk
from staa_widgets.widget.service import Answer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from staa_widgets.video.clip import Clip
    from staa_widgets.widget.player import Player

RUN = 32
"""Most frames of one answer; `RUN` of frames/long.ts is its twin."""

BYTES = 1_900_000
"""Most bytes of one answer: what some hosts let through is 2 MB."""

IDLE = 3.0
"""Seconds for which a file stays open after a run of frames, in case the next run goes on from there."""

_QUALITIES = sorted({quality for quality, _ in LADDER} - {88}, reverse=True)


class Tape:
    """The file that was asked last, open where it stands: the next run mostly goes on where the last one ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clip: Clip | None = None
        self._coming: Iterator[NDArray[np.uint8]] = iter(())
        self._next = 0
        self._closing: threading.Timer | None = None

    def play(self, clip: Clip, first: int, count: int) -> Generator[NDArray[np.uint8], None, None]:
        """Give the frames of a clip from position `first` on, one at a time; raises as `Clip.walk`."""
        with self._lock:
            try:
                yield from self._played(clip, first, count)
            except Exception:
                self._close()
                raise
            finally:
                self._closing = threading.Timer(IDLE, self.rest)
                self._closing.daemon = True
                self._closing.start()

    def rest(self) -> None:
        """Let go of the file, unless it is in use."""
        if self._lock.acquire(blocking=False):
            self._close()
            self._lock.release()

    def _played(self, clip: Clip, first: int, count: int) -> Iterator[NDArray[np.uint8]]:
        if self._closing:
            self._closing.cancel()
        if clip is not self._clip or first != self._next:
            self._close()
            self._clip, self._next, self._coming = clip, first, clip.walk(np.arange(first, len(clip)))
        for _ in range(count):
            frame = next(self._coming)
            self._next += 1
            yield frame

    def _close(self) -> None:
        if isinstance(self._coming, Generator):
            self._coming.close()
        self._clip, self._coming = None, iter(())


TAPE = Tape()


@dataclass(frozen=True)
class Pictures:
    """Draw a run of frames.

    Parameters
    ----------
    clip
        The video.
    first, count
        Positions in the clip.
    size
        ``(width, height)`` of the pictures in pixels.
    """

    clip: Clip
    first: int
    count: int
    size: tuple[int, int]

    def ask(self, report: Progress) -> list[bytes]:
        """Return a JPEG file for each frame; fewer where one of them cannot be decoded or not all fit an answer."""
        drawn: list[Image.Image] = []
        run = TAPE.play(self.clip, self.first, self.count)
        try:
            for frame in run:
                report("frames", len(drawn), self.count)
                drawn.append(shrunk(frame, self.size))
        except VideoError:
            if not drawn:
                raise
        finally:
            run.close()
        return fitting(drawn)

    def settle(self, found: list[bytes]) -> Answer:
        """Answer with where each picture starts in the one buffer."""
        first = self.clip.first_frame + self.first
        return {"first": first, "offsets": [*accumulate(map(len, found), initial=0)]}, [b"".join(found)]


def fitting(drawn: list[Image.Image], most: int = BYTES) -> list[bytes]:
    """Return pictures as JPEG files in the best quality in which all keep within `most` bytes, else as many as do."""
    files: list[bytes] = []
    for quality in _QUALITIES:
        files = [jpeg(picture, quality) for picture in drawn]
        if sum(map(len, files)) <= most:
            return files
    kept = sum(size <= most for size in accumulate(map(len, files)))
    return files[: max(kept, 1)]


def pictures(player: Player, args: Mapping[str, Any]) -> Pictures:
    """Make an errand of a `frames` request.

    Raises
    ------
    PlayerError
        If the video is not at hand.
    ParameterError
        If the clip has no such frame, or its explanation keeps no pictures that tell how large they are.
    """
    pane = player.pane_of(args)
    clip, e = player.clip_of(pane), player.explanations[pane]
    first = args.get("first", clip.first_frame) - clip.first_frame
    if not 0 <= first < len(clip) or e.preview is None:
        raise ParameterError(f"There are no pictures from frame {args.get('first')} on.", "Reload the page.")
    count = max(1, min(args.get("count", RUN), RUN, len(clip) - first))
    return Pictures(clip, first, count, (e.preview.width, e.preview.height))
