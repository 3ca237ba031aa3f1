"""Movies of explanations: mp4 and GIF, each frame at its time."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from numbers import Integral, Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import ExportError, ParameterError
from staa_widgets.render.frames import RenderedFrames
from staa_widgets.render.style import DEFAULT_STYLE, HeatStyle
from staa_widgets.utils.files import export_path
from staa_widgets.utils.progress import Progress, progress_reporter
from staa_widgets.video.audio import audio_packets

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation

TICKS_PER_SECOND = 90_000
"""Ticks of a second in mp4 files."""

GIF_MAX_SIDE, GIF_MAX_FPS, GIF_MAX_FRAMES, GIF_MAX_BYTES = 480, 17, 300, 10_000_000
"""Of a GIF, at most: pixels of the pictures' longer side, frames a second, frames, bytes."""


def to_video(
    explanation: Explanation,
    path: str | os.PathLike[str],
    style: HeatStyle = DEFAULT_STYLE,
    *,
    video: Any = None,
    audio: str | os.PathLike[str] | None = None,
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
        What to show.
    path
        File to write, ``.mp4``; replaced in one step.
    style
        How the heat is drawn.
    video
        The video that was explained, as `staa_widgets.open_clip` takes it: then every frame is shown at full size. By
        default the preview's pictures, of which there are at most 300 of at most 640 pixels.
    audio
        Path of a video whose sound is kept, cut to the same seconds.
    start, end
        Seconds: only frames whose time lies in ``[start, end)`` are shown.
    speed
        Times real speed.
    chart
        Whether bars of time with the moment marked, and the colour bar, lie under the pictures.
    progress
        As for `staa_widgets.explain`; where it raises, nothing is written.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ExportError
        If the file cannot be written, or `audio` has no sound.
    ParameterError
        If the video is another than the explanation's, or no frame lies in the range.
    VideoError
        If `video` or `audio` cannot be read.
    """
    from av.error import FFmpegError

    speed = _validate_speed(speed, audio)
    with _open_output(path, ".mp4") as part, progress_reporter(progress) as report:
        film = RenderedFrames(explanation, style, video=video, start=start, end=end, chart=chart)
        try:
            _encode_mp4(film, part, None if audio is None else Path(audio), speed, report)
        except FFmpegError as error:
            raise ExportError(
                f"The movie cannot be made: {error.strerror}.", "See that the disk is not full; leave audio= out."
            ) from error
    return Path(path)


def to_gif(
    explanation: Explanation,
    path: str | os.PathLike[str],
    style: HeatStyle = DEFAULT_STYLE,
    *,
    start: float | None = None,
    end: float | None = None,
    speed: float = 1.0,
    chart: bool = True,
    max_side: int = GIF_MAX_SIDE,
    progress: Progress | bool | None = None,
) -> Path:
    """Write a GIF of the clip under its heat map, which plays for ever.

    At most 17 frames a second of the preview are shown, each until the next one is due, in one palette: colours do
    not flicker. Where the file would exceed some 10 MB the pictures are made smaller.

    Parameters
    ----------
    explanation, style, start, end, speed, chart, progress
        As for `to_video`.
    path
        File to write, ``.gif``; replaced in one step.
    max_side
        Pixels of the pictures' longer side, at most.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ExportError
        If the file cannot be written.
    ParameterError
        If no frame lies in the range, or a number is of no use.
    """
    speed = _validate_speed(speed, None)
    if not (isinstance(max_side, Integral) and 16 <= max_side <= 4096):
        raise ParameterError(f"max_side is {max_side!r}.", "Give 16 to 4096 pixels.")
    with _open_output(path, ".gif") as part, progress_reporter(progress) as report:
        for side in (max_side, max_side * 3 // 4, max_side // 2, max_side * 3 // 8):
            film = RenderedFrames(explanation, style, start=start, end=end, chart=chart, max_side=side)
            film.select(_thin_frames(film.times / speed))
            _encode_gif(film, part, speed, report)
            if part.stat().st_size <= GIF_MAX_BYTES:
                break
    return Path(path)


def movie_bytes(explanation: Explanation, kind: str, style: HeatStyle = DEFAULT_STYLE, **options: Any) -> bytes:
    """Return the content of the file that `to_video` (``"mp4"``) or `to_gif` (``"gif"``) writes; options as theirs."""
    makers = {"mp4": to_video, "gif": to_gif}
    if kind not in makers:
        raise ParameterError(f"{kind!r} is no kind of movie.", "Choose mp4 or gif.")
    with TemporaryDirectory() as folder:
        return makers[kind](explanation, Path(folder) / f"movie.{kind}", style, **options).read_bytes()


def _validate_speed(speed: float, audio: object) -> float:
    if isinstance(speed, bool) or not isinstance(speed, Real) or not 0.05 <= speed <= 100:
        raise ParameterError(f"speed is {speed!r}.", "Give times real speed, such as 0.5.")
    if audio is not None and speed != 1:
        raise ParameterError("Sound is kept at real speed alone.", "Leave out audio= or speed=.")
    return float(speed)


@contextmanager
def _open_output(path: str | os.PathLike[str], suffix: str) -> Iterator[Path]:
    if Path(path).suffix.lower() != suffix:
        raise ExportError(f"{Path(path).name!r} is no name for this kind of movie.", f"Let it end with {suffix}.")
    with export_path(path, "movie") as part:
        # Before anything is drawn, which may take long.
        part.touch()
        yield part


def _encode_mp4(frames: RenderedFrames, path: Path, audio: Path | None, speed: float, report: Progress) -> None:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    ticks = np.round((frames.edges - frames.edges[0]) / speed * TICKS_PER_SECOND).astype(np.int64)
    order = np.arange(len(ticks))
    ticks = np.maximum.accumulate(ticks - order) + order  # no two at once
    width, height = (side + side % 2 for side in frames.size)
    with ExitStack() as stack:
        out = stack.enter_context(av.open(str(path.absolute()), "w", format="mp4", options={"movflags": "+faststart"}))
        rate = Fraction(len(frames) * TICKS_PER_SECOND, max(int(ticks[-1]), 1)).limit_denominator(1000)
        stream = out.add_stream("libx264", rate=max(rate, Fraction(1)))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # A key frame every second or so, and no frame that leans on a later one: any player seeks it well.
        stream.options = {"crf": "18", "preset": "veryfast", "bf": "0", "g": str(max(1, round(rate)))}
        stream.codec_context.time_base = Fraction(1, TICKS_PER_SECOND)
        # BT.601 and said so: readers that heed what a file says, and those that do not, show the same colours.
        stream.codec_context.colorspace = 6
        stream.codec_context.color_primaries = 6
        stream.codec_context.color_trc = 6
        stream.codec_context.color_range = 1
        sound = (
            iter(())
            if audio is None
            else stack.enter_context(audio_packets(out, audio, float(frames.edges[0]), float(frames.edges[-1])))
        )
        waiting = next(sound, None)
        lasts = dict(zip(ticks[:-1].tolist(), np.diff(ticks).tolist(), strict=True))
        for i, (pixels, tick) in enumerate(zip(frames, ticks[:-1].tolist(), strict=True)):
            report("video", i, len(frames))
            frame = av.VideoFrame.from_ndarray(_pad_to_even(pixels, width, height), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG)
            frame.pts, frame.time_base = tick, Fraction(1, TICKS_PER_SECOND)
            while waiting is not None and waiting[0] * TICKS_PER_SECOND <= tick:
                out.mux(waiting[1])
                waiting = next(sound, None)
            _mux(out, stream.encode(frame), lasts)
        _mux(out, stream.encode(), lasts)
        while waiting is not None:
            out.mux(waiting[1])
            waiting = next(sound, None)
        report("video", len(frames), len(frames))


def _mux(out: OutputContainer, packets: list[Packet], lasts: dict[int, int]) -> None:
    for packet in packets:
        packet.duration = lasts.get(packet.pts or 0, 0)
        out.mux(packet)


def _pad_to_even(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Repeat the last row and column where H.264 wants one more."""
    more = ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0))
    return np.ascontiguousarray(np.pad(pixels, more, "edge"))


