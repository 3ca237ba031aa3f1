"""V-JEPA 2 (Hugging Face): joint attention over tubelets, read by the learned query of an attentive pooler.

Assran et al., "V-JEPA 2: Self-Supervised Video Models Enable Understanding, Prediction and Planning", arXiv 2506.09985.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import VJEPA2Config, VJEPA2ForVideoClassification
from transformers.models.vjepa2.modeling_vjepa2 import (
    VJEPA2Encoder,
    VJEPA2Layer,
    VJEPA2PoolerCrossAttention,
    VJEPA2PoolerSelfAttention,
    VJEPA2PoolerSelfAttentionLayer,
    VJEPA2RopeAttention,
)

from staa_widgets.errors import UnsupportedModelError
from staa_widgets.models.attention import query_sampling as queries
from staa_widgets.models.attention.buffers import TensorBuffer
from staa_widgets.models.attention.ops import carry_relevance, head_mean, mean_row, value_contributions
from staa_widgets.models.attention.pooled import PooledReader
from staa_widgets.models.attention.rollout import roll_out
from staa_widgets.models.attention.rotary import RotaryCache
from staa_widgets.models.family import CaptureCallback, Family, submodules_of
from staa_widgets.records.geometry import Geometry, Patch
from staa_widgets.records.record import Needs

_ROTATION_METHOD = "apply_rotary_embeddings"


def geometry(config: VJEPA2Config) -> Geometry:
    """Layout of the tokens: tubelets slice by slice, and no CLS."""
    patch = config.patch_size
    if not isinstance(patch, int):
        raise UnsupportedModelError(
            f"This V-JEPA 2 has patch size {patch}.", "transformers runs it with square patches: give one number."
        )
    return Geometry(
        frames=config.frames_per_clip,
        tubelet=config.tubelet_size,
        height=config.crop_size // patch,
        width=config.crop_size // patch,
        order="time_major",
        prefix=0,
        input_size=(config.crop_size, config.crop_size),
        input_name="pixel_values_videos",
    )


def blocks(module: nn.Module) -> tuple[nn.Module, ...]:
    """Blocks of the encoder and of the pooler that take and give all tokens; the predictor has no part in a class."""
    (encoder,) = submodules_of(module, VJEPA2Encoder)
    return submodules_of(encoder, VJEPA2Layer) + submodules_of(module, VJEPA2PoolerSelfAttentionLayer)


class VJEPA2Reader(PooledReader):
    """One pass of a V-JEPA 2 being read, see `staa_widgets.models.family.AttentionReader`.

    The one layer whose row can be read is the pooler's cross attention: its learned query asks, tokens answer. It has
    no projection behind it, and what stays of the query beside it says nothing of the video. Rollout carries that row
    back through the pooler's self attention and the encoder; where there are many tokens, sampled queries stand for all
    on the way (`staa_widgets.models.attention.query_sampling`), but the row itself is exact.

    What a token adds to a logit is what its value, weighted by the row, adds on the direct path: the classifier reads
    the sum of the query, this and the pooler's MLP of both. What goes through the MLP is left aside.
    """

    norm = None

    def __init__(self, module: VJEPA2ForVideoClassification, geometry: Geometry, needs: Needs) -> None:
        super().__init__(geometry, needs)
        self.classifier = module.classifier
        self.sampled = queries.samples_queries(geometry, needs)
        self.keeps_matrices = (
            needs.spatial and not self.sampled and queries.count_tokens(geometry) <= queries.EXACT_TOKENS
        )
        (asking,) = submodules_of(module, VJEPA2PoolerCrossAttention)
        (encoder,) = submodules_of(module, VJEPA2Encoder)
        behind = submodules_of(encoder, VJEPA2RopeAttention) + submodules_of(module, VJEPA2PoolerSelfAttention)
        self.layers = [{} for _ in behind]
        self.buffer = TensorBuffer(2 * len(behind))
        self.captures: dict[nn.Module, CaptureCallback] = {asking: self._capture_pooler}
        if needs.spatial or needs.relevance or needs.patch:
            pairs = zip(behind, self.layers, strict=True)
            self.captures |= {attention: partial(self._capture, taken) for attention, taken in pairs}

    def rotation_replacements(self) -> dict[tuple[nn.Module, str], Callable[..., Tensor]]:
        """Rotate queries and keys in the buffer that holds them, which pays for holding them; see `Family`."""
        if not self.needs.spatial or self.needs.backward or self.keeps_matrices:
            return {}
        turn = RotaryCache(self.buffer.new_like)
        turning = [part for part in self.captures if isinstance(part, VJEPA2RopeAttention)]
        return {
            (part, _ROTATION_METHOD): partial(turn, getattr(part, _ROTATION_METHOD))
            for part in turning
            if hasattr(part, _ROTATION_METHOD)
        }

    def capture_readout(self, hidden: Tensor) -> None:
        """Keep nothing: the classifier is linear in what it reads."""

    def _capture(
        self, taken: dict[str, Any], query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float
    ) -> None:
        if self.keeps_matrices:
            taken["matrix"] = head_mean(query, key, scale)
        if self.query is not None:
            taken["patch_row"] = mean_row(query[:, :, self.geometry.token_index(self.query), None], key, scale)
        if self.needs.relevance:
            taken |= {"query": query, "key": key, "value": value, "out": out, "scale": scale}
        elif self.needs.spatial and not self.keeps_matrices:
            taken |= {"query": self.buffer(query), "key": self.buffer(key), "scale": scale}

    def _patch_row(self, layer: dict[str, Any], query: Patch) -> Tensor:  # noqa: ARG002  taken on the way
        return self._to_grid(layer["patch_row"])

    def _lengths(self) -> Tensor:
        return self.pooler["value"].float().norm(dim=-1)

    def _moved(self, targets: Tensor) -> Tensor:
        weight = self.classifier.weight.float()
        direction = weight[targets] - (weight.mean(0) if len(weight) > 1 else 0)
        return value_contributions(direction, self.pooler["value"], torch.eye(weight.shape[1], device=weight.device))

    def _rollouts(self, read: Mapping[str, Tensor]) -> dict[str, Tensor]:
        path = queries.token_path(self.geometry) if self.sampled else None
        terms, errors = roll_out(torch.stack(list(read.values()), 1), self.layers, path=path)
        if self.sampled:
            self.errors |= {name: errors[:, at] for at, name in enumerate(read)}
        return {name: self._to_grid(terms[:, at]) for at, name in enumerate(read)}

    def _relevance(self) -> Tensor:
        flow = self._pooler_relevance()
        for taken in reversed(self.layers):
            flow = flow + carry_relevance(
                flow, taken["query"], taken["key"], taken["value"], taken["slope"], taken["scale"]
            )
        return self._to_grid(flow)


VJEPA2 = Family(
    name="vjepa2",
    architecture=VJEPA2ForVideoClassification,
    geometry=geometry,
    read=VJEPA2Reader,
    layers=blocks,
    replacements=lambda _, reading: reading.turns(),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
