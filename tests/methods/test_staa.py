"""STAA against its formulas, and the registry of methods."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import ParameterError, UnknownMethodError, UnsupportedRequestError
from staa_widgets.methods import METHODS, attention_maps, get_method, postprocess
from staa_widgets.methods.staa import RESIDUAL
from staa_widgets.models.capture import record
from staa_widgets.records.record import Needs
from staa_widgets.records.rollout import rollout_weights
from tests.helpers.small_records import scale_to_sum_one, small_record, tiny_record
from tests.helpers.timesformers import TYPES, tiny_timesformer_model
from tests.helpers.tiny import random_pixels

WEIGHTINGS = ("none", "value", "gradient", "logit")


def test_staa_by_hand() -> None:
    # M(t', p) = 1/2 Σ_t S[t, CLS, p] U[p, t, t']
    first = [0.4 * 0.9 + 0.3 * 0.5, 0.1 * 0.2 + 0.2 * 0.0]
    second = [0.4 * 0.1 + 0.3 * 0.5, 0.1 * 0.8 + 0.2 * 1.0]
    maps = METHODS["staa"](small_record(), layers="last", profile=None)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, scale_to_sum_one([[first], [second]]), rtol=1e-6)


def test_staa_weighted_by_the_logit_by_hand() -> None:
    # The negative contribution is dropped, the others flow through time.
    maps = METHODS["staa"](small_record(), layers="last", weighting="logit", profile=None)
    np.testing.assert_allclose(maps, scale_to_sum_one([[[1.8, 0.0]], [[0.2, 1.0]]]), rtol=1e-6, atol=1e-8)


def test_contrast_subtracts_the_minimum_over_slices() -> None:
    # The minimum of 1.8 and 0.2 is subtracted; the minimum of 0 and 1 is 0.
    maps = METHODS["staa"](small_record(), layers="last", weighting="logit", profile=None, contrast=True)
    np.testing.assert_allclose(maps, scale_to_sum_one([[[1.6, 0.0]], [[0.0, 1.0]]]), rtol=1e-6, atol=1e-8)


def test_rollout_by_hand() -> None:
    # CLS keeps half and reads half, of which half goes through time; patches attend to themselves alone.
    spatial = [[[[0.5, 0.4, 0.1], [0, 1, 0], [0, 0, 1]], [[0.5, 0.3, 0.2], [0, 1, 0], [0, 0, 1]]]]
    read = np.array([[0.4, 0.1], [0.3, 0.2]]) / 4
    temporal = np.array([[0.4 * 0.9 + 0.3 * 0.5, 0.02], [0.4 * 0.1 + 0.3 * 0.5, 0.28]]) / 4
    maps = METHODS["staa"](small_record(spatial=spatial), layers="rollout", residual=0.5, profile=None)
    np.testing.assert_allclose(maps[:, 0], scale_to_sum_one(read + temporal), rtol=1e-3)


def whole_matrices(window_record: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each layer's attention within frames and over time as matrices over CLS and all patches, frame by frame."""
    layers, frames, tokens, _ = window_record.spatial.shape
    patches = tokens - 1
    matrices = []
    for layer in range(layers):
        space, time = np.zeros((2, 1 + frames * patches, 1 + frames * patches))
        time[0, 0] = 1
        for t in range(frames):
            at = slice(1 + t * patches, 1 + (t + 1) * patches)
            block = window_record.spatial[layer, t].astype(float)
            space[0, 0] += block[0, 0] / frames
            space[0, at], space[at, 0], space[at, at] = block[0, 1:] / frames, block[1:, 0], block[1:, 1:]
            for p in range(patches):
                time[1 + t * patches + p, 1 + p :: patches] = window_record.temporal[layer, p, t]
        matrices.append((space, time))
    return matrices


