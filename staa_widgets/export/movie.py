"""Export an explanation as an mp4 movie: every frame at its own time, with the sound of the video."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import ExportError, ParameterError
from staa_widgets.render.frames import RenderedFrames
from staa_widgets.render.style import DEFAULT_STYLE, HeatStyle
from staa_widgets.utils.files import export_path
from staa_widgets.utils.progress import Progress, progress_reporter
from staa_widgets.video.audio import audio_packets, has_audio

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation

TICKS_PER_SECOND = 90_000
"""Time base of the mp4 files: ticks per second."""


def to_video(
    explanation: Explanation,
    path: str | os.PathLike[str],
    style: HeatStyle = DEFAULT_STYLE,
    *,
    video: Any = None,
    audio: str | os.PathLike[str] | bool | None = None,
    start: float | None = None,
    end: float | None = None,
    speed: float = 1.0,
    chart: bool = True,
    progress: Progress | bool | None = None,
) -> Path:
    """Write an mp4 file (H.264, yuv420p) of the clip under its heat map: every frame in order and at its own time.

    Parameters
    ----------
    explanation
        The explanation whose clip and heat map are shown.
    path
        File to write, ``.mp4``; replaced in one step.
    style
        Display settings of the heat map.
    video
        The video that was explained, as for `staa_widgets.open_clip`, to show every frame at full size. Default: the
        images of the preview, which has at most 300 images of at most 640 pixels.
    audio
        Path of a video whose sound is kept, cut to the same seconds. ``True`` keeps the sound of `video` if `video` is
        a file with sound and `speed` is 1.
    start, end
        Seconds: only frames whose time lies in ``[start, end)`` are shown.
    speed
        Playback speed as a multiple of real time.
    chart
        Whether to draw the time chart, with a marker at the current time, and the colorbar under the images.
    progress
        As for `staa_widgets.explain`; if it raises an error, no file is written.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ExportError
        If the file cannot be written, or `audio` has no audio track.
    ParameterError
        If the video is not the one that was explained, or no frame lies in the range.
    VideoError
        If `video` or `audio` cannot be read.
    """
    from av.error import FFmpegError

    speed = validate_speed(speed)
    sound = _find_sound(audio, video, speed)
    with open_movie_file(path, ".mp4") as temporary_path, progress_reporter(progress) as report:
        frames = RenderedFrames(explanation, style, video=video, start=start, end=end, chart=chart)
        try:
            _encode_mp4(frames, temporary_path, sound, speed, report)
        except FFmpegError as error:
            raise ExportError(
                f"Cannot write the movie: {error.strerror}.", "Check that the disk is not full, or omit audio=."
            ) from error
    return Path(path)


def validate_speed(speed: float) -> float:
    """Return a playback speed as a float; raises `ParameterError` if it is not from 0.05 to 100."""
    if isinstance(speed, bool) or not isinstance(speed, Real) or not 0.05 <= speed <= 100:
        raise ParameterError(f"speed is {speed!r}.", "Use a factor from 0.05 to 100, such as 0.5 for half speed.")
    return float(speed)


def _find_sound(audio: str | os.PathLike[str] | bool | None, video: Any, speed: float) -> Path | None:
    """Return the path of the file whose sound is kept; ``None`` for no sound."""
    if audio is None or audio is False:
        return None
    if isinstance(audio, bool):
        keeps_sound = speed == 1 and isinstance(video, str | os.PathLike) and has_audio(Path(video))
        return Path(video) if keeps_sound else None
    if speed != 1:
        raise ParameterError("A movie can only have sound at speed=1.", "Omit audio= or speed=.")
    return Path(audio)


@contextmanager
def open_movie_file(path: str | os.PathLike[str], suffix: str) -> Iterator[Path]:
    """Yield the path of an empty file in the folder of `path`; at the end, the file is renamed to `path`.

    Raises
    ------
    ExportError
        If the name does not end in `suffix`, or the file cannot be written.
    """
    if Path(path).suffix.lower() != suffix:
        raise ExportError(
            f"The file name must end in {suffix}, got {Path(path).name!r}.", f"Use {Path(path).stem + suffix!r}."
        )
    with export_path(path, "movie") as temporary_path:
        # A folder that is not writable must be reported before the frames are drawn, because drawing may take minutes.
        temporary_path.touch()
        yield temporary_path


def _encode_mp4(frames: RenderedFrames, path: Path, audio: Path | None, speed: float, report: Progress) -> None:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    ticks = np.round((frames.edges - frames.edges[0]) / speed * TICKS_PER_SECOND).astype(np.int64)
    order = np.arange(len(ticks))
    ticks = np.maximum.accumulate(ticks - order) + order  # No two frames may have the same tick.
    width, height = (side + side % 2 for side in frames.size)
    with ExitStack() as stack:
        out = stack.enter_context(av.open(str(path.absolute()), "w", format="mp4", options={"movflags": "+faststart"}))
        rate = Fraction(len(frames) * TICKS_PER_SECOND, max(int(ticks[-1]), 1)).limit_denominator(1000)
        stream = out.add_stream("libx264", rate=max(rate, Fraction(1)))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # A key frame about every second and no B-frames: players can seek to any frame quickly.
        stream.options = {"crf": "18", "preset": "veryfast", "bf": "0", "g": str(max(1, round(rate)))}
        stream.codec_context.time_base = Fraction(1, TICKS_PER_SECOND)
        # Encode as BT.601, and say so in the stream: players that read these fields and players that ignore them then
        # show the same colors.
        stream.codec_context.colorspace = 6
        stream.codec_context.color_primaries = 6
        stream.codec_context.color_trc = 6
        stream.codec_context.color_range = 1
        sound: Iterator[tuple[float, Packet]] = iter(())
        if audio is not None:
            sound = stack.enter_context(audio_packets(out, audio, float(frames.edges[0]), float(frames.edges[-1])))
        sound_packet = next(sound, None)
        durations = dict(zip(ticks[:-1].tolist(), np.diff(ticks).tolist(), strict=True))
        for i, (pixels, tick) in enumerate(zip(frames, ticks[:-1].tolist(), strict=True)):
            report("writing the movie", i, len(frames))
            frame = av.VideoFrame.from_ndarray(_pad_to_even(pixels, width, height), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG)
            frame.pts, frame.time_base = tick, Fraction(1, TICKS_PER_SECOND)
            while sound_packet is not None and sound_packet[0] * TICKS_PER_SECOND <= tick:
                out.mux(sound_packet[1])
                sound_packet = next(sound, None)
            _mux(out, stream.encode(frame), durations)
        _mux(out, stream.encode(), durations)
        while sound_packet is not None:
            out.mux(sound_packet[1])
            sound_packet = next(sound, None)
        report("writing the movie", len(frames), len(frames))


def _mux(out: OutputContainer, packets: list[Packet], durations: dict[int, int]) -> None:
    for packet in packets:
        packet.duration = durations.get(packet.pts or 0, 0)
        out.mux(packet)


def _pad_to_even(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return an image padded to even sides, which yuv420p requires, by repeating its last row and column."""
    padding = ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0))
    return np.ascontiguousarray(np.pad(pixels, padding, "edge"))
