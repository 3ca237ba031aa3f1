"""Open a video that another library has opened: decord, PyAV, torchcodec, or the video objects of ``datasets``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import StaaError, UnreadableVideoError
from staa_widgets.utils.frozen import make_read_only
from staa_widgets.utils.text import printable_text
from staa_widgets.video.clip import Clip
from staa_widgets.video.clock import find_jump_limit, frame_step, mend_times
from staa_widgets.video.frame_reader import resize_frame
from staa_widgets.video.inputs.arrays import check_frames, to_numpy
from staa_widgets.video.inputs.file_objects import open_row
from staa_widgets.video.inputs.options import InputOptions
from staa_widgets.video.inputs.paths import open_path
from staa_widgets.video.limits import check_frame_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_FRAMES = 8
"""Frames that are read from another library at a time."""


@dataclass(frozen=True, eq=False)
class DecoderReader:
    """Reads frames from a decoder of another library; a `staa_widgets.video.frame_reader.FrameReader`.

    Parameters
    ----------
    fetch
        Function from a list of indices to the frames, uint8 ``(n, H, W, 3)``.
    """

    fetch: Callable[[list[int]], NDArray[np.uint8]] = field(repr=False)

    def read(self, indices: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return frames, as `FrameReader.read` does."""
        return np.stack(list(self.iterate(indices, size)))

    def iterate(
        self,
        indices: NDArray[np.int64],
        size: tuple[int, int],
        on_damage: Callable[[int], None] | None = None,  # noqa: ARG002  the other library conceals damage or raises
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield frames, as `FrameReader.iterate` does."""
        for start in range(0, len(indices), CHUNK_FRAMES):
            for frame in _fetch_frames(self.fetch, indices[start : start + CHUNK_FRAMES].tolist()):
                yield frame if frame.shape[1::-1] == size else np.asarray(resize_frame(frame, size))


def is_decord_reader(src: Any) -> bool:
    """Return whether an object is a ``decord.VideoReader``."""
    return hasattr(src, "get_batch") and hasattr(src, "get_frame_timestamp") and hasattr(src, "__len__")


def open_decord_reader(src: Any, options: InputOptions) -> Clip:
    """Return the clip of a ``decord.VideoReader``."""
    options.refuse_rate()
    with _refuse_failures():
        seconds = np.asarray(to_numpy(src.get_frame_timestamp(list(range(len(src))))), np.float64)[:, 0]
    rate = float(src.get_avg_fps()) if hasattr(src, "get_avg_fps") else None
    return _open(lambda indices: check_frames(src.get_batch(indices), from_list=True), seconds, rate)


def is_torchcodec_decoder(src: Any) -> bool:
    """Return whether an object is a ``VideoDecoder`` of torchcodec, as data sets of ``datasets`` hold too."""
    return hasattr(src, "get_frames_at") and hasattr(src, "metadata")


def open_torchcodec_decoder(src: Any, options: InputOptions) -> Clip:
    """Return the clip of a ``VideoDecoder`` of torchcodec, or of the file that one of ``datasets`` names."""
    encoded = getattr(src, "_hf_encoded", None)
    if isinstance(encoded, Mapping) and (encoded.get("bytes") or Path(str(encoded.get("path"))).is_file()):
        return open_row(encoded, options)
    options.refuse_rate()
    with _refuse_failures():
        count = len(src)
        starts = [
            np.atleast_1d(
                to_numpy(src.get_frames_at(indices=list(range(start, min(start + CHUNK_FRAMES, count)))).pts_seconds)
            )
            for start in range(0, count, CHUNK_FRAMES)
        ]

    def fetch(indices: list[int]) -> NDArray[np.uint8]:
        return check_frames(src.get_frames_at(indices=indices).data, from_list=True)

    return _open(fetch, np.concatenate(starts).astype(np.float64), getattr(src.metadata, "average_fps", None))


def is_av_container(src: Any) -> bool:
    """Return whether an object is an input container of PyAV."""
    return type(src).__module__.startswith("av.container") and hasattr(src, "demux")


def open_av_container(src: Any, options: InputOptions) -> Clip:
    """Return the clip of the file that a container of PyAV has opened; the container is left where it is."""
    if not Path(src.name).is_file():
        raise UnreadableVideoError(
            "The av container reads no file on this machine.",
            "Give the path, the bytes or the open file that it reads.",
        )
    return open_path(src.name, options)


def _open(fetch: Callable[[list[int]], NDArray[np.uint8]], seconds: NDArray[np.float64], rate: float | None) -> Clip:
    """Return the clip of a decoder; all its frames are decoded once more when their digest is needed."""
    height, width = _fetch_frames(fetch, [0]).shape[1:3]
    check_frame_size("video", width, height)
    step = frame_step(seconds, rate)
    times = make_read_only(mend_times(seconds, step, find_jump_limit(seconds, None, "")))

    @cache
    def digest() -> str:
        hasher = hashlib.sha256(f"uint8 {(len(times), height, width, 3)}".encode())
        for start in range(0, len(times), CHUNK_FRAMES):
            for frame in _fetch_frames(fetch, list(range(start, min(start + CHUNK_FRAMES, len(times))))):
                hasher.update(np.ascontiguousarray(frame).data)
        hasher.update(times.data)
        return hasher.hexdigest()

    return Clip("video", width, height, times, 0, float(times[-1]) + step, digest, DecoderReader(fetch))


def _fetch_frames(fetch: Callable[[list[int]], NDArray[np.uint8]], indices: list[int]) -> NDArray[np.uint8]:
    """Return frames of a decoder; raise `UnreadableVideoError` if it fails."""
    with _refuse_failures():
        return fetch(indices)


@contextmanager
def _refuse_failures() -> Iterator[None]:
    """Turn errors of another library in the block into `UnreadableVideoError`: it has types of its own."""
    try:
        yield
    except (StaaError, MemoryError):
        raise
    except Exception as error:
        raise UnreadableVideoError(
            f"The decoder cannot decode its video: {printable_text(error)}.",
            "Give the path of the file, or its bytes: damaged frames are then left out where they are not needed.",
        ) from error
