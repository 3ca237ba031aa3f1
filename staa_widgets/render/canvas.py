"""Draw with Pillow: text, shapes, time charts and colorbars, in page pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from staa_widgets.render.theme import BAR_COLOR, GRID_COLOR, HIGHLIGHT_COLOR, MUTED_COLOR, POSITIVE_COLOR, TEXT_COLOR
from staa_widgets.utils.text import single_line

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.render.compositor import Compositor

LINE_SPACING = 1.4
"""Distance of the lines of a text as a multiple of its size."""

TICK_WIDTH = 48
"""Least distance of the seconds under a chart in page pixels."""

MAX_LINE = 500
"""Maximum characters of a line of text; no picture is wide enough for more."""

_SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "arial.ttf", "Arial Unicode.ttf", "Arial.ttf", "segoeui.ttf")
"""Fonts to try for characters that Pillow's built-in font lacks."""

_ASCII_PUNCTUATION = str.maketrans({"–": "-", "—": "-", "×": "x", "…": "...", "’": "'", "“": '"', "”": '"'})
"""Replacements made before text is drawn in Pillow's built-in font."""


class Canvas:
    """White drawing surface. Coordinates are page pixels; the image has `scale` times as many pixels each way."""

    def __init__(self, width: float, height: float, scale: float = 1.0) -> None:
        from PIL import Image, ImageDraw

        self.width, self.height, self.scale = width, height, scale
        self.image = Image.new("RGB", (round(width * scale), round(height * scale)), "white")
        self._draw = ImageDraw.Draw(self.image)

    def copy(self) -> Canvas:
        """Return an independent copy."""
        from PIL import ImageDraw

        other = object.__new__(Canvas)
        other.width, other.height, other.scale, other.image = self.width, self.height, self.scale, self.image.copy()
        other._draw = ImageDraw.Draw(other.image)
        return other

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 13,
        color: str = TEXT_COLOR,
        anchor: str = "ls",
        width: float = 0,
    ) -> float:
        """Write one line of text, cut to `width`, and return the x coordinate of its end; `anchor` as in Pillow."""
        font, line = _choose_font(size * self.scale, single_line(text[:MAX_LINE]))
        prefix = line
        while width and line and font.getlength(line) > width * self.scale:
            prefix = prefix[:-1].rstrip()
            line = prefix and prefix + "..."
        position = (round(x * self.scale), round(y * self.scale))
        self._draw.text(position, line, color, font, anchor)
        return x + font.getlength(line) / self.scale

    def text_lines(self, x: float, y: float, lines: Sequence[str], size: float, color: str, width: float) -> None:
        """Write lines of text, as `wrap_text` returns them, one below the other; the first one's baseline is at `y`."""
        for i, line in enumerate(lines):
            self.text(x, y + i * LINE_SPACING * size, line, size, color, width=width)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, color: str) -> None:
        """Fill a rectangle, at least one pixel of the image wide and high."""
        left, top, right, bottom = (round(edge * self.scale) for edge in (x0, y0, x1, y1))
        self._draw.rectangle((left, top, max(right - 1, left), max(bottom - 1, top)), color)

    def line(self, points: Sequence[tuple[float, float]], color: str = MUTED_COLOR, width: float = 1) -> None:
        """Draw a line through points."""
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self._draw.line(scaled, color, max(1, round(width * self.scale)), "curve")

    def dashed_line(self, x0: float, x1: float, y: float, color: str = MUTED_COLOR) -> None:
        """Draw a horizontal dashed line."""
        for x in np.arange(x0, x1, 8):
            self.rectangle(x, y - 0.5, min(x + 4, x1), y + 0.5, color)

    def disc(self, x: float, y: float, radius: float, color: str) -> None:
        """Fill a circle."""
        self._draw.ellipse([edge * self.scale for edge in (x - radius, y - radius, x + radius, y + radius)], color)

    def paste_image(self, pixels: NDArray[np.uint8], x: float, y: float, width: float, height: float) -> None:
        """Paste an image with slightly rounded corners."""
        from PIL import Image, ImageDraw

        size = (round(width * self.scale), round(height * self.scale))
        picture = Image.fromarray(pixels)
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), 3 * self.scale, 255)
        self.image.paste(picture, (round(x * self.scale), round(y * self.scale)), mask)


