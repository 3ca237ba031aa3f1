"""LIME, KernelSHAP and Shapley values, on games whose values are known by hand."""

from __future__ import annotations

import builtins
import random
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from staa_widgets import wrap_model
from staa_widgets.engine.attribute import attribute
from staa_widgets.errors import CancelledError, ParameterError
from staa_widgets.methods import METHODS
from staa_widgets.methods.fillers import FILLERS
from staa_widgets.methods.segmentation import label_blocks, label_segments
from staa_widgets.records.geometry import Geometry
from tests.helpers.games import ALL_COALITIONS, EIGHT, GROUPS, game_inputs, random_game, segment_sums
from tests.helpers.method_inputs import GRID, draw_pixels, linear_model, make_inputs, sum_over_cells

WEIGHTS = draw_pixels(7)
SHAPLEY, KERNEL, LIME = (METHODS[name] for name in ("shapley", "kernel_shap", "lime"))


def shapley_by_orders(worth: Callable[[Tensor], Tensor], players: int) -> np.ndarray:
    """Shapley values from their definition: what each player adds, averaged over all orders in which they join."""
    values, orders = np.zeros(8), list(permutations(range(players)))
    for order in orders:
        coalition = torch.zeros(1, 8, dtype=torch.double)
        for player in order:
            before = worth(coalition).item()
            coalition[0, player] = 1
            values[player] += worth(coalition).item() - before
    return values / len(orders)


# --- segments ---


def test_segments_divide_each_axis_evenly():
    np.testing.assert_array_equal(label_segments((2, 2, 3), EIGHT), GROUPS)
    assert label_segments((8, 1, 1), (3, 1, 1)).ravel().tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert label_segments((2, 1, 3), (4, 4, 4)).ravel().tolist() == [0, 1, 2, 3, 4, 5], "no more than there are cells"
    assert label_blocks((1, 3, 3), (1, 2, 2)).tolist() == [[[0, 0, 1], [0, 0, 1], [2, 2, 3]]]


# --- exact values ---


def test_the_glove_game_has_its_known_shapley_values():
    """Segment 0 holds a left glove, 1 and 2 a right one each, a pair is worth 6; the other segments are ignored."""
    values = segment_sums(
        SHAPLEY(game_inputs(lambda coalitions: 6 * coalitions[:, 0] * coalitions[:, 1:3].amax(1)), segments=EIGHT)
    )
    np.testing.assert_allclose(values, [4, 1, 1, 0, 0, 0, 0, 0], atol=1e-5)


def test_shapley_is_the_mean_over_all_orders():
    def worth(coalitions: Tensor) -> Tensor:
        return random_game(3)(torch.cat([coalitions[:, :5], torch.zeros(len(coalitions), 3)], 1))

    values = segment_sums(SHAPLEY(game_inputs(worth), segments=EIGHT))
    np.testing.assert_allclose(values, shapley_by_orders(worth, 5), atol=1e-5)


def test_equal_segments_get_equal_values():
    values = segment_sums(
        SHAPLEY(game_inputs(lambda coalitions: coalitions.sum(1).square() + 3 * coalitions[:, 7]), segments=EIGHT)
    )
    np.testing.assert_allclose(values, [8] * 7 + [11], atol=1e-4)


@pytest.mark.parametrize("filler", ["blur", "median", "darkest", "freeze"])
def test_shapley_values_sum_to_the_drop_when_all_is_hidden(filler: str):
    def forward(pixels: Tensor) -> Tensor:
        mixed = torch.tanh(pixels.flatten(1) @ draw_pixels(8).flatten() / 4)
        return torch.stack([mixed, mixed.exp() + torch.sigmoid((pixels * WEIGHTS).sum((1, 2, 3, 4)))], 1)

    inputs = make_inputs(forward)
    # With every frame hidden, freeze shows the clip's middle frame.
    hidden = inputs.pixels[[2] * 4] if filler == "freeze" else FILLERS[filler](inputs.pixels)
    logits = forward(torch.stack([inputs.pixels, hidden]))[:, 1]
    for segments in (EIGHT, (8, 1, 1)):
        total = SHAPLEY(inputs, segments=segments, filler=filler).sum()
        assert total == pytest.approx(float(logits[0] - logits[1]), abs=1e-5)
    assert abs(logits[0] - logits[1]) > 0.01


def test_by_default_segments_are_slices_of_time():
    inputs = make_inputs(linear_model(WEIGHTS))
    losses = sum_over_cells(WEIGHTS * (inputs.pixels - FILLERS["blur"](inputs.pixels)))
    maps = SHAPLEY(inputs)
    np.testing.assert_allclose(maps.sum((1, 2)), losses.sum((1, 2)), atol=1e-4)
    assert np.ptp(maps, axis=(1, 2)).max() == 0
    long = Geometry(16, 1, 4, 4, "time_major", 0, (8, 8))
    assert SHAPLEY.cost(long) == (256, 0)
    assert SHAPLEY.cost(GRID) == (4, 0)


