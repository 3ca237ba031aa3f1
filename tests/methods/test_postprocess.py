"""Refinements against values worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import ParameterError
from staa_widgets.methods.postprocess import contrast, dynamic_threshold, focus, normalize, signal_to_noise, smooth


def test_contrast_subtracts_the_minimum_over_slices() -> None:
    maps = np.array([[[1.0, 5.0]], [[2.0, 5.0]], [[6.0, 5.0]]])
    np.testing.assert_array_equal(contrast(maps), [[[0, 0]], [[1, 0]], [[5, 0]]])


def test_normalize_divides_by_the_greatest_magnitude_of_the_clip() -> None:
    maps = np.array([[[1.0, -4.0]], [[2.0, 0.0]]])
    np.testing.assert_array_equal(normalize(maps), [[[0.25, -1]], [[0.5, 0]]])


def test_smooth_spreads_over_space_and_time_alike() -> None:
    maps = np.zeros((9, 9, 9))
    maps[4, 4, 4] = 1
    blurred = smooth(maps, 1.0)
    weights = np.exp(-0.5 * np.arange(-3, 4) ** 2)
    weights /= weights.sum()
    np.testing.assert_allclose(blurred[1:8, 1:8, 1:8], np.einsum("i,j,k->ijk", weights, weights, weights), rtol=1e-5)
    assert blurred.sum() == pytest.approx(1, abs=1e-6)


def test_smooth_leaves_a_constant_and_sigma_zero_alone() -> None:
    np.testing.assert_allclose(smooth(np.full((3, 2, 2), 5.0), 2.0), 5, rtol=1e-6)
    maps = np.arange(12.0).reshape(3, 2, 2)
    np.testing.assert_array_equal(smooth(maps, 0), maps)


def test_threshold_keeps_fewer_cells_of_a_concentrated_map() -> None:
    # One cell in ten holds nearly all: exp(H)/N is about 0.1, the least share kept, and the 0.9 quantile lies between
    # the ninth and the tenth cell.
    maps = np.full((10, 1, 1), 1e-6)
    maps[7] = 1
    np.testing.assert_array_equal(np.flatnonzero(dynamic_threshold(maps)), [7])


def test_threshold_keeps_three_tenths_of_a_broad_map() -> None:
    # exp(H)/N of 100..200 is nearly 1, more than 1 - low = 0.3: of 101 cells 30 lie above the 0.7 quantile, 170.
    maps = np.arange(100.0, 201.0).reshape(101, 1, 1)
    np.testing.assert_array_equal(np.flatnonzero(dynamic_threshold(maps)), np.arange(71, 101))


def test_threshold_follows_entropy_between_its_bounds() -> None:
    # Two of eight cells hold all, evenly: exp(H)/N = 0.25, the cut is the 0.75 quantile, 0.25 of the way to 1.
    maps = np.zeros((8, 1, 1))
    maps[2], maps[5] = 1, -1
    np.testing.assert_array_equal(dynamic_threshold(maps).ravel(), [0, 0, 1, 0, 0, -1, 0, 0])
    # At a share of 0.1 the cut is 1 itself, which is not strictly greater.
    np.testing.assert_array_equal(dynamic_threshold(maps, 0.9, 0.9), np.zeros((8, 1, 1)))


def test_threshold_gives_zero_maps_back_and_drops_constant_ones() -> None:
    np.testing.assert_array_equal(dynamic_threshold(np.zeros((2, 2, 2))), np.zeros((2, 2, 2)))
    np.testing.assert_array_equal(dynamic_threshold(np.ones((2, 2, 2))), np.zeros((2, 2, 2)))


def test_focus_applies_its_steps_in_order() -> None:
    maps = np.random.default_rng(0).random((8, 4, 4))
    cut = dynamic_threshold(contrast(smooth(maps, 0.5)), 0.6, 0.8)
    np.testing.assert_allclose(focus(maps, 3, sigma=0.5, low=0.6, high=0.8), (cut / cut.max()) ** 3, rtol=1e-5)


def test_focus_by_hand() -> None:
    # Contrast leaves 4 and 2 of ten cells, the cut at the 0.81 quantile keeps both, gamma squares their ratio.
    maps = np.zeros((10, 1, 1))
    maps[3], maps[6] = 4, 2
    np.testing.assert_allclose(focus(maps, 2, sigma=0).ravel()[[3, 6]], [1, 0.25])
    np.testing.assert_array_equal(focus(np.zeros((3, 2, 2))), np.zeros((3, 2, 2)))


def test_signal_to_noise_in_decibels() -> None:
    where = np.array([[[True, True, False, False]]])
    assert signal_to_noise(np.array([[[15.0, 5.0, 1.0, -1.0]]]), where) == pytest.approx(10)
    assert signal_to_noise(np.array([[[1.0, 1.0, 0.0, 0.0]]]), where) == pytest.approx(60)
    assert signal_to_noise(np.array([[[0.0, 0.0, 1.0, 0.0]]]), where) == -np.inf
    assert np.isnan(signal_to_noise(np.zeros((1, 1, 4)), where))


def test_refinements_do_not_change_their_input() -> None:
    maps = np.random.default_rng(0).random((4, 3, 3))
    before = maps.copy()
    for refine in (contrast, normalize, smooth, dynamic_threshold, focus):
        assert refine(maps).dtype == np.float32
    np.testing.assert_array_equal(maps, before)


@pytest.mark.parametrize(
    ("refine", "params"),
    [
        (smooth, {"sigma": -1}),
        (smooth, {"sigma": float("nan")}),
        (dynamic_threshold, {"low": 0.9, "high": 0.7}),
        (dynamic_threshold, {"high": 1.1}),
        (focus, {"gamma": 0}),
        (signal_to_noise, {"where": np.zeros((2, 2, 2), bool)}),
        (signal_to_noise, {"where": np.ones((2, 2, 2), bool)}),
        (signal_to_noise, {"where": np.ones((2, 2), bool)}),
    ],
)
def test_parameters_out_of_range_are_refused(refine: Any, params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        refine(np.ones((2, 2, 2)), **params)
