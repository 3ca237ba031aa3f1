"""Reduce images to one palette without bands: choose its colors, and dither in a pattern that stays in place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHANNEL_WEIGHTS = np.array([3.0, 4.0, 2.0], np.float32) ** 0.5
"""Factors of red, green and blue in the distance of two colors, about as the eye weights them."""

ALMOST_WHITE = 250
"""Least value of the channels of colors that white represents."""

_STEP = 4
"""Distance of the color values that are told apart before a pattern is chosen; a 2 x 2 pattern hides the steps."""

_LEVELS = 256 // _STEP + 1

_FINE_PATTERN = np.array([[0, 2], [3, 1]], np.uint16)

_PATTERN = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.intp)
"""Bayer matrix: which of the 16 colors of a pattern each pixel takes."""

_ROUNDS = 8
"""Rounds of k-means; the error hardly falls after more of them."""


def choose_palette(images: Iterable[NDArray[np.uint8]], count: int) -> NDArray[np.uint8]:
    """Return the colors that represent images best, by k-means over their distinct colors.

    A color counts by the square root of its number of pixels: small parts of the images, such as the heat on a large
    background, get colors enough for smooth gradients.

    Parameters
    ----------
    images
        uint8 ``(H, W, 3)`` each.
    count
        Number of colors, at most 255. White is added as the last one, so that white pixels stay white.

    Returns
    -------
    NDArray
        uint8 ``(n, 3)``, with ``n`` at most ``count + 1``.
    """
    from PIL import Image

    pixels = np.concatenate([image.reshape(-1, 3) for image in images])
    pixels = pixels[(pixels < ALMOST_WHITE).any(axis=1)]
    if not len(pixels):
        return np.full((1, 3), 255, np.uint8)
    bins, counts = np.unique(pack_colors(pixels // 4), return_counts=True)
    colors = unpack_colors(bins) * 4 + np.float32(1.5)
    weights = np.sqrt(counts).astype(np.float32)
    first = Image.fromarray(colors.astype(np.uint8)[None]).quantize(count).getpalette() or []
    centers = np.unique(np.array(first, np.float32).reshape(-1, 3)[:count], axis=0)
    for _ in range(_ROUNDS):
        nearest = nearest_colors(colors, centers)
        mass = np.bincount(nearest, weights, len(centers))
        sums = np.stack([np.bincount(nearest, weights * channel, len(centers)) for channel in colors.T], axis=1)
        centers = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-9)[:, None], centers).astype(np.float32)
    return np.concatenate([np.rint(centers), [[255, 255, 255]]]).clip(0, 255).astype(np.uint8)


def pack_colors(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return each color ``(…, 3)`` as one number."""
    values = colors.astype(np.int32)
    return values[..., 0] << 16 | values[..., 1] << 8 | values[..., 2]


def unpack_colors(numbers: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return colors ``(…, 3)`` of the numbers that `pack_colors` returned."""
    return np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=-1).astype(np.float32)


def nearest_colors(colors: NDArray[np.float32], palette: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the index of the palette's nearest color for each color ``(n, 3)``."""
    points, centers = colors * _CHANNEL_WEIGHTS, palette * _CHANNEL_WEIGHTS
    squares = (centers**2).sum(axis=1)
    parts = np.array_split(points, len(points) // 8192 + 1)
    return np.concatenate([(squares - 2 * part @ centers.T).argmin(axis=1) for part in parts])


class PatternDither:
    """Dithers images with a palette: each color becomes a pattern of 16 palette colors whose mean is that color.

    This is pattern dithering after Thomas Knoll. The pattern does not depend on neighboring pixels, so that a still
    part of a film stays still; error diffusion would flicker.

    Parameters
    ----------
    palette
        uint8 ``(n, 3)``.
    """

    def __init__(self, palette: NDArray[np.uint8]) -> None:
        self._palette = palette.astype(np.float32)
        self._brightness = self._palette @ np.array([0.299, 0.587, 0.114], np.float32)
        self._patterns = np.zeros((_LEVELS**3, _PATTERN.size), np.uint8)
        self._known = np.zeros(_LEVELS**3, np.bool_)

    def reduce(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return palette indices ``(H, W)`` of an image, uint8 ``(H, W, 3)``."""
        height, width = pixels.shape[:2]
        levels = (pixels + _tile(_FINE_PATTERN, height, width)[..., None]) // _STEP
        numbers = (levels[..., 0].astype(np.int32) * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
        new = np.unique(numbers[~self._known[numbers]])
        if len(new):
            self._patterns[new] = self._make_patterns(new)
            self._known[new] = True
        return self._patterns[numbers, _tile(_PATTERN, height, width)]

    def _make_patterns(self, numbers: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the palette indices of patterns, from dark to bright, ``(n, 16)``."""
        levels = np.stack([numbers // _LEVELS**2, numbers // _LEVELS % _LEVELS, numbers % _LEVELS], axis=1)
        colors = np.minimum(levels * _STEP, 255).astype(np.float32)
        error = np.zeros_like(colors)
        chosen = np.empty((len(colors), _PATTERN.size), np.intp)
        for i in range(_PATTERN.size):
            chosen[:, i] = nearest_colors(colors + error, self._palette)
            error += colors - self._palette[chosen[:, i]]
        order = self._brightness[chosen].argsort(axis=1, kind="stable")
        return np.take_along_axis(chosen, order, axis=1).astype(np.uint8)


def _tile(pattern: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    rows, columns = pattern.shape
    return np.tile(pattern, (height // rows + 1, width // columns + 1))[:height, :width]
