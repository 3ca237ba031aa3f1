"""`Clip`: a video whose frames are drawn on demand. The ways to sample frames from one come from `sampling`."""

from __future__ import annotations

import hashlib
import math
import os
import stat
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import (
    ParameterError,
    TooFewFramesError,
    UnreadableVideoError,
    VideoNotFoundError,
)
from staa_widgets.video.arrays import check_frames, fixed, frame_times
from staa_widgets.video.ground_truth import GroundTruth
from staa_widgets.video.sampling import Sample, centre, dense, sample_uniform, sample_windows, slice_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Clip", "Sample", "centre", "dense", "open_clip", "sample_uniform", "sample_windows", "slice_spans"]


@dataclass(frozen=True, eq=False)
class Clip:
    """A video, or a range of one.

    Parameters
    ----------
    name
        File name or other short name.
    width, height
        Displayed size in pixels, after rotation.
    times
        float64 ``(F,)``, seconds of each frame on the clock of the whole video, whose first frame is at 0.
    first_frame
        Index in the whole video of the clip's first frame.
    end
        Second at which the clip ends: where its last frame does, or the range if that is earlier.
    sha256
        Digest of the whole video's content, in hexadecimal: a file's bytes, an array's numbers and times. Neither name
        nor range has a part in it.
    truncated
        Whether the video goes on behind the clip.
    """

    name: str
    width: int
    height: int
    times: NDArray[np.float64] = field(repr=False)
    first_frame: int
    end: float
    sha256: str
    _decode: Callable[[NDArray[np.int64]], NDArray[np.uint8]] = field(repr=False)
    _iterate: Callable[[NDArray[np.int64]], Iterator[NDArray[np.uint8]]] = field(repr=False)
    ground_truth: GroundTruth | None = field(default=None, repr=False)
    truncated: bool = field(default=False, repr=False)

    def __len__(self) -> int:
        """Return ``F``, the number of frames."""
        return len(self.times)

    def frames(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """Decode frames, and no others than lie on the way to them.

        Parameters
        ----------
        indices
            ``(n,)`` integers from 0 to ``F - 1``, counted within the clip, in any order and with any repeats.

        Returns
        -------
        NDArray
            RGB uint8 ``(n, height, width, 3)``, one for each index.

        Raises
        ------
        ParameterError
            If an index is no integer or lies outside the clip.
        UnreadableVideoError, VideoNotFoundError
            If a frame cannot be decoded, or the file has been changed or removed.
        """
        asked = self._check_indices(indices)
        if asked.size == 0:
            return np.empty((0, self.height, self.width, 3), np.uint8)
        unique, places = np.unique(asked, return_inverse=True)
        drawn = self._decode(unique + self.first_frame)
        return drawn if len(unique) == len(asked) and np.all(np.diff(places) > 0) else drawn[places]

    def iter_frames(self, indices: ArrayLike) -> Iterator[NDArray[np.uint8]]:
        """Decode frames from front to back in one pass, one at a time: memory does not grow with their number.

        Parameters
        ----------
        indices
            ``(n,)`` integers from 0 to ``F - 1``, rising and without repeats.

        Returns
        -------
        Iterator[NDArray]
            RGB uint8 ``(height, width, 3)`` for each index. A file stays open until the last one or until the iterator
            is closed.

        Raises
        ------
        ParameterError
            If an index is no integer or lies outside the clip, or they do not rise.
        UnreadableVideoError, VideoNotFoundError
            While going, as `frames` does.
        """
        asked = self._check_indices(indices)
        if np.any(np.diff(asked) <= 0):
            raise ParameterError("Frames in one pass do not rise.", "Sort them, or use frames().")
        return self._iterate(asked + self.first_frame if self.first_frame else asked)

    def _check_indices(self, indices: ArrayLike) -> NDArray[np.int64]:
        asked = np.asarray(indices)
        if asked.ndim != 1 or (asked.size and asked.dtype.kind not in "iu"):
            raise ParameterError("Frames are asked for by a row of integers.", "Give a list such as [0, 5, 10].")
        if asked.size and (asked.min() < 0 or asked.max() >= len(self)):
            wrong = asked.min() if asked.min() < 0 else asked.max()
            raise ParameterError(
                f"There is no frame {wrong} in a clip of {len(self)}.", f"Ask for 0 to {len(self) - 1}."
            )
        return asked.astype(np.int64, copy=False)


def open_clip(
    src: Any,
    start: float | None = None,
    end: float | None = None,
    *,
    fps: float | None = None,
    times: ArrayLike | None = None,
) -> Clip:
    """Open a video.

    Parameters
    ----------
    src
        Path of a file, a file's bytes, uint8 frames ``(F, H, W, 3)`` as an array or tensor, anything with ``frames``
        and ``times``, or a `Clip`. What has ``where`` and ``when`` besides, as an `ActionClip`, brings its truth.
    start, end
        Seconds: only frames whose time lies in ``[start, end)`` belong to the clip.
    fps, times
        For frames: how many a second, or ``(F,)`` rising seconds. Without either 25 a second are assumed. Files carry
        their own times.

    Returns
    -------
    Clip

    Raises
    ------
    VideoNotFoundError
        If the path names no file.
    UnreadableVideoError
        If the file holds no video that can be read.
    FrameArrayError
        If frames or times have the wrong shape or type.
    TooFewFramesError
        If no frame lies in the range.
    ParameterError
        If the range, `fps` or `times` make no sense.
    """
    if isinstance(src, Clip | str | os.PathLike | bytes | bytearray | memoryview) and not (
        fps is None and times is None
    ):
        raise ParameterError("Only frames take fps= and times=.", "A file has times of its own: leave them out.")
    if isinstance(src, Clip):
        clip = src
    elif isinstance(src, str | os.PathLike):
        clip = _open_path(src)
    elif isinstance(src, bytes | bytearray | memoryview):
        data = bytes(src)
        clip = _open_file(data, "video", hashlib.sha256(data).hexdigest())
    elif hasattr(src, "frames") and hasattr(src, "times"):
        own = src.times if fps is None and times is None else times
        clip = _open_frames(src.frames, fps, own, str(getattr(src, "label", "frames")))
        if hasattr(src, "where") and hasattr(src, "when"):
            clip = replace(clip, ground_truth=GroundTruth.from_clip(src))
    else:
        clip = _open_frames(src, fps, times, "frames")
    return clip if start is None and end is None else _trim(clip, start, end)


def _open_path(src: str | os.PathLike[str]) -> Clip:
    path = Path(src).expanduser()
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise UnreadableVideoError(f"{path.name!r} may not be read.", "Change its permissions.") from error
    except (OSError, ValueError) as error:
        hint = "Download it first." if "://" in str(src) else "Check the path; it is looked up from the working folder."
        raise VideoNotFoundError(f"There is no file {str(src)!r}.", hint) from error
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no ordinary file"
        raise VideoNotFoundError(f"{str(src)!r} is {what}.", "Give the path of one video file.")
    path = path.resolve()
    try:
        digest = _file_digest(path, path.stat().st_size, path.stat().st_mtime_ns)
    except OSError as error:
        raise UnreadableVideoError(f"{path.name!r} may not be read.", "Check its permissions and its disk.") from error
    # A name may hold bytes that are no letters, which neither a page nor a message can carry.
    return _open_file(path, os.fsencode(path.name).decode("utf-8", "replace"), digest)


def _open_file(source: Path | bytes, name: str, digest: str) -> Clip:
    from staa_widgets.video.decode import iter_frames, read_frames
    from staa_widgets.video.probe import probe

    video = probe(source, name)
    ways = partial(read_frames, video), partial(iter_frames, video)
    return Clip(name, video.width, video.height, fixed(video.times), 0, video.end, digest, *ways)


@lru_cache(maxsize=256)
def _file_digest(path: Path, size: int, changed: int) -> str:  # noqa: ARG001  (size and time are there to be remembered by)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_frames(src: Any, fps: float | None, times: ArrayLike | None, name: str) -> Clip:
    frames = check_frames(src)
    seconds, end = frame_times(len(frames), fps, times)
    digest = hashlib.sha256(f"uint8 {frames.shape}".encode())
    for frame in frames:
        digest.update(np.ascontiguousarray(frame).data)
    digest.update(seconds.data)
    height, width = frames.shape[1:3]
    ways = frames.__getitem__, lambda indices: map(frames.__getitem__, indices)
    return Clip(name, width, height, seconds, 0, end, digest.hexdigest(), *ways)


def _trim(clip: Clip, start: float | None, end: float | None) -> Clip:
    try:
        begin, stop = float(0.0 if start is None else start), float(clip.end if end is None else end)
    except (TypeError, ValueError) as error:
        raise ParameterError("start= and end= are no numbers.", "Give them in seconds.") from error
    if not (math.isfinite(begin) and 0 <= begin < stop):
        raise ParameterError(
            f"From {begin} to {stop} s is no range.",
            f"Give seconds with 0 <= start < end; the clip ends at {clip.end:.2f} s.",
        )
    first, last = np.searchsorted(clip.times, [begin, stop])
    if first == last:
        raise TooFewFramesError(
            f"No frame of {clip.name!r} lies from {begin:.3f} to {stop:.3f} s.",
            f"Widen the range; the clip ends at {clip.end:.2f} s.",
        )
    following = clip.times[last] if last < len(clip) else clip.end
    return replace(
        clip,
        times=clip.times[first:last],
        first_frame=clip.first_frame + int(first),
        end=float(min(stop, following)),
        ground_truth=clip.ground_truth and clip.ground_truth.trim(int(first), int(last)),
        truncated=clip.truncated or bool(last < len(clip)),
    )
