"""Refinements against values worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import ParameterError
from staa_widgets.methods.postprocess import (
    contrast,
    dynamic_threshold,
    focus,
    hidden_magnitude,
    normalize,
    signal_to_noise,
    smooth,
)
from tests.helpers.paths import PROTOCOL


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
    # One cell in ten holds nearly all: exp(H)/N is about 0.1, and 0.9 · 9 = 8.1 lies between the ninth and tenth cell.
    maps = np.full((10, 1, 1), 1e-6)
    maps[7] = 1
    np.testing.assert_array_equal(np.flatnonzero(dynamic_threshold(maps)), [7])


def test_threshold_hides_the_least_share_of_a_broad_map() -> None:
    # exp(H)/N of 100..200 is nearly 1, more than 1 - low = 0.3: the quantile 0.7 of 101 cells is 170, which is kept.
    maps = np.arange(100.0, 201.0).reshape(101, 1, 1)
    np.testing.assert_array_equal(np.flatnonzero(dynamic_threshold(maps, 0.7, 0.9)), np.arange(70, 101))
    # By default a fifth is hidden: cells 0 to 19.
    np.testing.assert_array_equal(np.flatnonzero(dynamic_threshold(maps)), np.arange(20, 101))


def test_threshold_follows_entropy_between_its_bounds() -> None:
    # Two of eight cells hold all, evenly: exp(H)/N = 0.25, and the quantile 0.75 lies just below both.
    maps = np.zeros((8, 1, 1))
    maps[2], maps[5] = 1, -1
    np.testing.assert_array_equal(dynamic_threshold(maps).ravel(), [0, 0, 1, 0, 0, -1, 0, 0])
    # With 0.9 hidden, one of the two would go: equal cells stay together.
    np.testing.assert_array_equal(dynamic_threshold(maps, 0.9, 0.9), maps)
    # Cells that hold 1/2, 1/4, 1/8, 1/16, 1/32 and 1/32: exp(H) = 2^1.9375 = 3.83 of 6, so that 36 % are hidden, and
    # 0.36 · 5 = 1.8 lies between the second and the third cell.
    np.testing.assert_array_equal(dynamic_threshold(np.array([[[1.0, 2, 4, 8, 16, 1]]])), [[[0, 2, 4, 8, 16, 0]]])


def test_equal_magnitudes_are_hidden_or_kept_together() -> None:
    maps = np.array([[[0.0, 3, 1, -3, 2, 3, 1, 0.5]]])
    # The hidden share, and the largest magnitude that it hides, by counting.
    for hidden_share, magnitude in ((0, 0), (0.2, 0.5), (0.5, 1), (0.6, 2), (0.9, 2), (1, 2)):
        assert hidden_magnitude(maps, hidden_share) == magnitude, hidden_share
    assert hidden_magnitude(np.full((2, 2, 2), -4.0), 0.9) == 0
    assert hidden_magnitude(np.zeros((2, 2, 2)), 0.9) == 0


def one_cell(value: float) -> np.ndarray:
    maps = np.zeros((4, 3, 3))
    maps[2, 1, 1] = value
    return maps


MAPS_TO_SHARPEN: dict[str, np.ndarray] = {
    "one cell": one_cell(1),
    "one negative cell": one_cell(-3),
    "one tiny cell": one_cell(1e-30),
    "all equal": np.full((4, 3, 3), 0.2),
    "all equal and negative": np.full((4, 3, 3), -0.2),
    "one slice": np.random.default_rng(0).random((1, 3, 3)),
    "the same in every slice": np.tile(np.random.default_rng(0).random((1, 3, 3)), (4, 1, 1)),
    "the same cell in every slice": np.tile(one_cell(1)[2:3], (4, 1, 1)),
    "flat top": np.where(np.random.default_rng(1).random((4, 3, 3)) < 0.4, 1, 0.5),
    "sparse": np.where(np.random.default_rng(2).random((4, 3, 3)) < 0.1, 1.0, 0),
    "both signs": np.random.default_rng(3).normal(size=(4, 3, 3)),
    "a single number": np.full((1, 1, 1), 7.0),
}


@pytest.mark.parametrize("bounds", [(), (0.7, 0.9), (1.0, 1.0)], ids=str)
@pytest.mark.parametrize("name", MAPS_TO_SHARPEN)
def test_threshold_and_focus_never_empty_a_map(name: str, bounds: tuple[float, ...]) -> None:
    maps = MAPS_TO_SHARPEN[name]
    strength = np.abs(maps)
    kept = dynamic_threshold(maps, *bounds)
    np.testing.assert_array_equal(kept[strength == strength.max()], maps[strength == strength.max()].astype(np.float32))
    limits = dict(zip(("low", "high"), bounds, strict=False))
    for gamma in (0.5, 3, 40):
        sharpened = focus(maps, gamma, **limits)
        assert np.isfinite(sharpened).all()
        assert np.abs(sharpened).max() == 1
        assert sharpened.min() >= 0 or maps.min() < 0


def test_zero_maps_stay_zero() -> None:
    for refine in (dynamic_threshold, focus):
        np.testing.assert_array_equal(refine(np.zeros((3, 2, 2))), np.zeros((3, 2, 2)))


def test_focus_applies_its_steps_in_order() -> None:
    maps = np.random.default_rng(0).random((8, 4, 4))
    cut = dynamic_threshold(contrast(smooth(maps, 0.5)), 0.6, 0.8)
    np.testing.assert_allclose(focus(maps, 3, sigma=0.5, low=0.6, high=0.8), (cut / cut.max()) ** 3, rtol=1e-5)


def test_focus_by_hand() -> None:
    # Contrast leaves 4 and 2 of ten cells, the threshold at the share 0.81 keeps both, gamma squares their ratio.
    maps = np.zeros((10, 1, 1))
    maps[3], maps[6] = 4, 2
    np.testing.assert_allclose(focus(maps, 2, sigma=0).ravel()[[3, 6]], [1, 0.25])


def test_focus_leaves_out_contrast_where_it_has_no_meaning() -> None:
    # Of maps that do not change over time, contrast would leave nothing; of signed ones, it would turn what speaks
    # against a class into what speaks for it.
    still = np.tile([[4.0, 2, 0]], (3, 1, 1))
    np.testing.assert_allclose(focus(still, 2, sigma=0), np.tile([[1, 0.25, 0]], (3, 1, 1)))
    signed = np.array([[[4.0, 0]], [[-2.0, 0]], [[0, 0]]])
    np.testing.assert_allclose(focus(signed, 2, sigma=0), [[[1, 0]], [[-0.25, 0]], [[0, 0]]])


def test_refinements_match_the_file_shared_with_the_player() -> None:
    """`js/tests/heat/heat.test.ts` compares the player with the same file."""
    for case in json.loads((PROTOCOL / "refine.json").read_text("utf-8")):
        maps = np.array(case["maps"]).reshape(case["shape"])
        assert np.flatnonzero(dynamic_threshold(maps)).tolist() == case["kept"], case["name"]
        for hidden_share, magnitude in case["hidden"].items():
            assert hidden_magnitude(maps, float(hidden_share)) == magnitude, case["name"]
        for sigma, blurred in case["smooth"].items():
            np.testing.assert_allclose(smooth(maps, float(sigma)).ravel(), blurred, rtol=1e-5, atol=1e-6)
        refined = np.abs(normalize(dynamic_threshold(normalize(smooth(maps, 0.7))))) ** 1.75
        np.testing.assert_allclose(refined.ravel(), case["refined"], rtol=1e-5, atol=1e-6)


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
