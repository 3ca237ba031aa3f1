"""Generated clips that are no drawn actions, such as noise, gradients and screen text, each made from a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, COUNT = 320, 240, 8

_Color = tuple[int, int, int]


def _random_color(rng: np.random.Generator, low: int = 0, high: int = 256) -> _Color:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def _paint(draw_frame: Callable[[ImageDraw.ImageDraw, int], None], background: _Color) -> NDArray[np.uint8]:
    frames: list[NDArray[np.uint8]] = []
    for index in range(COUNT):
        image = Image.new("RGB", (WIDTH, HEIGHT), background)
        draw_frame(ImageDraw.Draw(image), index)
        frames.append(np.asarray(image))
    return np.stack(frames)


def _noise(rng: np.random.Generator) -> NDArray[np.uint8]:
    return (
        rng.normal(rng.uniform(30, 128), rng.uniform(10, 60), (COUNT, HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)
    )


def _flat_color(rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.broadcast_to(np.array(_random_color(rng), np.uint8), (COUNT, HEIGHT, WIDTH, 3)).copy()


def _dark_gradient(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a gradient between two dark colors, as the ground of drawn clips is dark."""
    first, last = rng.uniform(10, 70, (2, 3))
    share = np.linspace(0, 1, WIDTH)[None, :, None]
    return np.broadcast_to(first + (last - first) * share, (COUNT, HEIGHT, WIDTH, 3)).astype(np.uint8)


def _color_gradient(rng: np.random.Generator) -> NDArray[np.uint8]:
    corners = rng.uniform(0, 255, (2, 2, 3)).astype(np.uint8)
    image = np.asarray(Image.fromarray(corners).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR))
    return np.stack([np.roll(image, 10 * index, axis=1) for index in range(COUNT)])


def _checkerboard(rng: np.random.Generator) -> NDArray[np.uint8]:
    side = int(rng.integers(6, 60))
    y, x = np.mgrid[:HEIGHT, :WIDTH] // side
    dark, bright = rng.integers(20, 60), rng.integers(150, 240)
    return np.broadcast_to(np.where((x + y) % 2, bright, dark)[None, ..., None], (COUNT, HEIGHT, WIDTH, 3)).astype(
        np.uint8
    )


