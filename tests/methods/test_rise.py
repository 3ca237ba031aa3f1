"""RISE in space and time, on models whose slopes are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from staa_widgets.errors import CancelledError, ParameterError
from staa_widgets.methods import METHODS
from staa_widgets.methods.rise import slopes
from tests.helpers.box_model import intersection_over_union, make_box_model

RISE = METHODS["rise"]


def test_slopes_by_hand():
    cells = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5], [1.0, 1.0, 0.5], [0.0, 0.0, 0.5]])
    scores = 3 * cells[:, 0] - 2 * cells[:, 1] + 7
    np.testing.assert_allclose(slopes(cells, scores), [3, -2, 0])
    # By hand: means 2 and 3, covariance (−1·−2 + 0·0 + 1·2), variance 2.
    np.testing.assert_allclose(slopes(np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 3.0, 5.0])), [2])


def test_the_maps_find_the_box_that_the_model_reads():
    model = make_box_model(8)
    result = RISE.compute(model.inputs())
    assert intersection_over_union(result.maps, model.box) > 0.5
    assert result.maps.shape == model.box.shape
    # A visible clip has the logit 4, a hidden one about -4.
    assert 0 < result.maps[model.box].mean() < 8
    np.testing.assert_array_equal(RISE(model.inputs()), result.maps)


def test_the_standard_error_is_about_the_difference_between_seeds():
    model = make_box_model(8)
    results = [RISE.compute(model.inputs(seed=seed)) for seed in range(6)]
    maps = np.stack([result.maps for result in results])
    spread = np.sqrt(maps.var(0, ddof=1).mean()) / np.sqrt(np.square(maps).mean())
    errors = [result.standard_errors["rise"] for result in results]
    assert 0.6 * spread < np.mean(errors) < 1.7 * spread
    few = RISE.compute(model.inputs(), masks=40).standard_errors["rise"]
    assert few > 1.5 * np.mean(errors)


def test_a_model_that_ignores_the_clip_gives_zero_maps():
    model = make_box_model(8)
    result = RISE.compute(model.inputs(forward=lambda clips: torch.zeros(len(clips), 2)), masks=10)
    assert not result.maps.any()
    assert result.standard_errors == {}


def test_masks_are_soft_and_show_a_quarter_of_the_clip():
    model, shares = make_box_model(8), []

    def note_shares(clips: Tensor) -> Tensor:
        shares.append((clips * model.pixels).mean((1, 2, 3, 4)))
        return model(clips)

    RISE(model.inputs(forward=note_shares))
    assert float(torch.cat(shares).mean()) == pytest.approx(0.25, abs=0.03)
    shares.clear()
    RISE(model.inputs(forward=note_shares), visible=0.8, parts=(2, 2, 2))
    assert float(torch.cat(shares).mean()) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("parts", [(1, 1, 1), (8, 8, 8), (20, 40, 3)], ids=str)
def test_any_number_of_parts_covers_the_clip(parts: Any):
    model = make_box_model(8)
    assert RISE(model.inputs(), masks=8, parts=parts).shape == model.box.shape


def test_passes_are_batched_without_gradients_and_reported():
    model, batches, reports = make_box_model(8), [], []

    def count_batches(clips: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        batches.append(len(clips))
        return model(clips)

    RISE(model.inputs(forward=count_batches, report=lambda *step: reports.append(step)), masks=10)
    assert batches == [4, 4, 2]
    assert reports == [(0, 10), (4, 10), (8, 10), (10, 10)]
    assert RISE.cost(model.geometry, {"masks": 10}) == (11, 0)
    assert RISE.cost(model.geometry) == (301, 0)


def test_cancelling_ends_the_passes():
    def cancel(done: int, total: int) -> None:
        if done >= 8:
            raise CancelledError(f"Stopped at {done} of {total}.")

    with pytest.raises(CancelledError, match="8 of 300"):
        RISE(make_box_model(8).inputs(report=cancel))


@pytest.mark.parametrize(
    "params",
    [
        {"masks": 1},
        {"parts": 4},
        {"parts": (0, 1, 1)},
        {"visible": 0},
        {"visible": 1.0},
        {"visible": True},
        {"filler": "fade"},
    ],
    ids=str,
)
def test_wrong_parameters_are_refused(params: dict[str, Any]):
    with pytest.raises(ParameterError) as caught:
        RISE.complete(params)
    assert caught.value.hint
