"""What is read from VideoPrism is what its own eager code computes."""

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
from tests.helpers.tiny import ALL_NEEDS, PROCESSOR, random_pixels, tiny_classifier, tiny_video_model

modeling: Any = pytest.importorskip("transformers.models.videoprism.modeling_videoprism")
NAME = "videoprism_vision_model"
T, P, H = 4, 9, 4


def record_one(model: VideoModel, needs: Needs = ALL_NEEDS, target: int | None = 2) -> Any:
    return record(model, random_pixels(1), needs, [target])[0]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a copy with eager attention; give whole matrices over all tokens ``(H, N, N)`` and the pooler's, in order."""

    def run(module: Any, target: int = 2) -> tuple[list[Any], list[Any]]:
        copied = deepcopy(module).requires_grad_(requires_grad=True)
        attend, kept = modeling.eager_attention_forward, []

        def keep(part: Any, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
            probabilities = attend(part, query, key, value, *args, **kwargs)[1]
            kept.append(probabilities)
            return torch.einsum("bhqk,bhkd->bqhd", probabilities, value), probabilities

        monkeypatch.setattr(modeling, "eager_attention_forward", keep)
        logits = copied(pixel_values_videos=random_pixels(1)).logits
        slopes = torch.autograd.grad(logits.reshape(-1)[target], kept)
        return [lay_out_attention(a.detach()) for a in kept], [lay_out_attention(s) for s in slopes]

    return run


def lay_out_attention(attention: torch.Tensor) -> torch.Tensor:
    """Lay attention within frames, or over time for each patch, out over all tokens, frame by frame."""
    if attention.shape[0] == 1:
        return attention[0]
    found = torch.zeros(H, T, P, T, P)
    for i, part in enumerate(attention):
        if len(attention) == T:
            found[:, i, :, i, :] = part
        else:
            found[:, :, i, :, i] = part
    return found.reshape(H, T * P, T * P)


def fold_tokens(tokens: torch.Tensor) -> np.ndarray:
    return tokens.reshape(*tokens.shape[:-1], T, P).numpy()


def test_the_row_is_that_of_the_poolers_query(eager: Any) -> None:
    model = tiny_video_model(NAME)
    found, (kept, _) = record_one(model), eager(model.module)
    assert len(kept) == 5
    np.testing.assert_allclose(found.rows[0], fold_tokens(kept[-1][:, 0]), atol=1e-6)
    np.testing.assert_allclose(found.rows.sum((-1, -2)), 1, atol=1e-5)
    assert found.rows.max() > 1.5 / (T * P)


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_rollouts_are_products_of_whole_matrices(eager: Any, share: float) -> None:
    model = tiny_video_model(NAME)
    found, (kept, _) = record_one(model), eager(model.module)
    starts = {
        "rollout": found.rows.mean(1),
        "value_rollout": found.value_rows,
        "gradient_rollout": found.gradient_rows,
        "contribution_rollout": np.maximum(found.contributions.sum(1), 0),
    }
    for name, start in starts.items():
        flow = torch.from_numpy(start.reshape(T * P))
        for matrix in reversed(kept[:-1]):
            flow = (1 - share) * flow + share * flow @ matrix.mean(0)
        rolled = sum(share**power * term for power, term in enumerate(getattr(found, name)))
        np.testing.assert_allclose(rolled, fold_tokens(flow), rtol=1e-3, atol=1e-6, err_msg=name)


def test_gradients_and_relevance_equal_those_through_eager_attention(eager: Any) -> None:
    model = tiny_video_model(NAME)
    found, (kept, slopes) = record_one(model), eager(model.module)
    flow = (kept[-1] * slopes[-1]).relu()[:, 0].mean(0)
    np.testing.assert_allclose(found.gradient_rows[0], fold_tokens(flow), rtol=1e-3, atol=1e-7)
    for matrix, slope in zip(reversed(kept[:-1]), reversed(slopes[:-1]), strict=True):
        flow = flow + flow @ (matrix * slope).relu().mean(0)
    np.testing.assert_allclose(found.relevance, fold_tokens(flow), rtol=1e-3, atol=1e-7)
    assert found.relevance.max() > 0


def test_contributions_add_up_to_the_logit() -> None:
    """Nothing but the values and their projection's bias is between the pooler and its norm, whose scale is held."""
    module = tiny_classifier(NAME)
    torch.nn.init.zeros_(module.head.o_proj.bias)
    torch.nn.init.normal_(module.head_layernorm.weight, std=0.2, generator=torch.Generator().manual_seed(0))
    found = record_one(load_model(module, processor=PROCESSOR), target=3)
    with torch.no_grad():
        shift = module.classifier(module.head_layernorm.bias)
    margin = (found.logits - found.logits.mean()) - (shift - shift.mean()).numpy()
    np.testing.assert_allclose(found.contributions.sum(), margin[3], rtol=1e-3)
    assert abs(margin[3]) > 1e-2


def test_values_weigh_the_row_by_what_it_moves() -> None:
    model = tiny_video_model(NAME)
    module: Any = model.module
    seen: list[torch.Tensor] = []
    handle = module.head.v_proj.register_forward_hook(lambda _, __, out: seen.append(out.detach()[0]))
    found = record_one(model)
    handle.remove()
    weight, size = module.head.o_proj.weight.detach(), module.head.head_dim
    heads = [slice(size * h, size * (h + 1)) for h in range(H)]
    norms = torch.stack([(seen[0][:, head] @ weight[:, head].T).norm(dim=-1) for head in heads])
    expected = (found.rows[0].reshape(H, -1) * norms.numpy()).mean(0)
    np.testing.assert_allclose(found.value_rows[0].ravel(), expected, rtol=1e-4)


def test_the_pooler_is_the_only_layer() -> None:
    found = record_one(tiny_video_model(NAME))
    with pytest.raises(ParameterError, match="Only one layer of this model is read"):
        METHODS["staa"](found, layers=[1])


def test_tubelets_of_several_frames_are_refused() -> None:
    architecture: Any = FAMILIES[NAME].architecture
    with pytest.raises(UnsupportedModelError, match="one frame"):
        FAMILIES[NAME].geometry(architecture.config_class(tubelet_size=(2, 18, 18)))


def test_grad_cam_is_in_its_place() -> None:
    """Four frames differ in number from nine patches, and the last block sees a sequence a patch."""
    model, pixels = tiny_video_model(NAME), random_pixels(1)
    maps = attribute(model, pixels[0], "grad_cam", target=2)
    seen: list[torch.Tensor] = []
    module: Any = deepcopy(model.module)
    submodules_of(module, modeling.VideoPrismLayer)[-1].register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    logits = module(pixel_values_videos=pixels).logits
    (slope,) = torch.autograd.grad(logits.reshape(-1)[2], seen[0])
    cam = (seen[0] @ slope.mean((0, 1))).relu().detach()
    assert cam.shape == (P, T)
    np.testing.assert_allclose(maps, (cam.T / cam.sum()).reshape(T, 3, 3), atol=1e-6)
    assert np.ptp(maps.sum((1, 2))) > 0.01
