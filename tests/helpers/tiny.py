"""Small random models of every family: 4 frames of 24 px, patches of 8 px, 3 layers, 4 heads, 5 classes."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from staa_widgets.models import FAMILIES, Transform, VideoModel, load_model
from staa_widgets.records.record import Needs

ALL = Needs(rows=True, temporal=True, spatial=True, values=True, contributions=True, gradients=True, relevance=True)
PROCESSOR = Transform(shortest_edge=24, crop=(24, 24), mean=(0.45, 0.45, 0.45), std=(0.225, 0.225, 0.225))

_WIDE = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_labels": 5}
_USUAL = {**_WIDE, "image_size": 24, "num_frames": 4, "intermediate_size": 48}
# Configuration of each family that attends, by name; a new family needs one here.
TINY_CONFIGS: dict[str, dict[str, Any]] = {
    "timesformer": {**_USUAL, "patch_size": 8},
    "vivit": {**_USUAL, "tubelet_size": (2, 8, 8)},
    "videomae": {**_USUAL, "tubelet_size": 2, "patch_size": 8},
    "vjepa2": {
        **_WIDE,
        "hidden_size": 48,
        "crop_size": 24,
        "patch_size": 8,
        "frames_per_clip": 4,
        "tubelet_size": 2,
        "mlp_ratio": 1.0,
        "num_pooler_layers": 2,
        "pred_hidden_size": 24,
        "pred_num_attention_heads": 2,
        "pred_num_hidden_layers": 1,
        "pred_num_mask_tokens": 1,
    },
}
if "videoprism_vision_model" in FAMILIES:
    TINY_CONFIGS["videoprism_vision_model"] = {
        **{name: value for name, value in _USUAL.items() if name != "num_hidden_layers"},
        "tubelet_size": (1, 8, 8),
        "num_spatial_layers": 2,
        "num_temporal_layers": 2,
        "attn_logit_softcapping": 2.0,
    }


def tiny(family: str, *, seed: int = 0, std: float = 0.2, **settings: Any) -> Any:
    """Make one with attention that is not flat."""
    architecture: Any = FAMILIES[family].architecture
    module = architecture(architecture.config_class(**{**TINY_CONFIGS[family], **settings})).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        if "norm" not in name:
            nn.init.normal_(parameter, std=std, generator=generator)
    return module


@cache
def tiny_video_model(family: str, **settings: Any) -> VideoModel:
    """Make one ready to be explained; it is shared, so leave it as it is."""
    return load_model(tiny(family, **settings), processor=PROCESSOR, id="tiny")


def clips(count: int, *, seed: int = 1, model: VideoModel | None = None) -> Tensor:
    """Draw noise ``(count, T, 3, H, W)``."""
    frames, (height, width) = (model.geometry.frames, model.geometry.input_size) if model else (4, (24, 24))
    return torch.randn(count, frames, 3, height, width, generator=torch.Generator().manual_seed(seed))
