"""Small random models with joint attention, and what Hugging Face's own eager attention says of them."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import torch
from timesformers import PROCESSOR, TYPES
from timesformers import tiny_module as tiny_timesformer
from torch import Tensor, nn
from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VivitConfig, VivitForVideoClassification

from staa_widgets.models import VideoModel, load_model

JOINT = ("vivit", "videomae")
SHAPE = (2, 3, 3)


def tiny_joint(family: str, *, seed: int = 0, std: float = 0.2, **settings: Any) -> Any:
    """Make one with 4 frames of 24 px, tubelets of 2 x 8 x 8, 3 layers, 4 heads, 5 classes, attention not flat."""
    if family == "timesformer":
        return tiny_timesformer(TYPES[1], seed=seed, std=std, **settings)
    shared = {
        "image_size": 24,
        "num_frames": 4,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "num_labels": 5,
    }
    module: Any
    if family == "vivit":
        module = VivitForVideoClassification(VivitConfig(**{**shared, "tubelet_size": (2, 8, 8), **settings}))
    else:
        config = VideoMAEConfig(**{**shared, "tubelet_size": 2, "patch_size": 8, **settings})
        module = VideoMAEForVideoClassification(config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.eval().named_parameters():
        if "norm" not in name:
            nn.init.normal_(parameter, std=std, generator=generator)
    return module


@cache
def tiny_joint_model(family: str, **settings: Any) -> VideoModel:
    """Make one ready to be explained; it is shared, so leave it as it is."""
    return load_model(tiny_joint(family, **settings), processor=PROCESSOR, id="tiny")


def attentions(module: Any, pixels: Tensor, target: int) -> tuple[list[Tensor], list[Tensor]]:
    """Probabilities of each layer ``(H, N, N)`` for one clip by the model's own eager code, and their gradients."""
    eager = deepcopy(module).requires_grad_(requires_grad=True)
    eager.set_attn_implementation("eager")
    output = eager(pixels[None], output_attentions=True)
    slopes = torch.autograd.grad(output.logits[0, target], output.attentions)
    return [a[0].detach() for a in output.attentions], [s[0] for s in slopes]
