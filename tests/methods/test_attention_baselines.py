"""Attention baselines against values worked out by hand and the models' own code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from staa_widgets.engine.attribute import attribute
from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.methods import METHODS, Cost, MethodInputs
from staa_widgets.models import VideoModel
from staa_widgets.models.attention.joint import JointReader
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs
from tests.helpers.joint_models import JOINT, tiny_joint_model
from tests.helpers.small_records import scale_to_sum_one, small_record, tiny_record
from tests.helpers.timesformers import TYPES, tiny_timesformer_model
from tests.helpers.tiny import random_pixels

BASELINES = ("attention_last", "rollout", "attention_gradient", "grad_cam", "staa_original_code")


MODELS = (*TYPES, *JOINT)


def make_model(name: str) -> VideoModel:
    return tiny_joint_model(name) if name in JOINT else tiny_timesformer_model(name)


def test_the_last_row_by_hand() -> None:
    first, heads = [[[0.9, 0.1], [0.1, 0.1]]] * 2, [[[0.4, 0.1], [0.3, 0.1]], [[0.2, 0.1], [0.1, 0.1]]]
    maps = METHODS["attention_last"](small_record(rows=[first, heads]))
    # Heads: .3 .1 and .2 .1; each frame gets half.
    np.testing.assert_allclose(maps, [[[0.375, 0.125]], [[1 / 3, 1 / 6]]], rtol=1e-6)


def test_the_last_row_of_joint_attention_varies_over_time() -> None:
    record = tiny_record(TYPES[1])
    maps = METHODS["attention_last"](record)
    np.testing.assert_allclose(maps, scale_to_sum_one(record.rows[-1].mean(0)).reshape(4, 3, 3), atol=1e-6)
    assert np.ptp(maps.sum((1, 2))) > 0.01


def test_rollout_by_hand() -> None:
    # Half of what CLS reads stays in its frame, half goes through time; the contrast step is not applied.
    spatial = [[[[0.5, 0.4, 0.1], [0, 1, 0], [0, 0, 1]], [[0.5, 0.3, 0.2], [0, 1, 0], [0, 0, 1]]]]
    here = np.array([[0.4, 0.1], [0.3, 0.2]])
    routed = np.array([[0.4 * 0.9 + 0.3 * 0.5, 0.02], [0.4 * 0.1 + 0.3 * 0.5, 0.28]])
    maps = METHODS["rollout"](small_record(spatial=spatial))
    np.testing.assert_allclose(maps[:, 0], scale_to_sum_one(here + routed), rtol=1e-3)


def test_rollout_within_frames_gives_every_slice_the_same() -> None:
    maps = METHODS["rollout"](tiny_record(TYPES[2]))
    np.testing.assert_allclose(maps.sum((1, 2)), 0.25, atol=1e-6)


def test_attention_gradient_by_hand() -> None:
    """Two layers of one head over CLS and two patches; all scores are 0, so that each attends to each by a third."""
    layers: list[nn.Module] = [nn.Identity(), nn.Identity()]
    reader = JointReader(
        Geometry(1, 1, 1, 2, "time_major", 1, (8, 16)),
        Needs(relevance=True),
        norm=nn.LayerNorm(1),
        classifier=nn.Linear(1, 1),
        attentions=[(layer, nn.Linear(1, 1)) for layer in layers],
    )
    flat = torch.zeros(1, 1, 3, 1)
    lower, upper = (torch.zeros(1, 3, 1, 1, requires_grad=True) for _ in layers)
    reader.captures[layers[0]](flat, flat, torch.tensor([0.0, 1, 2]).reshape(flat.shape), lower, 1.0)
    reader.captures[layers[1]](flat, flat, torch.tensor([0.0, 3, -3]).reshape(flat.shape), upper, 1.0)
    # dy/da = slope · value. Above, CLS: a third of (0, 6, -6), so that patch 1 gets 2. Below, patch 1: a third of
    # (0, 1, 2), so that it passes 2/3 to itself and 4/3 to patch 2.
    (record,) = reader.records((2 * upper[:, 0, 0] + lower[:, 1, 0]).reshape(1, 1), [0])
    assert record.relevance is not None
    np.testing.assert_allclose(record.relevance, [[2 + 2 / 3, 4 / 3]], rtol=1e-6)
    np.testing.assert_allclose(METHODS["attention_gradient"](record), [[[2 / 3, 1 / 3]]], rtol=1e-6)


def make_cam_inputs(layer: nn.Module, forward: Any, target: int = 0) -> MethodInputs:
    return MethodInputs(
        record=small_record(),
        target=target,
        pixels=torch.zeros(2, 3, 8, 16),
        forward=forward,
        layers=(nn.Identity(), layer),
        seed=0,
        batch_size=8,
        report=lambda *_: None,
    )


def test_grad_cam_by_hand() -> None:
    # CLS, then patches with time fastest. Slopes 4 on the first channel of one patch and -4 on the second of another
    # are (1, -1) in the mean over four; the slope on CLS has no place on the grid.
    tokens = torch.tensor([[[9.0, 9], [1, 0], [0, 1], [2, 1], [-3, 1]]])
    layer = nn.Identity()

    def forward(pixels: torch.Tensor) -> torch.Tensor:
        assert pixels.shape == (1, 2, 3, 8, 16)
        x = layer(tokens)
        down = x[:, 4, 0]
        return torch.stack([100 * x[:, 0].sum(1) + 4 * x[:, 1, 0] - 4 * x[:, 2, 1], down], 1)

    maps = METHODS["grad_cam"](make_cam_inputs(layer, forward))
    np.testing.assert_allclose(maps, [[[0.5, 0.5]], [[0, 0]]])
    # The other class: a quarter of the first channel, where it is positive.
    maps = METHODS["grad_cam"](make_cam_inputs(layer, forward, target=1))
    np.testing.assert_allclose(maps, [[[1 / 3, 2 / 3]], [[0, 0]]], rtol=1e-6)
    assert not layer._forward_pre_hooks


def test_grad_cam_leaves_no_hook_when_it_fails() -> None:
    layer = nn.Identity()

    def fail(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        METHODS["grad_cam"](make_cam_inputs(layer, fail))
    assert not layer._forward_pre_hooks


@pytest.mark.parametrize("name", MODELS)
def test_grad_cam_is_that_of_the_models_own_hidden_states(name: str) -> None:
    model, pixels = make_model(name), random_pixels(1)
    maps = attribute(model, pixels[0], "grad_cam", target=2)
    output: Any = model.module(pixels, output_hidden_states=True)
    hidden = output.hidden_states[2]
    (slope,) = torch.autograd.grad(output.logits.mean(0)[2], hidden)
    x, g = (part.detach()[:, model.geometry.prefix :].reshape(-1, 32) for part in (hidden, slope))
    expected = model.geometry.to_grid((x @ g.mean(0)).relu().numpy())
    assert expected.max() > 0
    np.testing.assert_allclose(maps, scale_to_sum_one(expected), atol=1e-5)


def test_the_published_code_by_hand() -> None:
    spatial = [[[[0.5, 0.4, 0.1], [0.2, 0.3, 0.5], [0.6, 0.1, 0.3]], np.full((3, 3), 1 / 3)]]
    maps = METHODS["staa_original_code"](small_record(spatial=spatial))
    np.testing.assert_allclose(maps, scale_to_sum_one([[[0.3, 0.5]], [[0.1, 0.3]]]), rtol=1e-6)
    maps = METHODS["staa_original_code"](small_record(spatial=spatial), percentile=70)
    np.testing.assert_allclose(maps, scale_to_sum_one([[[0, 0.5]], [[0, 0.3]]]), rtol=1e-6)


def test_the_published_code_reads_only_the_first_frame() -> None:
    spatial = np.random.default_rng(0).random((2, 2, 3, 3))
    one = METHODS["staa_original_code"](small_record(spatial=spatial))
    other = spatial.copy()
    other[0] = other[1, 1] = 0.5
    time = np.full((1, 2, 2, 2), 0.5)
    np.testing.assert_array_equal(one, METHODS["staa_original_code"](small_record(spatial=other, temporal=time)))


def test_the_published_code_reads_divided_attention_only() -> None:
    for attention_type in TYPES[1:]:
        with pytest.raises(UnsupportedRequestError, match="divided"):
            METHODS["staa_original_code"](tiny_record(attention_type))
    few = small_record(spatial=np.full((1, 2, 2, 2), 0.5))
    with pytest.raises(UnsupportedRequestError, match="1 patches"):
        METHODS["staa_original_code"](few)


@pytest.mark.parametrize("percentile", [-1, 100, "70", True, float("nan")])
def test_a_percentile_out_of_range_is_refused(percentile: Any) -> None:
    with pytest.raises(ParameterError, match="percentile"):
        METHODS["staa_original_code"].needs({"percentile": percentile})


@pytest.mark.parametrize("name", MODELS)
def test_every_attention_method_explains_every_model(name: str) -> None:
    model, pixels = make_model(name), random_pixels(1)[0]
    for method in BASELINES:
        if method == "staa_original_code" and name != TYPES[0]:
            continue
        one, two = (attribute(model, pixels, method, target=target) for target in (1, 2))
        assert one.shape == (model.geometry.slices, 3, 3)
        assert one.min() >= 0
        assert one.sum() == pytest.approx(1, abs=1e-5)
        assert (np.abs(one - two).max() > 1e-4) == METHODS[method].depends_on_class()


def test_methods_state_their_cost_and_whether_the_class_matters() -> None:
    geometry = tiny_timesformer_model().geometry
    descriptions = {
        name: (METHODS[name].cost(geometry), METHODS[name].depends_on_class(), METHODS[name].group)
        for name in BASELINES
    }
    assert descriptions == {
        "attention_last": (Cost(1), False, "attention"),
        "rollout": (Cost(1), False, "attention"),
        "attention_gradient": (Cost(1, 1), True, "attention"),
        "grad_cam": (Cost(2, 1), True, "attention"),
        "staa_original_code": (Cost(1), False, "attention"),
    }
    assert METHODS["staa"].cost(geometry) == Cost(1)
    assert METHODS["staa"].cost(geometry, {"weighting": "gradient"}) == Cost(1, 1)


@pytest.mark.parametrize("method", ["attention_last", "rollout"])
def test_exact_is_true_or_false(method: str) -> None:
    with pytest.raises(ParameterError, match="exact"):
        METHODS[method].needs({"exact": "no"})