@pytest.mark.parametrize("residual", [0, 0.5, 0.8])
def test_rollout_is_the_product_of_whole_matrices(residual: float) -> None:
    window_record = tiny_record()
    one, flow = np.eye(1 + 4 * 9), np.eye(1 + 4 * 9)[0]
    for space, time in reversed(whole_matrices(window_record)):
        np.testing.assert_allclose(space.sum(1), 1, atol=2e-3)
        flow = flow @ (residual * one + (1 - residual) * space) @ (residual * one + (1 - residual) * time)
    maps = METHODS["staa"](window_record, layers="rollout", residual=residual, profile=None)
    np.testing.assert_allclose(maps, scale_to_sum_one(flow[1:]).reshape(4, 3, 3), atol=1e-5)


@pytest.mark.parametrize("weighting", WEIGHTINGS[1:])
def test_rollout_of_a_weighting_adds_the_rows_of_each_layer(weighting: str) -> None:
    window_record = tiny_record()
    rows = {
        "value": window_record.value_rows,
        "gradient": window_record.gradient_rows,
        "logit": np.maximum(window_record.contributions, 0),
    }[weighting]
    flow, matrices = np.zeros(4 * 9), whole_matrices(window_record)
    for layer in (2, 1, 0):
        flow = flow + rows[layer].reshape(-1)
        flow = RESIDUAL * flow + (1 - RESIDUAL) * flow @ matrices[layer][1][1:, 1:]
        if layer:
            flow = RESIDUAL * flow + (1 - RESIDUAL) * flow @ matrices[layer - 1][0][1:, 1:]
    maps = METHODS["staa"](window_record, layers="rollout", weighting=weighting, profile=None)
    np.testing.assert_allclose(maps, scale_to_sum_one(flow).reshape(4, 3, 3), atol=1e-5)


def test_staa_logit_is_the_geometric_mean_of_attention_and_contributions() -> None:
    window_record = tiny_record()
    for layers in ("last", "mean", "rollout", [0, -1]):
        plain = {"layers": layers, "profile": None}
        attention, contributions = (
            METHODS["staa"](window_record, weighting=weighting, **plain) for weighting in ("none", "logit")
        )
        product = METHODS["staa_logit"](window_record, **plain)
        np.testing.assert_allclose(product, scale_to_sum_one(np.sqrt(attention * contributions)), atol=1e-6)
        sharp = METHODS["staa_logit"](window_record, contrast=True, **plain)
        np.testing.assert_allclose(sharp, scale_to_sum_one(postprocess.contrast(product)), atol=1e-6)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_layers_are_chosen_by_number(weighting: str) -> None:
    window_record, staa = tiny_record(), METHODS["staa"]

    def maps(layers: Any) -> np.ndarray:
        return staa(window_record, layers=layers, weighting=weighting, profile=None)

    np.testing.assert_array_equal(maps("last"), maps([2]))
    np.testing.assert_array_equal(maps("last"), maps([-1]))
    np.testing.assert_array_equal(maps("mean"), maps([0, 1, 2]))
    assert np.abs(maps([0]) - maps([1])).max() > 1e-4


@pytest.mark.parametrize("attention_type", TYPES)
@pytest.mark.parametrize("layers", ["last", "mean", "rollout", (0, 2)])
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_maps_are_a_distribution_over_space_and_time(attention_type: str, layers: Any, weighting: str) -> None:
    params = {"layers": layers, "weighting": weighting, "time": attention_type != TYPES[2]}
    (window_record,) = record(
        tiny_timesformer_model(attention_type), random_pixels(1), METHODS["staa"].needs(params), [2]
    )
    maps = METHODS["staa"](window_record, profile=None, **params)
    assert maps.shape == (4, 3, 3)
    assert maps.min() >= 0
    assert maps.sum() == pytest.approx(1, abs=1e-5)


