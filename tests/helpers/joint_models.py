"""Small random models with joint attention, and their attention by Hugging Face's own eager code."""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from staa_widgets.models import VideoModel
from tests.helpers.tiny import TINY_CONFIGS, tiny_classifier, tiny_video_model

JOINT = tuple(name for name, config in TINY_CONFIGS.items() if config.joint == {})
"""Families whose attention is joint."""
EVER_JOINT = tuple(name for name, config in TINY_CONFIGS.items() if config.joint is not None)
"""Families whose attention is joint, or can be set to."""
SHAPE = (2, 3, 3)


def tiny_joint(family: str, **settings: Any) -> Any:
    """Make a small classifier with joint attention: tubelets of 2 frames, but of 1 for TimeSformer."""
    return tiny_classifier(family, **(TINY_CONFIGS[family].joint or {}), **settings)


def tiny_joint_model(family: str, **settings: Any) -> VideoModel:
    """Make a small `VideoModel` with joint attention; it is shared between tests, so leave it as it is."""
    return tiny_video_model(family, **(TINY_CONFIGS[family].joint or {}), **settings)


def eager_attentions(module: Any, pixels: Tensor, target: int) -> tuple[list[Tensor], list[Tensor]]:
    """Return attention of each layer ``(H, N, N)`` for one clip by the model's own eager code, and its gradients."""
    eager = deepcopy(module).requires_grad_(requires_grad=True)
    eager.set_attn_implementation("eager")
    output = eager(pixels[None], output_attentions=True)
    slopes = torch.autograd.grad(output.logits[0, target], output.attentions)
    return [a[0].detach() for a in output.attentions], [s[0] for s in slopes]


def eager_values(module: Any, pixels: Tensor) -> list[Tensor]:
    """Return the attention values of each layer for one clip, ``(H, N, d)``, by the model's own eager code."""
    eager = deepcopy(module)
    eager.set_attn_implementation("eager")
    modeling: Any = sys.modules[type(module).__module__]
    attend, values = modeling.eager_attention_forward, []

    def attend_and_note(part: Any, query: Tensor, key: Tensor, value: Tensor, *args: Any, **settings: Any) -> Any:
        values.append(value[0])
        return attend(part, query, key, value, *args, **settings)

    modeling.eager_attention_forward = attend_and_note
    try:
        with torch.no_grad():
            eager(pixels[None])
    finally:
        modeling.eager_attention_forward = attend
    return values
