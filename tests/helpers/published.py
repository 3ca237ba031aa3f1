"""Folders like those of published checkpoints: their JSON files and the old names of weights, but small and random."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from staa_widgets.models import FAMILIES
from staa_widgets.models.checkpoint.known import KnownCheckpoint
from staa_widgets.models.checkpoint.settings import make_config
from tests.helpers.tiny import fill_at_random

HALF, IMAGENET = ([0.5] * 3, [0.5] * 3), ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

_NARROW = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
_STEPS = {"do_resize": True, "do_center_crop": True, "do_rescale": True, "do_normalize": True, "resample": 2}

# What transformers 5 calls them, and what they were called when the checkpoints were published.
OLD_NAMES: dict[str, dict[str, Any]] = {
    "timesformer": {},
    "vivit": {
        r"^vivit\.layers\.": "vivit.encoder.layer.",
        r"\.attention\.([qkv])_proj\.": lambda match: f".attention.attention.{_QKV[match[1]]}.",
        r"\.attention\.o_proj\.": ".attention.output.dense.",
        r"\.mlp\.fc1\.": ".intermediate.dense.",
        r"\.mlp\.fc2\.": ".output.dense.",
    },
    "videomae": {r"\.query\.bias$": ".q_bias", r"\.value\.bias$": ".v_bias"},
    "vjepa2": {},
}
_QKV = {"q": "query", "k": "key", "v": "value"}


def published_config(known: KnownCheckpoint) -> dict[str, Any]:
    """Return the contents of config.json, as published but narrow and of one layer."""
    architecture: Any = FAMILIES[known.family].architecture
    content = {
        **_NARROW,
        "architectures": [architecture.__name__],
        "model_type": known.family,
        "id2label": {str(index): f"class {index}" for index in range(known.classes)},
        "torch_dtype": "float32",
    }
    sizes: dict[str, dict[str, Any]] = {
        "timesformer": {
            "attention_type": "divided_space_time",
            "num_frames": known.frames,
            "image_size": known.size,
            "patch_size": 16,
            "qkv_bias": True,
            "transformers_version": "4.25.0.dev0",
        },
        "videomae": {
            "num_frames": known.frames,
            "image_size": known.size,
            "patch_size": 16,
            "tubelet_size": 2,
            "qkv_bias": True,
            "use_mean_pooling": True,
            "decoder_hidden_size": 384,
            "norm_pix_loss": True,
            "transformers_version": "4.22.0.dev0",
        },
        "vivit": {
            "num_frames": known.frames,
            "image_size": known.size,
            "tubelet_size": [2, 16, 16],
            "video_size": [known.frames, known.size, known.size],
            "hidden_act": "gelu_fast",
            "transformers_version": "4.31.0.dev0",
        },
        "vjepa2": {
            "crop_size": known.size,
            "image_size": known.size,
            "frames_per_clip": known.frames,
            "patch_size": 16,
            "tubelet_size": 2,
            "mlp_ratio": 1.0,
            "hidden_size": 48,
            "num_pooler_layers": 1,
            "pred_hidden_size": 24,
            "pred_num_attention_heads": 2,
            "pred_num_hidden_layers": 1,
            "pred_num_mask_tokens": 1,
            "transformers_version": "4.53.0.dev0",
        },
    }
    return content | sizes[known.family]


def published_processor(known: KnownCheckpoint) -> tuple[str, dict[str, Any]]:
    """Return the name and contents of the processor's JSON."""
    mean, std = {"timesformer": ([0.45] * 3, [0.225] * 3), "vivit": HALF}.get(known.family, IMAGENET)
    square = {"height": known.size, "width": known.size}
    content: dict[str, Any] = {**_STEPS, "crop_size": square, "image_mean": mean, "image_std": std}
    named = {"image_processor_type": known.processor}
    if known.family == "vjepa2":
        content |= {"size": {"shortest_edge": known.size * 256 // 224}, "rescale_factor": 1 / 255}
        content |= {"video_processor_type": known.processor, "device": None, "size_divisor": None}
        return "video_preprocessor_config.json", content
    if known.family == "vivit":
        # Without the key `offset`, whose default is true in this class.
        content |= named | {"size": {"shortest_edge": 256}, "rescale_factor": 1 / 127.5}
    elif known.family == "timesformer":
        del content["do_rescale"]
        content |= {"size": {"shortest_edge": known.size}, "feature_extractor_type": known.processor}
    else:
        content |= named | {"size": {"shortest_edge": known.size}, "rescale_factor": 1 / 255}
    return "preprocessor_config.json", content


def write_published(known: KnownCheckpoint, folder: Path, *, kind: str = "bin") -> dict[str, Tensor]:
    """Write the folder of a published checkpoint, and return its weights by the names of this transformers.

    Parameters
    ----------
    known
        The checkpoint.
    folder
        Folder to write to.
    kind
        ``"bin"``, ``"safetensors"``, or these with `` in two files``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = published_config(known)
    (folder / "config.json").write_text(json.dumps(content))
    name, processor = published_processor(known)
    (folder / name).write_text(json.dumps(processor))
    family = FAMILIES[known.family]
    architecture: Any = family.architecture
    module = fill_at_random(architecture(make_config(family, content, [(known.classes,)] * 99)))
    tensors = {
        key: torch.zeros_like(tensor) if is_new(key) else tensor.clone() for key, tensor in module.state_dict().items()
    }
    old = {old_name(known.family, key): tensor for key, tensor in tensors.items() if not is_new(key)}
    write_weights(folder, old, kind)
    return tensors


def old_name(family: str, name: str) -> str:
    """Return the name that a weight had when the checkpoints of a family were published."""
    for new, old in OLD_NAMES[family].items():
        name = re.sub(new, old, name)
    return name


def is_new(name: str) -> bool:
    """Whether only some releases of transformers have this weight: the bias of VideoMAE's keys."""
    return name.startswith("videomae.") and name.endswith(".key.bias")


def write_weights(folder: Path, tensors: dict[str, Tensor], kind: str) -> None:
    """Write weights as one file or as two with an index."""
    suffix, save, stem = ("safetensors", save_file, "model")
    if kind.startswith("bin"):
        suffix, save, stem = ("bin", torch.save, "pytorch_model")
    if not kind.endswith("in two files"):
        save(tensors, folder / f"{stem}.{suffix}")
        return
    names = {key: f"{stem}-0000{1 + index % 2}-of-00002.{suffix}" for index, key in enumerate(tensors)}
    for file in set(names.values()):
        save({key: tensor for key, tensor in tensors.items() if names[key] == file}, folder / file)
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
