"""Sanity checks of methods with known dependencies."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from staa_widgets.engine.attribute import attribute, open_inputs
from staa_widgets.evaluation.metric import Case
from staa_widgets.evaluation.metrics import METRICS
from staa_widgets.evaluation.metrics.sanity import (
    cascading_randomization,
    parameters_from_output,
    shuffle_weights,
    similarity,
    unevenness,
)
from staa_widgets.models import VideoModel
from staa_widgets.records.target import Target
from tests.helpers.additive_model import AdditiveModel, random_weights
from tests.helpers.timesformers import tiny_timesformer_model
from tests.helpers.tiny import random_pixels

W = random_weights((3, 2, 4))
CHECKS = [name for name, metric in METRICS.items() if metric.needs == "method"]


def make_case(model: VideoModel, method: str, pixels: torch.Tensor, *, class_specific: bool = True) -> Case:
    run_method = partial(attribute, method=method)

    def run_again(*, pixels: torch.Tensor = pixels, model: VideoModel = model, target: Target) -> np.ndarray:
        return run_method(model, pixels, target=target)

    with open_inputs(model, pixels) as inputs:
        maps = run_again(target=inputs.target)
    return Case(maps, inputs=inputs, attribute=run_again, model=model, class_specific=class_specific)


def test_parameters_are_ordered_from_head_to_embeddings():
    model = tiny_timesformer_model()
    parts = parameters_from_output(model)
    assert len(parts) == 2 + 3
    assert all(name.startswith(("classifier", "timesformer.layernorm")) for name in parts[0])
    assert all(".layer.2." in name for name in parts[1])
    assert all("embeddings" in name for name in parts[-1])
    assert sorted(name for part in parts for name in part) == sorted(
        name for name, _ in model.module.named_parameters()
    )


def test_shuffling_permutes_the_weights_of_a_copy():
    model = tiny_timesformer_model()
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    changed = shuffle_weights(model, seed=1)
    for name, parameter in changed.module.named_parameters():
        assert torch.equal(parameter.flatten().sort().values, before[name].flatten().sort().values)
        assert parameter.numel() < 4 or parameter.unique().numel() == 1 or not torch.equal(parameter, before[name])
    assert all(torch.equal(value, before[name]) for name, value in model.module.state_dict().items())
    again = shuffle_weights(model, seed=1)
    assert all(
        torch.equal(one, other)
        for one, other in zip(changed.module.parameters(), again.module.parameters(), strict=True)
    )
    assert any(
        not torch.equal(one, other)
        for one, other in zip(
            changed.module.parameters(), shuffle_weights(model, seed=2).module.parameters(), strict=True
        )
    )


def test_shuffling_from_the_output_down_changes_class_specific_maps_first():
    """The head changes class-specific maps at once; attention changes when its layers are reached."""
    model, pixels = tiny_timesformer_model(), random_pixels(1)[0]
    logit, plain = (
        cascading_randomization(make_case(model, method, pixels), steps=5) for method in ("staa_logit", "staa")
    )
    np.testing.assert_allclose(logit.share, np.arange(1, 6) / 5)
    assert plain.similarity[0] == pytest.approx(1)
    assert logit.similarity[0] < 0.9
    assert plain.similarity[1] < 0.999
    assert abs(plain.similarity[-1]) < 0.6


def test_maps_that_do_not_depend_on_the_model_do_not_change():
    model, pixels = tiny_timesformer_model(), random_pixels(1)[0]
    score = METRICS["weight_randomization"](make_case(model, "motion_energy", pixels, class_specific=False))
    assert score == pytest.approx(1)
    assert METRICS["weight_randomization"](make_case(model, "staa", pixels)) < 0.9


def test_each_step_shuffles_more_weights_than_the_step_before():
    model, pixels = tiny_timesformer_model(), random_pixels(1)[0]
    shuffled: list[list[str]] = []

    def list_shuffled(*, model: VideoModel, target: int) -> np.ndarray:
        pairs = zip(model.module.named_parameters(), tiny_timesformer_model().module.parameters(), strict=True)
        shuffled.append([name for (name, one), other in pairs if not torch.equal(one, other)])
        return np.ones((4, 3, 3), np.float32)

    with open_inputs(model, pixels) as inputs:
        case = Case(np.ones((4, 3, 3), np.float32), inputs=inputs, attribute=list_shuffled, model=model)
    assert math.isnan(METRICS["weight_randomization"](case, steps=2))
    assert len(shuffled) == 2
    assert set(shuffled[0]) < set(shuffled[1])
    assert any("embeddings" in name for name in shuffled[1])
    assert not any("embeddings" in name for name in shuffled[0])
    assert math.isnan(METRICS["weight_randomization"](replace(case, model=None)))


def by_class(maps: dict[int, Any]) -> Any:
    return lambda *, target: maps[target]


def test_class_sensitivity_compares_with_the_least_likely_class():
    model = AdditiveModel(W)
    assert METRICS["class_sensitivity"](model.case(W, by_class({1: -W}))) == -1
    assert METRICS["class_sensitivity"](model.case(W, by_class({1: W}))) == 1
    other = np.random.default_rng(0).random(W.shape)
    expected = similarity(W, other)
    assert METRICS["class_sensitivity"](model.case(W, by_class({1: other}))) == pytest.approx(expected)
    assert METRICS["class_sensitivity"](model.case(W, by_class({0: other}), target=1)) == pytest.approx(expected)


def test_a_class_agnostic_method_is_labeled_so_without_being_run():
    def never(**_: Any) -> Any:
        raise AssertionError

    case = replace(AdditiveModel(W).case(W, never), class_specific=False)
    assert METRICS["class_sensitivity"](case) == METRICS["class_sensitivity"].chance_level == 1


@pytest.mark.parametrize("tubelet", [1, 2])
def test_maps_that_follow_their_frames_score_one(tubelet: int):
    """The brightness of a cell moves with its frame; its position in time does not."""
    model = AdditiveModel(W, tubelet=tubelet)
    pixels = torch.rand(model.pixels.shape, generator=torch.Generator().manual_seed(0))

    def brightness(*, pixels: torch.Tensor, target: int) -> np.ndarray:
        assert target == 0
        return model.cells(pixels[None])[0].numpy()

    def place(*, pixels: torch.Tensor, target: int) -> np.ndarray:
        return np.arange(W.size).reshape(W.shape) * 1.0

    for name in ("frame_shuffle", "reversal"):
        first = brightness(pixels=pixels, target=0)
        assert METRICS[name](model.case(first, brightness, pixels=pixels)) == pytest.approx(1)
        assert METRICS[name](model.case(place(pixels=pixels, target=0), place, pixels=pixels)) < 0.8
    flat = model.case(np.ones(W.shape), lambda **_: np.ones(W.shape))
    assert math.isnan(METRICS["reversal"](flat))


def test_reversal_by_hand():
    model = AdditiveModel(np.ones((3, 1, 1)))
    maps = np.array([1.0, 2, 3]).reshape(3, 1, 1)
    assert METRICS["reversal"](model.case(maps, lambda *, pixels, target: maps)) == -1


def test_freeze_measures_the_unevenness_left_on_a_frozen_clip():
    clips = []

    def attribute_frozen(*, pixels: torch.Tensor, target: int) -> np.ndarray:
        clips.append(pixels)
        return np.array([2.0, 1, 1]).reshape(3, 1, 1)

    pixels = torch.arange(3.0)[:, None, None, None].expand(3, 3, 2, 2)
    model = AdditiveModel(np.ones((3, 1, 1)))
    assert METRICS["freeze"](model.case(np.ones((3, 1, 1)), attribute_frozen, pixels=pixels)) == pytest.approx(
        1 / 2 - 1 / 3
    )
    assert (clips[0] == 1).all()


def test_unevenness_by_hand():
    assert unevenness(np.ones((4, 2, 2))) == 0
    assert unevenness(np.zeros((4, 2, 2))) == 0
    assert unevenness(np.array([1.0, 0, 0, 0]).reshape(4, 1, 1)) == 3 / 4
    assert unevenness(np.array([-1.0, 1, 0, 0]).reshape(4, 1, 1)) == 1 / 2


@pytest.mark.parametrize("name", CHECKS)
def test_checks_leave_model_and_random_numbers_as_they_were(name: str):
    model = tiny_timesformer_model()
    case = make_case(model, "staa", random_pixels(1)[0])
    state, weights = torch.get_rng_state(), [p.clone() for p in model.module.parameters()]
    first = METRICS[name](case)
    assert METRICS[name](case) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one, other) for one, other in zip(model.module.parameters(), weights, strict=True))
