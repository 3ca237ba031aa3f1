"""Open a video file with PyAV and decode its video track."""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from staa_widgets.errors import UnreadableVideoError
from staa_widgets.utils.memory import return_free_memory
from staa_widgets.video.limits import LARGE_FRAME, check_frame_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.video.frame import VideoFrame

BARE_STREAMS = frozenset({"h264", "hevc", "m4v", "mjpeg", "mpegvideo", "obu"})
"""Containers that are none: streams that state no times."""

# Playlists are not allowed: they are text that names other files and addresses.
CONTAINERS = ",".join(
    ["mov,matroska,avi,mpegts,mpeg,flv,ogg,asf,gif,ivf,nut,mxf,yuv4mpegpipe,dv", *sorted(BARE_STREAMS)]
)
OPEN_TIMEOUT = 60.0
THREADS = min(4, os.cpu_count() or 1)


@contextmanager
def open_container(
    source: Path | bytes, name: str, threads: str = "AUTO"
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and choose its video track; threads ``"AUTO"`` decode fast, ``"SLICE"`` lose no frame.

    Frames above `LARGE_FRAME` are decoded by one thread, because each thread holds frames of its own.

    Raises
    ------
    UnreadableVideoError
        If the file holds no video track that can be decoded.
    VideoTooLargeError
        If one frame exceeds the limit of pixels; nothing was decoded.
    """
    if not (source.stat().st_size if isinstance(source, Path) else source):
        raise UnreadableVideoError(f"{name!r} is empty.", "Copy or download it again.")
    file = str(source.absolute()) if isinstance(source, Path) else io.BytesIO(source)
    try:
        options = {"format_whitelist": CONTAINERS}
        container = av.open(file, "r", options=options, metadata_errors="ignore", timeout=OPEN_TIMEOUT)
    except PermissionError as error:
        raise UnreadableVideoError(f"No permission to read {name!r}.", "Change its permissions.") from error
    except FFmpegError as error:
        raise _explain_failure(source, name) from error
    with container:
        tracks = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not tracks:
            raise UnreadableVideoError(f"{name!r} has no video track.", "Give a file that contains video.")
        best = container.streams.best("video")
        stream = best if isinstance(best, VideoStream) and best in tracks else tracks[0]
        if stream.codec_context is None:
            raise UnreadableVideoError(
                f"There is no decoder for the video track of {name!r}.", "Convert it to H.264 in an mp4 file."
            )
        width, height = stream.codec_context.width, stream.codec_context.height
        check_frame_size(name, width, height)
        is_large = width * height > LARGE_FRAME
        if is_large:
            return_free_memory()  # such as that of an earlier pass through the file
        stream.thread_type = "SLICE" if is_large else threads
        stream.codec_context.thread_count = 1 if is_large else THREADS
        yield container, stream


def decode_stream(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield frames in order of display, from the container's position on; skip frames that cannot be decoded."""
    packets = container.demux(stream)
    ended = False
    while not ended:
        try:
            packet = next(packets, None)
        except FFmpegError:
            packet = None
        ended = packet is None
        try:
            frames = stream.decode(packet)  # None flushes the frames that the decoder still holds
        except FFmpegError:
            continue
        yield from frames


def _explain_failure(source: Path | bytes, name: str) -> UnreadableVideoError:
    """Return the error for a file that no container format accepts."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            head = file.read(12)
    else:
        head = source[:12]
    if head.startswith((b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")):
        return UnreadableVideoError(
            f"{name!r} is a still picture, not a video.", "Give several pictures as a list or as a folder, with fps=."
        )
    return UnreadableVideoError(
        f"{name!r} is not a video file, or its header or index is missing.",
        "Copy or download it again, or convert it to H.264 in an mp4 file.",
    )
