"""Small random models with joint attention, and what Hugging Face's own eager attention says of them."""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from staa_widgets.models import VideoModel
from tests.helpers.timesformers import TYPES
from tests.helpers.tiny import tiny, tiny_video_model

JOINT = ("vivit", "videomae")
SHAPE = (2, 3, 3)


def tiny_joint(family: str, **settings: Any) -> Any:
    """Make one with joint attention, see `tiny`: tubelets of 2 frames, but of 1 for TimeSformer."""
    return tiny(family, **_joint_settings(family), **settings)


def tiny_joint_model(family: str, **settings: Any) -> VideoModel:
    """Make one ready to be explained; it is shared, so leave it as it is."""
    return tiny_video_model(family, **_joint_settings(family), **settings)


def _joint_settings(family: str) -> dict[str, str]:
    return {"attention_type": TYPES[1]} if family == "timesformer" else {}


def eager_attentions(module: Any, pixels: Tensor, target: int) -> tuple[list[Tensor], list[Tensor]]:
    """Probabilities of each layer ``(H, N, N)`` for one clip by the model's own eager code, and their gradients."""
    eager = deepcopy(module).requires_grad_(requires_grad=True)
    eager.set_attn_implementation("eager")
    output = eager(pixels[None], output_attentions=True)
    slopes = torch.autograd.grad(output.logits[0, target], output.attentions)
    return [a[0].detach() for a in output.attentions], [s[0] for s in slopes]


def values(module: Any, pixels: Tensor) -> list[Tensor]:
    """Values that attention of each layer is given for one clip, ``(H, N, d)``, by the model's own eager code."""
    eager = deepcopy(module)
    eager.set_attn_implementation("eager")
    modelling: Any = sys.modules[type(module).__module__]
    attend, kept = modelling.eager_attention_forward, []

    def keep(part: Any, query: Tensor, key: Tensor, value: Tensor, *args: Any, **settings: Any) -> Any:
        kept.append(value[0])
        return attend(part, query, key, value, *args, **settings)

    modelling.eager_attention_forward = keep
    try:
        with torch.no_grad():
            eager(pixels[None])
    finally:
        modelling.eager_attention_forward = attend
    return kept
