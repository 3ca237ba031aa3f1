"""Insertion and deletion on a model whose logits are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from staa_widgets.errors import CancelledError, ParameterError
from staa_widgets.evaluation.metric import Case
from staa_widgets.evaluation.metrics import METRICS
from staa_widgets.evaluation.metrics.insertion_deletion import (
    Kind,
    Order,
    normalize_scores,
    perturbation_curve,
    reference_scores,
)
from staa_widgets.evaluation.metrics.perturbation import divide_into_units, score_drops
from staa_widgets.methods.fillers import FILLERS, fill
from tests.helpers.additive_model import AdditiveModel, make_geometry, random_weights

SHAPE = (2, 2, 3)
W = random_weights(SHAPE)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def sums(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(values)])


def area(scores: np.ndarray) -> float:
    return float((scores[1:] + scores[:-1]).mean() / 2)


@pytest.mark.parametrize("order", ["most", "least"])
def test_curves_of_an_additive_model_are_its_running_sums(order: Order):
    case = AdditiveModel(W).case(W)
    sequence = np.sort(W.ravel())[:: -1 if order == "most" else 1]
    inserted = perturbation_curve(case, kind="insertion", order=order, filler="fade", output="logit")
    deleted = perturbation_curve(case, kind="deletion", order=order, filler="fade", output="logit")
    np.testing.assert_allclose(inserted.share, np.arange(13) / 12)
    np.testing.assert_allclose(inserted.score, sums(sequence), atol=1e-6)
    np.testing.assert_allclose(deleted.score, W.sum() - sums(sequence), atol=1e-6)
    assert inserted.area == pytest.approx(area(sums(sequence)))


def test_metrics_are_areas_under_the_probability_and_reverse_with_the_order():
    case = AdditiveModel(W).case(W)
    falling, rising = np.sort(W.ravel())[::-1], np.sort(W.ravel())
    by_hand = {
        "insertion": sums(falling),
        "insertion_least": sums(rising),
        "deletion": W.sum() - sums(falling),
        "deletion_least": W.sum() - sums(rising),
    }
    scores = {name: METRICS[name](case, filler="fade") for name in by_hand}
    assert scores == pytest.approx({name: area(sigmoid(logits)) for name, logits in by_hand.items()})
    worst_scores = {name: METRICS[name](AdditiveModel(W).case(-W), filler="fade") for name in by_hand}
    for name, value in scores.items():
        assert (value > worst_scores[name]) == METRICS[name].higher_is_better


def test_insertion_and_deletion_of_the_least_share_their_passes():
    model = AdditiveModel(random_weights((4, 4, 4), 1))
    case = model.case(random_weights((4, 4, 4), 2))
    inserted = METRICS["insertion"](case, filler="fade")
    passes = model.passes
    assert passes == METRICS["insertion"].cost(model.geometry) == 17
    assert METRICS["deletion_least"](case, filler="fade") == pytest.approx(inserted)
    assert model.passes == passes


@pytest.mark.parametrize("filler", ["blur", "freeze"])
@pytest.mark.parametrize("steps", [5, 16])
def test_of_the_four_metrics_two_repeat_the_others(filler: str, steps: int):
    repeats = {name: metric.same_as for name, metric in METRICS.items() if metric.same_as}
    assert repeats == {"insertion_least": "deletion", "deletion_least": "insertion"}
    model = AdditiveModel(random_weights((4, 4, 4), 1))
    for maps in (random_weights((4, 4, 4), 2), random_weights((4, 4, 4), 3).round(1), np.ones((4, 4, 4))):
        case = model.case(maps)
        scores = {name: METRICS[name](case, filler=filler, steps=steps) for name in (*repeats, *repeats.values())}
        for name, other in repeats.items():
            assert scores[name] == pytest.approx(scores[other], abs=1e-9)


def test_the_unit_frames_removes_whole_frames():
    model = AdditiveModel(W, tubelet=2)
    by_frame = W.sum((1, 2))
    curve = perturbation_curve(model.case(W), units="frames", filler="fade", output="logit")
    np.testing.assert_allclose(curve.score, sums(np.sort(by_frame)[::-1]), atol=1e-6)
    assert METRICS["insertion"].cost(model.geometry, {"units": "frames"}) == 3


def test_units_divide_the_grid():
    np.testing.assert_array_equal(divide_into_units(make_geometry(2, 2, 3), "cells").ravel(), np.arange(12))
    np.testing.assert_array_equal(divide_into_units(make_geometry(2, 2, 3), "frames").ravel(), np.repeat([0, 1], 6))
    np.testing.assert_array_equal(divide_into_units(make_geometry(1, 2, 3), (1, 2, 2))[0], [[0, 0, 1], [0, 0, 1]])
    assert divide_into_units(make_geometry(8, 8, 8), "coarse").max() + 1 == 128
    assert divide_into_units(make_geometry(8, 14, 14), "coarse").max() + 1 == 128
    assert divide_into_units(make_geometry(200, 2, 2), "coarse").max() + 1 == 200
    for unknown in ("patches", (0, 1, 1), (1, 1)):
        with pytest.raises(ParameterError, match="units"):
            divide_into_units(make_geometry(2, 2, 3), unknown)


def test_a_constant_map_scores_the_mean_of_the_random_orders():
    case = AdditiveModel(random_weights((2, 4, 4))).case(np.ones((2, 4, 4)))
    orders: list[tuple[str, Kind, Order]] = [
        ("insertion", "insertion", "most"),
        ("deletion", "deletion", "most"),
        ("insertion_least", "insertion", "least"),
    ]
    for name, kind, order in orders:
        references = reference_scores(case, kind=kind, order=order, filler="fade")
        assert len(references.random) == len(references.random_smooth) == 5
        assert references.random.std() > 0
        assert METRICS[name](case, filler="fade") == pytest.approx(references.random.mean())


def test_ties_are_broken_at_random_and_only_where_a_step_falls_between_them():
    w = np.zeros((1, 2, 4))
    w[0, 0, 0] = 8
    binary = (np.arange(8).reshape(1, 2, 4) < 4) * 1.0
    curve = perturbation_curve(AdditiveModel(w).case(binary), filler="fade", output="logit")
    assert curve.score[0] == 0
    assert curve.score[4:] == pytest.approx([8] * 5)
    inserted_share = curve.score[1:4] / 8  # share of the five random orders that have inserted the cell by then
    assert ((inserted_share * 5).round(6) % 1 == 0).all()
    assert (np.diff(inserted_share) >= 0).all()
    model = AdditiveModel(w)
    perturbation_curve(model.case(binary), filler="fade", steps=2)
    assert model.passes == 3


def test_shuffled_maps_score_as_random_orders():
    w = random_weights((2, 4, 4))
    model, rng = AdditiveModel(w), np.random.default_rng(1)
    case = model.case(w)
    scores = [
        METRICS["insertion"](Case(rng.permuted(w.ravel()).reshape(w.shape), inputs=case.inputs)) for _ in range(60)
    ]
    expected = reference_scores(case, draws=60).random
    assert np.mean(scores) == pytest.approx(expected.mean(), abs=3 * expected.std() / math.sqrt(30))
    assert METRICS["insertion"](case) > max(expected)


def test_the_oracle_orders_by_single_drops_which_is_best_for_an_additive_model():
    model = AdditiveModel(W)
    case = model.case(W)
    np.testing.assert_allclose(
        score_drops(case, divide_into_units(model.geometry, "cells"), filler="fade", output="logit"),
        W.ravel(),
        atol=1e-6,
    )
    assert reference_scores(case, filler="fade").oracle == pytest.approx(METRICS["insertion"](case, filler="fade"))
    assert math.isnan(
        reference_scores(AdditiveModel(random_weights((3, 8, 8))).case(np.ones((3, 8, 8))), draws=1, steps=2).oracle
    )


def test_random_and_oracle_run_once_for_a_clip():
    model = AdditiveModel(W)
    first = model.case(W)
    reference_scores(first, filler="fade")
    passes = model.passes
    second = Case(np.ones(SHAPE, np.float32), inputs=first.inputs, memo=first.memo)
    reference_scores(second, filler="fade")
    assert model.passes == passes
    METRICS["deletion"](second, filler="fade")
    METRICS["monotonicity"](second, filler="fade")
    assert model.passes > passes  # other orders, but the single drops are known
    assert METRICS["monotonicity"].cost(model.geometry) == 13


def test_normalized_score_is_a_ratio_of_means_or_nan_without_room():
    randoms, oracles = np.array([0.2, 0.4, 0.3, 0.3]), np.array([0.6, 0.8, 0.8, 0.6])
    assert normalize_scores(randoms, randoms, oracles)[:3] == (0, 0, 0)
    assert normalize_scores(oracles, randoms, oracles)[:3] == pytest.approx((1, 1, 1))
    score = normalize_scores([0.4, 0.4, 0.3, 0.7], randoms, oracles)
    assert score.value == pytest.approx((0.2 + 0 + 0 + 0.4) / (0.4 + 0.4 + 0.5 + 0.3))
    assert score.low < score.value < score.high
    falling = normalize_scores(1 - np.array([0.4, 0.4, 0.3, 0.7]), 1 - randoms, 1 - oracles)
    assert falling.value == pytest.approx(score.value)
    with_gap = normalize_scores([0.4, 0.4, 0.3, 0.7, 1], [*randoms, np.nan], [*oracles, 1])
    assert with_gap.value == pytest.approx(score.value)
    narrow = normalize_scores(oracles, randoms, randoms + np.array([0.1, -0.1, 0.05, 0]))
    assert math.isnan(narrow.value)
    assert "standard errors" in narrow.reason
    assert math.isnan(normalize_scores([1.0], [0.0], [1.0]).value)


def test_freeze_fills_with_the_nearest_frame_that_remains():
    pixels = torch.arange(4.0)[:, None, None, None].expand(4, 3, 2, 2)
    removed = torch.zeros(3, 4, 2, 2, dtype=torch.bool)
    removed[0, 1:3] = True  # two frames in a row: the one before both is held
    removed[1, :2] = True  # the first two: the first after
    removed[2, :, 0, 0] = True  # one place from beginning to end
    filled = fill(pixels, removed, "freeze")[:, :, 0]
    assert filled[0, :, 0, 0].tolist() == [0, 0, 0, 3]
    assert filled[1, :, 0, 0].tolist() == [2, 2, 2, 3]
    assert filled[2, :, 0, 0].tolist() == [2, 2, 2, 2]
    assert filled[2, :, 1, 1].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("filler", FILLERS)
def test_fillers_change_only_removed_pixels(filler: str):
    pixels = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    removed = torch.zeros(1, 4, 8, 8, dtype=torch.bool)
    removed[0, 1:3, 2:4, 2:6] = True
    filled = fill(pixels, removed, filler)[0]
    inside = removed[0][:, None].expand_as(pixels)
    assert torch.equal(filled[~inside], pixels[~inside])
    assert not torch.equal(filled[inside], pixels[inside])


def test_progress_is_reported_and_can_cancel():
    reports = []

    def report(done: int, total: int) -> None:
        reports.append((done, total))
        if len(reports) == 3:
            raise CancelledError("Enough.")

    with pytest.raises(CancelledError):
        METRICS["insertion"](AdditiveModel(W).case(W, report=report))
    assert reports == [(0, 13), (4, 13), (8, 13)]


@pytest.mark.parametrize(
    "params",
    [{"kind": "both"}, {"order": "any"}, {"filler": "gray"}, {"steps": 0}, {"output": "loss"}, {"units": "all"}],
)
def test_unknown_parameters_are_refused(params: dict):
    with pytest.raises(ParameterError):
        perturbation_curve(AdditiveModel(W).case(W), **params)
