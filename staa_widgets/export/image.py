"""Export explanations as a PNG image, for viewers that run no widgets: GitHub, nbviewer, a printed page."""

from __future__ import annotations

import base64
import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.explanation.comparison import Comparison
from staa_widgets.explanation.peak import describe_total
from staa_widgets.render.canvas import Canvas, wrap_text
from staa_widgets.render.compositor import Compositor, display_frames, display_index, frame_image, peak_frame
from staa_widgets.render.ground_truth import draw_outline_on_canvas, outline_lines, visible_ground_truth
from staa_widgets.render.style import DEFAULT_STYLE, HeatStyle
from staa_widgets.render.summary import (
    LEGEND_ROW,
    MARGIN,
    SENTENCE_SIZE,
    SummaryLayout,
    alt_text,
    describe_clip,
    describe_heat,
    describe_source,
    draw_footer,
    draw_playhead,
    legend_lines,
    sentence_height,
)
from staa_widgets.render.theme import MUTED_COLOR, TEXT_COLOR
from staa_widgets.utils.files import export_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL.Image import Image

    from staa_widgets.explanation.explanation import Explanation

MAX_BYTES = 400_000
"""Largest size of an image in bytes; larger ones are drawn with fewer colors, then with fewer pixels."""


@dataclass(frozen=True, repr=False)
class StaticImage:
    """A PNG image that any notebook can display.

    Parameters
    ----------
    png
        The PNG file.
    alt
        Alternative text.
    width, height
        Size on a page in pixels; the image in the file has up to twice as many pixels each way.
    """

    png: bytes
    alt: str
    width: int
    height: int

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the PNG file, in one step, and return its path; raises `ExportError` if the file cannot be written."""
        return export_bytes(path, self.png, "picture")

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        return self.png, {"width": self.width, "height": self.height, "alt": self.alt}

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        png, metadata = self._repr_png_()
        return {"image/png": base64.b64encode(png).decode(), "text/plain": self.alt}, {"image/png": metadata}

    def __repr__(self) -> str:
        return f"<StaticImage of {self.width} × {self.height}: {self.alt}>"


def render_image(
    explanation: Explanation | Mapping[str, Explanation],
    style: HeatStyle = DEFAULT_STYLE,
    *,
    images: int | None = None,
    width: int = 960,
) -> StaticImage:
    """Draw an explanation as one image: frames with the heat map and their seconds, above the time chart.

    Parameters
    ----------
    explanation
        An explanation, or a comparison, of which each explanation gets a row of frames and a time chart.
    style
        Display settings.
    images
        Largest number of frames in a row; default: as many as fit. The clip is divided into this number of equal parts.
        For each part, the strongest slice is shown by the middle one of the frames that the model saw for the slice.
    width
        Width on a page in pixels.

    Returns
    -------
    StaticImage
        An image that a notebook displays if it is the last value of a cell; at most about 400 KB.

    Raises
    ------
    ParameterError
        If there is nothing to draw, or no such layer or head.
    """
    if not isinstance(explanation, Mapping):
        rows: dict[str, Explanation] = {"": explanation}
    else:
        if not explanation:
            raise ParameterError("There is no explanation to draw.", "Pass an Explanation or a Comparison.")
        rows = {title: explanation[name] for name, title in Comparison(explanation).titles().items()}
    if not (
        isinstance(width, Integral)
        and 320 <= width <= 4000
        and (images is None or (isinstance(images, Integral) and 1 <= images <= 40))
    ):
        raise ParameterError(
            f"width is {width!r} and images is {images!r}.",
            "Use a width from 320 to 4000 pixels and 1 to 40 images, or None.",
        )
    compositors = {name: Compositor(e, style) for name, e in rows.items()}

    def draw(scale: float) -> Canvas:
        return SummaryLayout(compositors, width, images).draw(scale)

    return _encode_png(draw, compositors, alt_text(compositors))


def to_png(
    explanation: Explanation | Mapping[str, Explanation],
    path: str | os.PathLike[str],
    style: HeatStyle = DEFAULT_STYLE,
    **options: Any,
) -> Path:
    """Write the image that `render_image` draws to a PNG file, and return the path; the options are the same.

    Raises
    ------
    ExportError
        If the file cannot be written.
    ParameterError
        As `render_image`.
    """
    return render_image(explanation, style, **options).save(path)


def snapshot(explanation: Explanation, frame: int | None = None, style: HeatStyle = DEFAULT_STYLE) -> StaticImage:
    """Draw one frame with its heat map, the colorbar, and the time chart with a marker at the frame.

    Parameters
    ----------
    explanation
        The explanation to draw.
    frame
        Source frame; default: the middle one of the frames that the model saw for the strongest slice.
    style
        Display settings.

    Returns
    -------
    StaticImage
        An image that a notebook displays if it is the last value of a cell.

    Raises
    ------
    ParameterError
        If there is no such frame, layer or head.
    """
    e = explanation
    position = display_index(e, peak_frame(e) if frame is None else frame)
    compositor = Compositor(e, style)
    source_frame, time = (values[position] for values in display_frames(e))
    painted = compositor.paint(frame_image(e, position), float(time))
    slice_index = int(e.slice_of_frame[int(source_frame) - e.first_frame])
    share, total = compositor.heat.temporal[slice_index], describe_total(signed=compositor.heat.is_signed)

    width = min(max(480.0, compositor.size[0]), 720.0)
    sentence = wrap_text(describe_heat(compositor), SENTENCE_SIZE, width)
    truth = visible_ground_truth(e, style)
    lines = [] if truth is None else outline_lines(e, truth, int(source_frame))

    def draw(scale: float) -> Canvas:
        image_height = min(width * compositor.size[1] / compositor.size[0], 720.0)
        image_width = image_height * compositor.size[0] / compositor.size[1]
        top = 62 + sentence_height(sentence)
        canvas = Canvas(
            width + 2 * MARGIN, top + image_height + 176 + LEGEND_ROW * len(legend_lines(compositor)), scale
        )
        canvas.text(MARGIN, 40, describe_clip(e), 20, width=width)
        canvas.text_lines(MARGIN, 62, sentence, SENTENCE_SIZE, TEXT_COLOR, width)
        source = f"frame {source_frame} · {time:.2f} s · {describe_source(e, style)}"
        canvas.text(MARGIN, top, source, 13, MUTED_COLOR, width=width)
        place = (MARGIN + (width - image_width) / 2, top + 16, image_width, image_height)
        canvas.paste_image(painted, *place)
        draw_outline_on_canvas(canvas, lines, place)
        axis = draw_footer(canvas, compositor, MARGIN, MARGIN + width, top + image_height + 34, slice_index)
        draw_playhead(canvas, axis, float(time))
        return canvas

    description = f"Frame {source_frame} at {time:.2f} s, {share:.0%} of the {total} in its slice."
    return _encode_png(draw, {"": compositor}, f"{description} {alt_text({'': compositor})}")


def _encode_png(
    draw: Callable[[float], Canvas], compositors: Mapping[str, Compositor], description: str
) -> StaticImage:
    """Return the image as PNG, with as many pixels and colors as fit into `MAX_BYTES`."""
    from PIL import PngImagePlugin

    explanations = [compositor.explanation for compositor in compositors.values()]
    colormaps = np.concatenate([compositor.colormap for compositor in compositors.values()])
    metadata = PngImagePlugin.PngInfo()
    metadata.add_itxt("Title", " / ".join(dict.fromkeys(e.clip_name or "clip" for e in explanations)))
    metadata.add_itxt("Description", description)
    metadata.add_itxt("Source", " / ".join(dict.fromkeys(f"{e.method}, {e.model_id}" for e in explanations)))
    metadata.add_text("Software", "staa_widgets")
    data, canvas = b"", None
    for scale, colors in ((2, 0), (2, 256), (1.5, 256), (1, 256), (1, 96)):
        canvas = draw(scale) if canvas is None or canvas.scale != scale else canvas
        stream = io.BytesIO()
        image = _quantize(canvas.image, colors, colormaps) if colors else canvas.image
        image.save(stream, "PNG", pnginfo=metadata)
        data = stream.getvalue()
        if len(data) <= MAX_BYTES:
            break
    assert canvas is not None
    return StaticImage(data, description, round(canvas.width), round(canvas.height))


def _quantize(image: Image, colors: int, colormaps: NDArray[np.uint8]) -> Image:
    """Return an image reduced to a palette of `colors`, which covers the colormaps however small the heat map is."""
    from PIL import Image as Pillow

    pixels = np.asarray(image)[::4, ::4].reshape(-1, 3)
    pixels = pixels[(pixels < 250).any(axis=1)]
    sample = np.concatenate([pixels, np.repeat(colormaps, len(pixels) // 2000 + 1, axis=0)])
    side = math.isqrt(len(sample))
    quantized = Pillow.fromarray(sample[-side * side :].reshape(side, side, 3)).quantize(colors - 1)
    sampled_colors = (quantized.getpalette() or [])[: 3 * colors - 3]
    palette = Pillow.new("P", (1, 1))
    palette.putpalette([*sampled_colors, 255, 255, 255])  # White, so that the background stays white.
    return image.quantize(palette=palette, dither=Pillow.Dither.FLOYDSTEINBERG)
