"""Read the number, times, size and rotation of a video file's frames with PyAV's demuxer.

Time is never ``index / fps`` where the file has a clock, and the container's count is not trusted. The packets are
listed. If they determine the frames exactly, the list is used; otherwise the file is decoded once to count its frames.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.stream import VideoStream

from staa_widgets.errors import ParameterError, UnreadableVideoError
from staa_widgets.video.clock import (
    BROADCAST_CONTAINERS,
    DEFAULT_RATE,
    MAX_SECONDS,
    RATE_HINT,
    find_jump_limit,
    frame_step,
    mend_times,
)
from staa_widgets.video.completeness import is_cut_short
from staa_widgets.video.container import BARE_STREAMS, decode_stream, open_container
from staa_widgets.video.display import read_display
from staa_widgets.video.file_stamp import read_file_stamp
from staa_widgets.video.packets import (
    NO_STAMP,
    choose_stamps,
    find_key_frames,
    find_positions,
    has_closed_groups,
    keeps_order,
    list_packets,
    restore_damaged,
)
from staa_widgets.video.video_file import VideoFile, pts_to_seconds

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class _Header:
    """Facts from the container and its packets, read without decoding a frame."""

    container: str
    codec: str
    video_tracks: int
    has_rotate_tag: bool
    frame_count: int
    frame_rate: Fraction | None
    reorders: bool
    time_base: Fraction
    duration: float
    is_track_duration: bool
    packets: NDArray[np.void]


@dataclass(frozen=True, eq=False)
class _Timeline:
    """Times of the frames, and the stamps by which they are recognized, ``None`` if frames must be counted."""

    times: NDArray[np.float64]
    end: float
    pts: NDArray[np.int64] | None
    is_exact: bool


def probe(source: Path | bytes, name: str, *, fps: float | None = None, square_pixels: bool = True) -> VideoFile:
    """Return the facts about a video file.

    One frame is decoded for its pixel format and rotation. All frames are decoded, without being kept, if the packets
    do not determine the frames: if time stamps are missing or do not rise, as in AVI with B-frames, if pictures are
    interlaced, or if the file is truncated. Damage inside a packet shows only when its frame is decoded. Files that are
    truncated, and times that had to be mended, give a warning.

    Parameters
    ----------
    source
        Path of a regular file, or a file's bytes.
    name
        Short name for messages.
    fps
        Frames a second of a bare stream, which states no times.
    square_pixels
        Whether frames are displayed with square pixels, if those of the file are not square.

    Raises
    ------
    UnreadableVideoError
        If no frame can be read, or the clock makes no sense.
    VideoTooLargeError
        If one frame exceeds the limit of pixels.
    ParameterError
        If `fps` is given for a file that has times.
    """
    file_stamp = read_file_stamp(source)
    header = _read_header(source, name)
    if fps is not None and header.container not in BARE_STREAMS:
        raise ParameterError(RATE_HINT, "Leave them out: a file has its own frame times.")
    with open_container(source, name) as (container, stream):
        first = next(decode_stream(container, stream), None)
        if first is None:
            raise _no_frame_error(name)
        display = read_display(stream, first, name, square_pixels=square_pixels)
    timeline = _read_timeline(source, name, header, first, fps)
    key_frames, seek_pts = find_key_frames(header.packets, timeline.pts)
    return VideoFile(
        source=source,
        name=name,
        container=header.container,
        codec=header.codec,
        pix_fmt=first.format.name,
        display=display,
        times=timeline.times,
        end=timeline.end,
        time_base=header.time_base,
        first_pts=None if timeline.pts is None else int(timeline.pts[0]),
        key_frames=key_frames,
        seek_pts=seek_pts,
        seek_positions=find_positions(header.packets, seek_pts) if header.container == "avi" else None,
        video_tracks=header.video_tracks,
        has_rotate_tag=header.has_rotate_tag,
        packets_are_exact=timeline.is_exact,
        shows_all_packets=bool(header.packets["shown"].all()) and header.frame_count in (0, len(header.packets)),
        has_closed_groups=has_closed_groups(header.packets),
        file_stamp=file_stamp,
    )


def _read_header(source: Path | bytes, name: str) -> _Header:
    with open_container(source, name) as (container, stream):
        return _Header(
            packets=list_packets(container, stream),
            container=container.format.name,
            codec=stream.codec_context.name,
            video_tracks=len(container.streams.video),
            has_rotate_tag=any(tag.lower() == "rotate" for tag in stream.metadata),
            frame_count=stream.frames,
            frame_rate=stream.average_rate,
            reorders=bool(stream.codec_context.has_b_frames),
            time_base=stream.time_base or Fraction(1),
            duration=_container_duration(container, stream),
            is_track_duration="DURATION" in stream.metadata,
        )


def _read_timeline(source: Path | bytes, name: str, header: _Header, first: VideoFrame, fps: float | None) -> _Timeline:
    """Return the times of the frames; decode the file once if its packets do not determine them."""
    packets = header.packets
    timed = packets["shown"] & (packets["pts"] != NO_STAMP)
    stamps = np.unique(packets["pts"][timed])
    # AVI stores no display times: with B-frames FFmpeg invents them.
    stores_times = header.container != "avi" or bool(packets["key"].all())
    are_display_times = stores_times or not header.reorders
    stamps_are_exact = 0 < len(stamps) == packets["shown"].sum() and are_display_times and keeps_order(packets)
    stamps_are_exact = bool(stamps_are_exact) and not _jumps(header, stamps)
    breaks_off = _breaks_off(source, header, stamps, timed)
    is_exact = (
        stamps_are_exact
        and stores_times
        and header.container not in BARE_STREAMS
        and not breaks_off
        and not packets["broken"].any()
        and first.pts == stamps[0]
        and not first.interlaced_frame
    )
    decoded_pts: list[int | None] = []
    if is_exact:
        pts = ticks = stamps
    else:
        with open_container(source, name, threads="SLICE") as (container, stream):
            decoded_pts = [frame.pts for frame in decode_stream(container, stream)]
        if not decoded_pts:  # A damaged file may give a frame in one pass and none in another.
            raise _no_frame_error(name)
        pts, ticks = choose_stamps(decoded_pts, packets, stamps_are_exact)
        if pts is not None and not first.interlaced_frame:
            # A broadcast may begin within a group, whose frames are never shown. Leading frames, which are decoded
            # after the first one and shown before it, need the group before.
            is_broadcast = header.container in BROADCAST_CONTAINERS
            first_pts = int(pts[0] if is_broadcast else packets["pts"][0])
            pts = ticks = restore_damaged(pts, stamps, first_pts, keep_last=not breaks_off)

    if header.container in BARE_STREAMS:
        rate = fps or float(header.frame_rate or DEFAULT_RATE)
        times, pts, step = np.arange(len(decoded_pts)) / rate, None, 1 / rate
        if fps is None:
            warnings.warn(
                f"{name!r} states no times: {rate:g} frames a second are assumed; open_clip(…, fps=) sets it.",
                stacklevel=5,
            )
    elif ticks is not None and not _jumps(header, ticks):
        times = pts_to_seconds(ticks - ticks[0], header.time_base)
        step = _last_frame_seconds(header, packets["duration"][timed & (packets["pts"] == ticks[-1])], times)
    else:
        seconds = np.array([np.nan if pts is None else pts_to_seconds(pts, header.time_base) for pts in decoded_pts])
        _check_clock(name, np.nan_to_num(np.abs(np.diff(seconds))))
        step = frame_step(seconds, header.frame_rate)
        times = mend_times(seconds, step, find_jump_limit(seconds, None, header.container))
        pts = None
        warnings.warn(
            f"The time stamps of {name!r} repeat, step back, jump or are missing: the times of its {len(times)} frames "
            f"were mended by its rate of {1 / step:.4g} frames a second.",
            stacklevel=5,
        )
    _check_clock(name, times)
    if breaks_off:
        warnings.warn(
            f"{name!r} is damaged or incomplete: only {len(times)} frames can be read; "
            f"from {times[-1] + step:.2f} seconds on it is missing.",
            stacklevel=5,
        )
    return _Timeline(times, float(times[-1]) + step, pts, is_exact)


def _no_frame_error(name: str) -> UnreadableVideoError:
    return UnreadableVideoError(f"No frame of {name!r} can be decoded.", "Convert it to H.264 in an mp4 file.")


def _jumps(header: _Header, ticks: NDArray[np.int64]) -> bool:
    """Return whether the clock jumps between two rising time stamps."""
    seconds = pts_to_seconds(ticks, header.time_base)
    packets = header.packets[np.argsort(header.packets["pts"], kind="stable")]
    found = np.clip(np.searchsorted(packets["pts"], ticks), 0, len(packets) - 1)
    durations = pts_to_seconds(packets["duration"][found], header.time_base)
    return bool(np.any(np.diff(seconds) > find_jump_limit(seconds, durations, header.container)))


def _check_clock(name: str, seconds: NDArray[np.float64]) -> None:
    if len(seconds) and seconds.max() > MAX_SECONDS:
        raise UnreadableVideoError(
            f"By its time stamps {name!r} would last {seconds.max() / 86400:,.0f} days.",
            "Its clock is wrong: convert the file, or give its frames as an array with fps=.",
        )


def _breaks_off(source: Path | bytes, header: _Header, stamps: NDArray[np.int64], timed: NDArray[np.bool_]) -> bool:
    """Return whether the file ends before its container says, or within a packet."""
    packets, tick = header.packets, float(header.time_base)
    if is_cut_short(source) or (len(packets) > 0 and packets["broken"][-1]):
        return True
    seconds = 0.0
    if len(stamps):
        end = int((packets["pts"] + packets["duration"])[timed].max()) * tick
        seconds = max(end, end - stamps[0] * tick)
    missing = header.duration - seconds
    if header.is_track_duration:  # that of the video alone, and exact
        return missing >= max(0.1, 3 * seconds / max(1, len(stamps)))
    return missing >= max(1.0, 0.01 * header.duration)


def _last_frame_seconds(header: _Header, durations: NDArray[np.int64], times: NDArray[np.float64]) -> float:
    """Return the last frame's seconds: as its packets say, else the median gap, else one over the frame rate."""
    if len(durations) and durations[0]:
        return float(durations[0]) * float(header.time_base)
    if len(times) > 1:
        return float(np.median(np.diff(times)))
    return float(1 / header.frame_rate) if header.frame_rate else 0.0


def _container_duration(container: InputContainer, stream: VideoStream) -> float:
    """Return the duration in seconds that the container states; 0 if it states none."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except (KeyError, ValueError):
        return (container.duration or 0) / av.time_base
