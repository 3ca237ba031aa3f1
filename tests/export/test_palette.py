"""Palettes and dithering: colors of small parts are kept, and patterns have the mean of their color."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.export.palette import PatternDither, choose_palette

GRAYS = np.repeat(np.arange(0, 256, 51, dtype=np.uint8)[:, None], 3, axis=1)


@pytest.mark.parametrize("gray", [0, 10, 102, 120, 201, 255])
def test_the_pattern_of_a_color_has_its_mean(gray: int):
    indices = PatternDither(GRAYS).reduce(np.full((12, 16, 3), gray, np.uint8))
    means = GRAYS[indices].astype(float).reshape(3, 4, 4, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(means, np.full(means.shape, gray), atol=4)


def test_a_gradient_has_no_steps():
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (16, 256, 3))
    drawn = GRAYS[PatternDither(GRAYS).reduce(ramp)].astype(float).mean(axis=(0, 2))
    smooth = np.convolve(drawn, np.ones(8) / 8, "valid")
    assert np.abs(smooth - np.arange(256)[4:-3]).max() < 5
    assert np.abs(np.diff(smooth)).max() < 5


def test_a_part_that_does_not_change_keeps_its_pixels():
    random = np.random.default_rng(0)
    dither = PatternDither(GRAYS)
    one, other = random.integers(0, 256, (2, 20, 30, 3), np.uint8)
    other[:, :15] = one[:, :15]
    np.testing.assert_array_equal(dither.reduce(one)[:, :15], dither.reduce(other)[:, :15])
    np.testing.assert_array_equal(dither.reduce(one), PatternDither(GRAYS).reduce(one))


def test_a_small_part_gets_colors_of_its_own():
    """A gradient of red covers a hundredth of an image, a gradient of green the rest."""
    image = np.zeros((200, 200, 3), np.uint8)
    image[..., 1] = np.linspace(60, 255, 200)
    image[:20, :20] = 0
    image[:20, :20, 0] = np.linspace(60, 255, 20)
    palette = choose_palette([image], 32).astype(int)
    assert len(palette) <= 33
    reds = palette[(palette[:, 0] > 50) & (palette[:, 1] < 30)]
    assert len(reds) >= 6


def test_white_stays_white_and_few_colors_are_exact():
    image = np.full((10, 10, 3), 255, np.uint8)
    image[:3] = (200, 10, 40)
    palette = choose_palette([image, image], 8)
    assert palette[-1].tolist() == [255, 255, 255]
    drawn = palette[PatternDither(palette).reduce(image)].astype(int)
    assert np.abs(drawn - image).max() <= 4
    assert (drawn[3:] == 255).all()
