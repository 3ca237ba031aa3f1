"""Fillers and masks, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from staa_widgets.errors import ParameterError
from staa_widgets.methods.fillers import FILLERS, cell_mask, cell_sums, fill, get_filler
from tests.helpers.method_inputs import GRID, draw_pixels, sum_over_cells


def gray_clip(*frames: float) -> torch.Tensor:
    """Frames of one gray each."""
    return torch.tensor(frames, dtype=torch.float32)[:, None, None, None].expand(-1, 3, 4, 6).clone()


@pytest.mark.parametrize("name", FILLERS)
def test_fillers_keep_shape_and_leave_the_clip_alone(name: str):
    pixels = draw_pixels()
    before = pixels.clone()
    filled = FILLERS[name](pixels)
    assert filled.shape == pixels.shape
    filled.zero_()
    torch.testing.assert_close(pixels, before)


@pytest.mark.parametrize("name", FILLERS)
def test_a_clip_of_one_color_stays_as_it_is(name: str):
    pixels = gray_clip(0.3, 0.3, 0.3)
    torch.testing.assert_close(FILLERS[name](pixels), pixels)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("median", [2.0, 2.0, 2.0, 2.0, 2.0]),
        ("darkest", [1.0, 1.0, 1.0, 1.0, 1.0]),
        ("freeze", [9.0, 2.0, 9.0, 1.0, 2.0]),
        ("fade", [3.2, 3.2, 3.2, 3.2, 3.2]),
        ("blur", [2.0, 9.0, 1.0, 2.0, 2.0]),
    ],
)
def test_fillers_over_time(name: str, expected: list[float]):
    filled = FILLERS[name](gray_clip(2, 9, 1, 2, 2))
    torch.testing.assert_close(filled, gray_clip(*expected))


def test_darkest_fills_with_a_color_of_the_clip():
    pixels = torch.zeros(2, 3, 4, 6)
    pixels[0], pixels[1] = torch.tensor([0.0, 5, 5])[:, None, None], torch.tensor([3.0, 3, 3])[:, None, None]
    torch.testing.assert_close(FILLERS["darkest"](pixels)[0, :, 0, 0], torch.tensor([3.0, 3, 3]))


def test_blur_spreads_a_point_evenly_and_keeps_its_sum():
    pixels = torch.zeros(1, 3, 33, 33)
    pixels[0, 1, 16, 16] = 1
    blurred = FILLERS["blur"](pixels)[0]
    assert blurred[0].abs().max() == blurred[2].abs().max() == 0
    assert blurred[1].sum().item() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(blurred[1], blurred[1].T)
    torch.testing.assert_close(blurred[1], blurred[1].flip(0))
    spread = (blurred[1].sum(0) * (torch.arange(33) - 16) ** 2).sum().sqrt()
    assert spread.item() == pytest.approx(33 / 8, rel=0.02)


@pytest.mark.parametrize("name", ["blurred", 3, None, ["blur"]])
def test_an_unknown_filler_is_refused(name: object):
    with pytest.raises(ParameterError, match="filler") as caught:
        get_filler(name)  # pyright: ignore[reportArgumentType]
    assert "blur" in caught.value.hint


def test_a_cell_covers_its_pixels_in_the_frames_of_its_slice():
    chosen = torch.zeros(1, 2, 2, 3, dtype=torch.bool)
    chosen[0, 1, 0, 2] = True
    mask = cell_mask(GRID, chosen)
    assert mask.shape == (1, 4, 4, 6)
    assert mask.sum() == 2 * 2 * 2
    assert mask[0, 2:, :2, 4:].all()


def test_every_pixel_belongs_to_one_cell_and_sums_cover_the_grid():
    odd = replace(GRID, input_size=(5, 7))
    masks = cell_mask(odd, torch.eye(12, dtype=torch.bool).reshape(12, 2, 2, 3))
    assert (masks.sum(0) == 1).all()
    pixels = draw_pixels(geometry=odd)
    np.testing.assert_allclose(cell_sums(odd, pixels), sum_over_cells(pixels[..., :4, :6]), rtol=1e-5, atol=1e-5)


def test_filling_changes_masked_pixels_only():
    pixels = draw_pixels()
    mask = cell_mask(GRID, torch.arange(12).reshape(1, 2, 2, 3) == 4)
    filled = fill(pixels, mask, "fade")
    inside = mask[:, :, None].expand_as(filled)
    torch.testing.assert_close(filled[~inside], pixels[None][~inside])
    torch.testing.assert_close(filled[inside], FILLERS["fade"](pixels)[None][inside])


def test_freeze_holds_the_last_frame_that_remains():
    pixels = gray_clip(2, 9, 1, 4)
    hidden_frames = torch.tensor([[False, True, True, False], [True, True, False, False], [True, True, True, True]])
    filled = fill(pixels, hidden_frames[:, :, None, None].expand(-1, -1, 4, 6), "freeze")[:, :, 0, 0, 0]
    assert filled.tolist() == [[2, 2, 2, 4], [1, 1, 1, 4], [1, 1, 1, 1]]
