"""Records of V-JEPA 2 equal those computed from its own eager attention."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import VJEPA2Config
from transformers.models.vjepa2 import modeling_vjepa2

from staa_widgets import action_clip, explain
from staa_widgets.errors import ParameterError, UnsupportedModelError, UnsupportedRequestError
from staa_widgets.methods import METHODS
from staa_widgets.models import Transform, VideoModel, load_model
from staa_widgets.models.attention import query_sampling
from staa_widgets.models.capture import record
from staa_widgets.models.families.vjepa2 import geometry
from staa_widgets.records.record import Needs
from staa_widgets.records.rollout import rollout_weights
from tests.helpers.records import assert_records_close
from tests.helpers.tiny import ALL_NEEDS, PROCESSOR, random_pixels, tiny_classifier, tiny_video_model

H = 4


def record_one(model: VideoModel, needs: Needs = ALL_NEEDS, target: int | None = 2) -> Any:
    return record(model, random_pixels(1), needs, [target])[0]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Function that runs a copy with eager attention and returns attentions, values and gradients, in order."""

    def run(module: Any, target: int = 2) -> tuple[list[Any], list[Any], list[Any]]:
        module_copy = deepcopy(module).requires_grad_(requires_grad=True)
        module_copy.set_attn_implementation("eager")
        attend, attentions, values = modeling_vjepa2.eager_attention_forward, [], []

        def keep_attention(part: Any, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
            probabilities = attend(part, query, key, value, *args, **kwargs)[1]
            attentions.append(probabilities)
            values.append(value[0].detach())
            return torch.einsum("bhqk,bhkd->bqhd", probabilities, value), probabilities

        monkeypatch.setattr(modeling_vjepa2, "eager_attention_forward", keep_attention)
        logits = module_copy(pixel_values_videos=random_pixels(1)).logits
        gradients = torch.autograd.grad(logits[0, target], attentions)
        return [a[0].detach() for a in attentions], values, [s[0] for s in gradients]

    return run


def fold_tokens(tokens: torch.Tensor) -> np.ndarray:
    """Values of tokens ``(…, N)`` as ``(…, S, P)``."""
    return tokens.reshape(*tokens.shape[:-1], 2, 9).numpy()


def test_rows_are_the_attention_of_the_poolers_query(eager: Any) -> None:
    model = tiny_video_model("vjepa2")
    clip_record, (attentions, _, _) = record_one(model), eager(model.module)
    assert [a.shape[1] for a in attentions] == [18] * 5 + [
        1
    ]  # Encoder, pooler, and the query; the predictor is not run.
    assert clip_record.rows.shape == (1, H, 2, 9)
    np.testing.assert_allclose(clip_record.rows[0], fold_tokens(attentions[-1][:, 0]), atol=1e-6)
    np.testing.assert_allclose(clip_record.rows.sum((-1, -2)), 1, atol=1e-5)
    assert clip_record.rows.max() > 1.5 / 18
    assert clip_record.cls.shape == (1, H, 2)
    assert not clip_record.cls.any()


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_rows_do_not_depend_on_the_attention_implementation(implementation: str) -> None:
    module = tiny_classifier("vjepa2")
    module.set_attn_implementation(implementation)
    assert_records_close(record_one(load_model(module, processor=PROCESSOR)), record_one(tiny_video_model("vjepa2")))


def test_value_rows_are_weighted_by_value_norms(eager: Any) -> None:
    model = tiny_video_model("vjepa2")
    clip_record, (attentions, values, _) = record_one(model), eager(model.module)
    expected = (attentions[-1][:, 0] * values[-1].norm(dim=-1)).mean(0)
    np.testing.assert_allclose(clip_record.value_rows[0], fold_tokens(expected), rtol=1e-4, atol=1e-6)


def test_contributions_add_up_to_the_logit_without_the_query_itself() -> None:
    """Without the MLP of the pooler, the logit is the contributions plus the query token's own part."""
    module = tiny_classifier("vjepa2")
    pooler = module.pooler.cross_attention_layer
    for part in (pooler.mlp.fc2.weight, pooler.mlp.fc2.bias):
        nn.init.zeros_(part)
    clip_record = record_one(load_model(module, processor=PROCESSOR), target=3)
    with torch.no_grad():
        query = module.classifier(module.pooler.query_tokens[0, 0])
    margin = (clip_record.logits - clip_record.logits.mean()) - (query - query.mean()).numpy()
    np.testing.assert_allclose(clip_record.contributions.sum(), margin[3], rtol=1e-4)
    assert clip_record.contributions.shape == (1, 2, 9)
    assert abs(margin[3]) > 1e-2


def test_gradients_equal_those_through_eager_attention(eager: Any) -> None:
    model = tiny_video_model("vjepa2")
    clip_record, (attentions, _, gradients) = record_one(model), eager(model.module)
    expected = (attentions[-1] * gradients[-1]).relu()[:, 0].mean(0)
    np.testing.assert_allclose(clip_record.gradient_rows[0], fold_tokens(expected), rtol=1e-3, atol=1e-7)
    assert clip_record.gradient_rows.max() > 0


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_rollouts_equal_products_of_full_matrices(eager: Any, share: float) -> None:
    model = tiny_video_model("vjepa2")
    clip_record, (attentions, _, _) = record_one(model), eager(model.module)
    starts = {
        "rollout": clip_record.rows.mean(1),
        "value_rollout": clip_record.value_rows,
        "gradient_rollout": clip_record.gradient_rows,
        "contribution_rollout": np.maximum(clip_record.contributions, 0),
    }
    for name, start in starts.items():
        flow = torch.from_numpy(start.reshape(18))
        for whole in reversed(attentions[:-1]):
            flow = (1 - share) * flow + share * flow @ whole.mean(0)
        terms = getattr(clip_record, name)
        rolled = np.tensordot(rollout_weights(len(terms), share), terms, 1)
        np.testing.assert_allclose(rolled, fold_tokens(flow), rtol=1e-3, atol=1e-6, err_msg=name)


def test_with_many_tokens_rollout_is_estimated_and_rows_are_exact() -> None:
    module = tiny_classifier("vjepa2", crop_size=144)
    processor = Transform(shortest_edge=144, crop=(144, 144))
    model = load_model(module, processor=processor)
    needs, pixels = Needs(rows=True, rollout=True), random_pixels(1, model=model)
    (estimated,), (exact,) = (record(model, pixels, n, [None]) for n in (needs, needs | Needs(exact=True)))
    assert estimated.rows is not None
    assert exact.rows is not None
    np.testing.assert_array_equal(estimated.rows, exact.rows)
    assert exact.sampling_errors == {}
    assert set(estimated.sampling_errors) == {"rollout"}
    rolled = [
        np.tensordot(rollout_weights(6, 0.3), one.rollout, 1) for one in (estimated, exact) if one.rollout is not None
    ]
    deviation = np.abs(rolled[0] - rolled[1]).sum()
    assert 0 < deviation < 3 * estimated.sampling_errors["rollout"]
    assert estimated.sampling_errors["rollout"] < 0.1


def test_relevance_equals_the_product_of_full_matrices(eager: Any) -> None:
    model = tiny_video_model("vjepa2")
    clip_record, (attentions, _, gradients) = record_one(model, Needs(relevance=True)), eager(model.module)
    relevance = torch.eye(18)
    for whole, slope in zip(attentions[:-1], gradients[:-1], strict=True):
        relevance = relevance + (whole * slope).relu().mean(0) @ relevance
    expected = (attentions[-1] * gradients[-1]).relu().mean(0) @ relevance
    np.testing.assert_allclose(clip_record.relevance, fold_tokens(expected[0]), rtol=1e-3, atol=1e-7)
    assert clip_record.relevance.max() > 0


def test_the_pooler_is_the_only_layer_of_rows_and_rollout_uses_all() -> None:
    staa, clip_record = METHODS["staa"], record_one(tiny_video_model("vjepa2"))
    for weighting in ("none", "value", "gradient", "logit"):
        read = staa(clip_record, layers="last", weighting=weighting, profile=None)
        for layers in ("mean", [0], [-1]):
            np.testing.assert_array_equal(staa(clip_record, layers=layers, weighting=weighting, profile=None), read)
        rolled = staa(clip_record, layers="rollout", weighting=weighting, profile=None)
        assert not np.allclose(rolled, read, rtol=1e-2)
    for layers in ([1], [0, 1], [-2]):
        with pytest.raises(ParameterError, match="Only one layer of this model is read"):
            staa(clip_record, layers=layers)
    with pytest.raises(UnsupportedRequestError, match="cannot be separated into space and time"):
        staa(clip_record, time=False)


def test_the_predictor_is_not_run() -> None:
    module = tiny_classifier("vjepa2")

    def fail(*_: Any) -> None:
        raise AssertionError

    module.vjepa2.predictor.register_forward_pre_hook(fail)
    record_one(load_model(module, processor=PROCESSOR))


def test_its_geometry_is_that_of_its_configuration() -> None:
    layout = geometry(VJEPA2Config())
    assert (layout.frames, layout.tubelet, layout.slices, layout.height, layout.width) == (64, 2, 32, 16, 16)
    assert (layout.input_name, layout.input_size, layout.prefix) == ("pixel_values_videos", (256, 256), 0)
    with pytest.raises(UnsupportedModelError, match="square"):
        geometry(VJEPA2Config(patch_size=[16, 8]))


def test_its_processor_is_read() -> None:
    settings = {
        "crop_size": {"height": 24, "width": 24},
        "do_center_crop": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"shortest_edge": 27},
        "video_processor_type": "VJEPA2VideoProcessor",
    }
    expected = Transform(shortest_edge=27, crop=(24, 24), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    assert Transform.from_json(settings) == expected
    # Without a size in the file, the class derives it from the crop.
    assert Transform.from_json({"video_processor_type": "VJEPA2VideoProcessor", "crop_size": 24}) == expected
    assert Transform.from_json({"video_processor_type": "VJEPA2VideoProcessor"}).resized_size(500, 292) == (500, 292)
    model = load_model(tiny_classifier("vjepa2", id2label=dict(enumerate("abcde"))), processor=settings)
    e = explain(action_clip(1, size=48, fps=4), model, cache=False, preview=False, progress=False)
    assert e.box == pytest.approx((48 / 27, 48 / 27, 25 * 48 / 27, 25 * 48 / 27))
    assert e.labels == tuple("abcde")


def rotate_differently(x: torch.Tensor, pos: torch.Tensor) -> torch.Tensor:
    angle = pos[:, None] * torch.linspace(1, 0.1, x.shape[-1])
    return x * angle.cos() + x.flip(-1) * angle.sin()


@pytest.mark.parametrize("differently", [False, True])
@pytest.mark.parametrize("exact", [False, True])
def test_rotated_queries_and_keys_are_bit_identical_to_those_of_the_model(
    exact: bool, differently: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_sampling, "EXACT_TOKENS", 4)
    rotate = rotate_differently if differently else modeling_vjepa2.rotate_queries_or_keys
    calls: list[tuple[int, ...]] = []

    def count_and_rotate(x: torch.Tensor, pos: torch.Tensor) -> torch.Tensor:
        calls.append(tuple(x.shape))
        return rotate(x, pos)

    monkeypatch.setattr(modeling_vjepa2, "rotate_queries_or_keys", count_and_rotate)
    model, pixels, needs = tiny_video_model("vjepa2"), random_pixels(2), Needs(rows=True, rollout=True, exact=exact)
    with torch.no_grad():
        logits = model.module(pixel_values_videos=pixels).logits.numpy()
    calls.clear()
    records = record(model, pixels, needs, [None, None])
    np.testing.assert_array_equal([r.logits for r in records], logits)
    # The model's rotation is probed with ones on one head, and used in all layers only if ours differs.
    assert [shape[:2] for shape in calls] == [(2, 1)] * 3 + [(1, 1)] * 3 + differently * 18 * [(2, H)]
    calls.clear()
    model = replace(model, family=replace(model.family, replacements=lambda *_: {}))
    for one, own in zip(records, record(model, pixels, needs, [None, None]), strict=True):
        assert one.rollout is not None
        np.testing.assert_array_equal(one.rollout, own.rollout)
    assert [shape[:2] for shape in calls] == 18 * [(2, H)]
