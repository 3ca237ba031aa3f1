"""Drawing the pixels of a video file: decord where it is safe, PyAV elsewhere; one interface, the same pixels."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import UnreadableVideoError, VideoNotFoundError
from staa_widgets.video.probe import THREADS, VideoFile, decode_stream, open_container, read_file_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray


def read_frames(video: VideoFile, wanted: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Decode frames to RGB, upright.

    Parameters
    ----------
    video
        The file, as `staa_widgets.video.probe.probe` describes it.
    wanted
        int64 ``(n,)``, indices of frames, rising and without repeats.

    Returns
    -------
    NDArray
        uint8 ``(n, height, width, 3)``.

    Raises
    ------
    UnreadableVideoError
        If one of the frames cannot be decoded, or the file has changed since it was opened.
    VideoNotFoundError
        If the file is gone.
    """
    _check_unchanged(video)
    if video.safe and (decord := _load_decord()) is not None:
        try:
            return read_decord(video, wanted)
        # Damage: PyAV says which frame it is, or reads past it. A name that is no UTF-8: PyAV opens it.
        except (decord.DECORDError, UnicodeEncodeError):
            pass
    return read_pyav(video, wanted)


def iter_frames(video: VideoFile, wanted: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Decode as `read_frames` does, in one pass from front to back and one frame at a time, ``(height, width, 3)``.

    Always by PyAV, which holds a few frames however long the file is. The file is open until the last frame was given
    or the iterator is closed; errors come when their frame is due.
    """
    _check_unchanged(video)
    yield from iter_pyav(video, wanted)


def reader_name(video: VideoFile) -> str:
    """Name, in `READERS`, of the reader that a file's pixels are first asked of."""
    return "decord" if video.safe and _load_decord() is not None else "pyav"


def read_decord(video: VideoFile, wanted: NDArray[np.int64]) -> NDArray[np.uint8]:
    """`read_frames` by decord, for files that are ``safe``; raises ``decord.DECORDError`` rather than guess."""
    decord = _load_decord()
    if decord is None:
        raise ModuleNotFoundError("decord is not installed.", name="decord")
    # Idle readers grow without bound, so one lives for one call. fault_tol: no frame may stand in for another.
    reader = decord.VideoReader(str(video.source), num_threads=THREADS, fault_tol=1e-9)
    if len(reader) != len(video.times):
        raise decord.DECORDError(f"decord counts {len(reader)} frames, not {len(video.times)}.")
    batch = reader.get_batch(wanted.tolist())
    return batch.asnumpy() if hasattr(batch, "asnumpy") else np.asarray(batch)  # a bridge may give tensors


def read_pyav(video: VideoFile, wanted: NDArray[np.int64]) -> NDArray[np.uint8]:
    """`read_frames` by PyAV, decoding from the key frame before each frame that is wanted."""
    out = np.empty((len(wanted), video.height, video.width, 3), np.uint8)
    for place, frame in enumerate(iter_pyav(video, wanted)):
        out[place] = frame
    return out


def iter_pyav(video: VideoFile, wanted: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """`read_pyav`, one frame at a time."""

    def key(place: int) -> int:
        return int(np.searchsorted(video.key_frames, wanted[place], side="right")) - 1

    done, back = 0, 0
    while done < len(wanted):
        start, before = max(0, key(done) - back), done
        for index, frame in _decode_from(video, start, patient=back > 0):
            if index == wanted[done]:
                yield _to_upright_rgb(video, frame)
                done += 1
            ahead = done > before and done < len(wanted) and video.key_frames[key(done)] > index + 1
            if done == len(wanted) or index > wanted[done] or ahead:
                break
        if done > before:
            back = 0
        elif start > 0 or back == 0:
            back = 2 * back + 1  # not every key frame stands alone (open groups, gradual refresh): begin further back
        else:
            raise UnreadableVideoError(
                f"Frame {wanted[done]} of {video.name!r}, at {video.times[wanted[done]]:.2f} s, cannot be decoded.",
                "Choose a range without it by start= and end=, or convert the file anew.",
            )


READERS: dict[str, Callable[[VideoFile, NDArray[np.int64]], NDArray[np.uint8]]] = {
    "decord": read_decord,
    "pyav": read_pyav,
}


def _check_unchanged(video: VideoFile) -> None:
    if isinstance(video.source, Path):
        try:
            changed = read_file_stamp(video.source) != video.file_stamp
        except OSError as error:
            raise VideoNotFoundError(f"{video.name!r} is no longer there.", "Open it where it is now.") from error
        if changed:
            raise UnreadableVideoError(f"{video.name!r} has changed since it was opened.", "Open it again.")


@cache
def _load_decord() -> ModuleType | None:
    try:
        import decord
    except (ImportError, OSError):
        return None
    decord.logging.set_level(decord.logging.QUIET)
    return decord


def _decode_from(video: VideoFile, start: int, *, patient: bool) -> Iterator[tuple[int, VideoFrame]]:
    """Frames and their indices, in order, from key frame number `start`; ``patient`` gives up speed to lose nothing."""
    threads = "SLICE" if patient or video.first_pts is None else "AUTO"
    with open_container(video.source, video.name, threads) as (container, stream):
        if start:
            container.seek(int(video.seek_pts[start]), stream=stream)
        for count, frame in enumerate(decode_stream(container, stream)):
            if video.first_pts is None:
                yield count, frame
            elif frame.pts is not None and not (start and frame.is_corrupt):
                index = video.index(frame.pts)
                if index is not None:
                    yield index, frame


def _to_upright_rgb(video: VideoFile, frame: VideoFrame) -> NDArray[np.uint8]:
    size = (video.width, video.height) if video.quarter_turns % 2 == 0 else (video.height, video.width)
    pixels = np.rot90(np.asarray(frame.reformat(*size, format="rgb24").to_ndarray(), np.uint8), video.quarter_turns)
    return pixels[:, ::-1] if video.mirrored else pixels
