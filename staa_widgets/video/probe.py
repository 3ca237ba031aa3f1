"""Read the number, times, size and rotation of a video file's frames with PyAV's demuxer.

Time is never ``index / fps``, and the container's count is not trusted. The packets are listed. If they determine the
frames exactly, the list is used; otherwise the file is decoded once to count its frames.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.stream import VideoStream

from staa_widgets.errors import UnreadableVideoError
from staa_widgets.video.container import decode_stream, open_container
from staa_widgets.video.packets import NO_STAMP, choose_stamps, find_key_frames, has_closed_groups, list_packets

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class VideoFile:
    """Facts about a video file, known before its pixels are decoded.

    Parameters
    ----------
    source
        Path of the file, or its bytes.
    name
        Short name for messages.
    container, codec, pix_fmt
        FFmpeg's names.
    width, height
        Displayed size in pixels, after rotation; pixels count as square.
    quarter_turns, mirrored
        How to turn a stored frame upright: the number of counter-clockwise quarter turns, and whether left and right
        are then swapped.
    times
        float64 ``(F,)``, seconds, rising from 0.
    end
        Seconds at which the last frame ends.
    time_base
        Seconds from one time stamp to the next.
    first_pts
        Time stamp of the first frame, relative to which other frames are recognized; ``None`` if the file's time stamps
        are not reliable, so that frames must be counted from the beginning.
    key_frames, seek_pts
        int64, frames at which decoding can start, and the time stamps to seek to for them; the first entry is the
        beginning of the file.
    video_tracks
        Number of video tracks.
    packets_are_exact
        Whether the packets determine the frames and their times, so that no frame was decoded to count them.
    shows_all_packets
        Whether every packet is displayed, and the container states this number of frames or none.
    has_closed_groups
        Whether decoding can start at every key frame, as `staa_widgets.video.packets.has_closed_groups` says.
    file_stamp
        Size and time of change of the file when it was probed.
    """

    source: Path | bytes
    name: str
    container: str
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
    video_tracks: int
    packets_are_exact: bool
    shows_all_packets: bool
    has_closed_groups: bool
    file_stamp: tuple[int, int]

    def frame_index(self, pts: int) -> int | None:
        """Return the index of the frame with a time stamp; ``None`` if there is no such frame or no `first_pts`."""
        if self.first_pts is None:
            return None
        # Only seconds are stored, to save memory for long films; the same computation gives exactly the same seconds.
        second = _pts_to_seconds(pts - self.first_pts, self.time_base)
        index = int(np.searchsorted(self.times, second))
        return index if index < len(self.times) and self.times[index] == second else None


@dataclass(frozen=True, eq=False)
class _Header:
    """Facts from the container and its packets, read without decoding a frame."""

    container: str
    codec: str
    video_tracks: int
    frame_count: int
    frame_rate: Fraction | None
    time_base: Fraction
    duration: float
    packets: NDArray[np.void]


def read_file_stamp(path: Path) -> tuple[int, int]:
    """Return a file's size in bytes and time of change in nanoseconds; if both are equal, it counts as unchanged."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def probe(source: Path | bytes, name: str) -> VideoFile:
    """Return the facts about a video file.

    One frame is decoded for its pixel format and rotation. All frames are decoded, without being kept, if the packets
    do not determine the frames: if time stamps are missing, as in AVI with B-frames, if pictures are interlaced, or if
    the file is truncated, which also gives a warning. Damage inside a packet shows only when its frame is decoded.

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
    file_stamp = read_file_stamp(source) if isinstance(source, Path) else (len(source), 0)
    header = _read_header(source, name)
    packets, time_base = header.packets, header.time_base
    with open_container(source, name) as (container, stream):
        first = next(decode_stream(container, stream), None)
    if first is None:
        raise UnreadableVideoError(f"No frame of {name!r} can be decoded.", "Convert it to H.264 in an mp4 file.")

    timed = packets["shown"] & (packets["pts"] != NO_STAMP)
    stamps = np.unique(packets["pts"][timed])
    # AVI stores no display times: with B-frames FFmpeg invents them.
    stores_times = header.container != "avi" or bool(packets["key"].all())
    is_complete = _is_complete(header, timed, stamps)
    stamps_are_exact = 0 < len(stamps) == packets["shown"].sum() and stores_times
    packets_are_exact = stamps_are_exact and is_complete and first.pts == stamps[0] and not first.interlaced_frame

    if packets_are_exact:
        pts = ticks = stamps
    else:
        with open_container(source, name, threads="SLICE") as (container, stream):
            decoded_pts = [frame.pts for frame in decode_stream(container, stream)]
        pts, ticks = choose_stamps(decoded_pts, packets, stamps_are_exact, name)
    times = _pts_to_seconds(ticks - ticks[0], time_base)
    end = float(times[-1]) + _last_frame_seconds(
        header, packets["duration"][timed & (packets["pts"] == ticks[-1])], times
    )
    if not is_complete:
        warnings.warn(
            f"{name!r} is damaged or incomplete: only {len(times)} frames ({end:.2f} seconds) can be read.",
            stacklevel=3,
        )

    key_frames, seek_pts = find_key_frames(packets, pts)
    quarter_turns, mirrored = _orientation(first)
    is_sideways = quarter_turns % 2 == 1
    return VideoFile(
        source=source,
        name=name,
        container=header.container,
        codec=header.codec,
        pix_fmt=first.format.name,
        width=first.height if is_sideways else first.width,
        height=first.width if is_sideways else first.height,
        quarter_turns=quarter_turns,
        mirrored=mirrored,
        times=times,
        end=end,
        time_base=time_base,
        first_pts=None if pts is None else int(pts[0]),
        key_frames=key_frames,
        seek_pts=seek_pts,
        video_tracks=header.video_tracks,
        packets_are_exact=bool(packets_are_exact),
        shows_all_packets=bool(packets["shown"].all()) and header.frame_count in (0, len(packets)),
        has_closed_groups=has_closed_groups(packets),
        file_stamp=file_stamp,
    )


def _read_header(source: Path | bytes, name: str) -> _Header:
    with open_container(source, name) as (container, stream):
        return _Header(
            packets=list_packets(container, stream),
            container=container.format.name,
            codec=stream.codec_context.name,
            video_tracks=len(container.streams.video),
            frame_count=stream.frames,
            frame_rate=stream.average_rate,
            time_base=stream.time_base or Fraction(1),
            duration=_container_duration(container, stream),
        )


def _is_complete(header: _Header, timed: NDArray[np.bool_], stamps: NDArray[np.int64]) -> bool:
    """Return whether the packets reach the end that the container states, and no packet is broken."""
    packets, tick = header.packets, float(header.time_base)
    seconds = 0.0
    if len(stamps):
        end = int((packets["pts"] + packets["duration"])[timed].max()) * tick
        seconds = max(end, end - stamps[0] * tick)
    return bool(header.duration - seconds < max(1.0, 0.01 * header.duration) and not packets["broken"].any())


def _last_frame_seconds(header: _Header, durations: NDArray[np.int64], times: NDArray[np.float64]) -> float:
    """Return the last frame's seconds: as its packets say, else the median gap, else one over the frame rate."""
    if len(durations) and durations[0]:
        return float(durations[0]) * float(header.time_base)
    if len(times) > 1:
        return float(np.median(np.diff(times)))
    return float(1 / header.frame_rate) if header.frame_rate else 0.0


def _pts_to_seconds(ticks: Any, base: Fraction) -> Any:
    """Return time stamps in seconds; multiplying before dividing keeps a time such as 2.0 exact."""
    return ticks * base.numerator / base.denominator


def _container_duration(container: InputContainer, stream: VideoStream) -> float:
    """Return the duration in seconds that the container states; 0 if it states none."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except (KeyError, ValueError):
        return (container.duration or 0) / av.time_base


def _orientation(frame: VideoFrame) -> tuple[int, bool]:
    """Return counter-clockwise quarter turns, and whether a mirroring follows, from the frame's display matrix."""
    display_matrix = frame.side_data.get("DISPLAYMATRIX")
    if display_matrix is None:
        return 0, False
    matrix = np.frombuffer(bytes(display_matrix), np.int32)
    a, b, c, d = (float(matrix[i]) for i in (0, 1, 3, 4))
    mirrored = a * d - b * c < 0
    angle = np.arctan2(-b, -a if mirrored else a)
    return round(angle / (np.pi / 2)) % 4, mirrored
