"""Controls: maps that do not depend on the model."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.methods import METHODS, controls
from tests.helpers.method_inputs import draw_pixels, linear_model, make_inputs

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


def test_there_are_five_controls_and_none_depends_on_the_class():
    assert CONTROLS == ["uniform", "random", "random_smooth", "center", "motion_energy"]
    assert not any(METHODS[name].depends_on_class() for name in CONTROLS)


@pytest.mark.parametrize("name", CONTROLS)
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
        "motion_energy": controls.motion_energy(inputs.pixels.permute(0, 2, 3, 1).numpy(), inputs.shape),
    }
    np.testing.assert_array_equal(maps, expected[name])
