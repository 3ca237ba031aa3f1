"""`Clip`: a video whose frames are decoded on demand. `open_clip`: open a video as a `Clip`.

`staa_widgets.video.arrays` decides which frames in memory, such as arrays and tensors, are accepted.
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import (
    ParameterError,
    TooFewFramesError,
    UnreadableVideoError,
    VideoNotFoundError,
)
from staa_widgets.utils.frozen import make_read_only
from staa_widgets.video.arrays import check_frames, frame_times
from staa_widgets.video.ground_truth import GroundTruth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Clip:
    """A video, or a range of a video, whose frames are decoded on demand.

    Parameters
    ----------
    name
        File name or other short name.
    width, height
        Displayed size in pixels, after rotation.
    times
        float64 ``(F,)``, the second of each frame; the first frame of the whole video is at 0.
    first_frame
        Index of the clip's first frame in the whole video.
    end
        Second at which the clip ends: the end of its last frame, or of the range if that is earlier.
    ground_truth
        Pixels and frames of the action of the clip, if they are known.
    truncated
        Whether the video continues after the end of the clip.
    """

    name: str
    width: int
    height: int
    times: NDArray[np.float64] = field(repr=False)
    first_frame: int
    end: float
    _digest: Callable[[], str] = field(repr=False)
    _decode: Callable[[NDArray[np.int64]], NDArray[np.uint8]] = field(repr=False)
    _iterate: Callable[[NDArray[np.int64]], Iterator[NDArray[np.uint8]]] = field(repr=False)
    ground_truth: GroundTruth | None = field(default=None, repr=False)
    truncated: bool = field(default=False, repr=False)

    def __len__(self) -> int:
        """Return ``F``, the number of frames."""
        return len(self.times)

    @property
    def sha256(self) -> str:
        """SHA-256 digest of the whole video's content, in hexadecimal: of a file's bytes, or of an array and its times.

        The digest does not depend on name and range.
        """
        return self._digest()

    @property
    def start(self) -> float:
        """Second at which the clip starts: that of its first frame."""
        return float(self.times[0])

    def frames(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """Return the frames at these indices; other frames are decoded only if they are needed to reach them.

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
            If an index is not an integer or lies outside the clip.
        UnreadableVideoError, VideoNotFoundError
            If a frame cannot be decoded, or the file has been changed or removed.
        """
        frame_indices = self._check_indices(indices)
        if frame_indices.size == 0:
            return np.empty((0, self.height, self.width, 3), np.uint8)
        unique, positions = np.unique(frame_indices, return_inverse=True)
        frames = self._decode(unique + self.first_frame)
        in_order = len(unique) == len(frame_indices) and np.all(np.diff(positions) > 0)
        return frames if in_order else frames[positions]

    def iter_frames(self, indices: ArrayLike) -> Iterator[NDArray[np.uint8]]:
        """Yield decoded frames from front to back, one at a time: memory does not grow with their number.

        Parameters
        ----------
        indices
            ``(n,)`` integers from 0 to ``F - 1``, rising and without repeats.

        Returns
        -------
        Iterator[NDArray]
            RGB uint8 ``(height, width, 3)`` for each index. A file stays open until the last frame was yielded or the
            iterator is closed.

        Raises
        ------
        ParameterError
            If an index is not an integer, lies outside the clip, or is not greater than the one before it.
        UnreadableVideoError, VideoNotFoundError
            While iterating, as `frames` does.
        """
        frame_indices = self._check_indices(indices)
        if np.any(np.diff(frame_indices) <= 0):
            raise ParameterError(
                "Frame indices must increase when frames are read in one pass.",
                "Sort them and remove repeats, or use frames().",
            )
        return self._iterate(frame_indices + self.first_frame if self.first_frame else frame_indices)

    def _check_indices(self, indices: ArrayLike) -> NDArray[np.int64]:
        array = np.asarray(indices)
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ParameterError("Frame indices must be a list of integers.", "For example, [0, 5, 10].")
        if array.size and (array.min() < 0 or array.max() >= len(self)):
            bad_index = array.min() if array.min() < 0 else array.max()
            raise ParameterError(
                f"There is no frame {bad_index} in a clip of {len(self)} frames.",
                f"Choose indices from 0 to {len(self) - 1}.",
            )
        return array.astype(np.int64, copy=False)


def open_clip(
    src: Any,
    start: float | None = None,
    end: float | None = None,
    *,
    fps: float | None = None,
    times: ArrayLike | None = None,
) -> Clip:
    """Open a video as a `Clip`.

    Parameters
    ----------
    src
        Path of a file, a file's bytes, uint8 frames ``(F, H, W, 3)`` as an array or tensor, an object with ``frames``
        and ``times``, or a `Clip`. If the object also has ``where`` and ``when``, as an `ActionClip` has, they become
        the ground truth.
    start, end
        Seconds: only frames whose time lies in ``[start, end)`` belong to the clip.
    fps, times
        For frames in memory: the frame rate, or ``(F,)`` rising seconds; by default 25 frames a second. Files have
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
        If the range, `fps` or `times` are not valid.
    """
    if isinstance(src, Clip | str | os.PathLike | bytes | bytearray | memoryview) and not (
        fps is None and times is None
    ):
        raise ParameterError(
            "fps= and times= apply only to a video given as an array of frames.",
            "Leave them out: a file has its own frame times.",
        )
    if isinstance(src, Clip):
        clip = src
    elif isinstance(src, str | os.PathLike):
        clip = _open_path(src)
    elif isinstance(src, bytes | bytearray | memoryview):
        data = bytes(src)
        clip = _open_file(data, "video", hashlib.sha256(data).hexdigest())
    elif hasattr(src, "frames") and hasattr(src, "times"):
        seconds = src.times if fps is None and times is None else times
        clip = _open_frames(src.frames, fps, seconds, str(getattr(src, "label", "frames")))
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
        raise UnreadableVideoError(f"No permission to read {path.name!r}.", "Change its permissions.") from error
    except (OSError, ValueError) as error:
        hint = "Check the path; a relative path starts at the current working directory."
        if "://" in str(src):
            hint = "Download the video first: web addresses are not supported."
        raise VideoNotFoundError(f"There is no file {str(src)!r}.", hint) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise VideoNotFoundError(f"{str(src)!r} is {kind}.", "Give the path of one video file.")
    path = path.resolve()
    try:
        digest = _file_digest(path, path.stat().st_size, path.stat().st_mtime_ns)
    except OSError as error:
        raise UnreadableVideoError(
            f"{path.name!r} cannot be read: {error.strerror or error}.", "Check its permissions and the disk."
        ) from error
    # A name may hold bytes that are not UTF-8, which neither HTML nor JSON can hold.
    return _open_file(path, os.fsencode(path.name).decode("utf-8", "replace"), digest)


def _open_file(source: Path | bytes, name: str, digest: str) -> Clip:
    from staa_widgets.video.decode import iter_frames, read_frames
    from staa_widgets.video.probe import probe

    video = probe(source, name)
    return Clip(
        name=name,
        width=video.width,
        height=video.height,
        times=make_read_only(video.times),
        first_frame=0,
        end=video.end,
        _digest=lambda: digest,
        _decode=partial(read_frames, video),
        _iterate=partial(iter_frames, video),
    )


@lru_cache(maxsize=256)
def _file_digest(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001  (size and time are keys of the cache)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_frames(src: Any, fps: float | None, times: ArrayLike | None, name: str) -> Clip:
    frames = check_frames(src)
    seconds, end = frame_times(len(frames), fps, times)
    height, width = frames.shape[1:3]
    return Clip(
        name=name,
        width=width,
        height=height,
        times=seconds,
        first_frame=0,
        end=end,
        _digest=_digest_in_background(frames, seconds),
        _decode=frames.__getitem__,
        _iterate=lambda indices: map(frames.__getitem__, indices),
    )


def _digest_in_background(frames: NDArray[np.uint8], seconds: NDArray[np.float64]) -> Callable[[], str]:
    """Begin to digest frames in a thread, while the caller goes on; return a function that waits for the digest."""
    results: list[str] = []

    def compute() -> None:
        digest = hashlib.sha256(f"uint8 {frames.shape}".encode())
        for part in [frames] if frames.flags.c_contiguous else frames:
            digest.update(np.ascontiguousarray(part).data)
        digest.update(seconds.data)
        results.append(digest.hexdigest())

    thread = Thread(target=compute, daemon=True)
    thread.start()

    def wait() -> str:
        thread.join()
        if not results:
            compute()  # A process that was forked meanwhile has no such thread.
        return results[0]

    return wait


def _trim(clip: Clip, start: float | None, end: float | None) -> Clip:
    try:
        begin, stop = float(0.0 if start is None else start), float(clip.end if end is None else end)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"start= and end= must be numbers, got {start!r} and {end!r}.", "Give them in seconds."
        ) from error
    if not (math.isfinite(begin) and 0 <= begin < stop):
        raise ParameterError(
            f"start={begin} and end={stop} are not a valid range.",
            f"Give seconds with 0 <= start < end; the clip ends at {clip.end:.2f} s.",
        )
    first, last = np.searchsorted(clip.times, [begin, stop])
    if first == last:
        raise TooFewFramesError(
            f"{clip.name!r} has no frame between {begin:.3f} and {stop:.3f} s.",
            f"Widen the range; the clip ends at {clip.end:.2f} s.",
        )
    next_frame = clip.times[last] if last < len(clip) else clip.end
    return replace(
        clip,
        times=clip.times[first:last],
        first_frame=clip.first_frame + int(first),
        end=float(min(stop, next_frame)),
        ground_truth=clip.ground_truth and clip.ground_truth.trim(int(first), int(last)),
        truncated=clip.truncated or bool(last < len(clip)),
    )
