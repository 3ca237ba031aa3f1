"""Records of ViViT and VideoMAE equal those computed from their own eager attention."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import VideoMAEConfig, VivitConfig

from staa_widgets import action_clip, explain
from staa_widgets.models import FAMILIES, VideoModel, load_model
from staa_widgets.models.attention import ops
from staa_widgets.models.capture import record
from staa_widgets.models.family import submodules_of
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.rollout import rollout_weights
from tests.helpers.joint_models import (
    EVER_JOINT,
    JOINT,
    SHAPE,
    eager_attentions,
    eager_values,
    tiny_joint,
    tiny_joint_model,
)
from tests.helpers.records import assert_records_close, module_state, record_arrays
from tests.helpers.tiny import ALL_NEEDS, PROCESSOR, random_pixels

JOINT_VARIANTS = [*((family, {}) for family in JOINT), ("videomae", {"use_mean_pooling": False})]
EVER_JOINT_VARIANTS = [*JOINT_VARIANTS, *((family, {}) for family in EVER_JOINT if family not in JOINT)]


def record_one(model: VideoModel, needs: Needs = ALL_NEEDS, target: int | None = 2, seed: int = 1) -> Any:
    return record(model, random_pixels(1, seed=seed), needs, [target])[0]


def readout(model: VideoModel, count: int) -> torch.Tensor:
    """Weight of each token in the input of the classifier."""
    module: Any = model.module
    pooled = getattr(module, "fc_norm", None) is not None
    return torch.ones(count) / count if pooled else torch.eye(count)[0]


def fold_tokens(model: VideoModel, tokens: torch.Tensor) -> np.ndarray:
    """Values of tokens as ``(…, S, P)``: both families have time first."""
    return tokens[..., model.geometry.prefix :].reshape(*tokens.shape[:-1], 2, 9).detach().numpy()


@pytest.mark.parametrize("family", JOINT)
def test_token_grid_round_trip(family: str) -> None:
    module = tiny_joint(family, std=0.0)
    embeddings = getattr(module, family).embeddings
    with torch.no_grad():
        embeddings.patch_embeddings.projection.weight[0] = 1 / 384
        embeddings.position_embeddings.zero_()
    ids = torch.arange(18, dtype=torch.float32).reshape(SHAPE)
    cells = ids.repeat_interleave(2, 0).repeat_interleave(8, 1).repeat_interleave(8, 2)
    pixels = cells[None, :, None].expand(1, 4, 3, 24, 24)
    with torch.no_grad():
        tokens = embeddings(pixels, None)[0, :, 0] if family == "videomae" else embeddings(pixels)[0, :, 0]
    layout = FAMILIES[family].geometry(module.config)
    np.testing.assert_allclose(layout.to_grid(tokens[layout.prefix :].numpy()), ids, atol=1e-4)


@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("vivit", VivitConfig(image_size=(16, 48), tubelet_size=(4, 8, 16), num_frames=8)),
        ("videomae", VideoMAEConfig(image_size=(16, 48), tubelet_size=4, patch_size=(8, 16), num_frames=8)),
    ],
)
def test_oblong_input_has_an_oblong_grid(family: str, config: Any) -> None:
    layout = FAMILIES[family].geometry(config)
    assert (layout.slices, layout.height, layout.width) == (2, 2, 3)
    assert (layout.frames, layout.tubelet, layout.input_size) == (8, 4, (16, 48))


@pytest.mark.parametrize(("family", "settings"), JOINT_VARIANTS)
def test_rows_equal_eager_attention_and_sum_to_one(family: str, settings: dict[str, Any]) -> None:
    model = tiny_joint_model(family, **settings)
    clip_record, (attentions, _) = record_one(model), eager_attentions(model.module, random_pixels(1)[0], 2)
    assert len(clip_record.rows) == 3
    for layer, whole in enumerate(attentions):
        row = torch.einsum("q,hqk->hk", readout(model, whole.shape[-1]), whole)
        np.testing.assert_allclose(clip_record.rows[layer], fold_tokens(model, row), atol=1e-6)
    np.testing.assert_allclose(clip_record.rows.sum((-1, -2)) + clip_record.cls.sum(-1), 1, atol=1e-5)
    assert clip_record.rows.max() > 2 / 18


@pytest.mark.parametrize(("family", "settings"), JOINT_VARIANTS)
def test_gradients_equal_those_through_eager_attention(family: str, settings: dict[str, Any]) -> None:
    model = tiny_joint_model(family, **settings)
    clip_record, (attentions, gradients) = record_one(model), eager_attentions(model.module, random_pixels(1)[0], 2)
    for layer, (whole, gradient) in enumerate(zip(attentions, gradients, strict=True)):
        read = (readout(model, whole.shape[-1]) > 0).float()
        expected = torch.einsum("q,hqk->hk", read, (whole * gradient).relu()).mean(0)
        np.testing.assert_allclose(clip_record.gradient_rows[layer], fold_tokens(model, expected), rtol=1e-3, atol=1e-7)
        assert clip_record.gradient_rows[layer].max() > 0


@pytest.mark.parametrize("family", JOINT)
def test_value_rows_are_weighted_by_value_norms(family: str) -> None:
    model = tiny_joint_model(family)
    module: Any = model.module
    blocks: Any = FAMILIES[family].layers(module)
    output_layers = [submodules_of(block.attention, nn.Linear)[-1] for block in blocks]
    values, clip_record = eager_values(module, random_pixels(1)[0]), record_one(model)
    attentions, _ = eager_attentions(module, random_pixels(1)[0], 2)
    assert len(values) == 3
    for layer, whole in enumerate(attentions):
        weight = output_layers[layer].weight.detach()
        moved = [values[layer][h] @ weight[:, 8 * h : 8 * h + 8].T for h in range(4)]
        row = torch.einsum("q,hqk->hk", readout(model, whole.shape[-1]), whole)
        expected = (row * torch.stack(moved).norm(dim=-1)).mean(0)
        np.testing.assert_allclose(clip_record.value_rows[layer], fold_tokens(model, expected), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("family", "settings"), JOINT_VARIANTS)
def test_contributions_add_up_to_the_logit(family: str, settings: dict[str, Any]) -> None:
    """In one layer without MLP, contributions sum to the change of the margin when attention is zeroed.

    The scale of the norm is constant.
    """
    module = tiny_joint(family, num_hidden_layers=1, **settings)
    block: Any
    (block,) = FAMILIES[family].layers(module)
    output_layer, last = submodules_of(block.attention, nn.Linear)[-1], submodules_of(block, nn.Linear)[-1]
    for part in (last.weight, last.bias, output_layer.bias):
        nn.init.zeros_(part)
    model = load_model(module, processor=PROCESSOR)
    norm: Any = FAMILIES[family].make_reader(module, model.geometry, Needs()).norm
    clip_record = record_one(model, target=3)

    def hidden_state() -> torch.Tensor:
        inputs_of_norm: list[torch.Tensor] = []
        handle = norm.register_forward_pre_hook(lambda _, inputs: inputs_of_norm.append(inputs[0]))
        with torch.no_grad():
            module(random_pixels(1))
        handle.remove()
        return inputs_of_norm[0] if inputs_of_norm[0].ndim == 2 else inputs_of_norm[0][:, 0]

    whole = hidden_state()
    weight = output_layer.weight.detach().clone()
    nn.init.zeros_(output_layer.weight)
    without_attention = hidden_state()
    output_layer.weight.data = weight
    scale = (whole.var(-1, correction=0, keepdim=True) + norm.eps).sqrt()

    def margin(read: torch.Tensor) -> torch.Tensor:
        normed = norm.weight.detach() * (read - read.mean(-1, keepdim=True)) / scale
        logits = normed @ module.classifier.weight.detach().T
        return (logits[:, 3] - logits.mean(-1)).mean()

    total = clip_record.contributions.sum()
    if family == "vivit":  # CLS also attends to itself, which is no patch.
        (layer,) = clip_record.rows.mean(1).sum((-1, -2))
        assert 0 < layer < 1
        own, (value,) = clip_record.cls.sum(-1)[0], eager_values(module, random_pixels(1)[0])
        read = sum(own[h] * weight[:, 8 * h : 8 * h + 8] @ value[h, 0] for h in range(4))
        total += float(margin(without_attention + read) - margin(without_attention))
    np.testing.assert_allclose(total, margin(whole) - margin(without_attention), rtol=1e-3)
    assert abs(clip_record.contributions.sum()) > 1e-2


@pytest.mark.parametrize("share", [0.5, 0.2])
@pytest.mark.parametrize(("family", "settings"), EVER_JOINT_VARIANTS)
def test_rollouts_equal_products_of_full_matrices(family: str, settings: dict[str, Any], share: float) -> None:
    model = tiny_joint_model(family, **settings)
    clip_record, (attentions, _) = record_one(model), eager_attentions(model.module, random_pixels(1)[0], 2)
    prefix, count = model.geometry.prefix, attentions[0].shape[-1]
    flow, eye = readout(model, count), torch.eye(count)
    mixed = [(1 - share) * eye + share * whole.mean(0) for whole in attentions]
    for whole in reversed(mixed):
        flow = flow @ whole

    def assert_rollout(name: str, tokens: torch.Tensor) -> None:
        expected = model.geometry.to_grid(tokens[prefix:].numpy()).reshape(model.geometry.slices, 9)
        terms = getattr(clip_record, name)
        rolled = np.tensordot(rollout_weights(len(terms), share), terms, 1)
        np.testing.assert_allclose(rolled, expected, rtol=1e-3, atol=1e-5)

    assert_rollout("rollout", flow)
    for name, rows in {
        "value_rollout": clip_record.value_rows,
        "gradient_rollout": clip_record.gradient_rows,
        "contribution_rollout": np.maximum(clip_record.contributions, 0),
    }.items():
        order = [int(i) for i in model.geometry.to_grid(np.arange(float(count - prefix))).ravel()]
        flow_of_rows = torch.zeros(count - prefix)
        for layer in (2, 1, 0):
            flow_of_rows[order] += torch.from_numpy(rows[layer].ravel())
            if layer:
                flow_of_rows = flow_of_rows @ mixed[layer - 1][prefix:, prefix:]
        assert_rollout(name, torch.cat([torch.zeros(prefix), flow_of_rows]))


@pytest.mark.parametrize(("family", "settings"), EVER_JOINT_VARIANTS)
def test_relevance_equals_the_product_of_full_matrices(family: str, settings: dict[str, Any]) -> None:
    model = tiny_joint_model(family, **settings)
    clip_record, (attentions, gradients) = (
        record_one(model, Needs(relevance=True)),
        eager_attentions(model.module, random_pixels(1)[0], 2),
    )
    eye = torch.eye(attentions[0].shape[-1])
    relevance = eye
    for whole, gradient in zip(attentions, gradients, strict=True):
        relevance = relevance + (whole * gradient).relu().mean(0) @ relevance
    row = readout(model, len(eye)) @ (relevance - eye)
    expected = model.geometry.to_grid(row[model.geometry.prefix :].numpy()).reshape(model.geometry.slices, 9)
    np.testing.assert_allclose(clip_record.relevance, expected, rtol=1e-3, atol=1e-7)
    assert clip_record.relevance.max() > 0


@pytest.mark.parametrize("family", JOINT)
def test_chunked_attention_equals_the_whole(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = record_one(tiny_joint_model(family))
    monkeypatch.setattr(ops, "_CPU_CHUNK", 4 * 19 * 5)
    for name, array in record_arrays(record_one(tiny_joint_model(family))).items():
        np.testing.assert_allclose(array, record_arrays(whole)[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_only_requested_arrays_are_recorded() -> None:
    clip_record = record_one(tiny_joint_model("videomae"), Needs(rows=True))
    assert set(record_arrays(clip_record)) == {"logits", "rows", "cls"}
    assert clip_record.target is None


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("family", JOINT)
def test_the_model_is_restored(family: str, fails: bool, implementation: str) -> None:
    module = tiny_joint(family).train()
    module.set_attn_implementation(implementation)
    blocks: Any = FAMILIES[family].layers(module)
    blocks[1].eval()
    if fails:

        def fail(*_: Any) -> None:
            raise RuntimeError("midway")

        blocks[1].layernorm_after.register_forward_hook(fail)
    before, config = module_state(module), vars(module.config).copy()
    model = load_model(module, processor=PROCESSOR)
    if fails:
        with pytest.raises(RuntimeError, match="midway"):
            record_one(model)
    else:
        record_one(model)
    assert module_state(module) == before
    assert vars(module.config) == config
    assert module.config._attn_implementation == implementation


@pytest.mark.parametrize("family", EVER_JOINT)
def test_a_forward_pass_in_another_thread_is_not_captured(family: str) -> None:
    module, pixels = tiny_joint(family), random_pixels(2)
    model, needs = load_model(module, processor=PROCESSOR), Needs(rows=True, rollout=True)
    expected = record(model, pixels[:1], needs, [None])[0]
    with torch.no_grad():
        expected_logits = module(pixels[1:]).logits
    logits_of_owner: list[torch.Tensor] = []

    def run_as_owner() -> None:
        with torch.no_grad():
            logits_of_owner.append(module(pixels[1:]).logits)

    block: Any = FAMILIES[family].layers(module)[1]
    recording_thread = threading.get_ident()

    def run_other_thread(*_: Any) -> None:
        if threading.get_ident() == recording_thread:
            thread = threading.Thread(target=run_as_owner)
            thread.start()
            thread.join()

    block.register_forward_pre_hook(run_other_thread)
    clip_record = record(model, pixels[:1], needs, [None])[0]
    for name, array in record_arrays(clip_record).items():
        np.testing.assert_array_equal(array, record_arrays(expected)[name], err_msg=name)
    torch.testing.assert_close(logits_of_owner, [expected_logits], rtol=0, atol=0)


@pytest.mark.parametrize("family", JOINT)
def test_threads_and_models_that_share_a_configuration_do_not_mix(family: str) -> None:
    module, pixels, needs = tiny_joint(family), random_pixels(12), Needs(rows=True, contributions=True)
    other = type(module)(module.config).eval()
    models = [load_model(part, processor=PROCESSOR) for part in (module, other)]
    expected = [record(models[i % 2], clip[None], needs, [1])[0] for i, clip in enumerate(pixels)]
    start = threading.Barrier(4)

    def work(offset: int) -> dict[int, Record]:
        start.wait(10)
        return {i: record(models[i % 2], pixels[i : i + 1], needs, [1])[0] for i in range(offset, 12, 4)}

    with ThreadPoolExecutor(4) as pool:
        records = {i: r for part in pool.map(work, range(4)) for i, r in part.items()}
    for i, r in records.items():
        assert_records_close(r, expected[i])
    assert module.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("family", JOINT)
def test_gradients_are_recorded_for_frozen_weights(family: str) -> None:
    module = tiny_joint(family).requires_grad_(requires_grad=False)
    with torch.inference_mode():
        clip_record = record_one(load_model(module, processor=PROCESSOR))
    expected = record_one(tiny_joint_model(family))
    np.testing.assert_allclose(clip_record.gradient_rows, expected.gradient_rows, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(clip_record.relevance, expected.relevance, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", JOINT)
def test_a_saved_folder_is_loaded_and_explained(family: str, tmp_path: Any) -> None:
    module = tiny_joint(family)
    module.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="without a processor"):
        model = load_model(tmp_path)
    assert model.family.name == family
    assert_records_close(record_one(model), record_one(tiny_joint_model(family)))
    e = explain(action_clip(1, size=48, fps=4), model, window="whole", cache=False, preview=False, progress=False)
    assert e.maps.shape == SHAPE
    assert e.sampled_frames.shape == (2, 2)
    assert e.maps.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("family", EVER_JOINT)
def test_layers_are_in_forward_order(family: str) -> None:
    module = tiny_joint(family)
    called_blocks: list[nn.Module] = []
    blocks: Any = FAMILIES[family].layers(module)
    for block in blocks:
        block.register_forward_pre_hook(lambda part, _: called_blocks.append(part))
    module(random_pixels(1))
    assert called_blocks == list(blocks)
    assert len(called_blocks) == 3
