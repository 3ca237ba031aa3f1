"""What is read from V-JEPA 2 is what its own eager code computes."""

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
from staa_widgets.models.attention import query_sampling as queries
from staa_widgets.models.capture import record
from staa_widgets.models.families.vjepa2 import geometry
from staa_widgets.records.record import Needs
from tests.helpers.records import assert_records_close
from tests.helpers.tiny import ALL_NEEDS, PROCESSOR, random_pixels, tiny_classifier, tiny_video_model

H = 4


def record_one(model: VideoModel, needs: Needs = ALL_NEEDS, target: int | None = 2) -> Any:
    return record(model, random_pixels(1), needs, [target])[0]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a copy with eager attention; give the probabilities of each call, in order, values, and gradients."""

    def run(module: Any, target: int = 2) -> tuple[list[Any], list[Any], list[Any]]:
        copied = deepcopy(module).requires_grad_(requires_grad=True)
        copied.set_attn_implementation("eager")
        attend, kept, values = modeling_vjepa2.eager_attention_forward, [], []

        def keep(part: Any, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
            probabilities = attend(part, query, key, value, *args, **kwargs)[1]
            kept.append(probabilities)
            values.append(value[0].detach())
            return torch.einsum("bhqk,bhkd->bqhd", probabilities, value), probabilities

        monkeypatch.setattr(modeling_vjepa2, "eager_attention_forward", keep)
        logits = copied(pixel_values_videos=random_pixels(1)).logits
        slopes = torch.autograd.grad(logits[0, target], kept)
        return [a[0].detach() for a in kept], values, [s[0] for s in slopes]

    return run


def fold_tokens(tokens: torch.Tensor) -> np.ndarray:
    """Bring ``(…, N)`` to ``(…, S, P)``: slice by slice."""
    return tokens.reshape(*tokens.shape[:-1], 2, 9).numpy()


def test_the_row_is_that_of_the_poolers_query(eager: Any) -> None:
    model = tiny_video_model("vjepa2")
    found, (kept, _, _) = record_one(model), eager(model.module)
    assert [a.shape[1] for a in kept] == [18] * 5 + [1]  # encoder, pooler, and the query; the predictor is left out
    assert found.rows.shape == (1, H, 2, 9)
    np.testing.assert_allclose(found.rows[0], fold_tokens(kept[-1][:, 0]), atol=1e-6)
    np.testing.assert_allclose(found.rows.sum((-1, -2)), 1, atol=1e-5)
    assert found.rows.max() > 1.5 / 18
    assert found.cls.shape == (1, H, 2)
    assert not found.cls.any()


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_the_row_is_the_same_whatever_computes(implementation: str) -> None:
    module = tiny_classifier("vjepa2")
    module.set_attn_implementation(implementation)
    assert_records_close(record_one(load_model(module, processor=PROCESSOR)), record_one(tiny_video_model("vjepa2")))


def test_values_weigh_the_row_by_what_it_moves(eager: Any) -> None:
    model = tiny_video_model("vjepa2")
    found, (kept, values, _) = record_one(model), eager(model.module)
    expected = (kept[-1][:, 0] * values[-1].norm(dim=-1)).mean(0)
    np.testing.assert_allclose(found.value_rows[0], fold_tokens(expected), rtol=1e-4, atol=1e-6)


def test_contributions_add_up_to_what_the_query_brings_to_the_logit() -> None:
    """Without the pooler's MLP they are all of the logit but what the query itself says."""
    module = tiny_classifier("vjepa2")
    pooler = module.pooler.cross_attention_layer
    for part in (pooler.mlp.fc2.weight, pooler.mlp.fc2.bias):
        nn.init.zeros_(part)
    found = record_one(load_model(module, processor=PROCESSOR), target=3)
    with torch.no_grad():
        query = module.classifier(module.pooler.query_tokens[0, 0])
    margin = (found.logits - found.logits.mean()) - (query - query.mean()).numpy()
    np.testing.assert_allclose(found.contributions.sum(), margin[3], rtol=1e-4)
    assert found.contributions.shape == (1, H, 2, 9)
    assert abs(margin[3]) > 1e-2


def test_gradients_equal_those_through_eager_attention(eager: Any) -> None:
    model = tiny_video_model("vjepa2")
    found, (kept, _, slopes) = record_one(model), eager(model.module)
    expected = (kept[-1] * slopes[-1]).relu()[:, 0].mean(0)
    np.testing.assert_allclose(found.gradient_rows[0], fold_tokens(expected), rtol=1e-3, atol=1e-7)
    assert found.gradient_rows.max() > 0


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_rollouts_are_products_of_whole_matrices(eager: Any, share: float) -> None:
    model = tiny_video_model("vjepa2")
    found, (kept, _, _) = record_one(model), eager(model.module)
    starts = {
        "rollout": found.rows.mean(1),
        "value_rollout": found.value_rows,
        "gradient_rollout": found.gradient_rows,
        "contribution_rollout": np.maximum(found.contributions.sum(1), 0),
    }
    for name, start in starts.items():
        flow = torch.from_numpy(start.reshape(18))
        for whole in reversed(kept[:-1]):
            flow = (1 - share) * flow + share * flow @ whole.mean(0)
        rolled = sum(share**power * term for power, term in enumerate(getattr(found, name)))
        np.testing.assert_allclose(rolled, fold_tokens(flow), rtol=1e-3, atol=1e-6, err_msg=name)


