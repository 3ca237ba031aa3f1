"""Loading a classifier from the hub, a folder or memory."""

from __future__ import annotations

from pathlib import Path
import json
import torch
from torch import nn
from staa_widgets.models.base import VideoModel
from staa_widgets.models.families import FAMILIES
from staa_widgets.models.transform import Transform


def load_model(model=None, *, device="auto", dtype="auto", processor=None, id=None) -> VideoModel:
    family = FAMILIES["timesformer"]
    if isinstance(model, nn.Module):
        module = model
        transform = processor or Transform(size=(module.config.image_size,) * 2)
    else:
        folder = Path(model) if model else Path(__file__).parent / "bundled"
        module = family.architecture.from_pretrained(folder, use_safetensors=True).eval()
        transform = processor or Transform.from_json(json.loads((folder / "preprocessor_config.json").read_text()))
    labels = tuple(module.config.id2label[i] for i in range(module.config.num_labels))
    return VideoModel(module, family.geometry(module.config), transform, family.name, labels, id or str(model or "bundled"), torch.device("cpu"), torch.float32)


def weights_digest(model):
    raise NotImplementedError
