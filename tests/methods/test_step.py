"""STEP and extremal perturbations, on models for which the right mask is known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from staa_widgets.engine.attribute import open_inputs
from staa_widgets.errors import CancelledError, ParameterError, TooSlowError
from staa_widgets.methods import METHODS, MethodInputs
from staa_widgets.methods.blur_levels import LEVELS, blur_frames, make_levels, show_through
from staa_widgets.methods.fillers import FILLERS
from staa_widgets.methods.mask_losses import Core
from staa_widgets.methods.result import MethodResult
from staa_widgets.methods.smooth_masks import MaskGenerator
from staa_widgets.methods.step_settings import PRESETS, resolve_settings
from staa_widgets.models import VideoModel
from staa_widgets.records.geometry import Geometry
from tests.helpers.box_model import intersection_over_union, make_box_model
from tests.helpers.method_inputs import draw_pixels
from tests.helpers.r2plus1d import ACTIONS, draw_clip, train_r2plus1d

STEP, EXTREMAL = METHODS["step"], METHODS["extremal"]


def correlation(one: MethodResult, other: MethodResult) -> float:
    return float(np.corrcoef(one.maps.ravel(), other.maps.ravel())[0, 1])


# --- a known answer ---


@cache
def box_result(name: str, frames: int, seed: int = 0) -> MethodResult:
    return METHODS[name].compute(make_box_model(frames).inputs(seed=seed))


@pytest.mark.parametrize("name", ["step", "extremal"])
@pytest.mark.parametrize("frames", [8, 16])
def test_the_masks_cover_the_box_that_the_model_reads(name: str, frames: int):
    model, result = make_box_model(frames), box_result(name, frames)
    assert model.box.mean() == pytest.approx(0.1, abs=0.01)
    assert intersection_over_union(result.maps, model.box) > 0.5
    assert result.maps.shape == model.box.shape
    assert result.maps.min() >= 0
    assert result.maps.max() <= 1


@pytest.mark.parametrize("name", ["step", "extremal"])
def test_two_seeds_give_nearly_the_same_maps(name: str):
    assert correlation(box_result(name, 8), box_result(name, 8, seed=1)) >= 0.9


def test_the_same_seed_gives_the_same_maps():
    again = STEP(make_box_model(8).inputs())
    np.testing.assert_array_equal(again, box_result("step", 8).maps)


def test_masks_come_with_their_areas_and_probabilities():
    masks = box_result("step", 8).masks
    assert masks is not None
    assert masks.areas.tolist() == [0.05, 0.1]
    assert masks.clip_probabilities == pytest.approx([1 / (1 + np.exp(-4))])
    # The mask of the smaller area covers most of the box, that of the larger one all of it.
    assert masks.clip_probabilities[0] / 2 < masks.probabilities[0, 0] < masks.probabilities[0, 1]
    assert masks.smallest_sufficient == 0
    np.testing.assert_allclose(masks.frame_areas[0], masks.values.mean((1, 2, 3), dtype=np.float64), atol=1e-3)
    np.testing.assert_array_less(masks.areas, masks.frame_areas[0])
    np.testing.assert_array_less(masks.frame_areas[0], 1.6 * masks.areas + 0.05)


def test_the_probability_of_a_mask_is_that_of_the_clip_that_it_shows():
    model, shown = make_box_model(8), []

    def note_clips(clips: Tensor) -> Tensor:
        shown.append(clips.detach())
        return model(clips)

    masks = STEP.compute(model.inputs(forward=note_clips), steps=2).masks
    assert masks is not None
    np.testing.assert_allclose(model(shown[-1]).softmax(1)[:, 1], masks.probabilities[0], rtol=1e-6)


def test_without_the_core_masks_are_those_of_extremal_perturbations():
    model = make_box_model(8)
    np.testing.assert_array_equal(STEP(model.inputs(), core=False), box_result("extremal", 8).maps)


def test_a_model_with_one_logit_is_explained_by_its_sigmoid():
    model = make_box_model(8)
    logits = model(model.pixels[None])[0, 1:].numpy()
    inputs = model.inputs(forward=lambda clips: model(clips)[:, 1:], target=0)
    inputs = replace(inputs, record=replace(inputs.record, logits=logits))
    # With a second logit of 0 the softmax is the same sigmoid.
    np.testing.assert_allclose(STEP(inputs), box_result("step", 8).maps, atol=1e-3)


# --- a convolution net ---


@pytest.fixture(scope="module")
def net() -> VideoModel:
    return train_r2plus1d()


def test_masks_of_a_convolution_net_keep_its_class_and_those_of_other_clips_do_not(net: VideoModel):
    """Blurred clips are "wave" for this net, so that a "squat" must be shown."""
    own, transplanted, all_masks, levels = [], [], [], []
    for number in (129, 131, 133, 135):
        pixels = net.pixels(draw_clip(number).frames)
        with open_inputs(net, pixels, target=ACTIONS.index("squat")) as inputs:
            masks = STEP.compute(inputs).masks
        assert masks is not None
        assert masks.smallest_sufficient == 0
        assert masks.frame_areas.max() < 0.2
        own.append(masks.probabilities.mean())
        all_masks.append(
            torch.from_numpy(masks.values[1].astype(np.float32)).repeat_interleave(4, 1).repeat_interleave(4, 2)
        )
        levels.append(make_levels(pixels, "blur", 20 * 32 / 112))
    squat = ACTIONS.index("squat")
    with open_inputs(net, pixels, target=squat) as inputs, torch.no_grad():
        for number, clip_levels in enumerate(levels):
            others = torch.stack([mask for other, mask in enumerate(all_masks) if other != number])
            logits = inputs.forward(show_through(clip_levels, others))
            transplanted.append(float(logits.softmax(1)[:, squat].mean()))
    assert np.mean(own) > 0.9
    assert np.mean(transplanted) < 0.5


# --- settings ---


def test_lengths_scale_with_the_frame():
    small = resolve_settings(Geometry(8, 1, 7, 7, "time_major", 0, (112, 112)), "full", None, None, None)
    large = resolve_settings(Geometry(16, 2, 14, 14, "time_major", 0, (224, 224)), "full", None, None, None)
    assert (small.cell, small.sigma, small.blur, small.final_blur, small.core_side) == (7, 11, 20, 10, 11)
    assert (large.cell, large.sigma, large.blur, large.final_blur, large.core_side) == (14, 22, 40, 20, 22)
    assert (small.core_frames, large.core_frames) == (4, 8)
    assert (small.areas, large.areas) == ((0.05, 0.1, 0.15, 0.3), (0.05, 0.1, 0.15, 0.5))


def test_cells_follow_the_tokens_and_the_step_size_follows_the_number_of_cells():
    bundled = resolve_settings(Geometry(8, 1, 8, 8, "time_major", 1, (64, 64)), "quick", None, None, None)
    assert (bundled.cell, bundled.schedule) == (8, PRESETS["quick"].schedule)
    longer = resolve_settings(Geometry(16, 1, 8, 8, "time_major", 1, (64, 64)), "quick", None, None, None)
    assert longer.schedule.rate == pytest.approx(2 * bundled.schedule.rate)
    fine = resolve_settings(Geometry(8, 1, 32, 32, "time_major", 1, (256, 320)), "quick", [0.2, 0.1], 7, None)
    assert (fine.cell, fine.areas, fine.steps) == (16, (0.1, 0.2), 7)
    assert resolve_settings(bundled_geometry(), "quick", None, None, 4).cell == 16


def bundled_geometry() -> Geometry:
    return Geometry(8, 1, 8, 8, "time_major", 1, (64, 64))


@pytest.mark.parametrize(
    "params",
    [
        {"preset": "fast"},
        {"areas": 0.1},
        {"areas": []},
        {"areas": [0.1, 0.1]},
        {"areas": [0.0]},
        {"areas": [1]},
        {"areas": ["0.1"]},
        {"steps": 0},
        {"steps": 2.5},
        {"grid": 0},
        {"filler": "gray"},
        {"force": 1},
        {"core": "no"},
    ],
    ids=str,
)
def test_wrong_parameters_are_refused(params: dict[str, Any]):
    with pytest.raises(ParameterError) as caught:
        STEP.complete(params)
    assert caught.value.hint


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(1, 1, 2, 2, "time_major", 0, (16, 16)),
        Geometry(2, 2, 2, 3, "time_major", 0, (16, 24)),
        Geometry(3, 1, 3, 2, "time_major", 0, (31, 20)),
    ],
    ids=str,
)
@pytest.mark.parametrize("params", [{}, {"filler": "median", "areas": [0.9], "grid": 5}], ids=str)
def test_small_and_odd_frames_are_explained(geometry: Geometry, params: dict[str, Any]):
    pixels = draw_pixels(geometry=geometry)
    inputs = make_box_model(8).inputs(
        pixels=pixels, forward=lambda clips: torch.stack([clips.mean((1, 2, 3, 4)), clips.std((1, 2, 3, 4))], 1)
    )
    inputs = replace(inputs, record=replace(inputs.record, geometry=geometry))
    maps = STEP(inputs, steps=20, **params)
    assert maps.shape == (geometry.slices, geometry.height, geometry.width)
    assert np.isfinite(maps).all()
    assert maps.any()


# --- passes, progress, cancelling ---


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_passes_are_batched_counted_and_reported(batch_size: int):
    model, batches, reports = make_box_model(8), [], []

    def count_batches(clips: Tensor) -> Tensor:
        batches.append(len(clips))
        return model(clips)

    params = {"steps": 4, "areas": (0.05, 0.1, 0.2)}
    maps = STEP(
        model.inputs(forward=count_batches, batch_size=batch_size, report=lambda *step: reports.append(step)), **params
    )
    assert max(batches) <= batch_size
    cost = STEP.cost(model.geometry, params)
    assert (cost.forwards, cost.backwards) == (1 + sum(batches), 12)
    assert sum(batches) == 3 * 4 + 3
    assert reports[0] == (0, 15)
    assert reports[-1] == (15, 15)
    assert {done for done, _ in reports} >= {0, 3, 6, 9, 12}
    np.testing.assert_allclose(maps, STEP(model.inputs(), **params), atol=1e-5)


class Memory:
    """A checkpoint in memory."""

    def __init__(self) -> None:
        self.arrays: Any = None

    def load(self) -> Any:
        return self.arrays

    def save(self, arrays: Any) -> None:
        self.arrays = dict(arrays)


def cancel_at(count: int) -> Any:
    def report(done: int, total: int) -> None:
        if done >= count:
            raise CancelledError(f"Stopped at {done} of {total}.")

    return report


def test_a_cancelled_run_goes_on_from_its_masks():
    model, memory, passes = make_box_model(8), Memory(), []

    def count_passes(clips: Tensor) -> Tensor:
        passes.append(len(clips))
        return model(clips)

    def inputs(**changes: Any) -> MethodInputs:
        return model.inputs(forward=count_passes, checkpoint=memory, batch_size=1, **changes)

    with pytest.raises(CancelledError, match="13 of 42"):
        STEP(inputs(report=cancel_at(13)), steps=20)
    assert int(memory.arrays["steps"]) == 6
    assert sum(passes) == 13
    maps = STEP(inputs(), steps=20)
    assert sum(passes) == 13 + 2 * 14 + 2
    np.testing.assert_allclose(maps, STEP(model.inputs(), steps=20), atol=1e-6)


def test_a_run_cancelled_before_its_first_step_leaves_nothing():
    memory = Memory()
    with pytest.raises(CancelledError):
        STEP(make_box_model(8).inputs(report=cancel_at(0), checkpoint=memory))
    assert memory.arrays is None


def test_a_run_that_takes_too_long_is_refused_with_an_estimate(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("staa_widgets.methods.step.MAX_CPU_SECONDS", 0.0)
    model, passes = make_box_model(8), []

    def count_passes(clips: Tensor) -> Tensor:
        passes.append(len(clips))
        return model(clips)

    with pytest.raises(TooSlowError, match=r"about .* on this CPU.*force=True.*'rise'"):
        STEP(model.inputs(forward=count_passes))
    assert sum(passes) == 2
    np.testing.assert_array_equal(STEP(model.inputs(), force=True), box_result("step", 8).maps)


# --- parts ---


@pytest.mark.parametrize("cell", [3, 5, 8])
def test_masks_are_centered_on_their_cells(cell: int):
    """One cell that is 1 gives a symmetric spot whose center is the center of the cell's pixels."""
    generator = MaskGenerator((40, 48), cell, 6.5)
    cells = torch.zeros(1, *generator.grid)
    cells[0, 2, 3] = 1
    mask = generator.crop(generator.masks(cells))[0].double()
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(48.0), indexing="ij")
    center = (mask * rows).sum() / mask.sum(), (mask * columns).sum() / mask.sum()
    np.testing.assert_allclose(center, [2.5 * cell - 0.5, 3.5 * cell - 0.5], atol=0.6 if cell == 3 else 0.05)
    middle = slice(2 * cell, 3 * cell), slice(3 * cell, 4 * cell)
    torch.testing.assert_close(mask[middle], mask[middle].flip(0))
    torch.testing.assert_close(mask[middle], mask[middle].flip(1))