def test_where_there_are_many_tokens_rollout_is_estimated_and_the_row_exact() -> None:
    module = tiny_classifier("vjepa2", crop_size=144)
    processor = Transform(shortest_edge=144, crop=(144, 144))
    model = load_model(module, processor=processor)
    needs, pixels = Needs(rows=True, spatial=True), random_pixels(1, model=model)
    (guessed,), (exact,) = (record(model, pixels, n, [None]) for n in (needs, needs | Needs(exact=True)))
    assert guessed.rows is not None
    assert exact.rows is not None
    np.testing.assert_array_equal(guessed.rows, exact.rows)
    assert exact.sampling_errors == {}
    assert set(guessed.sampling_errors) == {"rollout"}
    rolled = [np.tensordot(0.3 ** np.arange(6), one.rollout, 1) for one in (guessed, exact) if one.rollout is not None]
    off = np.abs(rolled[0] - rolled[1]).sum()
    assert 0 < off < 3 * guessed.sampling_errors["rollout"]
    assert guessed.sampling_errors["rollout"] < 0.1


def test_relevance_is_the_product_of_whole_matrices(eager: Any) -> None:
    model = tiny_video_model("vjepa2")
    found, (kept, _, slopes) = record_one(model, Needs(relevance=True)), eager(model.module)
    relevance = torch.eye(18)
    for whole, slope in zip(kept[:-1], slopes[:-1], strict=True):
        relevance = relevance + (whole * slope).relu().mean(0) @ relevance
    expected = (kept[-1] * slopes[-1]).relu().mean(0) @ relevance
    np.testing.assert_allclose(found.relevance, fold_tokens(expected[0]), rtol=1e-3, atol=1e-7)
    assert found.relevance.max() > 0


def test_the_pooler_is_the_only_layer_and_rollout_goes_through_all() -> None:
    staa, found = METHODS["staa"], record_one(tiny_video_model("vjepa2"))
    for weighting in ("none", "value", "gradient", "logit"):
        read = staa(found, layers="last", weighting=weighting, contrast=False)
        for layers in ("mean", [0], [-1]):
            np.testing.assert_array_equal(staa(found, layers=layers, weighting=weighting, contrast=False), read)
        rolled = staa(found, layers="rollout", weighting=weighting, contrast=False)
        assert not np.allclose(rolled, read, rtol=1e-2)
    for layers in ([1], [0, 1], [-2]):
        with pytest.raises(ParameterError, match="Only one layer of this model is read"):
            staa(found, layers=layers)
    with pytest.raises(UnsupportedRequestError, match="cannot be separated into space and time"):
        staa(found, time=False)


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
    said = {
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
    assert Transform.from_json(said) == expected
    # Where the file is silent its class is not: the size follows from the crop.
    assert Transform.from_json({"video_processor_type": "VJEPA2VideoProcessor", "crop_size": 24}) == expected
    assert Transform.from_json({"video_processor_type": "VJEPA2VideoProcessor"}).resized_size(500, 292) == (500, 292)
    model = load_model(tiny_classifier("vjepa2", id2label=dict(enumerate("abcde"))), processor=said)
    e = explain(action_clip(1, size=48, fps=4), model, cache=False, preview=False, progress=False)
    assert e.box == pytest.approx((48 / 27, 48 / 27, 25 * 48 / 27, 25 * 48 / 27))
    assert e.labels == tuple("abcde")


def rotate_differently(x: torch.Tensor, pos: torch.Tensor) -> torch.Tensor:
    angle = pos[:, None] * torch.linspace(1, 0.1, x.shape[-1])
    return x * angle.cos() + x.flip(-1) * angle.sin()


@pytest.mark.parametrize("otherwise", [False, True])
@pytest.mark.parametrize("exact", [False, True])
def test_queries_and_keys_are_turned_as_the_model_turns_them_to_the_last_bit(
    exact: bool, otherwise: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "EXACT_TOKENS", 4)
    rotate = rotate_differently if otherwise else modeling_vjepa2.rotate_queries_or_keys
    calls: list[tuple[int, ...]] = []

    def count_and_rotate(x: torch.Tensor, pos: torch.Tensor) -> torch.Tensor:
        calls.append(tuple(x.shape))
        return rotate(x, pos)

    monkeypatch.setattr(modeling_vjepa2, "rotate_queries_or_keys", count_and_rotate)
    model, pixels, needs = tiny_video_model("vjepa2"), random_pixels(2), Needs(rows=True, spatial=True, exact=exact)
    with torch.no_grad():
        stock = model.module(pixel_values_videos=pixels).logits.numpy()
    calls.clear()
    found = record(model, pixels, needs, [None, None])
    np.testing.assert_array_equal([r.logits for r in found], stock)
    # Asked once what it makes of ones and of one head; in all three layers only where it turns otherwise.
    assert [shape[:2] for shape in calls] == [(2, 1)] * 3 + [(1, 1)] * 3 + otherwise * 18 * [(2, H)]
    calls.clear()
    model = replace(model, family=replace(model.family, replacements=lambda *_: {}))
    for one, own in zip(found, record(model, pixels, needs, [None, None]), strict=True):
        assert one.rollout is not None
        np.testing.assert_array_equal(one.rollout, own.rollout)
    assert [shape[:2] for shape in calls] == 18 * [(2, H)]
