"""Decode frames of a video file with decord where it is exact, and with PyAV otherwise; the pixels are the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import UnreadableVideoError, VideoNotFoundError
from staa_widgets.video.container import decode_stream, open_container
from staa_widgets.video.decord_backend import DecordError, load_decord, read_decord, supports
from staa_widgets.video.probe import VideoFile, read_file_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray


def read_frames(video: VideoFile, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the frames at these indices as upright RGB.

    Parameters
    ----------
    video
        The file, as `staa_widgets.video.probe.probe` describes it.
    indices
        int64 ``(n,)``, indices of frames, rising and without repeats.

    Returns
    -------
    NDArray
        uint8 ``(n, height, width, 3)``.

    Raises
    ------
    UnreadableVideoError
        If one of the frames cannot be decoded, or the file was changed after it was opened.
    VideoNotFoundError
        If the file is gone.
    """
    _check_unchanged(video)
    if reader_name(video) == "decord":
        try:
            return read_decord(video, indices)
        except DecordError:
            pass  # PyAV decodes past the damage, or its error says which frame is damaged.
    return read_pyav(video, indices)


def iter_frames(video: VideoFile, indices: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Yield frames as `read_frames` decodes them, ``(height, width, 3)`` each, in one pass from front to back.

    PyAV is used, because it holds only a few frames however long the file is. The file is open until the last frame was
    yielded or the iterator is closed; a frame that cannot be decoded raises an error when its turn comes.
    """
    _check_unchanged(video)
    yield from iter_pyav(video, indices)


def reader_name(video: VideoFile) -> str:
    """Return the name in `READERS` of the reader that `read_frames` tries first."""
    return "decord" if supports(video) and load_decord() is not None else "pyav"


def read_pyav(video: VideoFile, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return frames as `read_frames` does, decoded with PyAV from the key frame before each requested frame."""
    out = np.empty((len(indices), video.height, video.width, 3), np.uint8)
    for position, frame in enumerate(iter_pyav(video, indices)):
        out[position] = frame
    return out


def iter_pyav(video: VideoFile, indices: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Yield frames one at a time, decoded as by `read_pyav`."""

    def key_before(position: int) -> int:
        return int(np.searchsorted(video.key_frames, indices[position], side="right")) - 1

    position, keys_back = 0, 0
    while position < len(indices):
        start, start_position = max(0, key_before(position) - keys_back), position
        for index, frame in _decode_from(video, start, patient=keys_back > 0):
            if index == indices[position]:
                yield _to_upright_rgb(video, frame)
                position += 1
            if position == len(indices) or index > indices[position]:
                break
            # Seek ahead if a later key frame is nearer to the next requested frame.
            if position > start_position and video.key_frames[key_before(position)] > index + 1:
                break
        if position > start_position:
            keys_back = 0
        elif start > 0 or keys_back == 0:
            # Not every key frame can be decoded alone (open groups, gradual refresh): begin further back.
            keys_back = 2 * keys_back + 1
        else:
            frame_index = indices[position]
            raise UnreadableVideoError(
                f"Frame {frame_index} of {video.name!r}, at {video.times[frame_index]:.2f} s, cannot be decoded.",
                "Choose a range without this frame with start= and end=, or convert the file again.",
            )


READERS: dict[str, Callable[[VideoFile, NDArray[np.int64]], NDArray[np.uint8]]] = {
    "decord": read_decord,
    "pyav": read_pyav,
}
"""Readers by name."""


def _check_unchanged(video: VideoFile) -> None:
    if isinstance(video.source, Path):
        try:
            changed = read_file_stamp(video.source) != video.file_stamp
        except OSError as error:
            raise VideoNotFoundError(
                f"{video.name!r} no longer exists.", "If it was moved or renamed, open it at its new path."
            ) from error
        if changed:
            raise UnreadableVideoError(f"{video.name!r} has changed since it was opened.", "Open it again.")


def _decode_from(video: VideoFile, start: int, *, patient: bool) -> Iterator[tuple[int, VideoFrame]]:
    """Yield each frame with its index, in order, from key frame number ``start`` on.

    With ``patient``, fewer threads decode; then no frame is lost after a key frame that cannot be decoded alone.
    """
    threads = "SLICE" if patient or video.first_pts is None else "AUTO"
    with open_container(video.source, video.name, threads) as (container, stream):
        if start:
            container.seek(int(video.seek_pts[start]), stream=stream)
        for count, frame in enumerate(decode_stream(container, stream)):
            if video.first_pts is None:
                yield count, frame
            elif frame.pts is not None and not (start and frame.is_corrupt):
                index = video.frame_index(frame.pts)
                if index is not None:
                    yield index, frame


def _to_upright_rgb(video: VideoFile, frame: VideoFrame) -> NDArray[np.uint8]:
    size = (video.width, video.height) if video.quarter_turns % 2 == 0 else (video.height, video.width)
    pixels = np.rot90(np.asarray(frame.reformat(*size, format="rgb24").to_ndarray(), np.uint8), video.quarter_turns)
    return pixels[:, ::-1] if video.mirrored else pixels