def wrap_text(text: str, size: float, width: float, most: int = 6) -> list[str]:
    """Return a text in at most `most` lines of a width in page pixels; the last one may hold more than fits."""
    words = single_line(text[:MAX_LINE]).split()
    # Text at other scales is up to a few percent wider.
    fits = [_text_width(word, size) for word in words]
    space = _text_width("n n", size) - _text_width("nn", size)
    lines, used = [[]], 0.0
    for word, length in zip(words, fits, strict=True):
        if lines[-1] and used + space + length > 0.97 * width and len(lines) < most:
            lines.append([])
        used = used + space + length if lines[-1] else length
        lines[-1].append(word)
    return [" ".join(line) for line in lines]


def _text_width(text: str, size: float) -> float:
    font, line = _choose_font(size, text)
    return font.getlength(line)


@cache
def _load_font(name: str, size: float) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    except OSError:
        return None


def _choose_font(size: float, text: str) -> tuple[Any, str]:
    """Return the font that has the most characters of a text, and the text with missing characters as ``?``."""
    plain = text.translate(_ASCII_PUNCTUATION)
    candidates = [("", plain), *((name, text) for name in _SYSTEM_FONTS if _load_font(name, size) is not None)]
    name, line = max(candidates, key=lambda candidate: sum(_has_glyph(candidate[0], c) for c in candidate[1]))
    if sum(_has_glyph("", letter) for letter in plain) == len(plain):
        name, line = "", plain
    return _load_font(name, size), "".join(letter if _has_glyph(name, letter) else "?" for letter in line)


@cache
def _has_glyph(name: str, letter: str) -> bool:
    """Return whether a font has a character: whether it draws something else than the box of a missing character."""
    font = _load_font(name, 24)
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask("\U0010fffe"))


class TimeAxis(NamedTuple):
    """Rectangle of a time chart on a canvas: seconds run from `x0` to `x1`, shares from `bottom` up to `top`."""

    x0: float
    x1: float
    top: float
    bottom: float
    start: float
    end: float

    def x(self, second: float) -> float:
        """Return the x coordinate of a second."""
        share = (second - self.start) / (self.end - self.start) if self.end > self.start else 0.0
        return self.x0 + min(max(share, 0.0), 1.0) * (self.x1 - self.x0)


def draw_bars(
    canvas: Canvas,
    axis: TimeAxis,
    explanation: Explanation,
    temporal: NDArray[np.float64],
    signed: NDArray[np.float64] | None,
    highlighted: Sequence[int] = (),
) -> None:
    """Draw the share of each slice as a bar, with an axis of shares on the left; `highlighted` bars are darker."""
    up = temporal if signed is None else (temporal + signed) / 2
    down = np.zeros_like(temporal) if signed is None else (temporal - signed) / 2
    step = nice_step(float(up.max() + down.max()), 3)
    high = max(math.ceil(up.max() / step - 1e-9), 0 if signed is not None else 1) * step
    low = math.ceil(down.max() / step - 1e-9) * step
    span = high + low or 1.0

    def y(share: float) -> float:
        return axis.top + (axis.bottom - axis.top) * (high - share) / span

    for tick in np.arange(-round(low / step), round(high / step) + 1) * step:
        canvas.rectangle(axis.x0, y(tick) - 0.5, axis.x1, y(tick) + 0.5, MUTED_COLOR if tick == 0 else GRID_COLOR)
        canvas.text(
            axis.x0 - 8, y(tick), f"{abs(tick):.0%}" if step >= 0.01 else f"{abs(tick):.1%}", 12, MUTED_COLOR, "rm"
        )
    for s, (start, end) in enumerate(explanation.spans.tolist()):
        left, right = axis.x(start) + 0.5, axis.x(end) - 0.5
        if up[s] > 0:
            colors = (BAR_COLOR, HIGHLIGHT_COLOR) if signed is None else (POSITIVE_COLOR, "#7d3208")
            canvas.rectangle(left, y(float(up[s])), right, y(0), colors[s in highlighted])
        if down[s] > 0:
            canvas.rectangle(left, y(0), right, y(-float(down[s])), HIGHLIGHT_COLOR if s in highlighted else BAR_COLOR)
    if signed is None:
        even_y = y(1 / len(temporal))
        canvas.dashed_line(axis.x0, axis.x1, even_y)
        canvas.text(axis.x1 + 6, even_y, "even", 12, MUTED_COLOR, "lm")


