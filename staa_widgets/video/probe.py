"""What a video file says of its frames: how many, when, how large, which way up; asked of PyAV's demuxer.

Time is never ``index / fps``, and the container's count is never believed. The packets are listed, and only where they
say beyond doubt which frames there are is the list taken as it stands; everything else is decoded once to be counted.
"""

from __future__ import annotations

import io
import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from staa_widgets.errors import UnreadableVideoError
from staa_widgets.video.packets import NO_STAMP, find_key_frames, has_closed_groups, list_packets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

# A playlist is a text that names other files and addresses: only containers that hold their pictures are opened.
CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,ogg,asf,gif,ivf,nut,mxf,yuv4mpegpipe"
OPEN_TIMEOUT = 60.0
THREADS = min(4, os.cpu_count() or 1)

DECORD_CONTAINERS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi"})
DECORD_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "mjpeg"})
DECORD_PIXELS = frozenset({"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p"})


@dataclass(frozen=True, eq=False)
class VideoFile:
    """What is known of a video file before its pixels are asked for.

    Parameters
    ----------
    source
        Path of the file, or its bytes.
    name
        Short name for messages.
    codec, pix_fmt
        As FFmpeg names them.
    width, height
        Displayed size in pixels, after rotation; pixels count as square.
    quarter_turns, mirrored
        Quarter turns counter-clockwise, then whether left and right change places, that bring a stored frame upright.
    times
        float64 ``(F,)``, seconds, rising from 0.
    end
        Seconds at which the last frame ends.
    time_base
        Seconds from one time stamp to the next.
    first_pts
        Time stamp of the first frame, from which the others are recognised; ``None`` where those of the file are not
        to be relied on, and frames are counted from the beginning.
    key_frames, seek_pts
        int64, frames at which decoding can start and the time stamps that lead there; the first is the beginning.
    safe
        Whether decord reads this file rightly.
    file_stamp
        Size and time of change of the file when it was read.
    """

    source: Path | bytes
    name: str
    codec: str
    pix_fmt: str
    width: int
    height: int
    quarter_turns: int
    mirrored: bool
    times: NDArray[np.float64]
    end: float
    time_base: Fraction
    first_pts: int | None
    key_frames: NDArray[np.int64]
    seek_pts: NDArray[np.int64]
    safe: bool
    file_stamp: tuple[int, int]

    def index(self, pts: int) -> int | None:
        """Say which frame carries a time stamp; ``None`` where none does, or where stamps are not relied on."""
        if self.first_pts is None:
            return None
        # Kept as seconds alone, which long films have many of; the same sum as made them gives them exactly.
        second = _pts_to_seconds(pts - self.first_pts, self.time_base)
        at = int(np.searchsorted(self.times, second))
        return at if at < len(self.times) and self.times[at] == second else None


