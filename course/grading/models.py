"""What the checks compute with models: matrices of attention, ground truth, and predictions."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from course.source.A1.own_clips import draw
from course.source.A3 import scenes

A3_FOLDER = Path(scenes.__file__).parent


class Attention(NamedTuple):
    """Head-mean attention of one clip, and the map of `staa` with the ground truth on its grid.

    `spatial` ``(L, T, 1 + P, 1 + P)``, `temporal` ``(L, P, T, T)``, `profile` ``(T,)``, `maps` and `where`
    ``(T, P)``.
    """

    spatial: np.ndarray
    temporal: np.ndarray
    profile: np.ndarray
    maps: np.ndarray
    where: np.ndarray


@lru_cache(maxsize=1)
def _bundled() -> tuple[Any, np.ndarray]:
    import staa_widgets as staa

    model = staa.load_model()
    return model, staa.time_profile(model)


@lru_cache(maxsize=128)
def clip_attention(seed: int) -> Attention:
    """Return the attention of the bundled model on the clip of a seed."""
    import torch

    from staa_widgets.explanation.ground_truth import ground_truth_on_grid
    from staa_widgets.methods.staa import staa as staa_method
    from staa_widgets.models.capture import record
    from staa_widgets.records.record import Needs
    from staa_widgets.video.open import open_clip
    from staa_widgets.video.windows import choose_windows

    model, profile = _bundled()
    clip = draw(seed)
    sampled = choose_windows(open_clip(clip), model.geometry)[0].indices
    pixels = torch.from_numpy(np.asarray(model.transform(clip.frames[sampled])))[None]
    needs = Needs(spatial=True, temporal=True, rollout=True, mean_rows=True, time_rows=True)
    recorded = record(model, pixels, needs, [None])[0]
    maps = staa_method(recorded, profile=profile.tolist())
    box = model.transform.box(clip.frames.shape[2], clip.frames.shape[1])
    truth = ground_truth_on_grid(clip, sampled.reshape(len(maps), -1), box, maps.shape[1:])
    assert recorded.spatial is not None
    assert recorded.temporal is not None
    return Attention(
        recorded.spatial.astype(np.float64),
        recorded.temporal.astype(np.float64),
        profile,
        maps.reshape(len(maps), -1),
        truth.where.reshape(len(maps), -1),
    )


def tiny_attention(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return head-mean attention of a tiny random TimeSformer, and its rollout with a residual of 0.6.

    `spatial` ``(2, 4, 5, 5)``, `temporal` ``(2, 4, 4, 4)`` and the rollout ``(4, 4)``, which the package computed.
    """
    import torch
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    import staa_widgets as staa
    from staa_widgets.methods.staa import staa as staa_method
    from staa_widgets.models.capture import record
    from staa_widgets.records.record import Needs

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        make_config: Any = TimesformerConfig
        config = make_config(
            image_size=16, patch_size=8, num_frames=4, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, num_labels=3, initializer_range=0.6, drop_path_rate=0,
        )  # fmt: skip
        module = TimesformerForVideoClassification(config).eval()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.normal_(0, 0.5)
        pixels = torch.randn(1, 4, 3, 16, 16)
    settings = {
        "size": {"height": 16, "width": 16}, "do_resize": True, "resample": 2, "do_rescale": True,
        "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    }  # fmt: skip
    model = staa.load_model(module, processor=settings)
    needs = Needs(spatial=True, temporal=True, rollout=True, mean_rows=True, time_rows=True)
    recorded = record(model, pixels, needs, [0])[0]
    maps = staa_method(recorded, residual=0.6, profile=None).astype(np.float64)
    assert recorded.spatial is not None
    assert recorded.temporal is not None
    return recorded.spatial.astype(np.float64), recorded.temporal.astype(np.float64), maps.reshape(4, 4)


def average_precision(maps: np.ndarray, where: np.ndarray) -> float:
    """Return the average precision of a map, without the package's tensors; ties in the order of the cells."""
    order = np.argsort(-maps.ravel(), kind="stable")
    hits = where.ravel()[order]
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    return float((precision * hits).sum() / max(hits.sum(), 1))


@lru_cache(maxsize=2)
def audit_model(name: str) -> Any:
    """Return one of the two models of A3 by the name of its folder."""
    import staa_widgets as staa

    return staa.load_model(A3_FOLDER / "models" / name)


def predict(name: str, clips: list[np.ndarray]) -> np.ndarray:
    """Return the logits ``(N, 4)`` of a model of A3 for clips uint8 ``(16, 96, 96, 3)``."""
    import torch

    from staa_widgets.video.open import open_clip
    from staa_widgets.video.windows import choose_windows

    model = audit_model(name)
    sampled = choose_windows(open_clip(clips[0], fps=4), model.geometry)[0].indices
    pixels = np.stack([model.transform(clip[sampled]) for clip in clips])
    with torch.no_grad():
        return model.module(pixel_values=torch.from_numpy(pixels)).logits.numpy()
