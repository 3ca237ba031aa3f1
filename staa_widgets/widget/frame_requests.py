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
from staa_widgets.video.preview import LADDER, encode_jpeg, resize_frame
from staa_widgets.widget.service import Answer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from staa_widgets.video.clip import Clip
    from staa_widgets.widget.player import Player

MAX_FRAMES = 32
"""Most frames of one answer; `MAX_FRAMES` of frames/long.ts is its twin."""

MAX_BYTES = 1_900_000
"""Most bytes of one answer: what some hosts let through is 2 MB."""

IDLE_SECONDS = 3.0
"""Seconds for which a file stays open after a run of frames, in case the next run goes on from there."""

_QUALITIES = sorted({quality for quality, _ in LADDER} - {88}, reverse=True)


class FrameStream:
    """The file that was asked last, open where it stands: the next run mostly goes on where the last one ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clip: Clip | None = None
        self._frames: Iterator[NDArray[np.uint8]] = iter(())
        self._position = 0
        self._timer: threading.Timer | None = None

    def read(self, clip: Clip, first: int, count: int) -> Generator[NDArray[np.uint8], None, None]:
        """Give the frames of a clip from position `first` on, one at a time; raises as `Clip.iter_frames`."""
        with self._lock:
            try:
                yield from self._next_frames(clip, first, count)
            except Exception:
                self._close()
                raise
            finally:
                self._timer = threading.Timer(IDLE_SECONDS, self.close_if_idle)
                self._timer.daemon = True
                self._timer.start()

    def close_if_idle(self) -> None:
        """Let go of the file, unless it is in use."""
        if self._lock.acquire(blocking=False):
            self._close()
            self._lock.release()

    def _next_frames(self, clip: Clip, first: int, count: int) -> Iterator[NDArray[np.uint8]]:
        if self._timer:
            self._timer.cancel()
        if clip is not self._clip or first != self._position:
            self._close()
            self._clip, self._position, self._frames = clip, first, clip.iter_frames(np.arange(first, len(clip)))
        for _ in range(count):
            frame = next(self._frames)
            self._position += 1
            yield frame

    def _close(self) -> None:
        if isinstance(self._frames, Generator):
            self._frames.close()
        self._clip, self._frames = None, iter(())


TAPE = FrameStream()


@dataclass(frozen=True)
class FramesOperation:
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

    def compute(self, report: Progress) -> list[bytes]:
        """Return a JPEG file for each frame; fewer where one of them cannot be decoded or not all fit an answer."""
        drawn: list[Image.Image] = []
        run = TAPE.read(self.clip, self.first, self.count)
        try:
            for frame in run:
                report("frames", len(drawn), self.count)
                drawn.append(resize_frame(frame, self.size))
        except VideoError:
            if not drawn:
                raise
        finally:
            run.close()
        return encode_within(drawn)

    def finish(self, result: list[bytes]) -> Answer:
        """Answer with where each picture starts in the one buffer."""
        first = self.clip.first_frame + self.first
        return {"first": first, "offsets": [*accumulate(map(len, result), initial=0)]}, [b"".join(result)]


def encode_within(images: list[Image.Image], limit: int = MAX_BYTES) -> list[bytes]:
    """Return pictures as JPEG files in the best quality in which all keep within `limit` bytes, else as many as do."""
    files: list[bytes] = []
    for quality in _QUALITIES:
        files = [encode_jpeg(picture, quality) for picture in images]
        if sum(map(len, files)) <= limit:
            return files
    kept = sum(size <= limit for size in accumulate(map(len, files)))
    return files[: max(kept, 1)]


def make_frames_operation(player: Player, args: Mapping[str, Any]) -> FramesOperation:
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
    count = max(1, min(args.get("count", MAX_FRAMES), MAX_FRAMES, len(clip) - first))
    return FramesOperation(clip, first, count, (e.preview.width, e.preview.height))