def _thin_frames(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Choose frames that are far enough from each other, the first among them."""
    chosen, least = [0], max(1 / GIF_MAX_FPS, (times[-1] - times[0]) / GIF_MAX_FRAMES)
    for i, time in enumerate(times.tolist()):
        if time - times[chosen[-1]] >= least - 1e-6:
            chosen.append(i)
    return np.array(chosen, np.int64)


_DITHER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.int16) // 2 - 4
"""Bayer's matrix, about 0: how much lighter a pixel is taken to be."""


_TRANSPARENT = (1, 254, 3)
"""Stands in a GIF for what stays as it was."""


def _encode_gif(frames: RenderedFrames, path: Path, speed: float, report: Progress) -> None:
    from PIL import Image

    edges = np.round(100 * (frames.edges - frames.edges[0]) / speed).astype(int)
    durations = [10 * max(int(last), 2) for last in np.diff(edges)]
    colours, (width, height) = _choose_colors(frames), frames.image_size
    table, same = Image.new("P", (1, 1)), len(colours)
    table.putpalette(colours.tobytes())
    written = [*colours.ravel().tolist(), *_TRANSPARENT] + [0, 0, 0] * (255 - same)
    # Dots that stay where they are: those that carry errors from pixel to pixel would flicker.
    dots = np.tile(_DITHER, (height // 4 + 1, width // 4 + 1))[:height, :width, None]
    pictures: list[Image.Image] = []
    before = None
    for i, pixels in enumerate(frames):
        report("GIF", i, len(frames))
        pixels[:height] = np.clip(pixels[:height] + dots, 0, 255)
        found = np.asarray(Image.fromarray(pixels).quantize(palette=table, dither=Image.Dither.NONE))
        found = np.where(found < same, found, 0).astype(np.uint8)
        # What stays as it was is not told again.
        told = Image.fromarray(found if before is None else np.where(found == before, np.uint8(same), found), "P")
        told.putpalette(written)
        pictures.append(told)
        before = found
    with path.open("wb") as file:
        pictures[0].save(
            file,
            "GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
            disposal=1,
            transparency=same,
            palette=bytes(written),
            optimize=False,
        )
    report("GIF", len(frames), len(frames))


def _choose_colors(frames: RenderedFrames) -> NDArray[np.uint8]:
    """Choose colours for all frames by looking at some, ``(n, 3)``; white, the ground of the chart, is one of them."""
    from PIL import Image

    seen = np.concatenate([pixels[::2, ::2].reshape(-1, 3) for pixels in frames.sample(12)])
    table = np.repeat(frames.compositor.colormap, len(seen) // 4000 + 1, axis=0)
    sample = np.concatenate([seen[(seen < 250).any(axis=1)], table])
    side = math.isqrt(len(sample))
    found = Image.fromarray(sample[-side * side :].reshape(side, side, 3)).quantize(254).getpalette() or []
    every = np.array([*found[: 3 * 254], 255, 255, 255], np.uint8).reshape(-1, 3)
    unique = np.unique(every, axis=0)
    return unique[(unique != _TRANSPARENT).any(axis=1)]
