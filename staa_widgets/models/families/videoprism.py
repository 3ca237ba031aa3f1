"""VideoPrism (Hugging Face, not in every release): attention within frames, then over time, then a pooler.

Zhao et al., "VideoPrism: A Foundational Visual Encoder for Video Understanding", arXiv 2402.13217.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import VideoPrismForVideoClassification, VideoPrismVisionConfig
from transformers.models.videoprism.modeling_videoprism import (
    VideoPrismAttention,
    VideoPrismLayer,
    VideoPrismMultiheadAttentionPoolingHead,
)

from staa_widgets.errors import UnsupportedModelError
from staa_widgets.models.attention.linear import layer_weight, linear_layers
from staa_widgets.models.attention.ops import class_direction, projected_value_norms, value_contributions
from staa_widgets.models.attention.pooled import PooledReader
from staa_widgets.models.attention.rollout import add_step
from staa_widgets.models.family import CaptureCallback, Family, submodules_of
from staa_widgets.records.geometry import Geometry, Patch
from staa_widgets.records.record import Needs


def geometry(config: VideoPrismVisionConfig) -> Geometry:
    """Return the layout of the tokens that the pooler reads: patches frame by frame, and no CLS."""
    size = config.image_size
    height, width = (size, size) if isinstance(size, int) else size
    frames, down, across = config.tubelet_size
    if frames != 1:
        raise UnsupportedModelError(
            f"A VideoPrism with tubelets of {frames} frames is not supported.", "Use tubelets of one frame."
        )
    return Geometry(
        frames=config.num_frames,
        tubelet=1,
        height=height // down,
        width=width // across,
        order="time_major",
        prefix=0,
        input_size=(height, width),
        input_name="pixel_values_videos",
    )


class VideoPrismReader(PooledReader):
    """Reads attention of one pass of a VideoPrism, see `staa_widgets.models.family.AttentionReader`.

    Only the pooling head has a row of attention from the readout: its learned query attends to the patches of all
    frames. Rollout carries this row back through the encoder over time, patch by patch, and then through the encoder
    within frames. Both encoders cap their attention scores before the softmax; the same is done here.
    """

    def __init__(self, module: VideoPrismForVideoClassification, geometry: Geometry, needs: Needs) -> None:
        super().__init__(geometry, needs)
        self.norm: Any = module.head_layernorm
        self.classifier: Any = module.classifier
        (head,) = submodules_of(module, VideoPrismMultiheadAttentionPoolingHead)
        needs_projection = needs.values or needs.contributions
        self.projection = layer_weight(linear_layers(head)[-1]) if needs_projection else torch.empty(0)
        self.captures: dict[nn.Module, CaptureCallback] = {head: self._capture_pooler}
        for index, attention in enumerate(submodules_of(module, VideoPrismAttention)):
            over = "space" if index < module.config.num_spatial_layers else "time"
            self.layers.append({"over": over, "cap": attention.attn_logit_softcapping})
            if needs.rollout or needs.relevance or needs.patch:
                self.captures[attention] = partial(self._capture, self.layers[-1])

    def capture_readout(self, hidden: Tensor) -> None:
        """Store the output of the pooling head, ``(B, D)``."""
        self.readout = hidden[:, 0].detach()

    def _capture(
        self, captured: dict[str, Any], query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float
    ) -> None:
        if self.patch is not None:
            layout = self.geometry
            frame, index_in_frame = self.patch[0], self.patch[1] * layout.width + self.patch[2]
            # Sequences are frames, or patches over time; the sequences of one clip follow each other.
            if captured["over"] == "space":
                sequences, token = slice(frame, None, layout.frames), index_in_frame
            else:
                sequences, token = slice(index_in_frame, None, layout.height * layout.width), frame
            patch_query = query[sequences, :, token, None]
            captured["patch_row"] = _capped_attention(patch_query, key[sequences], scale, captured["cap"])[:, :, 0]
        if not (self.needs.rollout or self.needs.relevance):
            return
        attention = _capped_attention(query, key, scale, captured["cap"])
        captured["matrix"] = attention.mean(1)
        if self.needs.relevance:
            captured |= {"attention": attention, "value": value, "out": out}

    def _patch_row(self, layer: dict[str, Any], patch: Patch) -> Tensor:
        row, layout = layer["patch_row"], self.geometry
        rows = row.new_zeros(*row.shape[:2], layout.slices, layout.height * layout.width)
        if layer["over"] == "space":
            rows[:, :, patch[0]] = row
        else:
            rows[..., patch[1] * layout.width + patch[2]] = row
        return rows

    def _value_norms(self) -> Tensor:
        return projected_value_norms(self.pooler["value"], self.projection)

    def _value_contributions(self, slopes: Tensor) -> Tensor:
        # This norm multiplies by 1 + weight.
        gain = self.norm.weight + 1
        direction = class_direction(self.norm, self.classifier, self.readout, slopes, gain)
        return value_contributions(direction, self.pooler["value"], self.projection)

    def _compute_rollouts(self, reads: Mapping[str, Tensor]) -> dict[str, Tensor]:
        terms = self._to_grid(torch.stack(list(reads.values()), 1))[:, :, None]
        for layer in reversed(self.layers):
            terms = add_step(terms, _carry_flow(terms, layer["over"], layer["matrix"]), 2)
        return {name: terms[:, index] for index, name in enumerate(reads)}

    def _compute_relevance(self) -> Tensor:
        flow = self._to_grid(self._compute_pooler_relevance())[:, None, None]
        for layer in reversed(self.layers):
            change = layer["slope"].float() @ layer["value"].float().transpose(-2, -1)
            flow = flow + _carry_flow(flow, layer["over"], (layer["attention"] * change).relu().mean(1))
        return flow[:, 0, 0]


def _capped_attention(query: Tensor, key: Tensor, scale: float, cap: float) -> Tensor:
    """Compute attention with capped scores: float32 ``(n, H, q, k)``."""
    scores = query.float() @ key.float().transpose(-2, -1) * scale
    return (cap * (scores / cap).tanh()).softmax(-1)


def _carry_flow(flow: Tensor, over: str, matrix: Tensor) -> Tensor:
    """Carry ``(B, K, n, T, P)`` through attention within frames ``(B·T, P, P)``, or over time ``(B·P, T, T)``."""
    matrix = matrix.unflatten(0, (len(flow), -1))
    return torch.einsum("bkntq,btqp->bkntp" if over == "space" else "bkntp,bptu->bknup", flow, matrix)


VIDEOPRISM = Family(
    name="videoprism_vision_model",
    architecture=VideoPrismForVideoClassification,
    geometry=geometry,
    make_reader=VideoPrismReader,
    layers=lambda module: submodules_of(module, VideoPrismLayer),
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    # In blocks over time, a sequence is one patch.
    last_layer_order="patch_major",
)