def test_joint_attention_is_the_row_itself() -> None:
    window_record = tiny_record(TYPES[1])
    maps = METHODS["staa"](window_record, layers="last", profile=None)
    np.testing.assert_allclose(maps, scale_to_sum_one(window_record.rows[-1].mean(0)).reshape(4, 3, 3), atol=1e-6)
    for weighting, terms in zip(
        WEIGHTINGS,
        (
            window_record.rollout,
            window_record.value_rollout,
            window_record.gradient_rollout,
            window_record.contribution_rollout,
        ),
        strict=True,
    ):
        maps = METHODS["staa"](window_record, layers="rollout", weighting=weighting, residual=0.75, profile=None)
        rolled = np.tensordot(rollout_weights(len(terms), 0.25), terms, 1)
        np.testing.assert_allclose(maps, scale_to_sum_one(rolled).reshape(4, 3, 3), atol=1e-6)


def test_attention_within_frames_has_no_time() -> None:
    window_record = tiny_record(TYPES[2])
    with pytest.raises(UnsupportedRequestError, match="no information about time"):
        METHODS["staa"](window_record)
    maps = METHODS["staa"](window_record, time=False)
    np.testing.assert_allclose(maps.sum((1, 2)), 0.25, atol=1e-6)


def test_logits_give_space_only_models_a_curve_over_time() -> None:
    maps = METHODS["staa_logit"](tiny_record(TYPES[2]), profile=None)
    assert np.ptp(maps.sum((1, 2))) > 0.02


def test_space_alone_is_the_spatial_row_of_each_frame() -> None:
    window_record = tiny_record()
    maps = METHODS["staa"](window_record, layers="last", time=False, profile=None)
    rows = window_record.rows[-1].mean(0)
    np.testing.assert_allclose(maps.reshape(4, 9), rows / rows.sum(1, keepdims=True) / 4, atol=1e-6)
    with pytest.raises(UnsupportedRequestError, match="cannot be separated into space and time"):
        METHODS["staa"](tiny_record(TYPES[1]), time=False)


def test_an_empty_slice_is_uniform_in_space_alone() -> None:
    nothing = small_record(rows=[[[[0.0, 0.0], [0.4, 0.1]]]])
    maps = METHODS["staa"](nothing, layers="last", time=False)
    np.testing.assert_allclose(maps[0], 0.25)


def test_zero_stays_zero() -> None:
    record = small_record(contributions=[[[-1.0, -1.0], [-1.0, 0.0]]])
    maps = METHODS["staa_logit"](record, layers="last", profile=None)
    np.testing.assert_array_equal(maps, np.zeros((2, 1, 2)))


def test_class_specific_methods_depend_on_the_class() -> None:
    model, pixels = tiny_timesformer_model(), random_pixels(1)
    for weighting, specific in (("none", False), ("value", False), ("gradient", True), ("logit", True)):
        params = {"weighting": weighting}
        needs = METHODS["staa"].needs(params)
        assert needs.class_specific == specific
        one, two = (METHODS["staa"](record(model, pixels, needs, [k])[0], profile=None, **params) for k in (0, 1))
        assert (np.abs(one - two).max() > 1e-4) == specific
    assert [METHODS[name].class_specific for name in ("staa", "staa_logit")] == [False, True]


def test_attention_maps_show_each_head_routed_through_time() -> None:
    maps = attention_maps(small_record(rows=[[[[0.4, 0.1], [0.3, 0.2]], [[0.0, 0.0], [1.0, 0.0]]]]))
    assert maps.dtype == np.float16
    assert maps.shape == (1, 2, 2, 1, 2)
    np.testing.assert_allclose(maps[0, 0, :, 0], [[0.255, 0.01], [0.095, 0.14]], rtol=1e-3)
    np.testing.assert_allclose(maps[0, 1, :, 0], [[0.25, 0], [0.25, 0]], rtol=1e-3)


@pytest.mark.parametrize("attention_type", TYPES)
def test_attention_maps_average_to_staa(attention_type: str) -> None:
    window_record = tiny_record(attention_type)
    mean = attention_maps(window_record).astype(float).mean((0, 1))
    if attention_type == TYPES[2]:
        np.testing.assert_allclose(mean, window_record.rows.mean((0, 1)).reshape(4, 3, 3) / 4, atol=1e-4)
    else:
        np.testing.assert_allclose(
            scale_to_sum_one(mean), METHODS["staa"](window_record, layers="mean", profile=None), atol=1e-4
        )


