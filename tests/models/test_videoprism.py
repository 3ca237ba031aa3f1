"""Records of VideoPrism equal those computed from its own eager attention."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

from staa_widgets.engine.attribute import attribute
from staa_widgets.errors import ParameterError, UnsupportedModelError
from staa_widgets.methods import METHODS
from staa_widgets.models import FAMILIES, VideoModel, load_model
from staa_widgets.models.capture import record
from staa_widgets.models.family import submodules_of
from staa_widgets.records.record import Needs
from staa_widgets.records.rollout import rollout_weights
from tests.helpers.tiny import ALL_NEEDS, PROCESSOR, random_pixels, tiny_classifier, tiny_video_model

modeling: Any = pytest.importorskip("transformers.models.videoprism.modeling_videoprism")
NAME = "videoprism_vision_model"
T, P, H = 4, 9, 4


def record_one(model: VideoModel, needs: Needs = ALL_NEEDS, target: int | None = 2) -> Any:
    return record(model, random_pixels(1), needs, [target])[0]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Function that runs a copy with eager attention and returns its attentions and their gradients, in order."""

    def run(module: Any, target: int = 2) -> tuple[list[Any], list[Any]]:
        module_copy = deepcopy(module).requires_grad_(requires_grad=True)
        attend, attentions = modeling.eager_attention_forward, []

        def keep_attention(part: Any, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
            probabilities = attend(part, query, key, value, *args, **kwargs)[1]
            attentions.append(probabilities)
            return torch.einsum("bhqk,bhkd->bqhd", probabilities, value), probabilities

        monkeypatch.setattr(modeling, "eager_attention_forward", keep_attention)
        logits = module_copy(pixel_values_videos=random_pixels(1)).logits
        gradients = torch.autograd.grad(logits.reshape(-1)[target], attentions)
        return [lay_out_attention(a.detach()) for a in attentions], [lay_out_attention(s) for s in gradients]

    return run


def lay_out_attention(attention: torch.Tensor) -> torch.Tensor:
    """Attention within frames, or over time for each patch, as a matrix over all tokens."""
    if attention.shape[0] == 1:
        return attention[0]
    full = torch.zeros(H, T, P, T, P)
    for i, part in enumerate(attention):
        if len(attention) == T:
            full[:, i, :, i, :] = part
        else:
            full[:, :, i, :, i] = part
    return full.reshape(H, T * P, T * P)


def fold_tokens(tokens: torch.Tensor) -> np.ndarray:
    return tokens.reshape(*tokens.shape[:-1], T, P).numpy()


def test_rows_are_the_attention_of_the_poolers_query(eager: Any) -> None:
    model = tiny_video_model(NAME)
    clip_record, (attentions, _) = record_one(model), eager(model.module)
    assert len(attentions) == 5
    np.testing.assert_allclose(clip_record.rows[0], fold_tokens(attentions[-1][:, 0]), atol=1e-6)
    np.testing.assert_allclose(clip_record.rows.sum((-1, -2)), 1, atol=1e-5)
    assert clip_record.rows.max() > 1.5 / (T * P)


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_rollouts_equal_products_of_full_matrices(eager: Any, share: float) -> None:
    model = tiny_video_model(NAME)
    clip_record, (attentions, _) = record_one(model), eager(model.module)
    starts = {
        "rollout": clip_record.rows.mean(1),
        "value_rollout": clip_record.value_rows,
        "gradient_rollout": clip_record.gradient_rows,
        "contribution_rollout": np.maximum(clip_record.contributions, 0),
    }
    for name, start in starts.items():
        flow = torch.from_numpy(start.reshape(T * P))
        for matrix in reversed(attentions[:-1]):
            flow = (1 - share) * flow + share * flow @ matrix.mean(0)
        terms = getattr(clip_record, name)
        rolled = np.tensordot(rollout_weights(len(terms), share), terms, 1)
        np.testing.assert_allclose(rolled, fold_tokens(flow), rtol=1e-3, atol=1e-6, err_msg=name)


def test_gradients_and_relevance_equal_those_through_eager_attention(eager: Any) -> None:
    model = tiny_video_model(NAME)
    clip_record, (attentions, gradients) = record_one(model), eager(model.module)
    flow = (attentions[-1] * gradients[-1]).relu()[:, 0].mean(0)
    np.testing.assert_allclose(clip_record.gradient_rows[0], fold_tokens(flow), rtol=1e-3, atol=1e-7)
    for matrix, gradient in zip(reversed(attentions[:-1]), reversed(gradients[:-1]), strict=True):
        flow = flow + flow @ (matrix * gradient).relu().mean(0)
    np.testing.assert_allclose(clip_record.relevance, fold_tokens(flow), rtol=1e-3, atol=1e-7)
    assert clip_record.relevance.max() > 0


def test_contributions_add_up_to_the_logit() -> None:
    """Between pooler and norm are only the values and the bias of their projection; the norm's scale is constant."""
    module = tiny_classifier(NAME)
    torch.nn.init.zeros_(module.head.o_proj.bias)
    torch.nn.init.normal_(module.head_layernorm.weight, std=0.2, generator=torch.Generator().manual_seed(0))
    clip_record = record_one(load_model(module, processor=PROCESSOR), target=3)
    with torch.no_grad():
        shift = module.classifier(module.head_layernorm.bias)
    margin = (clip_record.logits - clip_record.logits.mean()) - (shift - shift.mean()).numpy()
    np.testing.assert_allclose(clip_record.contributions.sum(), margin[3], rtol=1e-3)
    assert abs(margin[3]) > 1e-2


def test_value_rows_are_weighted_by_value_norms() -> None:
    model = tiny_video_model(NAME)
    module: Any = model.module
    values: list[torch.Tensor] = []
    handle = module.head.v_proj.register_forward_hook(lambda _, __, out: values.append(out.detach()[0]))
    clip_record = record_one(model)
    handle.remove()
    weight, size = module.head.o_proj.weight.detach(), module.head.head_dim
    heads = [slice(size * h, size * (h + 1)) for h in range(H)]
    norms = torch.stack([(values[0][:, head] @ weight[:, head].T).norm(dim=-1) for head in heads])
    expected = (clip_record.rows[0].reshape(H, -1) * norms.numpy()).mean(0)
    np.testing.assert_allclose(clip_record.value_rows[0].ravel(), expected, rtol=1e-4)


def test_the_pooler_is_the_only_layer_of_rows() -> None:
    clip_record = record_one(tiny_video_model(NAME))
    with pytest.raises(ParameterError, match="Only one layer of this model is read"):
        METHODS["staa"](clip_record, layers=[1])


def test_tubelets_of_several_frames_are_refused() -> None:
    architecture: Any = FAMILIES[NAME].architecture
    with pytest.raises(UnsupportedModelError, match="one frame"):
        FAMILIES[NAME].geometry(architecture.config_class(tubelet_size=(2, 18, 18)))


def test_grad_cam_lies_on_the_right_cells() -> None:
    """The last block has one sequence per patch; 4 frames and 9 patches would show a swap."""
    model, pixels = tiny_video_model(NAME), random_pixels(1)
    maps = attribute(model, pixels[0], "grad_cam", target=2)
    activations: list[torch.Tensor] = []
    module: Any = deepcopy(model.module)
    submodules_of(module, modeling.VideoPrismLayer)[-1].register_forward_pre_hook(
        lambda _, inputs: activations.append(inputs[0])
    )
    logits = module(pixel_values_videos=pixels).logits
    (gradient,) = torch.autograd.grad(logits.reshape(-1)[2], activations[0])
    cam = (activations[0] @ gradient.mean((0, 1))).relu().detach()
    assert cam.shape == (P, T)
    np.testing.assert_allclose(maps, (cam.T / cam.sum()).reshape(T, 3, 3), atol=1e-6)
    assert np.ptp(maps.sum((1, 2))) > 0.01
