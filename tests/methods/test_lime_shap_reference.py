"""LIME, KernelSHAP and Shapley values compared with captum, which these three methods do not use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import exp
from typing import Any

import numpy as np
import pytest
import torch
from captum._utils.models.model import Model
from captum.attr import KernelShap, Lime, ShapleyValues
from torch import Tensor

from staa_widgets.methods.lime_shap import (
    constrained_coefficients,
    draw_lime_coalitions,
    draw_shapley_coalitions,
    kernel_shap,
    lime,
    shapley,
)
from tests.helpers.games import ALL_COALITIONS, EIGHT, game_inputs, random_game, segment_sums


class NormalEquations(Model):
    """Weighted ridge regression with an intercept, as a model that captum fits."""

    def __init__(self, penalty: float) -> None:
        self.penalty = penalty
        self.coefficients = torch.empty(0)

    def fit(self, train_data: Any, **_: Any) -> None:
        coalitions, logits, weights = (part.double() for part in train_data.dataset.tensors)
        design = torch.cat([coalitions, torch.ones(len(coalitions), 1)], 1)
        penalties = torch.tensor([self.penalty] * coalitions.shape[1] + [0.0]).double().diag()
        weighted = design.T * weights
        self.coefficients = torch.linalg.solve(weighted @ design + penalties, weighted @ logits)[:-1]

    def representation(self) -> Tensor:
        return self.coefficients

    def __call__(self, *_: Any, **__: Any) -> Tensor:
        raise NotImplementedError


def draw_from(coalitions: np.ndarray) -> Callable[..., Iterator[Tensor]]:
    """Return a sampler for captum that yields the coalitions in order."""

    def draw(_: Tensor, **__: Any) -> Iterator[Tensor]:
        for coalition in coalitions:
            yield torch.from_numpy(coalition)[None].long()

    return draw


def cosine_kernel(_: Tensor, __: Tensor, coalition: Tensor, **___: Any) -> float:
    whole = torch.ones_like(coalition).double()
    distance = 1 - float(torch.cosine_similarity(coalition.double(), whole))
    return exp(-(distance**2) / (2 * 0.25**2))


@pytest.mark.parametrize("samples", [40, 1000])
@pytest.mark.parametrize("seed", [0, 1])
def test_lime_equals_captum_on_the_same_samples(seed: int, samples: int):
    worth = random_game(seed)
    coalitions = draw_lime_coalitions(8, samples, seed)
    assert coalitions[0].all()
    reference = Lime(
        worth,
        interpretable_model=NormalEquations(1),
        similarity_func=cosine_kernel,
        perturb_func=draw_from(coalitions),
    )
    expected = reference.attribute(torch.ones(1, 8), n_samples=samples, return_input_shape=False)
    maps = lime(game_inputs(worth, batch_size=64, seed=seed), samples=samples, segments=EIGHT)
    np.testing.assert_allclose(segment_sums(maps), expected, atol=1e-5)


@pytest.mark.parametrize("samples", [40, 201])
@pytest.mark.parametrize("seed", [0, 1])
def test_kernel_shap_equals_captum_on_the_same_coalitions(seed: int, samples: int):
    """captum gives the full and the empty coalition a great weight instead of an infinite one."""
    worth = random_game(seed)
    reference = KernelShap(worth)
    reference.interpretable_model = NormalEquations(0)
    reference.perturb_func = draw_from(draw_shapley_coalitions(8, samples, seed))
    expected = reference.attribute(torch.ones(1, 8), n_samples=samples, return_input_shape=False)
    maps = kernel_shap(game_inputs(worth, batch_size=64, seed=seed), samples=samples, segments=EIGHT)
    np.testing.assert_allclose(segment_sums(maps), expected, atol=3e-3)


def test_kernel_shap_equals_captum_on_average_over_its_own_coalitions():
    worth = random_game(5)
    reference = KernelShap(worth)
    reference.interpretable_model = NormalEquations(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = reference.attribute(torch.ones(1, 8), n_samples=4000, return_input_shape=False)
    maps = kernel_shap(game_inputs(worth, batch_size=512), samples=4000, segments=EIGHT)
    np.testing.assert_allclose(segment_sums(maps), expected, atol=0.2)


def test_exact_values_equal_captum():
    """Of six players, in all their 720 orders."""

    def worth(coalitions: Tensor) -> Tensor:
        return random_game(3)(torch.cat([coalitions[:, :6], torch.zeros(len(coalitions), 2)], 1))

    expected = ShapleyValues(worth).attribute(torch.ones(1, 8)[:, :6], perturbations_per_eval=64)[0]
    values = segment_sums(shapley(game_inputs(worth, batch_size=64), segments=EIGHT))
    np.testing.assert_allclose(values, [*expected.tolist(), 0, 0], atol=1e-5)


def test_coalitions_are_drawn_by_the_shapley_kernel_in_pairs():
    coalitions = draw_shapley_coalitions(8, 20_002, 0)
    assert coalitions[0].all()
    assert not coalitions[1].any()
    np.testing.assert_array_equal(coalitions[2::2], ~coalitions[3::2])
    np.testing.assert_array_equal(draw_shapley_coalitions(8, 11, 0), coalitions[:11])
    sizes = np.arange(1, 8)
    expected = 1 / (sizes * (8 - sizes))
    counts = np.bincount(coalitions[2:].sum(1), minlength=9)
    np.testing.assert_allclose(counts[1:8] / 20_000, expected / expected.sum(), atol=0.01)
    assert counts[0] == counts[8] == 0
    np.testing.assert_allclose(coalitions[2:].mean(0), 0.5, atol=0.01)


def test_the_shapley_kernels_fit_to_all_coalitions_is_the_shapley_value():
    """Lundberg & Lee, theorem 2; a coalition of k of 8 is repeated ``3360 / (C(8, k) k (8 - k))`` times."""
    worth = random_game(4)
    repeats = np.array([0, 60, 10, 4, 3, 4, 10, 60, 0])
    repeated = np.repeat(ALL_COALITIONS, repeats[ALL_COALITIONS.sum(1)], axis=0)
    worths = worth(torch.from_numpy(repeated)).numpy()
    nothing, whole = worth(torch.tensor([[0] * 8, [1] * 8])).tolist()
    values = constrained_coefficients(repeated, worths - nothing, whole - nothing)
    exact = segment_sums(shapley(game_inputs(worth, batch_size=64), segments=EIGHT))
    np.testing.assert_allclose(values, exact, atol=1e-5)
    assert values.sum() == pytest.approx(whole - nothing)