def _screen_text(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return lines of bright text on a dark screen that scroll."""
    size = int(rng.integers(10, 30))
    font = ImageFont.load_default(size)
    lines = ["".join(rng.choice(list("while x = f(y): return [a, b]   "), 40)) for _ in range(40)]
    color = _random_color(rng, 170, 250)

    def draw_frame(draw: ImageDraw.ImageDraw, index: int) -> None:
        for row, line in enumerate(lines):
            draw.text((4, row * (size + 4) - 5 * index), line, fill=color, font=font)

    return _paint(draw_frame, _random_color(rng, 15, 45))


def _large_title(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return large bright letters on a dark ground: strokes about as thick as limbs."""
    font, color = ImageFont.load_default(110), _random_color(rng, 200, 250)
    word = "".join(rng.choice(list("ABEHKMNRSTXZ"), 4))
    return _paint(lambda draw, index: draw.text((8 + 2 * index, 60), word, fill=color, font=font), (30, 30, 32))


def _bar_chart(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return bright bars that grow on a dark ground."""
    heights, speeds, color = rng.uniform(20, 120, 8), rng.uniform(2, 12, 8), _random_color(rng, 150, 240)

    def draw_frame(draw: ImageDraw.ImageDraw, index: int) -> None:
        for bar, height in enumerate(heights + index * speeds):
            draw.rectangle([20 + 36 * bar, HEIGHT - 20 - height, 42 + 36 * bar, HEIGHT - 20], fill=color)

    return _paint(draw_frame, (32, 34, 38))


def _dark_windows(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the windows of a desktop in dark colors, and a bright pointer."""
    places, shades = rng.uniform(0, 220, (5, 2)), rng.integers(40, 110, 5)

    def draw_frame(draw: ImageDraw.ImageDraw, index: int) -> None:
        for (x, y), shade in zip(places, shades, strict=True):
            draw.rectangle([x, y / 2, x + 110, y / 2 + 90], fill=(shade,) * 3, outline=(140, 140, 150))
            draw.text((x + 6, y / 2 + 4), "File  Edit  View", fill=(220, 220, 220), font=ImageFont.load_default(12))
        tip = 60 + 20 * index
        draw.polygon([(tip, 90), (tip + 12, 102), (tip, 107)], fill="white")

    return _paint(draw_frame, (24, 26, 30))


def _cartoon(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return flat shapes in bright colors that move, with dark outlines."""
    places, speeds = rng.uniform(0, 240, (6, 2)), rng.uniform(-10, 10, (6, 2))
    colors = [_random_color(rng, 60, 256) for _ in range(6)]

    def draw_frame(draw: ImageDraw.ImageDraw, index: int) -> None:
        draw.rectangle([0, 170, WIDTH, HEIGHT], fill=(90, 170, 80))
        for (x, y), color in zip(places + index * speeds, colors, strict=True):
            draw.ellipse([x, y, x + 60, y + 80], fill=color, outline="black", width=3)

    return _paint(draw_frame, (130, 190, 240))


def _line_figure(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a figure of thin white lines on black that waves: also a stick figure, but drawn in another way."""
    speed, x = rng.uniform(0.5, 1.5), rng.uniform(120, 200)

    def draw_frame(draw: ImageDraw.ImageDraw, index: int) -> None:
        swing = 25 * np.sin(speed * index)
        draw.ellipse([x - 14, 30, x + 14, 58], outline="white", width=2)
        limbs = ((0, 58, 0, 140), (0, 80, -40, 95 + swing), (0, 80, 40, 95 - swing))
        for x0, y0, x1, y1 in (*limbs, (0, 140, -30, 215), (0, 140, 30, 215)):
            draw.line([x + x0, y0, x + x1, y1], fill="white", width=2)

    return _paint(draw_frame, (0, 0, 0))


def _stars(rng: np.random.Generator) -> NDArray[np.uint8]:
    places, sizes = rng.uniform(0, 320, (120, 2)), rng.uniform(1, 5, 120)

    def draw_frame(draw: ImageDraw.ImageDraw, index: int) -> None:
        for (x, y), size in zip(places, sizes, strict=True):
            draw.ellipse([x + size * index, y, x + size * index + size, y + size], fill="white")

    return _paint(draw_frame, (12, 12, 30))


def _plasma(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return soft colors that flow into each other."""
    grids = rng.uniform(0, 255, (2, 5, 5, 3))
    frames = [(grids[0] * (1 - share) + grids[1] * share).astype(np.uint8) for share in np.linspace(0, 1, COUNT)]
    return np.stack([np.asarray(Image.fromarray(f).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)) for f in frames])


NON_DRAWINGS: dict[str, Callable[[np.random.Generator], NDArray[np.uint8]]] = {
    "noise": _noise,
    "flat color": _flat_color,
    "dark gradient": _dark_gradient,
    "color gradient": _color_gradient,
    "checkerboard": _checkerboard,
    "screen text": _screen_text,
    "large title": _large_title,
    "bar chart": _bar_chart,
    "dark windows": _dark_windows,
    "cartoon": _cartoon,
    "figure of thin lines": _line_figure,
    "stars": _stars,
    "plasma": _plasma,
}
"""Frames, uint8 ``(8, 240, 320, 3)``, by kind."""


def non_drawing(kind: str, seed: int) -> NDArray[np.uint8]:
    """Return the frames of a clip that is no drawn action, uint8 ``(8, 240, 320, 3)``.

    Parameters
    ----------
    kind
        Name in `NON_DRAWINGS`.
    seed
        Seed of the clip.
    """
    return NON_DRAWINGS[kind](np.random.default_rng([seed, 27]))
