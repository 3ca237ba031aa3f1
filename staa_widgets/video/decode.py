"""Decode frames of a video file with decord where it is exact, and with PyAV otherwise; the pixels are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import UnreadableVideoError
from staa_widgets.video.container import decode_stream, open_container
from staa_widgets.video.decord_backend import DecordError, load_decord, read_decord, supports
from staa_widgets.video.file_stamp import check_unchanged
from staa_widgets.video.video_file import VideoFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

MAX_KEYS_BACK = 3
"""Key frames to go back for a frame that cannot be decoded, if another frame may stand in for it."""


@dataclass(frozen=True, eq=False)
class FileReader:
    """Reads the frames of a video file; a `staa_widgets.video.frame_reader.FrameReader`.

    Parameters
    ----------
    video
        The file, as `staa_widgets.video.probe.probe` describes it.
    """

    video: VideoFile

    def read(self, indices: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return frames, as `read_frames` does."""
        return read_frames(self.video, indices, size)

    def iterate(
        self, indices: NDArray[np.int64], size: tuple[int, int], on_damage: Callable[[int], None] | None = None
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield frames one at a time, decoded by PyAV, which holds only a few frames however long the file is.

        The file is open until the last frame was yielded or the iterator is closed. A frame that cannot be decoded
        raises an error when its turn comes, unless `on_damage` is given.
        """
        check_unchanged(self.video.source, self.video.name, self.video.file_stamp)
        yield from iter_pyav(self.video, indices, size, on_damage)


def read_frames(video: VideoFile, indices: NDArray[np.int64], size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Return the frames at these indices as upright RGB.

    Parameters
    ----------
    video
        The file, as `staa_widgets.video.probe.probe` describes it.
    indices
        int64 ``(n,)``, indices of frames, rising and without repeats.
    size
        ``(width, height)`` of the frames; by default as they are displayed.

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
    check_unchanged(video.source, video.name, video.file_stamp)
    if size in (None, video.display.size) and reader_name(video) == "decord":
        try:
            return read_decord(video, indices)
        except DecordError:
            pass  # PyAV decodes past the damage, or its error says which frame is damaged.
    return read_pyav(video, indices, size)


def reader_name(video: VideoFile) -> str:
    """Return the name in `READERS` of the reader that `read_frames` tries first."""
    return "decord" if supports(video) and load_decord() is not None else "pyav"


def read_pyav(video: VideoFile, indices: NDArray[np.int64], size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Return frames as `read_frames` does, decoded with PyAV from the key frame before each requested frame."""
    width, height = size or video.display.size
    out = np.empty((len(indices), height, width, 3), np.uint8)
    for position, frame in enumerate(iter_pyav(video, indices, (width, height))):
        out[position] = frame
    return out


def iter_pyav(
    video: VideoFile,
    indices: NDArray[np.int64],
    size: tuple[int, int],
    on_damage: Callable[[int], None] | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Yield frames one at a time, decoded as by `read_pyav`; `on_damage` as for `FileReader.iterate`."""
    keys = np.searchsorted(video.key_frames, indices, side="right") - 1
    position, keys_back = 0, 0
    while position < len(indices):
        start, start_position = max(0, int(keys[position]) - keys_back), position
        before: VideoFrame | None = None
        after: tuple[int, VideoFrame] | None = None
        for index, frame in _decode_from(video, start, patient=keys_back > 0):
            if index > indices[position]:
                after = index, frame
                break
            if on_damage is not None:
                before = frame
            if index == indices[position]:
                yield video.display.to_rgb(frame, size)
                position += 1
                # Seek ahead if a later key frame is nearer to the next requested frame.
                if position == len(indices) or video.key_frames[keys[position]] > index + 1:
                    break
        if position > start_position:
            keys_back = 0
        elif (start > 0 and (on_damage is None or keys_back < MAX_KEYS_BACK)) or keys_back == 0:
            # Not every key frame can be decoded alone (open groups, gradual refresh): begin further back.
            keys_back = 2 * keys_back + 1
        elif on_damage is None or (good_frame := before if before is not None else after and after[1]) is None:
            raise _damage_error(video, int(indices[position]))
        else:
            stand_in = video.display.to_rgb(good_frame, size)
            stop = len(indices) if after is None else int(np.searchsorted(indices, after[0]))
            for index in indices[position:stop]:
                on_damage(int(index))
                yield stand_in
            position, keys_back = stop, 0


READERS: dict[str, Callable[[VideoFile, NDArray[np.int64]], NDArray[np.uint8]]] = {
    "decord": read_decord,
    "pyav": read_pyav,
}
"""Readers by name."""


def _damage_error(video: VideoFile, index: int) -> UnreadableVideoError:
    return UnreadableVideoError(
        f"Frame {index} of {video.name!r}, at {video.times[index]:.2f} s, cannot be decoded.",
        "Choose a range without this frame with start= and end=, or convert the file again.",
    )


def _seek(video: VideoFile, container: InputContainer, stream: VideoStream, start: int) -> None:
    """Go to key frame number ``start``, or to the beginning if the file's index points to another place."""
    stamp = int(video.seek_pts[start])
    container.seek(stamp, stream=stream)
    if video.seek_positions is not None:
        packet = next(container.demux(stream), None)
        is_right = packet is not None and (packet.pts, packet.pos) == (stamp, video.seek_positions[start])
        container.seek(stamp if is_right else 0, stream=stream)


def _decode_from(video: VideoFile, start: int, *, patient: bool) -> Iterator[tuple[int, VideoFrame]]:
    """Yield each frame with its index, in order, from key frame number ``start`` on.

    With ``patient``, fewer threads decode; then no frame is lost after a key frame that cannot be decoded alone.
    """
    threads = "SLICE" if patient or video.first_pts is None else "AUTO"
    with open_container(video.source, video.name, threads) as (container, stream):
        if start:
            _seek(video, container, stream, start)
        for count, frame in enumerate(decode_stream(container, stream)):
            if video.first_pts is None:
                yield count, frame
            elif frame.pts is not None and not (start and frame.is_corrupt):
                index = video.frame_index(frame.pts)
                if index is not None:
                    yield index, frame
