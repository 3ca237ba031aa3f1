"""Records of TimeSformer equal those computed from its own eager attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import TimesformerConfig, TimesformerForVideoClassification

from staa_widgets.errors import UnsupportedModelError
from staa_widgets.methods import BROWSING_NEEDS, get_method
from staa_widgets.models import VideoModel, load_model
from staa_widgets.models.attention.divided_rollout import roll_out_divided
from staa_widgets.models.capture import record
from staa_widgets.models.families.timesformer import geometry
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.rollout import rollout_weights
from tests.helpers.timesformers import TYPES, run_eager, tiny_timesformer, tiny_timesformer_model
from tests.helpers.tiny import ALL_NEEDS, random_pixels

T, P, H = 4, 9, 4


def record_one(model: VideoModel, needs: Needs = ALL_NEEDS, target: int | None = 2, seed: int = 1) -> Any:
    return record(model, random_pixels(1, seed=seed, model=model), needs, [target])[0]


def split_slices(values: torch.Tensor, attention_type: str) -> np.ndarray:
    """Attention ``(n, H, patches)`` as ``(H, S, P)``."""
    if attention_type == "joint_space_time":
        return np.stack([values[0, :, frame::T] for frame in range(T)], 1)
    return values.transpose(0, 1).numpy()


@pytest.mark.parametrize("attention_type", TYPES)
def test_token_grid_round_trip(attention_type: str) -> None:
    module = tiny_timesformer(attention_type, std=0.0)
    projection = module.timesformer.embeddings.patch_embeddings.projection
    with torch.no_grad():
        projection.weight[0] = 1 / projection.weight[0].numel()
    ids = torch.arange(T * P, dtype=torch.float32).reshape(T, 3, 3)
    pixels = ids.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None].expand(T, 3, 24, 24)
    with torch.no_grad():
        tokens = module.timesformer.embeddings(pixels[None])[:, 1:, 0]
    layout = geometry(module.config)
    np.testing.assert_allclose(layout.to_grid(tokens.reshape(-1).numpy()), ids, atol=1e-4)


@pytest.mark.parametrize("attention_type", TYPES)
def test_rows_equal_eager_attention_and_sum_to_one(attention_type: str) -> None:
    model = tiny_timesformer_model(attention_type)
    clip_record, reference = record_one(model), run_eager(model.module, random_pixels(1)[0])
    assert len(clip_record.rows) == 3
    for layer, space in enumerate(reference["space"]):
        np.testing.assert_allclose(reference["attentions"][layer], space, atol=1e-7)
        np.testing.assert_allclose(clip_record.rows[layer], split_slices(space[:, :, 0, 1:], attention_type), atol=1e-6)
    total = clip_record.rows.sum(-1) + clip_record.cls
    if attention_type == "joint_space_time":
        total = total.sum(-1)
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_temporal_attention_equals_eager_attention_and_sums_to_one() -> None:
    model = tiny_timesformer_model()
    clip_record, reference = record_one(model), run_eager(model.module, random_pixels(1)[0])
    for layer, temporal in enumerate(reference["time"]):
        np.testing.assert_allclose(clip_record.temporal[layer], temporal.mean(1), atol=1e-6)
    np.testing.assert_allclose(clip_record.temporal.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("attention_type", [TYPES[0], TYPES[2]])
def test_full_spatial_attention_is_recorded_in_half_precision(attention_type: str) -> None:
    model = tiny_timesformer_model(attention_type)
    clip_record, reference = record_one(model), run_eager(model.module, random_pixels(1)[0])
    assert clip_record.spatial.dtype == np.float16
    for layer, space in enumerate(reference["space"]):
        np.testing.assert_allclose(clip_record.spatial[layer], space.mean(1), atol=3e-4)


def test_the_mean_of_a_row_does_not_depend_on_the_video() -> None:
    for seed in range(3):
        clip_record = record_one(tiny_timesformer_model(), seed=seed)
        np.testing.assert_allclose(clip_record.rows.mean(-1), (1 - clip_record.cls) / P, atol=1e-6)


@pytest.mark.parametrize("attention_type", [TYPES[0], TYPES[2]])
def test_a_changed_frame_changes_only_its_slice_of_the_first_layer(attention_type: str) -> None:
    module = tiny_timesformer(attention_type)
    if attention_type == TYPES[0]:
        # Temporal attention comes first; at zero it keeps the frames separate.
        nn.init.zeros_(module.timesformer.encoder.layer[0].temporal_dense.weight)
    model = load_model(module, processor=tiny_timesformer_model().transform)
    pixels = random_pixels(1).repeat(2, 1, 1, 1, 1)
    pixels[1, 2] += 1
    before, after = record(model, pixels, Needs(rows=True), [None, None])
    assert before.rows is not None
    assert after.rows is not None
    changed = np.abs(before.rows - after.rows).max((1, 3)) > 1e-6
    np.testing.assert_array_equal(changed[0], [False, False, True, False])


def test_a_changed_patch_changes_only_its_own_temporal_attention_of_the_first_layer() -> None:
    pixels = random_pixels(1).repeat(2, 1, 1, 1, 1)
    pixels[1, 3, :, 8:16, 16:24] += 1
    before, after = record(tiny_timesformer_model(), pixels, Needs(temporal=True), [None, None])
    assert before.temporal is not None
    assert after.temporal is not None
    changed = np.abs(before.temporal - after.temporal).max((2, 3)) > 1e-6
    np.testing.assert_array_equal(np.flatnonzero(changed[0]), [5])


def test_value_rows_are_weighted_by_value_norms() -> None:
    model = tiny_timesformer_model()
    module: Any = model.module
    projections: dict[Any, Any] = {}
    parts = [part for layer in module.timesformer.encoder.layer for part in (layer.attention, layer.temporal_attention)]
    handles = [
        part.attention.qkv.register_forward_hook(lambda m, _, out: projections.update({m: out})) for part in parts
    ]
    clip_record, reference = record_one(model), run_eager(module, random_pixels(1)[0])
    for handle in handles:
        handle.remove()

    def norms(part: Any, weight: torch.Tensor) -> torch.Tensor:
        value = projections[part.attention.qkv].detach()[..., 64:]
        moved = [value[..., 8 * h : 8 * h + 8] @ weight[:, 8 * h : 8 * h + 8].T for h in range(H)]
        return torch.stack([m.norm(dim=-1) for m in moved], 1)

    for i, layer in enumerate(module.timesformer.encoder.layer):
        space = reference["space"][i][:, :, 0] * norms(layer.attention, layer.attention.output.dense.weight.detach())
        np.testing.assert_allclose(clip_record.value_rows[i], space[..., 1:].mean(1), rtol=1e-3, atol=1e-6)
        weight = (layer.temporal_dense.weight @ layer.temporal_attention.output.dense.weight).detach()
        time = (reference["time"][i] * norms(layer.temporal_attention, weight)[:, :, None]).mean(1)
        np.testing.assert_allclose(
            clip_record.value_temporal[i], time / time.sum(-1, keepdim=True), rtol=1e-3, atol=1e-6
        )


@pytest.mark.parametrize("attention_type", TYPES)
def test_gradients_equal_those_through_eager_attention(attention_type: str) -> None:
    model = tiny_timesformer_model(attention_type)
    clip_record, reference = record_one(model), run_eager(model.module, random_pixels(1)[0], target=2)
    for layer in range(3):
        product = (reference["space"][layer] * reference["space_slopes"][layer]).relu()[:, :, 0, 1:]
        expected = split_slices(product, attention_type).mean(0)
        np.testing.assert_allclose(clip_record.gradient_rows[layer], expected, rtol=1e-3, atol=1e-7)
        if attention_type == TYPES[0]:
            product = (reference["time"][layer] * reference["time_slopes"][layer]).relu().mean(1)
            np.testing.assert_allclose(clip_record.gradient_temporal[layer], product, rtol=1e-3, atol=1e-7)


def relevance_by_whole_matrices(reference: dict[str, Any]) -> np.ndarray:
    """Relevance of CLS: ``R ← R + mean_h relu(A · dy/dA) R`` over CLS and all patches, time before space."""
    identity = np.eye(1 + T * P)
    relevance = identity
    for layer in range(3):
        space, time = np.zeros((2, 1 + T * P, 1 + T * P))
        within = (reference["space"][layer] * reference["space_slopes"][layer]).relu().mean(1).numpy()
        over = (reference["time"][layer] * reference["time_slopes"][layer]).relu().mean(1).numpy()
        for t in range(T):
            cells = slice(1 + t * P, 1 + (t + 1) * P)
            space[0, 0] += within[t, 0, 0]
            space[0, cells], space[cells, 0], space[cells, cells] = (
                within[t, 0, 1:],
                within[t, 1:, 0],
                within[t, 1:, 1:],
            )
            for p in range(P):
                time[1 + t * P + p, 1 + p :: P] = over[p, t]
        relevance = (identity + space) @ (identity + time) @ relevance
    return relevance[0, 1:].reshape(T, P)


def test_relevance_of_divided_attention_equals_the_product_of_full_matrices() -> None:
    model = tiny_timesformer_model()
    clip_record, reference = (
        record_one(model, Needs(relevance=True)),
        run_eager(model.module, random_pixels(1)[0], target=2),
    )
    np.testing.assert_allclose(clip_record.relevance, relevance_by_whole_matrices(reference), rtol=1e-3, atol=1e-7)
    assert clip_record.relevance.max() > 0


def test_relevance_within_frames_equals_the_product_per_frame() -> None:
    model = tiny_timesformer_model(TYPES[2])
    clip_record, reference = (
        record_one(model, Needs(relevance=True)),
        run_eager(model.module, random_pixels(1)[0], target=2),
    )
    for t in range(T):
        relevance = np.eye(1 + P)
        for space, slope in zip(reference["space"], reference["space_slopes"], strict=True):
            relevance = relevance + (space[t] * slope[t]).relu().mean(0).numpy() @ relevance
        np.testing.assert_allclose(clip_record.relevance[t], relevance[0, 1:], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("attention_type", TYPES)
def test_contributions_add_up_to_the_logit(attention_type: str) -> None:
    """In one layer without MLP, contributions sum to the change of the margin when the values of patches are zeroed.

    The scale of the last norm is constant.
    """
    module = tiny_timesformer(attention_type, num_hidden_layers=1)
    layer = module.timesformer.encoder.layer[0]
    nn.init.zeros_(layer.output.dense.weight)
    nn.init.zeros_(layer.output.dense.bias)
    model = load_model(module, processor=tiny_timesformer_model().transform)
    clip_record = record_one(model, target=3)

    def readouts(keep_patches: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
        inputs_of_norm: list[torch.Tensor] = []

        def only_cls(_: Any, __: Any, out: torch.Tensor) -> torch.Tensor:
            value = out.clone()
            value[:, 1:, 64:] = 0
            return value

        handles = [
            module.timesformer.layernorm.register_forward_pre_hook(lambda _, inputs: inputs_of_norm.append(inputs[0]))
        ]
        if not keep_patches:
            handles.append(layer.attention.attention.qkv.register_forward_hook(only_cls))
        with torch.no_grad():
            module(random_pixels(1))
        for handle in handles:
            handle.remove()
        return inputs_of_norm[0][:, 0], inputs_of_norm

    whole, without_patches = readouts(keep_patches=True)[0], readouts(keep_patches=False)[0]
    scale = (whole.var(-1, correction=0, keepdim=True) + module.config.layer_norm_eps).sqrt()
    weight = module.classifier.weight.detach()

    def margin(hidden: torch.Tensor) -> torch.Tensor:
        normed = module.timesformer.layernorm.weight.detach() * (hidden - hidden.mean(-1, keepdim=True)) / scale
        logits = normed @ weight.T
        return (logits[:, 3] - logits.mean(-1)).mean()

    np.testing.assert_allclose(clip_record.contributions.sum(), margin(whole) - margin(without_patches), rtol=1e-3)
    assert abs(clip_record.contributions.sum()) > 1e-2


def test_a_single_logit_has_contributions() -> None:
    assert np.abs(record_one(tiny_timesformer_model(num_labels=1), target=0).contributions).max() > 1e-3


def joint_maps(reference: dict[str, Any], side: int) -> np.ndarray:
    """``M_l(t', p)``, mean of layers, from the outputs' own spatial attentions and hooked temporal probabilities."""
    maps = [
        torch.einsum("tp,ptu->up", space[:, :, 0, 1:].mean(1), time.mean(1)) / len(space)
        for space, time in zip(reference["attentions"], reference["time"], strict=True)
    ]
    return torch.stack(maps).mean(0).reshape(-1, side, side).numpy()


def rank_correlation(method: str, one: Record, two: Record) -> float:
    """Rank correlation of all cells, without contrast, which would make ties at zero."""
    first, second = (np.argsort(np.argsort(get_method(method)(r, profile=None).ravel())) for r in (one, two))
    return float(np.corrcoef(first, second)[0, 1])


def assert_maps_equal(model: VideoModel, clip_record: Record, reference: dict[str, Any]) -> None:
    maps = get_method("staa")(clip_record, layers="mean", profile=None)
    expected = joint_maps(reference, model.geometry.height)
    np.testing.assert_allclose(maps, expected / expected.sum(), atol=1e-5)
    np.testing.assert_allclose(clip_record.logits, reference["logits"], atol=1e-4)


def test_maps_of_a_base_size_model_equal_an_independent_computation() -> None:
    with torch.device("meta"):
        module: Any = TimesformerForVideoClassification(TimesformerConfig())
    module = module.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    for name, parameter in module.named_parameters():
        nn.init.ones_(parameter) if "norm" in name else parameter.data.uniform_(-0.1, 0.1, generator=generator)
    model = load_model(module, processor={"image_mean": 0.45, "image_std": 0.225})
    pixels = random_pixels(1, model=model)
    (clip_record,) = record(model, pixels, Needs(rows=True, mean_rows=True, time_rows=True, rollout=True), [None])
    assert clip_record.rows is not None
    assert clip_record.rows.max() > 10 / 197
    assert_maps_equal(model, clip_record, run_eager(module, pixels[0]))
    half_model = load_model(module.bfloat16(), processor=model.transform)
    (half_record,) = record(half_model, pixels, get_method("staa").needs(), [None])
    assert rank_correlation("staa", clip_record, half_record) >= 0.998


def test_maps_of_the_bundled_model_equal_an_independent_computation() -> None:
    model = load_model()
    pixels = random_pixels(1, model=model)
    (clip_record,) = record(model, pixels, get_method("staa").needs({"layers": "mean"}), [None])
    assert_maps_equal(model, clip_record, run_eager(model.module, pixels[0]))


@pytest.mark.parametrize(("dtype", "min_correlation"), [("float16", 0.999), ("bfloat16", 0.998)])
@pytest.mark.parametrize("method", ["staa", "staa_logit"])
def test_half_precision_ranks_cells_like_float32(method: str, dtype: str, min_correlation: float) -> None:
    float32, half = (load_model(device="cpu", dtype=type_name) for type_name in ("float32", dtype))
    needs = get_method(method).needs()
    assert rank_correlation(method, record_one(float32, needs), record_one(half, needs)) >= min_correlation


def test_oblong_input_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="image size"):
        geometry(TimesformerConfig(image_size=[32, 64]))


# --- rollout ---


@pytest.mark.parametrize("residual", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("time", [True, False])
def test_rollouts_equal_products_of_the_matrices_of_the_record(residual: float, time: bool) -> None:
    """Of CLS and of the weighted rows, for any residual; all frames share the flow to CLS."""
    clip_record = record_one(tiny_timesformer_model())
    spatial, temporal = clip_record.spatial.astype(np.float64), clip_record.temporal.astype(np.float64)
    rows = {
        "value_": clip_record.value_rows,
        "gradient_": clip_record.gradient_rows,
        "contribution_": np.maximum(clip_record.contributions, 0),
    }
    for prefix in ("", *rows):
        flow = np.zeros((T, 1 + P))
        flow[:, 0] = 0 if prefix else 1 / T
        for layer in (2, 1, 0):
            flow = residual * flow + (1 - residual) * np.einsum("tq,tqr->tr", flow, spatial[layer])
            flow[:, 0] = 0 if prefix else flow[:, 0].mean()
            if prefix:
                flow[:, 1:] += rows[prefix][layer]
            if time:
                carried = np.einsum("tp,ptu->up", flow[:, 1:], temporal[layer])
                flow[:, 1:] = residual * flow[:, 1:] + (1 - residual) * carried
        terms = getattr(clip_record, f"{prefix}{'rollout' if time else 'frame_rollout'}")
        assert terms.shape == (7 if time else 4, T, P)
        rolled = np.tensordot(rollout_weights(len(terms), 1 - residual), terms, 1)
        np.testing.assert_allclose(rolled, flow[:, 1:], rtol=1e-4, atol=1e-6, err_msg=prefix)


def test_rows_are_carried_over_time_by_the_attention_of_the_same_weighting() -> None:
    clip_record = record_one(tiny_timesformer_model())
    weighted = {
        "": (clip_record.rows.mean(1), clip_record.temporal),
        "value_": (clip_record.value_rows, clip_record.value_temporal),
        "gradient_": (clip_record.gradient_rows, clip_record.gradient_temporal),
        "contribution_": (np.maximum(clip_record.contributions, 0), clip_record.temporal),
    }
    for prefix, (rows, temporal) in weighted.items():
        expected = np.einsum("ltp,lptu->lup", rows, temporal)
        np.testing.assert_allclose(getattr(clip_record, f"{prefix}time_rows"), expected, rtol=1e-4, atol=1e-7)
    heads = np.einsum("lhtp,lptu->lhup", clip_record.rows, clip_record.temporal) / T
    np.testing.assert_allclose(clip_record.heads, heads, rtol=1e-3, atol=1e-5)


def test_coefficients_of_many_steps_lose_no_precision() -> None:
    """Without a residual only the last of 25 coefficients counts; powers of the share would cancel out."""
    generator = torch.Generator().manual_seed(0)
    spatial = torch.rand(12, 1, 2, 6, 6, generator=generator, dtype=torch.float64).softmax(-1)
    temporal = torch.rand(12, 1, 5, 2, 2, generator=generator, dtype=torch.float64).softmax(-1)
    matrices = list(spatial.float()), list(temporal.float())
    terms = roll_out_divided(*matrices, torch.zeros(1, 0, 12, 2, 5), one_readout=True)[0, 0]
    assert len(terms) == 25
    flow = torch.zeros(2, 6, dtype=torch.float64)
    flow[:, 0] = 0.5
    for layer in reversed(range(12)):
        flow = (flow[:, None] @ spatial[layer, 0])[:, 0]
        flow[:, 0] = flow[:, 0].mean()
        flow[:, 1:] = torch.einsum("tp,ptu->up", flow[:, 1:], temporal[layer, 0])
    rolled = np.tensordot(rollout_weights(25, 1.0), terms, 1)
    np.testing.assert_allclose(rolled, flow[:, 1:], rtol=1e-5)


@pytest.mark.parametrize("settings", [{"image_size": 448, "num_frames": 16}, {"image_size": 224, "num_frames": 96}])
@pytest.mark.parametrize("method", ["staa", "staa_logit", "rollout", "attention_last", "staa_original_code"])
def test_a_record_of_a_large_timesformer_takes_less_than_20_megabytes(method: str, settings: dict[str, int]) -> None:
    """Counted from the shapes of a small model: 12 layers, 12 heads, patches of 16 pixels."""
    frames, patches = settings["num_frames"], (settings["image_size"] // 16) ** 2
    sizes = {"L": 12, "H": 12, "S": frames, "P": patches, "Q": 1 + patches, "n": 25, "m": 13}
    needs = get_method(method).needs() | BROWSING_NEEDS
    arrays = vars(record_one(tiny_timesformer_model(), needs))
    names = [name for name, array in arrays.items() if isinstance(array, np.ndarray)]
    axes = {"heads": "LHSP", "first_frame": "QQ", "logits": "", "mean_rows": "LSP", "contributions": "LSP"}
    for prefix in ("", "contribution_"):
        axes |= {
            f"{prefix}{name}": f"{axis}SP"
            for name, axis in zip(("time_rows", "rollout", "frame_rollout"), "Lnm", strict=True)
        }
    bytes_of = {"heads": 2, "first_frame": 2}
    total = sum(bytes_of.get(name, 4) * np.prod([sizes[axis] for axis in axes[name]]) for name in names)
    assert total < 20e6
