"""Small random TimeSformers, and their attention by Hugging Face's own eager code."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.models.timesformer.modeling_timesformer import TimesformerLayer

from staa_widgets.models import VideoModel
from tests.helpers.tiny import tiny_classifier, tiny_video_model

TYPES = ("divided_space_time", "joint_space_time", "space_only")


def tiny_timesformer(attention_type: str = TYPES[0], **settings: Any) -> Any:
    """Make a small TimeSformer, see `tiny_classifier`."""
    return tiny_classifier("timesformer", attention_type=attention_type, **settings)


def tiny_timesformer_model(attention_type: str = TYPES[0], **settings: Any) -> VideoModel:
    """Make a small `VideoModel`; it is shared between tests, so leave it as it is."""
    return tiny_video_model("timesformer", attention_type=attention_type, **settings)


def run_eager(module: Any, pixels: Tensor, target: int | None = None) -> dict[str, Any]:
    """Run one clip through the model's own code, with a hook on the dropout that every probability passes.

    Returns logits ``(K,)``, the outputs' own attentions, and by layer the probabilities of attention over space and
    over time, with their gradients where a target is given.
    """
    space, time, handles = [], [], []
    for layer in (part for part in module.modules() if isinstance(part, TimesformerLayer)):
        for name, maps in (("attention", space), ("temporal_attention", time)):
            if hasattr(layer, name):
                dropout = getattr(layer, name).attention.attn_drop
                handles.append(dropout.register_forward_hook(lambda _, __, out, maps=maps: maps.append(out)))
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