def test_the_contrast_parameter_applies_the_refinement() -> None:
    window_record = tiny_record()
    plain, sharp = (METHODS["staa"](window_record, profile=None, contrast=flag) for flag in (False, True))
    np.testing.assert_allclose(sharp, scale_to_sum_one(postprocess.contrast(plain)), atol=1e-5)


def test_a_profile_divides_the_curve_and_leaves_the_places() -> None:
    window_record = tiny_record()
    plain = METHODS["staa"](window_record, profile=None)
    maps = METHODS["staa"](window_record, profile=[1, 2, 4, 1])
    np.testing.assert_allclose(maps, scale_to_sum_one(plain / np.array([1, 2, 4, 1])[:, None, None]), atol=1e-6)
    curve = plain.sum((1, 2))
    even = METHODS["staa"](window_record, profile=curve)
    np.testing.assert_allclose(even.sum((1, 2)), 0.25, atol=1e-5)
    np.testing.assert_allclose(even[2] / even[2].sum(), plain[2] / plain[2].sum(), atol=1e-5)


def test_a_profile_needs_the_model_or_its_numbers() -> None:
    for name in ("staa", "staa_logit"):
        with pytest.raises(ParameterError, match="needs the model"):
            METHODS[name](tiny_record())
    with pytest.raises(ParameterError, match="3 numbers, but the maps have 4 slices"):
        METHODS["staa"](tiny_record(), profile=[1, 1, 1])


def test_methods_describe_themselves() -> None:
    staa = get_method("staa")
    assert dict(staa.defaults) == {
        "layers": "rollout",
        "weighting": "none",
        "residual": RESIDUAL,
        "profile": "auto",
        "contrast": False,
        "time": True,
        "exact": False,
    }
    assert staa.summary.startswith("Space-time attention from the readout")
    assert staa.version == 4
    assert not staa.signed
    assert staa.needs() == Needs(mean_rows=True, time_rows=True, rollout=True, frame_rollout=True)
    assert staa.needs({"layers": "last"}) == Needs(mean_rows=True, time_rows=True)
    logit = get_method("staa_logit")
    assert logit.needs() == staa.needs() | Needs(contributions=True)


@pytest.mark.parametrize(("name", "hint"), [("sta", "Did you mean 'staa'"), ("xyz", "Choose from .*staa, staa_logit")])
def test_an_unknown_method_names_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UnknownMethodError, match=hint):
        get_method(name)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"layer": "last"}, "Did you mean 'layers'"),
        ({"layers": "first"}, "'last', 'mean', 'rollout'"),
        ({"layers": []}, "layers"),
        ({"layers": [0.5]}, "layers"),
        ({"layers": None}, "layers"),
        ({"weighting": "values"}, "none, value, gradient, logit"),
        ({"exact": "no"}, "True or False"),
        ({"contrast": 1}, "True or False"),
        ({"profile": "none"}, "'auto', None or one positive number"),
        ({"profile": [1, 0, 1]}, "positive number"),
        ({"profile": [[1, 2]]}, "positive number"),
        ({"profile": ["a", 1]}, "positive number"),
        ({"profile": [1, float("nan")]}, "positive number"),
        ({"profile": True}, "positive number"),
    ],
)
def test_a_wrong_parameter_is_refused_before_the_model_runs(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        get_method("staa").needs(params)


def test_methods_need_no_torch() -> None:
    code = "import sys, staa_widgets.methods; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_layer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ParameterError, match="layers 0 to 2"):
        METHODS["staa"](tiny_record(), layers=[3], profile=None)


def test_a_record_without_the_needed_arrays_is_refused() -> None:
    (window_record,) = record(tiny_timesformer_model(), random_pixels(1), Needs(rows=True), [None])
    with pytest.raises(ParameterError, match="does not contain"):
        METHODS["staa"](window_record, layers="last", profile=None)