def draw_time_axis(canvas: Canvas, axis: TimeAxis) -> None:
    """Draw ticks and their seconds under the bars."""
    step = nice_step(axis.end - axis.start, int(np.clip((axis.x1 - axis.x0) / TICK_WIDTH, 2, 8)))
    digits = 2 if step < 0.1 else 1 if step < 1 else 0
    for i in range(math.ceil(axis.start / step - 1e-9), math.floor(axis.end / step + 1e-9) + 1):
        x = axis.x(i * step)
        canvas.rectangle(x - 0.5, axis.bottom, x + 0.5, axis.bottom + 4, MUTED_COLOR)
        canvas.text(x, axis.bottom + 17, f"{i * step:.{digits}f} s", 12, MUTED_COLOR, "ms")


def nice_step(span: float, count: int) -> float:
    """Return the round number (1, 2 or 5 times a power of ten) that divides `span` into at most `count` steps."""
    if not span > 0:
        return 1.0
    rough = span / count
    power = 10 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def draw_colorbar(canvas: Canvas, x: float, y: float, width: float, compositor: Compositor, caption: str) -> None:
    """Draw the colorbar with its ticks, and a caption of one line. Values below the cutoff are white."""
    heat, style, colormap = compositor.heat, compositor.style, compositor.colormap
    count = round(width * canvas.scale)
    share = (np.arange(count) + 0.5) / count
    value = 2 * share - 1 if heat.is_signed else share
    strength = np.sign(value) * np.abs(value) ** style.gamma
    level = np.floor((127.5 + 127.5 * strength if heat.is_signed else 255 * strength) + 0.5).clip(0, 255).astype(int)
    colors = np.where((np.abs(value) < compositor.cutoff)[:, None], 255, colormap[level]).astype(np.uint8)
    height = round(10 * canvas.scale)
    canvas.paste_image(
        np.broadcast_to(colors, (height, count, 3)).copy(), x, y, count / canvas.scale, height / canvas.scale
    )
    for tick in (-1, -0.5, 0, 0.5, 1) if heat.is_signed else (0, 0.25, 0.5, 0.75, 1):
        tick_x = x + width * ((tick + 1) / 2 if heat.is_signed else tick)
        anchor = "ls" if tick_x == x else "rs" if tick_x == x + width else "ms"
        canvas.text(tick_x, y + 24, f"{tick:g}", 12, MUTED_COLOR, anchor)
    canvas.text(x, y + 41, caption, 12, MUTED_COLOR)


def describe_scale(compositor: Compositor, *, several: bool = False) -> str:
    """Return the caption of a colorbar, which states the maximum that the value 1 stands for."""
    if compositor.style.normalize == "frame":
        return "per frame: 1 stands for each frame's own maximum; not comparable over time"
    return (
        "per clip: 1 stands for the maximum of each explanation"
        if several
        else f"per clip: 1 stands for the clip's maximum, {compositor.heat.scale:.2g}; {_describe_patch(compositor)}"
    )


def _describe_patch(compositor: Compositor) -> str:
    """Return the size of a patch, in pixels of the video, and the number of patches."""
    e, (_, rows, columns) = compositor.explanation, compositor.heat.values.shape
    x0, y0, x1, y1 = e.box
    # Halves are rounded up, as in the player.
    width, height = (math.floor(side + 0.5) for side in ((x1 - x0) / columns, (y1 - y0) / rows))
    return f"patch size {width} × {height} px ({columns} × {rows} patches)"