# --- estimates ---


@pytest.mark.parametrize("name", ["shapley", "kernel_shap"])
def test_segments_of_a_linear_model_get_their_own_losses(name: str):
    inputs = make_inputs(linear_model(WEIGHTS))
    losses = sum_over_cells(WEIGHTS * (inputs.pixels - FILLERS["median"](inputs.pixels)))
    samples = {} if name == "shapley" else {"samples": 40}
    maps = METHODS[name](inputs, segments=EIGHT, filler="median", **samples)
    np.testing.assert_allclose(segment_sums(maps), np.bincount(GROUPS.ravel(), losses.ravel()), atol=1e-3)


def test_kernel_shap_comes_close_to_the_exact_values():
    inputs = game_inputs(random_game(5), batch_size=512)
    exact = segment_sums(SHAPLEY(inputs, segments=EIGHT))
    few, many = (segment_sums(KERNEL(inputs, segments=EIGHT, samples=samples)) for samples in (60, 6000))
    assert np.abs(many - exact).mean() < 0.04
    assert np.abs(many - exact).mean() < np.abs(few - exact).mean() / 3
    for values in (few, many):
        assert values.sum() == pytest.approx(exact.sum(), abs=1e-3)


@pytest.mark.parametrize("samples", [256, 300, 2048])
def test_kernel_shap_is_exact_where_all_coalitions_fit_the_samples(samples: int):
    batches: list[int] = []

    def worth(coalitions: Tensor) -> Tensor:
        batches.append(len(coalitions))
        return random_game(5)(coalitions)

    inputs = game_inputs(worth, batch_size=64)
    exact = SHAPLEY(inputs, segments=EIGHT)
    batches.clear()
    np.testing.assert_array_equal(KERNEL(inputs, segments=EIGHT, samples=samples), exact)
    assert sum(batches) == 255
    assert KERNEL.cost(GRID, {"samples": samples, "segments": EIGHT}) == (256, 0)
    assert KERNEL.cost(GRID, {"samples": 255, "segments": EIGHT}) == (256, 0)
    assert np.abs(KERNEL(inputs, segments=EIGHT, samples=255) - exact).max() > 0.01
    # More players than exact Shapley values are offered for: 12 cells, 4096 coalitions.
    twelve = make_inputs(linear_model(WEIGHTS), batch_size=512)
    losses = sum_over_cells(WEIGHTS * (twelve.pixels - FILLERS["median"](twelve.pixels)))
    maps = KERNEL(twelve, segments=(4, 4, 4), samples=4096, filler="median")
    np.testing.assert_allclose(maps, losses, atol=1e-4)


def test_values_of_segments_add_up():
    inputs = game_inputs(random_game(5), batch_size=512)
    for method, params in ((SHAPLEY, {}), (KERNEL, {"samples": 60}), (KERNEL, {"samples": 256})):
        gap = method.compute(inputs, segments=EIGHT, **params).completeness_gap
        assert gap is not None
        assert gap < 1e-5
    assert LIME.compute(inputs, segments=EIGHT, samples=60).completeness_gap is None


def test_lime_finds_sign_and_order_of_the_contributions():
    """The fit is exact but for the penalty of 1, against a quarter of the weights of some 1000 samples."""
    contributions = np.array([3.0, -2.0, 1.0, 0.5, -0.25, 0.0, 2.0, -1.0])
    inputs = game_inputs(lambda coalitions: coalitions @ torch.from_numpy(contributions), batch_size=512)
    values = segment_sums(LIME(inputs, segments=EIGHT))
    assert np.argsort(values).tolist() == np.argsort(contributions).tolist()
    np.testing.assert_allclose(values, contributions, atol=0.06)
    assert np.abs(values).sum() < np.abs(contributions).sum()


def test_lime_fits_weighted_samples_and_not_shapley_values():
    """Solve the same regression by its normal equations, over all coalitions, which are equally likely."""
    worth = random_game(6)
    inputs = game_inputs(worth, batch_size=512)
    coalitions = torch.from_numpy(ALL_COALITIONS).double()
    distance = 1 - np.sqrt(coalitions.numpy().mean(1))
    weights = np.exp(-(distance**2) / (2 * 0.25**2))
    design = np.column_stack([coalitions.numpy(), np.ones(256)])
    expected = np.linalg.solve(
        design.T @ (weights[:, None] * design), design.T @ (weights * worth(coalitions).numpy())
    )[:8]
    values = segment_sums(LIME(inputs, segments=EIGHT, samples=6000))
    np.testing.assert_allclose(values, expected, atol=0.08)
    assert np.abs(values - segment_sums(SHAPLEY(inputs, segments=EIGHT))).max() > 0.1


def test_the_target_class_is_explained():
    """Class 0 is a constant."""
    for method, params in ((SHAPLEY, {}), (KERNEL, {"samples": 9}), (LIME, {"samples": 9})):
        assert np.abs(method(make_inputs(linear_model(WEIGHTS), target=0), **params)).max() < 1e-6
        assert method.depends_on_class()
        assert method.signed
        assert method.group == "perturbation"