def test_the_gradient_of_masks_is_right():
    generator = MaskGenerator((6, 8), 3, 2.0)
    cells = torch.rand(2, *generator.grid, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(generator.masks, cells.requires_grad_())


def test_the_canvas_surrounds_the_frame_for_every_cell_size():
    """The published size of the canvas would be smaller than the frame here."""
    for layout in ("centered", "published"):
        generator = MaskGenerator((32, 32), 4, 6, layout)
        assert generator.canvas_size == (44, 44)
        assert generator.masks(torch.rand(1, 8, 8)).shape == (1, 44, 44)


def test_a_full_mask_shows_the_clip_and_an_empty_one_the_filler():
    pixels = draw_pixels(geometry=Geometry(4, 1, 2, 2, "time_major", 0, (16, 16)))
    ends = torch.stack([torch.zeros(4, 16, 16), torch.ones(4, 16, 16)])
    for filler in FILLERS:
        levels = make_levels(pixels, filler, 3.0)
        assert len(levels) == LEVELS
        hidden = blur_frames(pixels, 3.0) if filler == "blur" else FILLERS[filler](pixels)
        shown = show_through(levels, ends)
        torch.testing.assert_close(shown[0], hidden)
        torch.testing.assert_close(shown[1], pixels)


def test_a_blurred_frame_of_one_color_keeps_it():
    torch.testing.assert_close(blur_frames(torch.full((2, 9, 12), 0.7), 2.5), torch.full((2, 9, 12), 0.7))


@pytest.mark.parametrize(("frames", "side", "shape"), [(1, 3, "cylinder"), (2, 4, "cylinder"), (3, 4, "ellipsoid")])
def test_small_cores_have_a_body_and_a_finite_loss(frames: int, side: int, shape: Any):
    core = Core(frames, side, shape)
    assert core.kernel.sum() > 0
    for size in (side, 2 * side):  # With one position, and with several.
        masks = torch.rand(frames, size, size)
        assert torch.isfinite(core.loss(masks, 0.9))
    assert core.loss(torch.ones(frames, side, side), 0.9) == 0