def read_file_stamp(path: Path) -> tuple[int, int]:
    """Size in bytes and time of change in nanoseconds, by which a file is taken to be the same."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def probe(source: Path | bytes, name: str) -> VideoFile:
    """Read what a file says of its frames.

    One frame is decoded for its pixel format and rotation. All are decoded, without being kept, where the packets do
    not settle which frames there are: time stamps missing, as in AVI with B-frames; interlaced pictures; a file that
    breaks off, of which a warning tells. Damage inside a packet shows only when its frame is asked for.

    Parameters
    ----------
    source
        Path of a regular file, or a file's bytes.
    name
        Short name for messages.

    Raises
    ------
    UnreadableVideoError
        If no frame can be read.
    """
    mark = read_file_stamp(source) if isinstance(source, Path) else (len(source), 0)
    with open_container(source, name) as (container, stream):
        packets = list_packets(container, stream)
        base = stream.time_base or Fraction(1)
        promised = _container_duration(container, stream)
        family, listed, rate = container.format.name, stream.frames, stream.average_rate
        codec, alone = stream.codec_context.name, len(container.streams.video) == 1
    with open_container(source, name) as (container, stream):
        first = next(decode_stream(container, stream), None)
    if first is None:
        raise UnreadableVideoError(f"No frame of {name!r} can be decoded.", "Convert it to H.264 in an mp4 file.")

    timed = packets["shown"] & (packets["pts"] != NO_STAMP)
    stamps = np.unique(packets["pts"][timed])
    # AVI keeps no time of display: where frames change places on their way to the screen, FFmpeg makes one up.
    exact = 0 < len(stamps) == packets["shown"].sum() and (family != "avi" or bool(packets["key"].all()))
    tick = float(base)
    reached = int((packets["pts"] + packets["duration"])[timed].max()) * tick if len(stamps) else 0.0
    held = max(reached, reached - stamps[0] * tick) if len(stamps) else 0.0
    whole = promised - held < max(1.0, 0.01 * promised) and not packets["broken"].any()
    settled = exact and whole and first.pts == stamps[0] and not first.interlaced_frame

    if settled:
        pts = ticks = stamps
    else:
        with open_container(source, name, threads="SLICE") as (container, stream):
            found = [frame.pts for frame in decode_stream(container, stream)]
        pts, ticks = _choose_stamps(found, packets, exact, name)
    times = _pts_to_seconds(ticks - ticks[0], base)
    gap = float(np.median(np.diff(times))) if len(times) > 1 else float(1 / rate) if rate else 0.0
    lasts = packets["duration"][timed & (packets["pts"] == ticks[-1])]
    end = float(times[-1]) + (float(lasts[0]) * tick if len(lasts) and lasts[0] else gap)
    if not whole:
        warnings.warn(
            f"{name!r} is damaged or breaks off: {len(times)} frames can be read, {end:.2f} seconds.", stacklevel=3
        )

    keys, seeks = find_key_frames(packets, pts)
    turns, mirrored = _orientation(first)
    width, height = (first.width, first.height) if turns % 2 == 0 else (first.height, first.width)
    safe = (
        settled
        and alone
        and not mirrored
        and isinstance(source, Path)
        and family in DECORD_CONTAINERS
        and codec in DECORD_CODECS
        and first.format.name in DECORD_PIXELS
        and not (
            first.height % 2 and "420" in first.format.name
        )  # the two interpolate the last rows' colour differently
        and bool(packets["shown"].all())
        and listed in (0, len(packets))
        and has_closed_groups(packets)
    )
    upright, begin = (width, height, turns, mirrored), None if pts is None else int(pts[0])
    return VideoFile(source, name, codec, first.format.name, *upright, times, end, base, begin, keys, seeks, safe, mark)


@contextmanager
def open_container(
    source: Path | bytes, name: str, threads: str = "AUTO"
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and choose its picture track. ``threads`` of FFmpeg's kind AUTO are fast, SLICE lose nothing."""
    if not (source.stat().st_size if isinstance(source, Path) else source):
        raise UnreadableVideoError(f"{name!r} is empty.", "Copy or download it again.")
    file = str(source.absolute()) if isinstance(source, Path) else io.BytesIO(source)
    try:
        options = {"format_whitelist": CONTAINERS}
        container = av.open(file, "r", options=options, metadata_errors="ignore", timeout=OPEN_TIMEOUT)
    except PermissionError as error:
        raise UnreadableVideoError(f"{name!r} may not be read.", "Change its permissions.") from error
    except FFmpegError as error:
        raise UnreadableVideoError(
            f"{name!r} is no video file, or its beginning or its index is missing.",
            "Copy or download it again, or convert it to H.264 in an mp4 file.",
        ) from error
    with container:
        tracks = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not tracks:
            raise UnreadableVideoError(f"{name!r} holds no moving picture.", "Give a file with a video track.")
        best = container.streams.best("video")
        stream = best if isinstance(best, VideoStream) and best in tracks else tracks[0]
        if stream.codec_context is None:
            raise UnreadableVideoError(
                f"There is no decoder for the pictures of {name!r}.", "Convert it to H.264 in an mp4 file."
            )
        stream.thread_type = threads
        stream.codec_context.thread_count = THREADS
        yield container, stream


def decode_stream(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames in order of display from where the container stands, passing over what cannot be decoded."""
    packets = container.demux(stream)
    ended = False
    while not ended:
        try:
            packet = next(packets, None)
        except FFmpegError:
            packet = None
        ended = packet is None
        try:
            frames = stream.decode(packet)  # None asks for the frames still held back
        except FFmpegError:
            continue
        yield from frames


def _pts_to_seconds(ticks: Any, base: Fraction) -> Any:
    """Seconds of time stamps, exact where a time is exact, such as 2.0."""
    return ticks * base.numerator / base.denominator


def _choose_stamps(
    found: Sequence[int | None], packets: NDArray[np.void], exact: bool, name: str
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    """Stamps to recognise frames by, where there are any, and stamps for their times."""
    shown = np.array([p for p in found if p is not None], np.int64)
    # Decoding order rises steadily; where a container keeps no time of display it is the next best.
    order = np.sort(packets["dts"][packets["dts"] != NO_STAMP])[: len(found)]
    for ticks, recognised in ((shown, True), (order, False), (np.sort(shown), False)):
        if len(ticks) == len(found) and np.all(np.diff(ticks) > 0) and exact >= recognised:
            return (ticks if recognised else None), ticks
    raise UnreadableVideoError(
        f"The frames of {name!r} carry no usable times.",
        "Convert it to H.264 in an mp4 file, or give frames and times.",
    )


def _container_duration(container: InputContainer, stream: VideoStream) -> float:
    """Seconds the container says it holds; 0 where it does not say."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except (KeyError, ValueError):
        return (container.duration or 0) / av.time_base


def _orientation(frame: VideoFrame) -> tuple[int, bool]:
    """Quarter turns counter-clockwise and a mirroring after them, from the frame's display matrix."""
    side = frame.side_data.get("DISPLAYMATRIX")
    if side is None:
        return 0, False
    matrix = np.frombuffer(bytes(side), np.int32)
    a, b, c, d = (float(matrix[i]) for i in (0, 1, 3, 4))
    mirrored = a * d - b * c < 0
    turned = np.arctan2(-b, -a if mirrored else a)
    return round(turned / (np.pi / 2)) % 4, mirrored
