"""Small random models of every family: 4 frames of 24 px, patches of 8 px, 3 layers, 4 heads, 5 classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from staa_widgets.models import FAMILIES, Transform, VideoModel, load_model
from staa_widgets.records.record import Needs

ALL_NEEDS = Needs(
    rows=True,
    mean_rows=True,
    heads=True,
    time_rows=True,
    rollout=True,
    frame_rollout=True,
    temporal=True,
    spatial=True,
    first_frame=True,
    values=True,
    contributions=True,
    gradients=True,
    relevance=True,
)
PROCESSOR = Transform(shortest_edge=24, crop=(24, 24), mean=(0.45, 0.45, 0.45), std=(0.225, 0.225, 0.225))

_WIDE = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_labels": 5}
_USUAL = {**_WIDE, "image_size": 24, "num_frames": 4, "intermediate_size": 48}


@dataclass(frozen=True)
class TinyConfig:
    """Settings of a family's small models.

    Parameters
    ----------
    settings
        Of its configuration.
    joint
        Further settings with which a `JointReader` reads it; ``None`` if it has no such attention.
    separate_slices
        Further settings with which a slice of the clip changes only its own tokens before the first row that is read.
    """

    settings: dict[str, Any]
    joint: dict[str, Any] | None = None
    separate_slices: dict[str, Any] = field(default_factory=dict)


# Of each family that attends, by name. A new family needs one here.
_CONFIGS = {
    "timesformer": TinyConfig({**_USUAL, "patch_size": 8}, joint={"attention_type": "joint_space_time"}),
    "vivit": TinyConfig({**_USUAL, "tubelet_size": (2, 8, 8)}, joint={}),
    "videomae": TinyConfig(
        {**_USUAL, "tubelet_size": 2, "patch_size": 8}, joint={}, separate_slices={"use_mean_pooling": False}
    ),
    "vjepa2": TinyConfig(
        {
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
        separate_slices={"num_hidden_layers": 0, "num_pooler_layers": 0},
    ),
    "videoprism_vision_model": TinyConfig(
        {
            **{name: value for name, value in _USUAL.items() if name != "num_hidden_layers"},
            "tubelet_size": (1, 8, 8),
            "num_spatial_layers": 2,
            "num_temporal_layers": 2,
            "attn_logit_softcapping": 2.0,
        },
        separate_slices={"num_spatial_layers": 0, "num_temporal_layers": 0},
    ),
}
TINY_CONFIGS = {name: config for name, config in _CONFIGS.items() if name in FAMILIES}
"""Of each family that this release of transformers has."""
MISSING_FAMILIES = _CONFIGS.keys() - FAMILIES.keys()
"""Families that this release of transformers does not have."""

ATTENDING = [name for name, family in FAMILIES.items() if family.attends]
INTERFACE_FAMILIES = [name for name in ATTENDING if FAMILIES[name].attention_forward is None]
"""Families that go through transformers' `AttentionInterface`."""


def tiny_classifier(family: str, *, seed: int = 0, std: float = 0.2, **settings: Any) -> Any:
    """Make a small classifier with random weights, wide enough apart that its attention is not flat."""
    architecture: Any = FAMILIES[family].architecture
    module = architecture(architecture.config_class(**{**TINY_CONFIGS[family].settings, **settings})).eval()
    return fill_at_random(module, seed=seed, std=std)


def fill_at_random(module: Any, *, seed: int = 0, std: float = 0.2) -> Any:
    """Draw all weights of a module but those of norms, and return the module."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        if "norm" not in name:
            nn.init.normal_(parameter, std=std, generator=generator)
    return module


@cache
def tiny_video_model(family: str, **settings: Any) -> VideoModel:
    """Make a small `VideoModel`; it is shared between tests, so leave it as it is."""
    return load_model(tiny_classifier(family, **settings), processor=PROCESSOR, id="tiny")


def random_pixels(count: int, *, seed: int = 1, model: VideoModel | None = None) -> Tensor:
    """Draw pixels ``(count, T, 3, H, W)`` at random."""
    frames, (height, width) = (model.geometry.frames, model.geometry.input_size) if model else (4, (24, 24))
    return torch.randn(count, frames, 3, height, width, generator=torch.Generator().manual_seed(seed))
