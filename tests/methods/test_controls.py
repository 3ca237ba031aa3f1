"""Controls: maps that do not depend on the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from staa_widgets import action_clip, load_model
from staa_widgets.engine.attribute import OTHER_CLIP_SEEDS, attribute
from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.evaluation.evaluate import CONTROLS as EVALUATED_CONTROLS
from staa_widgets.methods import METHODS, controls
from tests.helpers.method_inputs import draw_pixels, linear_model, make_inputs
from training.data import TRAIN_SEEDS
from training.frequency import true_cells

CONTROLS = [name for name, method in METHODS.items() if method.group == "control"]


def test_controls_have_the_shape_of_the_grid_and_random_ones_depend_on_the_seed():
    shape = (4, 8, 6)
    for control in (controls.random, controls.random_smooth):
        assert control(shape, 0).shape == shape
        np.testing.assert_array_equal(control(shape, 0), control(shape, 0))
        assert not np.array_equal(control(shape, 0), control(shape, 1))
    assert np.unravel_index(controls.center((1, 9, 9)).argmax(), (9, 9)) == (4, 4)


def test_smooth_noise_is_smoother_than_noise():
    def roughness(maps: np.ndarray) -> float:
        return float(np.abs(np.diff(maps, axis=1)).mean() / maps.std())

    assert roughness(controls.random_smooth((8, 8, 8), 0)) < 0.6 * roughness(controls.random((8, 8, 8), 0))


def test_motion_energy_by_hand():
    frames = np.zeros((3, 4, 4, 3), np.uint8)
    frames[1, :2, :2] = 100
    maps = controls.motion_energy(frames, (3, 2, 2))
    assert maps[1, 0, 0] == 100
    assert maps[0, 0, 0] == maps[2, 0, 0] == 100
    assert maps[:, 1].max() == maps[:, 0, 1].max() == 0


def test_pixels_outside_the_grid_belong_to_no_cell():
    frames = np.zeros((2, 5, 7, 3), np.uint8)
    frames[1, 4:, :] = frames[1, :, 6:] = 200
    assert controls.motion_energy(frames, (1, 2, 3)).max() == 0
    frames[1, 3, 5] = 80
    assert controls.motion_energy(frames, (1, 2, 3)).argmax() == 5


def test_a_bell_by_hand():
    """The bell of `exp(-((s - 3.5) / 1.5)² / 2)` over eight slices."""
    maps = controls.bell((8, 2, 3))
    assert maps.shape == (8, 2, 3)
    expected = [0.0657, 0.2494, 0.6065, 0.9460, 0.9460, 0.6065, 0.2494, 0.0657]
    np.testing.assert_allclose(maps[:, 1, 2], expected, atol=1e-4)
    assert (maps == maps[:, :1, :1]).all()


def test_center_times_bell_peaks_in_the_middle_of_space_and_time():
    maps = controls.center_bell((3, 3, 3))
    assert np.unravel_index(maps.argmax(), maps.shape) == (1, 1, 1)
    # One cell aside in time: 1/3 of the clip over 1.5/8; one cell aside in space: 1/3 of the frame over 1/4.
    assert maps[0, 1, 1] == pytest.approx(np.exp(-((1 / 3 / (1.5 / 8)) ** 2) / 2), rel=1e-5)
    assert maps[1, 1, 0] == pytest.approx(np.exp(-((1 / 3 / 0.25) ** 2) / 2), rel=1e-5)


def test_frequencies_on_another_grid_are_means_over_cells(monkeypatch):
    table = np.zeros((2, 2, 2))
    table[0, 0] = 0.4, 0.8
    monkeypatch.setattr(controls, "_read_frequencies", lambda: {"anywhere": table})
    np.testing.assert_allclose(controls.slot_frequency((2, 2, 2)), table)
    np.testing.assert_allclose(controls.slot_frequency((1, 1, 1)), [[[0.15]]])
    np.testing.assert_allclose(controls.slot_frequency((2, 2, 4))[0, 0], [0.4, 0.4, 0.8, 0.8])
    np.testing.assert_allclose(controls.slot_frequency((2, 2, 3))[0, 0], [0.4, 0.6, 0.8], atol=1e-6)
    with pytest.raises(ParameterError, match="middle"):
        controls.slot_frequency((2, 2, 2), "middle")


def test_frequencies_of_the_training_set_are_flat_in_time_and_were_not():
    anywhere, middle = (controls.slot_frequency((8, 8, 8), kind) for kind in ("anywhere", "middle"))
    time = anywhere.sum(axis=(1, 2))
    assert time.max() / time.min() < 1.2
    assert np.argmax(middle.sum(axis=(1, 2))) in {3, 4}
    assert middle.sum(axis=(1, 2)).max() > 10 * middle[7].sum()
    assert (anywhere >= 0).all()
    assert anywhere.max() < 0.5
    # The figures stand upright in the frame, left and right alike.
    assert anywhere[:, :, :4].sum() == pytest.approx(anywhere[:, :, 4:].sum(), rel=0.15)


def test_frequencies_are_those_of_the_drawn_clips():
    cells = [true_cells(TRAIN_SEEDS + n, "anywhere") for n in range(100)]
    drawn = np.mean(cells, axis=0)
    table = controls.slot_frequency((8, 8, 8))
    assert drawn.mean() == pytest.approx(table.mean(), rel=0.25)
    assert np.corrcoef(drawn.ravel(), table.ravel())[0, 1] > 0.5


@pytest.mark.parametrize("model", [None, "bundled/vivit"])
def test_the_map_of_another_clip_is_a_map_of_staa_that_this_clip_does_not_change(model: str | None):
    loaded = load_model(model)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn((2, 8, 3, 64, 64), generator=generator)
    first, second = (attribute(loaded, window, "other_clip", seed=7) for window in pixels)
    np.testing.assert_array_equal(first, second)
    clip = action_clip(OTHER_CLIP_SEEDS + 7, size=128, fps=2, kind="anywhere")
    expected = attribute(loaded, loaded.pixels(clip.frames), "staa")
    np.testing.assert_allclose(first, expected, rtol=1e-5, atol=1e-7)
    assert not np.array_equal(first, attribute(loaded, pixels[0], "other_clip", seed=8))
    assert METHODS["other_clip"].cost(loaded.geometry) == (2, 0)


def test_without_a_model_there_is_no_other_clip():
    with pytest.raises(UnsupportedRequestError):
        METHODS["other_clip"](make_inputs(linear_model(draw_pixels(1))))


def test_there_are_nine_controls_and_none_depends_on_the_class():
    assert CONTROLS == [
        "uniform", "random", "random_smooth", "center", "bell", "center_bell", "slot_frequency", "motion_energy",
        "other_clip",
    ]  # fmt: skip
    assert not any(METHODS[name].depends_on_class() for name in CONTROLS)
    assert tuple(CONTROLS) == EVALUATED_CONTROLS


@pytest.mark.parametrize("name", [name for name in CONTROLS if name != "other_clip"])
def test_controls_as_methods_do_not_run_the_model(name: str):
    calls = []
    inputs = make_inputs(linear_model(draw_pixels(1)), seed=3)
    maps = METHODS[name](make_inputs(linear_model(draw_pixels(1)), seed=3, forward=calls.append))
    assert calls == []
    assert maps.shape == inputs.shape
    assert maps.dtype == np.float32
    assert maps.min() >= 0
    expected = {
        "uniform": controls.uniform(inputs.shape),
        "random": controls.random(inputs.shape, 3),
        "random_smooth": controls.random_smooth(inputs.shape, 3),
        "center": controls.center(inputs.shape),
        "bell": controls.bell(inputs.shape),
        "center_bell": controls.center_bell(inputs.shape),
        "slot_frequency": controls.slot_frequency(inputs.shape),
        "motion_energy": controls.motion_energy(inputs.pixels.permute(0, 2, 3, 1).numpy(), inputs.shape),
    }
    np.testing.assert_array_equal(maps, expected[name])