@pytest.mark.parametrize("method", [KERNEL, LIME], ids=lambda method: method.name)
def test_maps_depend_on_the_seed_and_not_on_the_batch_size(method: Any):
    def compute_maps(**changes: Any) -> np.ndarray:
        return method(game_inputs(random_game(5), **changes), segments=EIGHT, samples=50)

    expected = compute_maps()
    np.testing.assert_array_equal(compute_maps(), expected)
    for batch_size in (1, 64):
        np.testing.assert_allclose(compute_maps(batch_size=batch_size), expected, atol=1e-5)
    assert np.abs(compute_maps(seed=1) - expected).max() > 0.01


@pytest.mark.parametrize(("name", "params"), [("shapley", {}), ("kernel_shap", {"samples": 60}), ("lime", {})])
def test_a_wrapped_function_can_be_explained(name: str, params: dict[str, Any]):
    """A function that sees the upper left corner of the last two frames and nothing else."""

    def corner(clips: Tensor) -> Tensor:
        energy = clips[:, :, 2:, :8, :8].square().mean((1, 2, 3, 4))
        return torch.stack([torch.zeros_like(energy), energy], 1)

    model = wrap_model(corner, frames=4, size=16, labels=2, layout="bcthw", patch=8)
    pixels = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    maps = attribute(model, pixels, name, target=1, segments=EIGHT, filler="median", **params)
    assert maps.shape == (4, 2, 2)
    assert maps[2:, 0, 0].min() > 0.1
    maps[2:, 0, 0] = 0
    assert np.abs(maps).max() < 0.01


# --- passes ---


@pytest.mark.parametrize(
    ("name", "params", "passes"),
    [
        ("shapley", {"segments": EIGHT}, 255),
        ("shapley", {"segments": (2, 1, 1)}, 3),
        ("kernel_shap", {"samples": 33}, 33),
        ("lime", {"samples": 12}, 12),
    ],
)
def test_passes_are_bounded_counted_and_reported(name: str, params: dict[str, Any], passes: int):
    batches, reports = [], []

    def count_batches(pixels: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        batches.append(len(pixels))
        return linear_model(WEIGHTS)(pixels)

    METHODS[name](
        make_inputs(linear_model(WEIGHTS), forward=count_batches, report=lambda *step: reports.append(step)), **params
    )
    assert max(batches) <= 5
    assert sum(batches) == passes == METHODS[name].cost(GRID, params).forwards - 1
    assert reports == [(n, passes) for n in dict.fromkeys([*range(0, passes, 5), passes])]


@pytest.mark.parametrize("name", ["shapley", "kernel_shap", "lime"])
def test_cancelling_ends_the_passes_and_generators_are_left_alone(name: str):
    batches = []

    def count_batches(pixels: Tensor) -> Tensor:
        batches.append(len(pixels))
        return linear_model(WEIGHTS)(pixels)

    def cancel(done: int, total: int) -> None:
        if done >= 10:
            raise CancelledError(f"Stopped at {done} of {total}.")

    def random_state() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002

    before = random_state()
    with pytest.raises(CancelledError, match="10 of"):
        METHODS[name](make_inputs(linear_model(WEIGHTS), forward=count_batches, report=cancel), segments=EIGHT)
    assert batches == [5, 5]
    METHODS[name](make_inputs(linear_model(WEIGHTS)), segments=EIGHT)
    assert random_state() == before


# --- refusals ---


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("lime", {"samples": 1}),
        ("lime", {"samples": 2.5}),
        ("lime", {"filler": "fade"}),
        ("lime", {"segments": 64}),
        ("lime", {"segments": (4, 4)}),
        ("kernel_shap", {"segments": (1, 1, 1)}),
        ("kernel_shap", {"samples": True}),
        ("kernel_shap", {"filler": "gray"}),
        ("shapley", {"segments": (9, 1, 1)}),
        ("shapley", {"segments": (4, 2, 2)}),
        ("shapley", {"segments": (0, 1, 1)}),
        ("shapley", {"filler": "fade"}),
        ("shapley", {"samples": 9}),
    ],
    ids=str,
)
def test_wrong_parameters_are_refused(name: str, params: dict[str, Any]):
    with pytest.raises(ParameterError) as caught:
        METHODS[name].complete(params)
    assert caught.value.hint


def test_captum_and_scikit_learn_are_not_imported(monkeypatch: pytest.MonkeyPatch):
    original = builtins.__import__

    def import_neither(module: str, *rest: Any) -> Any:
        assert module.split(".")[0] not in ("captum", "sklearn")
        return original(module, *rest)

    monkeypatch.setattr(builtins, "__import__", import_neither)
    for method in (KERNEL, LIME):
        assert method(make_inputs(linear_model(WEIGHTS)), samples=20).any()
    assert SHAPLEY(make_inputs(linear_model(WEIGHTS))).any()
