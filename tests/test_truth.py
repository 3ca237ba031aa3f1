"""Scores against truth, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.actions import ActionClip, action_clip
from staa_widgets.errors import ParameterError
from staa_widgets.evaluate import controls, truth


def test_average_precision_by_hand():
    hits = np.array([True, False, True, False])
    assert truth.average_precision(np.array([4.0, 3, 2, 1]), hits) == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert truth.average_precision(np.array([1.0, 2, 3, 4]), hits) == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_ties_score_what_chance_scores():
    hits = np.array([True, False, False, False])
    constant = np.ones(4)
    assert truth.average_precision(constant, hits) == 0.25
    assert truth.pointing(constant, hits) == 0.25
    assert truth.auc(constant, hits) == 0.5
    assert truth.mass(np.zeros(4), hits) == 0.25


def test_binary_maps():
    hits = np.array([True, True, False, False])
    half = np.array([1.0, 0, 1, 0])
    assert truth.pointing(half, hits) == 0.5
    assert truth.mass(half, hits) == 0.5
    assert truth.average_precision(half, hits) == 0.5
    assert truth.auc(half, hits) == 0.5
    assert truth.average_precision(hits.astype(float), hits) == 1


def test_auc_by_hand():
    assert truth.auc(np.array([3.0, 1, 2, 0]), np.array([True, True, False, False])) == 0.75


def test_negative_values_carry_no_mass():
    assert truth.mass(np.array([-5.0, 1, 1]), np.array([True, True, False])) == 0.5


def test_a_shuffled_map_scores_as_chance():
    rng = np.random.default_rng(0)
    where = np.zeros((8, 8, 8), bool)
    where[:3, 2:4, 2:4] = True
    held = truth.Truth(where, np.arange(8) // 3 == 0)
    perfect = truth.score(where.astype(np.float32), held)
    assert set(perfect.values()) == {1.0}
    drawn = [truth.score(rng.permutation(where.ravel()).reshape(where.shape) * 1.0, held) for _ in range(300)]
    assert np.mean([d["pointing"] for d in drawn]) == pytest.approx(where.mean(), abs=0.01)
    assert np.mean([d["temporal AUC"] for d in drawn]) == pytest.approx(0.5, abs=0.05)


def test_truth_on_grid_counts_cells_from_ten_percent_inside_the_box():
    where = np.zeros((2, 20, 40), bool)
    where[0, 0, 10:20] = True  # one row of ten pixels, the top left cell of the box: 10 of 100
    where[1, 0:9, 20] = True  # nine of 100 pixels: too few
    where[1, 15, 5] = True  # outside the box
    clip = ActionClip(np.zeros((2, 20, 40, 3), np.uint8), np.arange(2.0), "wave", where, np.array([True, False]), 0)
    found = truth.truth_on_grid(clip, np.array([[0], [1]]), (10, 0, 30, 20), (2, 2))
    np.testing.assert_array_equal(found.where[0], [[True, False], [False, False]])
    assert not found.where[1].any()
    np.testing.assert_array_equal(found.when, [True, False])


def test_scores_refuse_what_means_nothing():
    where = np.zeros((2, 2, 2), bool)
    with pytest.raises(ParameterError, match="no inside"):
        truth.score(np.ones((2, 2, 2)), truth.Truth(where, np.array([True, False])))
    with pytest.raises(ParameterError, match="truth"):
        truth.score(np.ones((2, 3, 2)), truth.Truth(where, np.array([True, False])))


def test_controls_are_maps_and_the_drawn_ones_differ_by_seed():
    shape = (4, 8, 6)
    for control in (controls.random, controls.random_smooth):
        assert control(shape, 0).shape == shape
        np.testing.assert_array_equal(control(shape, 0), control(shape, 0))
        assert not np.array_equal(control(shape, 0), control(shape, 1))
    assert np.unravel_index(controls.centre((1, 9, 9)).argmax(), (9, 9)) == (4, 4)


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


def test_truth_of_a_drawn_clip_lies_where_it_is_drawn():
    clip = action_clip(0, size=128, fps=2)
    found = truth.truth_on_grid(clip, np.arange(8)[:, None], (0, 0, 128, 128), (8, 8))
    assert found.where[found.when].any(axis=(1, 2)).all()
    assert 0.005 < found.where.mean() < 0.15
