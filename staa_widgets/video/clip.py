"""`Clip`: a video, or a range of a video, whose frames are decoded on demand."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ParameterError, TooFewFramesError
from staa_widgets.utils.text import quote_value, replace_surrogates
from staa_widgets.video.ground_truth import GroundTruth
from staa_widgets.video.limits import check_frame_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from staa_widgets.video.frame_reader import FrameReader


@dataclass(frozen=True, eq=False)
class Clip:
    """A video, or a range of a video, whose frames are decoded on demand.

    Parameters
    ----------
    name
        File name or other short name.
    width, height
        Size of the frames in pixels: as displayed, turned upright and with square pixels.
    times
        float64 ``(F,)``, the second of each frame; the first frame of the whole video is at 0.
    first_frame
        Index of the clip's first frame in the whole video.
    end
        Second at which the clip ends: the end of its last frame, or of the range if that is earlier.
    reader
        Reads the frames of the whole video.
    ground_truth
        Pixels and frames of the action of the clip, if they are known.
    truncated
        Whether the video continues after the end of the clip.
    assumed_rate
        Whether the times are not known: frames without times count as 25 a second.
    """

    name: str
    width: int
    height: int
    times: NDArray[np.float64] = field(repr=False)
    first_frame: int
    end: float
    _digest: Callable[[], str] = field(repr=False)
    reader: FrameReader = field(repr=False)
    ground_truth: GroundTruth | None = field(default=None, repr=False)
    truncated: bool = field(default=False, repr=False)
    assumed_rate: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", replace_surrogates(self.name))

    def __len__(self) -> int:
        """Return ``F``, the number of frames."""
        return len(self.times)

    @property
    def sha256(self) -> str:
        """SHA-256 digest of the whole video's content, in hexadecimal: of a file's bytes, or of an array and its times.

        The digest does not depend on name, range and size.
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
        VideoTooLargeError
            If the frames exceed the limit of pixels; none is decoded.
        UnreadableVideoError, VideoNotFoundError
            If a frame cannot be decoded, or the file has been changed or removed.
        """
        frame_indices = self._check_indices(indices)
        if frame_indices.size == 0:
            return np.empty((0, self.height, self.width, 3), np.uint8)
        check_frame_count(self.name, len(frame_indices), self.width, self.height)
        unique, positions = np.unique(frame_indices, return_inverse=True)
        frames = self.reader.read(unique + self.first_frame, (self.width, self.height))
        in_order = len(unique) == len(frame_indices) and np.all(np.diff(positions) > 0)
        return frames if in_order else frames[positions]

    def iter_frames(
        self,
        indices: ArrayLike,
        *,
        size: tuple[int, int] | None = None,
        on_damage: Callable[[int], None] | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield decoded frames from front to back, one at a time: memory does not grow with their number.

        Parameters
        ----------
        indices
            ``(n,)`` integers from 0 to ``F - 1``, rising and without repeats.
        size
            ``(width, height)`` of the frames, for example to decode large frames small; by default those of the clip.
        on_damage
            Called with the source index of each frame that cannot be decoded. The last frame before it that can be
            decoded is then yielded in its place, or else the next one. ``None`` raises an error instead.

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
        return self.reader.iterate(frame_indices + self.first_frame, size or (self.width, self.height), on_damage)

    def walk(self, indices: ArrayLike) -> Iterator[NDArray[np.uint8]]:
        """Yield decoded frames from front to back: `iter_frames` by its short name."""
        return self.iter_frames(indices)

    def reduce(self, max_side: int) -> Clip:
        """Return the clip with frames whose longer side has at most `max_side` pixels; they are never enlarged.

        Raises
        ------
        ParameterError
            If `max_side` is not a whole number of at least 1, or the clip has a ground truth, which counts pixels.
        """
        if isinstance(max_side, bool) or not isinstance(max_side, Integral) or max_side < 1:
            raise ParameterError(
                f"max_side is {quote_value(max_side)}.", "Give a whole number of pixels, such as max_side=640."
            )
        if max_side >= max(self.width, self.height):
            return self
        scale = max_side / max(self.width, self.height)
        if self.ground_truth is not None:
            raise ParameterError(
                "max_side= cannot be used for a clip with ground truth.", "Make the clip smaller, such as by size=."
            )
        return replace(self, width=max(1, round(self.width * scale)), height=max(1, round(self.height * scale)))

    def trim(self, start: float | None, end: float | None) -> Clip:
        """Return the part of the clip whose frames have times in ``[start, end)`` seconds; `open_clip` says more."""
        try:
            begin, stop = float(0.0 if start is None else start), float(self.end if end is None else end)
        except (TypeError, ValueError, OverflowError) as error:
            given = f"{quote_value(start)} and {quote_value(end)}"
            raise ParameterError(f"start= and end= must be numbers, got {given}.", "Give them in seconds.") from error
        if not (math.isfinite(begin) and 0 <= begin < stop):
            raise ParameterError(
                f"start={begin} and end={stop} are not a valid range.",
                f"Give seconds with 0 <= start < end; the clip ends at {self.end:.2f} s.",
            )
        first, last = np.searchsorted(self.times, [begin, stop])
        if first == last:
            raise TooFewFramesError(
                f"{self.name!r} has no frame between {begin:.3f} and {stop:.3f} s.",
                f"Widen the range; the clip ends at {self.end:.2f} s.",
            )
        next_frame = self.times[last] if last < len(self) else self.end
        return replace(
            self,
            times=self.times[first:last],
            first_frame=self.first_frame + int(first),
            end=float(min(stop, next_frame)),
            ground_truth=self.ground_truth and self.ground_truth.trim(int(first), int(last)),
            truncated=self.truncated or bool(last < len(self)),
        )

    def warn_of_damage(self, frames: Sequence[int], shown_in: str, stacklevel: int) -> None:
        """Warn that frames cannot be decoded and that other frames stand in for them.

        Parameters
        ----------
        frames
            Source frames, as `iter_frames` calls `on_damage` with them.
        shown_in
            Where other frames stand in for them, such as ``"the movie"``.
        stacklevel
            As for `warnings.warn`, counted from the caller.
        """
        first = frames[0]
        seconds = self.times[min(max(first - self.first_frame, 0), len(self) - 1)]
        more = f" and {len(frames) - 1} more" if len(frames) > 1 else ""
        warnings.warn(
            f"Frame {first} of {self.name!r}, at {seconds:.2f} s,{more} cannot be decoded: in {shown_in} the last good "
            "frame stands in.",
            stacklevel=stacklevel + 1,
        )

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
