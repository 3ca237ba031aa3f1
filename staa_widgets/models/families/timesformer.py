"""TimeSformer (Hugging Face): divided, joint and space-only attention.

Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?", arXiv 2102.05095.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import TimesformerConfig, TimesformerForVideoClassification
from transformers.models.timesformer.modeling_timesformer import TimesformerLayer, TimesformerSelfAttention

from staa_widgets.errors import UnsupportedModelError
from staa_widgets.models.attention.divided import DividedReader
from staa_widgets.models.attention.joint import JointReader
from staa_widgets.models.attention.linear import layer_weight
from staa_widgets.models.family import CaptureCallback, Family, submodules_of
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs


def geometry(config: TimesformerConfig) -> Geometry:
    """Return the token layout: CLS, then patches with time fastest, or a sequence for each frame."""
    size, patch = config.image_size, config.patch_size
    if not isinstance(size, int) or not isinstance(patch, int):
        raise UnsupportedModelError(
            f"A TimeSformer with image size {size} and patch size {patch} is not supported.",
            "Use square images and patches: in the configuration, give each size as one number.",
        )
    return Geometry(
        frames=config.num_frames,
        tubelet=1,
        height=size // patch,
        width=size // patch,
        order="per_frame" if config.attention_type == "space_only" else "patch_major",
        prefix=1,
        input_size=(size, size),
    )


def make_reader(
    module: TimesformerForVideoClassification, geometry: Geometry, needs: Needs
) -> DividedReader | JointReader:
    """Return the reader of one pass."""
    layers = submodules_of(module, TimesformerLayer)
    norm, classifier = module.timesformer.layernorm, module.classifier
    spatial = [(layer.attention.attention, layer.attention.output.dense) for layer in layers]
    kind = module.config.attention_type
    if kind == "joint_space_time":
        return JointReader(geometry, needs, norm=norm, classifier=classifier, attentions=spatial)
    temporal = None
    if kind == "divided_space_time":
        temporal = [(layer.temporal_attention.attention, partial(_temporal_projection, layer)) for layer in layers]
    return DividedReader(
        geometry,
        needs,
        norm=norm,
        classifier=classifier,
        spatial=spatial,
        temporal=temporal,
    )


def _temporal_projection(layer: TimesformerLayer) -> Tensor:
    """Return the weight of the two linear layers after attention over time."""
    outer, inner = layer.temporal_dense, layer.temporal_attention.output.dense
    return layer_weight(outer).float() @ layer_weight(inner).float()


def attend_and_capture(
    attention: TimesformerSelfAttention, callback: CaptureCallback, hidden: Tensor, *_: Any, **__: Any
) -> tuple[Tensor]:
    """Compute what `TimesformerSelfAttention.forward` does, and call the capture callback.

    Without gradients the callback may compute the output itself; otherwise sdpa does.
    """
    heads = attention.num_heads
    query, key, value = attention.qkv(hidden).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    out = None if torch.is_grad_enabled() else callback(query, key, value, None, attention.scale)
    if out is None:
        out = scaled_dot_product_attention(query, key, value, scale=attention.scale).transpose(1, 2)
    if torch.is_grad_enabled():
        with torch.no_grad():
            callback(query, key, value, out, attention.scale)
    return (out.flatten(2),)


TIMESFORMER = Family(
    name="timesformer",
    architecture=TimesformerForVideoClassification,
    geometry=geometry,
    make_reader=make_reader,
    layers=lambda module: submodules_of(module, TimesformerLayer),
    mean=(0.45, 0.45, 0.45),
    std=(0.225, 0.225, 0.225),
    attention_forward=attend_and_capture,
)
