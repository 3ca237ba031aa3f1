"""Small random models with joint attention, and what Hugging Face's own eager attention says of them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from timesformers import TYPES
from tiny import ready, tiny
from torch import Tensor

from staa_widgets.models import VideoModel

JOINT = ("vivit", "videomae")
SHAPE = (2, 3, 3)


def tiny_joint(family: str, **settings: Any) -> Any:
    """Make one with joint attention, see `tiny`: tubelets of 2 frames, but of 1 for TimeSformer."""
    return tiny(family, **_joint(family), **settings)


def tiny_joint_model(family: str, **settings: Any) -> VideoModel:
    """Make one ready to be explained; it is shared, so leave it as it is."""
    return ready(family, **_joint(family), **settings)


def _joint(family: str) -> dict[str, str]:
    return {"attention_type": TYPES[1]} if family == "timesformer" else {}


def attentions(module: Any, pixels: Tensor, target: int) -> tuple[list[Tensor], list[Tensor]]:
    """Probabilities of each layer ``(H, N, N)`` for one clip by the model's own eager code, and their gradients."""
    eager = deepcopy(module).requires_grad_(requires_grad=True)
    eager.set_attn_implementation("eager")
    output = eager(pixels[None], output_attentions=True)
    slopes = torch.autograd.grad(output.logits[0, target], output.attentions)
    return [a[0].detach() for a in output.attentions], [s[0] for s in slopes]
