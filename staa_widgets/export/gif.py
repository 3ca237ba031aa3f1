"""Export an explanation as an animated GIF, with smaller frames if the file exceeds 10 MB."""

from __future__ import annotations

import os
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.export.movie import open_movie_file, validate_speed
from staa_widgets.export.palette import PatternDither, choose_palette
from staa_widgets.render.frames import RenderedFrames
from staa_widgets.render.style import DEFAULT_STYLE, HeatStyle
from staa_widgets.utils.progress import Progress, progress_reporter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation

GIF_MAX_SIDE, GIF_MAX_FPS, GIF_MAX_FRAMES, GIF_MAX_BYTES = 480, 17, 300, 10_000_000
"""Limits of a GIF: pixels of the longer side of its frames, frames a second, frames, bytes."""

SAMPLED_FRAMES = 16
"""Number of frames from which the palette is chosen."""

_TRANSPARENT = (1, 254, 3)
"""Palette color of pixels that are the same as in the previous frame."""


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
    """Write a GIF of the clip under its heat map; the GIF repeats forever.

    At most 17 frames per second of the preview are shown; each frame stays until the next one. All frames share one
    palette and one pattern of dithering, so that colors neither flicker nor form bands. If the file exceeds 10 MB, the
    frames are made smaller.

    Parameters
    ----------
    explanation, style, start, end, speed, chart, progress
        As for `staa_widgets.export.movie.to_video`.
    path
        File to write, ``.gif``; replaced in one step.
    max_side
        Largest number of pixels of the longer side of the frames.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ExportError
        If the file cannot be written.
    ParameterError
        If no frame lies in the range, or a number is out of range.
    """
    speed = validate_speed(speed)
    if not (isinstance(max_side, Integral) and 16 <= max_side <= 4096):
        raise ParameterError(f"max_side is {max_side!r}.", "Use a whole number of pixels from 16 to 4096.")
    with open_movie_file(path, ".gif") as temporary_path, progress_reporter(progress) as report:
        for side in (max_side, max_side * 3 // 4, max_side // 2, max_side * 3 // 8):
            frames = RenderedFrames(explanation, style, start=start, end=end, chart=chart, max_side=side)
            frames.select(_thin_frames(frames.times / speed))
            _encode_gif(frames, temporary_path, speed, report)
            if temporary_path.stat().st_size <= GIF_MAX_BYTES:
                break
    return Path(path)


def _thin_frames(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the indices of the frames to keep, within the limits of frame rate and count; the first frame is kept."""
    min_gap = max(1 / GIF_MAX_FPS, (times[-1] - times[0]) / GIF_MAX_FRAMES)
    indices = [0]
    for i, time in enumerate(times.tolist()):
        if time - times[indices[-1]] >= min_gap - 1e-6:
            indices.append(i)
    return np.array(indices, np.int64)


def _encode_gif(frames: RenderedFrames, path: Path, speed: float, report: Progress) -> None:
    from PIL import Image

    edges = np.round(100 * (frames.edges - frames.edges[0]) / speed).astype(int)
    durations = [10 * max(int(hundredths), 2) for hundredths in np.diff(edges)]
    colors, height = _choose_colors(frames), frames.image_size[1]
    palette_image, transparent, dither = Image.new("P", (1, 1)), len(colors), PatternDither(colors)
    palette_image.putpalette(colors.tobytes())
    palette = [*colors.ravel().tolist(), *_TRANSPARENT] + [0, 0, 0] * (255 - transparent)
    images: list[Image.Image] = []
    previous = None
    for i, pixels in enumerate(frames):
        report("writing the GIF", i, len(frames))
        # Text and bars of the chart stay sharp without a pattern.
        chart = np.asarray(Image.fromarray(pixels[height:]).quantize(palette=palette_image, dither=Image.Dither.NONE))
        indices = np.concatenate([dither.reduce(pixels[:height]), chart])
        indices = np.where(indices < transparent, indices, 0).astype(np.uint8)
        changed = indices if previous is None else np.where(indices == previous, np.uint8(transparent), indices)
        image = Image.fromarray(changed, "P")
        image.putpalette(palette)
        images.append(image)
        previous = indices
    with path.open("wb") as file:
        images[0].save(
            file,
            "GIF",
            save_all=True,
            append_images=images[1:],
            duration=durations,
            loop=0,
            disposal=1,
            transparency=transparent,
            palette=bytes(palette),
            optimize=False,
        )
    report("writing the GIF", len(frames), len(frames))


def _choose_colors(frames: RenderedFrames) -> NDArray[np.uint8]:
    """Return the palette of all frames, uint8 ``(n, 3)``, which lacks the color of transparent pixels."""
    palette = choose_palette((image[::2, ::2] for image in frames.sample(SAMPLED_FRAMES)), 254)
    return palette[(palette != _TRANSPARENT).any(axis=1)]
