"""Small untrained models, one of each family, small enough to be trained on two cores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VivitConfig,
    VivitForVideoClassification,
)

from training.data import NAMES

SIZE, PATCH, FRAMES, TUBELET = 64, 8, 8, 2
_SHARED: dict[str, Any] = {
    "image_size": SIZE,
    "num_frames": FRAMES,
    "hidden_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 384,
    "id2label": dict(enumerate(NAMES)),
    "label2id": {name: i for i, name in enumerate(NAMES)},
}


def sinusoids(count: int, width: int) -> Tensor:
    """Return sine and cosine position embeddings ``(count, width)``."""
    rate = 1 / 10000 ** (torch.arange(width // 2) * 2 / width)
    angle = torch.arange(count)[:, None] * rate[None, :]
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def timesformer() -> TimesformerForVideoClassification:
    """Return a TimeSformer: divided attention, 8 slices. Hugging Face's zero time embeddings stall the training."""
    config = TimesformerConfig(**_SHARED, patch_size=PATCH, attention_type="divided_space_time", drop_path_rate=0)
    model = _init_xavier(TimesformerForVideoClassification(config))
    embeddings = model.timesformer.embeddings
    with torch.no_grad():
        embeddings.position_embeddings[0, 1:] = 0.5 * _grid_positions(config.hidden_size)
        embeddings.time_embeddings[0] = 0.5 * sinusoids(FRAMES, config.hidden_size)
    return model


def vivit() -> VivitForVideoClassification:
    """Return a ViViT: joint attention, CLS readout, 4 slices of two frames."""
    config = VivitConfig(**_SHARED, tubelet_size=[TUBELET, PATCH, PATCH], hidden_act="gelu")
    model = _init_xavier(VivitForVideoClassification(config))
    with torch.no_grad():
        model.vivit.embeddings.position_embeddings[0, 1:] = _space_time_positions(config.hidden_size)
    return model


def videomae() -> VideoMAEForVideoClassification:
    """Return a VideoMAE: joint attention, mean of all tokens as readout, 4 slices of two frames."""
    config = VideoMAEConfig(**_SHARED, patch_size=PATCH, tubelet_size=TUBELET, use_mean_pooling=True)
    return _init_xavier(VideoMAEForVideoClassification(config))


NETS: dict[str, Callable[[], nn.Module]] = {"timesformer": timesformer, "vivit": vivit, "videomae": videomae}
"""Functions that build an untrained model, by family."""


def count_slices(config: Any) -> int:
    """Return the number of time slices of a model configuration."""
    return FRAMES if config.model_type == "timesformer" else FRAMES // TUBELET


def _grid_positions(width: int) -> Tensor:
    side = SIZE // PATCH
    rows = sinusoids(side, width // 2)
    grid = torch.cat([rows[:, None].expand(side, side, -1), rows[None].expand(side, side, -1)], dim=-1)
    return grid.reshape(side * side, width)


def _space_time_positions(width: int) -> Tensor:
    slices = sinusoids(FRAMES // TUBELET, width)
    return 0.5 * (_grid_positions(width)[None] + slices[:, None]).flatten(0, 1)


def _init_xavier(model: Any) -> Any:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model
