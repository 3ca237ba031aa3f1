"""How published classifiers were trained to sample a video: the seconds that their frames span.

The numbers come from the code and the configurations that the authors published:

- TimeSformer, github.com/facebookresearch/TimeSformer: ``configs/Kinetics``, converted to 30 frames a second
  (``datasets/decoder.py``); ``configs/SSv2``, one frame from each of T equal parts of the clip.
- VideoMAE, github.com/MCG-NJU/VideoMAE: ``scripts/kinetics``, every fourth frame of the video, and Kinetics has about
  30 frames a second; ``scripts/ssv2``, one frame from each of T equal parts of the clip.
- ViViT, github.com/google-research/scenic: ``projects/vivit/configs/kinetics400``, every second of 250 frames of a clip
  of 10 s.
- V-JEPA 2, github.com/facebookresearch/vjepa2: ``configs/inference``, every fourth frame with 16 frames per clip,
  every second frame with 32 or 64.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

KINETICS_RATE = 30.0
"""Frames a second that most training code assumes for Kinetics."""

SSV2_SECONDS = 4.0
"""Mean length of a clip of Something-Something v2."""


@dataclass(frozen=True)
class Recipe:
    """The part of a video that a model was trained to see in one window.

    Parameters
    ----------
    seconds
        Seconds that the frames of a window span; if `whole`, the typical length of a training clip.
    whole
        Whether the model was trained on whole clips: one frame from each of T equal parts.
    """

    seconds: float
    whole: bool = False


def _recipe_with_stride(frames: int, stride: int, rate: float = KINETICS_RATE) -> Recipe:
    return Recipe(frames * stride / rate)


_WHOLE_SSV2 = Recipe(SSV2_SECONDS, whole=True)
_TIMESFORMER = _recipe_with_stride(8, 32)
_TIMESFORMER_HR = _recipe_with_stride(16, 16)
_TIMESFORMER_LARGE = _recipe_with_stride(96, 4)
_VIDEOMAE = _recipe_with_stride(16, 4)
_VIVIT = _recipe_with_stride(32, 2, rate=25.0)
_VJEPA2_16_FRAMES = _recipe_with_stride(16, 4)
_VJEPA2_32_FRAMES = _recipe_with_stride(32, 2)
_VJEPA2_64_FRAMES = _recipe_with_stride(64, 2)

KNOWN_RECIPES: Mapping[str, Recipe] = {
    "timesformer-base-finetuned-k400": _TIMESFORMER,
    "timesformer-base-finetuned-k600": _TIMESFORMER,
    "timesformer-base-finetuned-ssv2": _WHOLE_SSV2,
    "timesformer-hr-finetuned-k400": _TIMESFORMER_HR,
    "timesformer-hr-finetuned-k600": _TIMESFORMER_HR,
    "timesformer-hr-finetuned-ssv2": _WHOLE_SSV2,
    "timesformer-large-finetuned-k400": _TIMESFORMER_LARGE,
    "timesformer-large-finetuned-k600": _TIMESFORMER_LARGE,
    "timesformer-large-finetuned-ssv2": _WHOLE_SSV2,
    "videomae-small-finetuned-kinetics": _VIDEOMAE,
    "videomae-base-finetuned-kinetics": _VIDEOMAE,
    "videomae-base-short-finetuned-kinetics": _VIDEOMAE,
    "videomae-large-finetuned-kinetics": _VIDEOMAE,
    "videomae-huge-finetuned-kinetics": _VIDEOMAE,
    "videomae-small-finetuned-ssv2": _WHOLE_SSV2,
    "videomae-base-finetuned-ssv2": _WHOLE_SSV2,
    "videomae-base-short-finetuned-ssv2": _WHOLE_SSV2,
    "vivit-b-16x2": _VIVIT,
    "vivit-b-16x2-kinetics400": _VIVIT,
    "vjepa2-vitl-fpc16-256-ssv2": _WHOLE_SSV2,
    "vjepa2-vitg-fpc64-384-ssv2": _WHOLE_SSV2,
    "vjepa2-vitl-fpc32-256-diving48": _VJEPA2_32_FRAMES,
    "vjepa2-vitg-fpc32-384-diving48": _VJEPA2_32_FRAMES,
}
"""Recipes of published checkpoints by the last part of their id, so that copies of a repository are found too."""

_FAMILY_RECIPES: Mapping[str, tuple[Recipe, Mapping[int, Recipe]]] = {
    "timesformer": (_TIMESFORMER, {96: _TIMESFORMER_LARGE}),
    "videomae": (_VIDEOMAE, {}),
    "vivit": (_VIVIT, {}),
    "vjepa2": (_VJEPA2_16_FRAMES, {64: _VJEPA2_64_FRAMES}),
}
"""By family: the recipe of its published checkpoints, and other recipes by the number of frames of a window."""


def find_recipe(family: str, frames: int, names: Iterable[str | None]) -> Recipe | None:
    """Return the recipe of a checkpoint, or else the one of its family; ``None`` if neither is known.

    Parameters
    ----------
    family
        Name in `FAMILIES`.
    frames
        Number of frames of a window.
    names
        Names of the checkpoint, the most specific first: the id or folder that the user gave, then the id in its
        configuration. A name with ``ssv2`` or ``something-something`` in its last part means whole clips of
        Something-Something v2, unless it is in `KNOWN_RECIPES`.
    """
    last_parts = [name.rstrip("/").rpartition("/")[2].lower() for name in names if name]
    for part in last_parts:
        if part in KNOWN_RECIPES:
            return KNOWN_RECIPES[part]
        if "ssv2" in part or "something-something" in part:
            return _WHOLE_SSV2
    if family not in _FAMILY_RECIPES:
        return None
    default, by_frames = _FAMILY_RECIPES[family]
    return by_frames.get(frames, default)
