"""Test videos whose frames carry their own index as a barcode that survives compression."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from av.video.stream import VideoStream
    from numpy.typing import NDArray

BITS = 9
TIME_BASE = Fraction(1, 1000)


def barcode_frame(index: int, width: int = 160, height: int = 120) -> NDArray[np.uint8]:
    """Return a moving, colored picture ``(height, width, 3)`` with `index` (below 512) in its upper third."""
    y, x = np.mgrid[0:height, 0:width]
    frame = np.stack([x * 255 // width, y * 255 // height, 128 + 60 * np.sin((x + 3 * index) / 9)], axis=-1)
    side = height // 6
    left = index * 5 % (width - side)
    frame[-side - 4 : -4, left : left + side] = (230, 40, 40)
    for bit in range(BITS):
        frame[: height // 3, bit * width // BITS : (bit + 1) * width // BITS] = 235 if index >> bit & 1 else 20
    return frame.astype(np.uint8)


def read_barcode(frame: NDArray[np.uint8]) -> int:
    """Return the index that `barcode_frame` wrote."""
    height, width = frame.shape[:2]
    row = frame[height // 12 : height // 4].mean(axis=(0, 2))
    return sum(1 << bit for bit in range(BITS) if row[int((bit + 0.5) * width / BITS)] > 128)


def write_video(
    path: Path | str,
    count: int = 60,
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (160, 120),
    fps: int = 25,
    start: float = 0.0,
    times: Sequence[float] | None = None,
    rotation: int = 0,
    mirrored: bool = False,
    pix_fmt: str = "yuv420p",
    pixel_aspect: Fraction | None = None,
    gop: int = 250,
    bframes: int = 0,
    options: Mapping[str, str] | None = None,
    **container: Any,
) -> NDArray[np.float64]:
    """Write `count` barcode frames and return their times in seconds, ``(count,)``, the first at 0.

    Parameters
    ----------
    path
        File to write; its suffix chooses the container.
    size
        ``(width, height)`` as stored. With a `rotation` by 90 the displayed size is the other way round.
    times
        Seconds of the frames; overrides `fps`.
    start
        Seconds at which the stream begins.
    rotation
        Degrees counter-clockwise by which a player turns the stored frames: 0, 90, 180 or 270.
    mirrored
        Whether a player then swaps left and right.
    pixel_aspect
        Width of a pixel divided by its height, written to the file.
    """
    seconds = np.arange(count) / fps if times is None else np.asarray(times, np.float64)
    stored = options or {}
    with av.open(str(path), "w", **container) as out:
        stream = cast(
            "VideoStream", out.add_stream(codec, rate=fps, options={"g": str(gop), "bf": str(bframes), **stored})
        )
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if codec == "mjpeg":
            stream.codec_context.color_range = 2
        # AVI has no time stamps: a frame's time is its number times the time base. MPEG-2 takes only some rates.
        is_counted = str(path).endswith(".avi") or codec == "mpeg2video"
        stream.codec_context.time_base = Fraction(1, fps) if is_counted else TIME_BASE
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        upright = size if rotation % 180 == 0 else size[::-1]
        for index, second in enumerate(seconds + start):
            picture = barcode_frame(index, *upright)
            picture = np.rot90(picture[:, ::-1] if mirrored else picture, -rotation // 90)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(second / frame.time_base)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return seconds - seconds[0]


def remux(
    source: Path | str,
    path: Path | str,
    edit: Callable[[int, bytes], bytes] = lambda _, data: data,
    *,
    shift: float = 0.0,
    options: Mapping[str, str] | None = None,
) -> None:
    """Copy the packets of a video, edited by their number, `shift` seconds earlier; options go to the muxer."""
    with av.open(str(source)) as source_file, av.open(str(path), "w", options=dict(options or {})) as out:
        stream = source_file.streams.video[0]
        copy = out.add_stream_from_template(stream)
        for number, packet in enumerate(p for p in source_file.demux(stream) if p.size):
            edited = av.Packet(edit(number, bytes(packet)))
            edited.stream, edited.time_base, edited.is_keyframe = copy, packet.time_base, packet.is_keyframe
            ticks = round(shift / packet.time_base)
            edited.pts, edited.dts = cast("int", packet.pts) - ticks, cast("int", packet.dts) - ticks
            edited.duration = packet.duration
            out.mux(edited)


def write_audio(path: Path | str, seconds: float = 1.0, rate: int = 8000) -> None:
    """Write a file with sound and no video."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=rate, layout="mono")
        samples = np.zeros((1, int(seconds * rate)), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.rate = rate
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
