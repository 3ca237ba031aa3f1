"""Methods by gradients, on models whose gradients are known."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from staa_widgets.errors import CancelledError, MissingPackageError, ParameterError
from staa_widgets.methods import METHODS
from staa_widgets.methods.fillers import FILLERS
from tests.helpers.method_inputs import GRID, draw_pixels, linear_model, make_inputs, sum_over_cells

WEIGHTS = draw_pixels(7)
NAMES = [
    name for name, method in METHODS.items() if method.group == "gradient" and method.needs_model and name != "grad_cam"
]


def sum_of_squares(pixels: Tensor) -> Tensor:
    """Return logits; logit 1 is half the sum of squares, whose gradient is the pixels."""
    return torch.stack([pixels.new_zeros(len(pixels)), pixels.square().sum((1, 2, 3, 4)) / 2], 1)


def curved_model(pixels: Tensor) -> Tensor:
    """Return logits of a smooth nonlinear model."""
    mixed = torch.tanh(pixels.flatten(1) @ draw_pixels(8).flatten() / 4)
    return torch.stack([mixed, torch.exp(mixed) + torch.sigmoid((pixels * WEIGHTS).sum((1, 2, 3, 4)))], 1)


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float = 1e-4) -> None:
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def test_the_five_gradient_methods_are_class_specific():
    assert NAMES == ["saliency", "input_x_gradient", "integrated_gradients", "smooth_grad", "gradient_shap"]
    assert all(METHODS[name].depends_on_class() for name in NAMES)


def test_maps_of_a_linear_model_follow_its_weights():
    inputs = make_inputs(linear_model(WEIGHTS))
    blurred = FILLERS["blur"](inputs.pixels)
    assert_close(METHODS["saliency"](inputs), sum_over_cells(WEIGHTS.abs()))
    assert_close(METHODS["smooth_grad"](inputs, samples=3), sum_over_cells(WEIGHTS.abs()))
    assert_close(METHODS["input_x_gradient"](inputs), sum_over_cells(WEIGHTS * inputs.pixels))
    assert_close(METHODS["integrated_gradients"](inputs, steps=1), sum_over_cells(WEIGHTS * (inputs.pixels - blurred)))
    assert_close(
        METHODS["gradient_shap"](inputs, samples=3, noise=0.0), sum_over_cells(WEIGHTS * (inputs.pixels - blurred))
    )


def test_the_target_class_is_explained():
    """Class 0 is a constant."""
    for name in NAMES:
        assert not METHODS[name](make_inputs(linear_model(WEIGHTS), target=0)).any()


def test_maps_of_a_sum_of_squares_follow_the_pixels():
    inputs = make_inputs(sum_of_squares)
    median = FILLERS["median"](inputs.pixels)
    assert_close(METHODS["saliency"](inputs), sum_over_cells(inputs.pixels.abs()))
    assert_close(METHODS["input_x_gradient"](inputs), sum_over_cells(inputs.pixels.square()))
    expected = sum_over_cells((inputs.pixels.square() - median.square()) / 2)
    assert_close(METHODS["integrated_gradients"](inputs, steps=3, baseline="median"), expected)
    # Points are uniform between baseline and clip, halfway on average.
    averaged = METHODS["gradient_shap"](
        inputs,
        samples=3000,
        noise=0.0,
        baseline="median",
    )
    assert_close(averaged, expected, 0.15)
    noisy = METHODS["smooth_grad"](inputs, samples=3000, noise=0.02)
    assert_close(noisy, sum_over_cells(inputs.pixels.abs()), 0.05)


def test_noise_is_a_share_of_the_range_of_the_pixels():
    """The gradient of squares is the noisy copy itself; around zero only the noise remains."""
    pixels = torch.zeros(4, 3, 4, 6)
    pixels[0, 0, 0, 0], pixels[0, 0, 0, 1] = 5, -5
    maps = METHODS["smooth_grad"](make_inputs(sum_of_squares, pixels), samples=1, noise=0.1)
    half_normal = np.sqrt(2 / np.pi) * 24
    assert maps[1].mean() == pytest.approx(half_normal, rel=0.15)


@pytest.mark.parametrize("baseline", FILLERS)
def test_integrated_gradients_are_complete(baseline: str):
    inputs = make_inputs(curved_model)
    start = FILLERS[baseline](inputs.pixels)
    logits = curved_model(torch.stack([inputs.pixels, start]))[:, 1]
    maps = METHODS["integrated_gradients"](inputs, steps=30, baseline=baseline)
    assert maps.sum() == pytest.approx(float(logits[0] - logits[1]), abs=1e-3)
    assert abs(maps.sum()) > 0.01


def test_the_completeness_gap_is_measured_at_the_baseline():
    inputs = make_inputs(curved_model)
    for baseline, steps in (("blur", 1), ("median", 2), ("darkest", 3)):
        start = FILLERS[baseline](inputs.pixels)
        logits = curved_model(torch.stack([inputs.pixels, start]))[:, 1]
        difference = float(logits[0] - logits[1])
        result = METHODS["integrated_gradients"].compute(inputs, steps=steps, baseline=baseline)
        expected = abs(result.maps.sum() - difference) / abs(difference)
        assert expected > 0.001
        assert result.completeness_gap == pytest.approx(expected, rel=1e-3)
    exact = METHODS["integrated_gradients"].compute(make_inputs(linear_model(WEIGHTS)), steps=1)
    assert exact.completeness_gap == pytest.approx(0, abs=1e-4)
    # A constant logit: a gap of rounding errors is not divided by a difference of zero.
    constant = METHODS["integrated_gradients"].compute(make_inputs(linear_model(WEIGHTS), target=0), steps=1)
    assert constant.completeness_gap == 0


def gradient_at(pixels: Tensor) -> Tensor:
    leaf = pixels.detach().clone().requires_grad_()
    return torch.autograd.grad(curved_model(leaf)[:, 1].sum(), leaf)[0]


def test_gradient_shap_averages_to_integrated_gradients_and_varies_less_than_independent_points():
    """Without noise, the mean over points is the integral; with independent points the variance is much larger."""
    inputs = make_inputs(curved_model, batch_size=64)
    start = FILLERS["blur"](inputs.pixels)
    expected = METHODS["integrated_gradients"](inputs, steps=40)
    samples, draws = 4, 300
    stratified = np.stack(
        [
            METHODS["gradient_shap"](make_inputs(curved_model, seed=seed), samples=samples, noise=0.0)
            for seed in range(draws)
        ]
    )
    shares = torch.rand(draws * samples, 1, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    gradients = gradient_at(start + shares * (inputs.pixels - start)) * (inputs.pixels - start)
    independent = np.stack([sum_over_cells(part.mean(0)) for part in gradients.split(samples)])
    for estimates in (stratified, independent):
        errors = estimates.std(0) / np.sqrt(draws)
        assert (np.abs(estimates.mean(0) - expected) < 5 * errors).all()
    assert stratified.var(0).sum() < independent.var(0).sum() / 4


def test_points_of_gradient_shap_lie_in_parts_of_their_own():
    pixels = draw_pixels()
    start = FILLERS["median"](pixels)
    way = pixels - start
    shares: list[float] = []

    def watch(clips: Tensor) -> Tensor:
        shares.extend((((clips.detach() - start) * way).sum((1, 2, 3, 4)) / way.square().sum()).tolist())
        return sum_of_squares(clips)

    METHODS["gradient_shap"](make_inputs(sum_of_squares, forward=watch), samples=7, noise=0.0, baseline="median")
    assert [int(7 * share) for share in shares] == list(range(7))


@pytest.mark.parametrize("name", NAMES)
def test_batch_size_makes_no_difference_and_the_seed_only_to_random_methods(name: str):
    method = METHODS[name]
    expected = method(make_inputs(curved_model))
    for batch_size in (1, 3, 64):
        assert_close(method(make_inputs(curved_model, batch_size=batch_size)), expected, 1e-5)
    np.testing.assert_array_equal(method(make_inputs(curved_model)), expected)
    same = np.allclose(method(make_inputs(curved_model, seed=1)), expected, atol=1e-6)
    assert same == (name not in ("smooth_grad", "gradient_shap"))


@pytest.mark.parametrize("name", NAMES)
def test_maps_are_signed_only_where_the_method_says_so(name: str):
    maps = METHODS[name](make_inputs(linear_model(WEIGHTS)))
    assert (maps.min() < 0) == METHODS[name].signed


@pytest.mark.parametrize("name", NAMES)
def test_passes_are_bounded_counted_and_reported(name: str):
    batches, reports = [], []

    def count_batches(pixels: Tensor) -> Tensor:
        batches.append(len(pixels))
        return curved_model(pixels)

    METHODS[name](make_inputs(curved_model, forward=count_batches, report=lambda *progress: reports.append(progress)))
    cost = METHODS[name].cost(GRID)
    assert max(batches) <= 5
    total = sum(batches)
    assert total + 1 == cost.forwards
    # Of the baseline only the logit is computed.
    assert cost.backwards == total - (name == "integrated_gradients")
    assert reports[0] == (0, total)
    assert reports[-1] == (total, total)
    assert len(reports) == 1 + len(batches)
    assert reports == sorted(reports)


@pytest.mark.parametrize("name", NAMES)
def test_cancelling_ends_the_passes(name: str):
    batches = []

    def count_batches(pixels: Tensor) -> Tensor:
        batches.append(len(pixels))
        return curved_model(pixels)

    def cancel(done: int, total: int) -> None:
        if done:
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        METHODS[name](make_inputs(curved_model, forward=count_batches, report=cancel))
    assert len(batches) == 1


@pytest.mark.parametrize("name", NAMES)
def test_generators_and_pixels_are_left_alone(name: str):
    def random_state() -> tuple[bytes, str]:
        return torch.get_rng_state().numpy().tobytes(), str(np.random.get_state())  # noqa: NPY002

    inputs, before = make_inputs(curved_model), random_state()
    METHODS[name](inputs)
    assert random_state() == before
    torch.testing.assert_close(inputs.pixels, draw_pixels())
    assert inputs.pixels.grad is None
    assert not inputs.pixels.requires_grad


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("integrated_gradients", {"steps": 0}),
        ("integrated_gradients", {"steps": 2.5}),
        ("integrated_gradients", {"baseline": "gray"}),
        ("smooth_grad", {"samples": 0}),
        ("smooth_grad", {"noise": -1}),
        ("smooth_grad", {"noise": "much"}),
        ("gradient_shap", {"samples": True}),
        ("gradient_shap", {"noise": float("nan")}),
        ("saliency", {"steps": 3}),
    ],
    ids=str,
)
def test_wrong_parameters_are_refused(name: str, params: dict[str, Any]):
    with pytest.raises(ParameterError) as caught:
        METHODS[name].complete(params)
    assert caught.value.hint


@pytest.mark.parametrize("name", NAMES)
def test_without_captum_the_error_says_how_to_install_it(name: str, monkeypatch: pytest.MonkeyPatch):
    original = builtins.__import__

    def import_no_captum(module: str, *rest: Any) -> Any:
        if module.split(".")[0] == "captum":
            raise ModuleNotFoundError("No module named 'captum'")
        return original(module, *rest)

    monkeypatch.setattr(builtins, "__import__", import_no_captum)
    with pytest.raises(MissingPackageError, match="captum") as caught:
        METHODS[name](make_inputs(curved_model))
    assert caught.value.hint == "Install it with: pip install 'staa-widgets[baselines]'"
