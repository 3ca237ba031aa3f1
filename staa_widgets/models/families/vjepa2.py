"""V-JEPA 2 (Hugging Face): joint attention over tubelets, then an attentive pooler.

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
from staa_widgets.models.attention import query_sampling
from staa_widgets.models.attention.buffers import TensorBuffer
from staa_widgets.models.attention.linear import logit_gradient
from staa_widgets.models.attention.ops import carry_relevance, head_mean, mean_row, value_contributions
from staa_widgets.models.attention.pooled import PooledReader
from staa_widgets.models.attention.rollout import roll_out
from staa_widgets.models.attention.rotary import RotaryCache
from staa_widgets.models.family import CaptureCallback, Family, submodules_of
from staa_widgets.records.geometry import Geometry, Patch
from staa_widgets.records.record import Needs

_ROTATION_METHOD = "apply_rotary_embeddings"


def geometry(config: VJEPA2Config) -> Geometry:
    """Return the token layout: tubelets slice by slice, and no CLS."""
    patch = config.patch_size
    if not isinstance(patch, int):
        raise UnsupportedModelError(
            f"A V-JEPA 2 with patch size {patch} is not supported.",
            "Use square patches: in the configuration, give the size as one number.",
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
    """Return the blocks of encoder and pooler through which all tokens go; the predictor does not affect the logits."""
    (encoder,) = submodules_of(module, VJEPA2Encoder)
    return submodules_of(encoder, VJEPA2Layer) + submodules_of(module, VJEPA2PoolerSelfAttentionLayer)


class VJEPA2Reader(PooledReader):
    """Reads attention of one pass of a V-JEPA 2, see `staa_widgets.models.family.AttentionReader`.

    Only the pooler's cross attention has a row of attention from the readout: its learned query attends to the tokens.
    Cross attention here has no output projection, and its residual, the query, does not depend on the video. Rollout
    carries the row back through the pooler's self attention and the encoder. With many tokens, sampled queries stand
    for all queries of these layers (`staa_widgets.models.attention.query_sampling`), but the row itself is exact.

    The classifier reads the sum of the query, the weighted values, and the output of the pooler's MLP. The contribution
    of a token to a logit is the contribution of its weighted value to this sum; the path through the MLP is ignored.
    """

    def __init__(self, module: VJEPA2ForVideoClassification, geometry: Geometry, needs: Needs) -> None:
        super().__init__(geometry, needs)
        self.classifier: Any = module.classifier
        self.norm = self.classifier
        self.samples_queries = query_sampling.samples_queries(geometry, needs)
        self.keeps_matrices = needs.rollout and not self.samples_queries and query_sampling.has_few_tokens(geometry)
        (cross_attention,) = submodules_of(module, VJEPA2PoolerCrossAttention)
        (encoder,) = submodules_of(module, VJEPA2Encoder)
        self_attentions = submodules_of(encoder, VJEPA2RopeAttention) + submodules_of(module, VJEPA2PoolerSelfAttention)
        self.layers = [{} for _ in self_attentions]
        self.buffer = TensorBuffer(2 * len(self_attentions))
        self.captures: dict[nn.Module, CaptureCallback] = {cross_attention: self._capture_pooler}
        if needs.rollout or needs.relevance or needs.patch:
            pairs = zip(self_attentions, self.layers, strict=True)
            self.captures |= {attention: partial(self._capture, captured) for attention, captured in pairs}

    def rotation_replacements(self) -> dict[tuple[nn.Module, str], Callable[..., Tensor]]:
        """Return replacements that rotate queries and keys into the buffer, see `Family.replacements`.

        This saves as much time as storing queries and keys takes.
        """
        if not self.needs.rollout or self.needs.backward or self.keeps_matrices:
            return {}
        rotary = RotaryCache(self.buffer.new_like)
        attentions = [part for part in self.captures if isinstance(part, VJEPA2RopeAttention)]
        return {
            (part, _ROTATION_METHOD): partial(rotary, getattr(part, _ROTATION_METHOD))
            for part in attentions
            if hasattr(part, _ROTATION_METHOD)
        }

    def capture_readout(self, hidden: Tensor) -> None:
        """Store the input of the classifier, ``(B, D)``."""
        self.readout = hidden.detach()

    def _capture(
        self, captured: dict[str, Any], query: Tensor, key: Tensor, value: Tensor, out: Tensor, scale: float
    ) -> None:
        if self.keeps_matrices:
            captured["matrix"] = head_mean(query, key, scale)
        if self.patch is not None:
            captured["patch_row"] = mean_row(query[:, :, self.geometry.token_index(self.patch), None], key, scale)
        if self.needs.relevance:
            captured |= {"query": query, "key": key, "value": value, "out": out, "scale": scale}
        elif self.needs.rollout and not self.keeps_matrices:
            captured |= {"query": self.buffer.store(query), "key": self.buffer.store(key), "scale": scale}

    def _patch_row(self, layer: dict[str, Any], patch: Patch) -> Tensor:  # noqa: ARG002  captured during the pass
        return self._to_grid(layer["patch_row"])

    def _value_norms(self) -> Tensor:
        return self.pooler["value"].float().norm(dim=-1)

    def _value_contributions(self, slopes: Tensor) -> Tensor:
        direction = logit_gradient(self.classifier, self.readout, slopes)
        identity = torch.eye(direction.shape[1], device=direction.device)
        return value_contributions(direction, self.pooler["value"], identity)

    def _compute_rollouts(self, reads: Mapping[str, Tensor]) -> dict[str, Tensor]:
        path = query_sampling.token_path(self.geometry) if self.samples_queries else None
        terms, errors = roll_out(torch.stack(list(reads.values()), 1), self.layers, path=path)
        if self.samples_queries:
            self.errors |= {name: errors[:, index] for index, name in enumerate(reads)}
        return {name: self._to_grid(terms[:, index]) for index, name in enumerate(reads)}

    def _compute_relevance(self) -> Tensor:
        flow = self._compute_pooler_relevance()
        for captured in reversed(self.layers):
            flow = flow + carry_relevance(
                flow, captured["query"], captured["key"], captured["value"], captured["slope"], captured["scale"]
            )
        return self._to_grid(flow)


VJEPA2 = Family(
    name="vjepa2",
    architecture=VJEPA2ForVideoClassification,
    geometry=geometry,
    make_reader=VJEPA2Reader,
    layers=blocks,
    replacements=lambda _, reader: reader.rotation_replacements(),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
