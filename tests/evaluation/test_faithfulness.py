"""Correlations with known values, and the complexity of simple maps."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
import torch

from staa_widgets.evaluation.metric import Case
from staa_widgets.evaluation.metrics import METRICS
from staa_widgets.evaluation.metrics.complexity import entropy, gini
from staa_widgets.evaluation.metrics.faithfulness import pearson, permutation_p_value, ranks, spearman
from staa_widgets.explanation.ground_truth import GroundTruthGrid
from staa_widgets.methods import postprocess as refine
from tests.helpers.additive_model import AdditiveModel, random_weights

W = random_weights((2, 3, 3))
FADE = {"filler": "fade"}


def rows(*values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_ranks_share_their_mean_where_values_are_equal():
    assert ranks(rows([3, 1, 2], [5, 5, 1], [0, 0, 0])).tolist() == [[3, 1, 2], [2.5, 2.5, 1], [2, 2, 2]]


def test_correlations_by_hand():
    one, other = rows([1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]), rows([2, 4, 6, 8], [1, 4, 9, 16], [1, 3, 2, 4])
    squares = 25 / math.sqrt(5 * 129)  # sums of products about the means, 2.5 and 7.5
    assert pearson(one, other).tolist() == pytest.approx([1, squares, 0.8])
    assert spearman(one, other).tolist() == pytest.approx([1, 1, 1 - 6 * 2 / (4 * 15)])
    tied = spearman(rows([1, 1, 2, 2]), rows([1, 2, 3, 4]))
    assert tied.item() == pytest.approx(2 / math.sqrt(5))
    assert spearman(rows([3.0, 1, 2]), -rows([3.0, 1, 2])).item() == -1


def test_constant_rows_have_no_correlation():
    for statistic in (pearson, spearman, permutation_p_value):
        assert math.isnan(statistic(rows([0.1, 0.1, 0.1]), rows([1, 2, 3])).item())
        assert math.isnan(statistic(rows([1, 2, 3]), rows([0.1, 0.1, 0.1])).item())


def test_the_sampled_p_value_is_near_the_exact_one():
    one, other = rows([1, 2, 3, 4, 5]), rows([1, 3, 2, 4, 4])
    correlation = spearman(one, other).item()
    permuted_correlations = [spearman(one, other[:, list(order)]).item() for order in permutations(range(5))]
    exact = np.mean(np.array(permuted_correlations) >= correlation - 1e-9)
    assert permutation_p_value(one, other, draws=4000).item() == pytest.approx(exact, abs=0.012)
    assert permutation_p_value(one, -one, draws=99).item() == 1
    assert permutation_p_value(one, other, seed=3).item() == permutation_p_value(one, other, seed=3).item()


def test_p_values_are_uniform_under_chance():
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.rand(1500, 12, generator=generator) for _ in range(2))
    p_values = permutation_p_value(one, other, draws=199)
    assert p_values.mean().item() == pytest.approx(METRICS["monotonicity_p"].chance_level, abs=0.03)
    assert (p_values <= 0.05).double().mean().item() == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("scale", [1, 3, -1])
def test_the_weights_of_an_additive_model_are_a_perfect_explanation(scale: float):
    case = AdditiveModel(W).case(scale * W)
    sign = np.sign(scale)
    assert METRICS["faithfulness_correlation"](case, **FADE) == pytest.approx(sign)
    assert METRICS["monotonicity"](case, **FADE) == pytest.approx(sign)
    assert METRICS["monotonicity_p"](case, **FADE) == (0.001 if scale > 0 else 1)


def test_faithfulness_is_the_correlation_with_the_drops_whatever_the_map():
    maps = random_weights((2, 3, 3), 5) ** 2
    expected = np.corrcoef(maps.ravel(), W.ravel())[0, 1]
    assert METRICS["faithfulness_correlation"](AdditiveModel(W).case(maps), **FADE) == pytest.approx(expected, abs=1e-5)
    by_frame = METRICS["faithfulness_correlation"](AdditiveModel(W).case(maps), units="frames", **FADE)
    assert by_frame == pytest.approx(np.sign(np.diff(maps.sum((1, 2))) * np.diff(W.sum((1, 2))))[0])


def test_monotonicity_depends_on_order_alone():
    monotone_maps = np.exp(4 * W)
    case = AdditiveModel(W).case(monotone_maps)
    assert METRICS["monotonicity"](case, **FADE) == pytest.approx(1)
    assert METRICS["faithfulness_correlation"](case, **FADE) < 0.9


@pytest.mark.parametrize("name", ["faithfulness_correlation", "monotonicity", "monotonicity_p"])
def test_a_constant_map_scores_nan_and_a_binary_one_scores_well(name: str):
    assert math.isnan(METRICS[name](AdditiveModel(W).case(np.ones(W.shape)), **FADE))
    binary = METRICS[name](AdditiveModel(W).case((np.median(W) < W) * 1.0), **FADE)
    assert binary < 0.01 if name == "monotonicity_p" else 0.8 < binary < 1


def test_shuffled_maps_score_at_chance():
    case, rng = AdditiveModel(W).case(W), np.random.default_rng(0)
    shuffled = [Case(rng.permuted(W.ravel()).reshape(W.shape), inputs=case.inputs, memo=case.memo) for _ in range(200)]
    for name in ("faithfulness_correlation", "monotonicity"):
        mean_score = np.mean([METRICS[name](one, **FADE) for one in shuffled])
        assert mean_score == pytest.approx(METRICS[name].chance_level, abs=3 / math.sqrt(200 * 17))


def test_sparseness_and_entropy_by_hand():
    maps = rows([1, 1, 1, 1], [0, 0, 0, 1], [0, 0, 1, -1], [0, 1, 2, 3])
    np.testing.assert_allclose(gini(maps), [0, 3 / 4, 1 / 2, (1 * -1 + 2 * 1 + 3 * 3) / (4 * 6)])
    thirds = -(math.log(1 / 6) / 6 + math.log(1 / 3) / 3 + math.log(1 / 2) / 2) / math.log(4)
    np.testing.assert_allclose(entropy(maps), [1, 0, 1 / 2, thirds], atol=1e-12)
    assert math.isnan(gini(rows([0, 0])).item())
    assert math.isnan(entropy(rows([0, 0])).item())


def test_complexity_depends_on_values_and_not_on_places():
    maps = np.abs(random_weights((2, 4, 4))).astype(np.float32)
    shuffled = np.random.default_rng(0).permuted(maps.ravel()).reshape(maps.shape)
    for name in ("sparseness", "entropy"):
        assert METRICS[name](Case(maps)) == pytest.approx(METRICS[name](Case(shuffled)), rel=1e-6)
        assert METRICS[name].higher_is_better is None
    assert METRICS["sparseness"](Case(maps**4)) > METRICS["sparseness"](Case(maps))
    assert METRICS["entropy"](Case(maps**4)) < METRICS["entropy"](Case(maps))


def test_signal_to_noise_in_decibels():
    where = np.zeros((2, 2, 2), bool)
    where[0, 0] = True
    maps = np.where(where, 10.0, 1.0).astype(np.float32)
    truth = GroundTruthGrid(where, np.array([True, False]))
    assert METRICS["signal_to_noise"](Case(maps, truth)) == pytest.approx(10)
    assert METRICS["signal_to_noise"](Case(np.ones_like(maps), truth)) == METRICS["signal_to_noise"].chance_level == 0
    assert METRICS["signal_to_noise"](Case(maps, truth)) == refine.signal_to_noise(maps, where)
    assert math.isnan(METRICS["signal_to_noise"](Case(maps, GroundTruthGrid(~where | where, truth.when))))
