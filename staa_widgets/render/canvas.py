"""Drawing with Pillow: text, shapes, bars of time and colorbars, in pixels of a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from staa_widgets.render.theme import BAR_COLOR, GRID_COLOR, HIGHLIGHT_COLOR, MUTED_COLOR, POSITIVE_COLOR, TEXT_COLOR

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.render.compositor import Compositor

_SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "arial.ttf", "Arial Unicode.ttf", "Arial.ttf", "segoeui.ttf")
"""Fonts to try for characters that Pillow's built-in font lacks."""

_ASCII_PUNCTUATION = str.maketrans({"–": "-", "—": "-", "×": "x", "…": "...", "’": "'", "“": '"', "”": '"'})


class Canvas:
    """A white drawing surface. Coordinates are pixels of a page; the image has `scale` times as many."""

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
        font, shown = _choose_font(size * self.scale, text)
        kept = shown
        while width and shown and font.getlength(shown) > width * self.scale:
            kept = kept[:-1].rstrip()
            shown = kept and kept + "..."
        at = (round(x * self.scale), round(y * self.scale))
        self._draw.text(at, shown, color, font, anchor)
        return x + font.getlength(shown) / self.scale

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
        self._draw.ellipse([(v * self.scale) for v in (x - radius, y - radius, x + radius, y + radius)], color)

    def paste_image(self, pixels: NDArray[np.uint8], x: float, y: float, width: float, height: float) -> None:
        """Paste an image with slightly rounded corners."""
        from PIL import Image, ImageDraw

        size = (round(width * self.scale), round(height * self.scale))
        laid = Image.fromarray(pixels)
        if laid.size != size:
            laid = laid.resize(size, Image.Resampling.LANCZOS)
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), 3 * self.scale, 255)
        self.image.paste(laid, (round(x * self.scale), round(y * self.scale)), mask)


@cache
def _load_font(name: str, size: float) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    except OSError:
        return None


def _choose_font(size: float, text: str) -> tuple[Any, str]:
    """Return the font that has most characters of a text, and the text with the missing ones replaced."""
    plain = text.translate(_ASCII_PUNCTUATION)
    candidates = [("", plain), *((name, text) for name in _SYSTEM_FONTS if _load_font(name, size) is not None)]
    name, shown = max(candidates, key=lambda found: sum(_has_glyph(found[0], letter) for letter in found[1]))
    if sum(_has_glyph("", letter) for letter in plain) == len(plain):
        name, shown = "", plain
    return _load_font(name, size), "".join(letter if _has_glyph(name, letter) else "?" for letter in shown)


@cache
def _has_glyph(name: str, letter: str) -> bool:
    """Return whether a font has a character: it must not look like the box of a missing one."""
    font = _load_font(name, 24)
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask("\U0010fffe"))


class TimeAxis(NamedTuple):
    """Rectangle of the bars of time on a canvas: seconds run from `x0` to `x1`, shares from `bottom` up to `top`."""

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
    """Draw the share of each slice as bars, with an axis of shares at the left; `highlighted` bars stand out."""
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
        even = y(1 / len(temporal))
        canvas.dashed_line(axis.x0, axis.x1, even)
        canvas.text(axis.x1 + 6, even, "even", 12, MUTED_COLOR, "lm")


def draw_time_axis(canvas: Canvas, axis: TimeAxis) -> None:
    """Draw the labels of seconds under the bars."""
    step = nice_step(axis.end - axis.start, 8)
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


def draw_colorbar(canvas: Canvas, x: float, y: float, width: float, compositor: Compositor) -> None:
    """Draw the colorbar: colors, numbers, and the meaning of 1. Values below the cutoff are white."""
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
        at = x + width * ((tick + 1) / 2 if heat.is_signed else tick)
        anchor = "ls" if at == x else "rs" if at == x + width else "ms"
        canvas.text(at, y + 24, f"{tick:g}", 12, MUTED_COLOR, anchor)
    canvas.text(x, y + 41, describe_scale(compositor), 12, MUTED_COLOR)


def describe_scale(compositor: Compositor, *, several: bool = False) -> str:
    """Return the meaning of 1 on a colorbar in words."""
    if compositor.style.normalize == "frame":
        return "per frame: 1 is each frame's own maximum; do not compare over time"
    return (
        "per clip: 1 is each one's maximum" if several else f"per clip: 1 is the maximum, {compositor.heat.scale:.2g}"
    )
