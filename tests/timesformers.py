"""Small random TimeSformers, and what Hugging Face's own eager attention says of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TimesformerConfig, TimesformerForVideoClassification
from transformers.models.timesformer.modeling_timesformer import TimesformerLayer

from staa_widgets.models import Transform, VideoModel, load_model
from staa_widgets.record import Needs

TYPES = ("divided_space_time", "joint_space_time", "space_only")
ALL = Needs(rows=True, temporal=True, spatial=True, values=True, contributions=True, gradients=True, relevance=True)
PROCESSOR = Transform(shortest_edge=24, crop=(24, 24), mean=(0.45, 0.45, 0.45), std=(0.225, 0.225, 0.225))


def tiny_module(attention_type: str = TYPES[0], *, seed: int = 0, std: float = 0.2, **settings: Any) -> Any:
    """Make one with 4 frames of 24 px, patches of 8 px, 3 layers, 4 heads, 5 classes and attention that is not flat."""
    config = TimesformerConfig(
        **{
            "image_size": 24,
            "patch_size": 8,
            "num_frames": 4,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "num_labels": 5,
            "attention_type": attention_type,
            **settings,
        }
    )
    module = TimesformerForVideoClassification(config).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        if "norm" not in name:
            nn.init.normal_(parameter, std=std, generator=generator)
    return module


@cache
def tiny_model(attention_type: str = TYPES[0], **settings: Any) -> VideoModel:
    """Make one ready to be explained; it is shared, so leave it as it is."""
    return load_model(tiny_module(attention_type, **settings), processor=PROCESSOR, id="tiny")


def clips(count: int, *, seed: int = 1, model: VideoModel | None = None) -> Tensor:
    frames, (height, width) = (model.geometry.frames, model.geometry.input_size) if model else (4, (24, 24))
    return torch.randn(count, frames, 3, height, width, generator=torch.Generator().manual_seed(seed))


def eager(module: Any, pixels: Tensor, target: int | None = None) -> dict[str, Any]:
    """Run one clip through the model's own code, with a hook on the dropout that every probability passes.

    Gives logits ``(K,)``, the outputs' own attentions, and by layer the probabilities of attention over space and over
    time, with their gradients where a target is given.
    """
    space, time, handles = [], [], []
    for layer in (part for part in module.modules() if isinstance(part, TimesformerLayer)):
        for name, kept in (("attention", space), ("temporal_attention", time)):
            if hasattr(layer, name):
                dropout = getattr(layer, name).attention.attn_drop
                handles.append(dropout.register_forward_hook(lambda _, __, out, kept=kept: kept.append(out)))
    with torch.set_grad_enabled(target is not None):
        output = module(pixels[None], output_attentions=True)
        logits = output.logits.mean(0)
        slopes = torch.autograd.grad(logits[target], space + time) if target is not None else [None] * 2 * len(space)
    for handle in handles:
        handle.remove()
    return {
        "logits": logits.detach(),
        "attentions": output.attentions,
        "space": [a.detach() for a in space],
        "time": [a.detach() for a in time],
        "space_slopes": slopes[: len(space)],
        "time_slopes": slopes[len(space) :],
    }
