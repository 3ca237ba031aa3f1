"""Your own clips: seeds that follow from your id, and for each seed a map with its ground truth."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

import staa_widgets as staa
from staa_widgets.explanation.ground_truth import ground_truth_on_grid

COUNT = 20


class OwnClip(NamedTuple):
    """A map ``(S, h, w)`` with the ground truth on its grid: cells `where` ``(S, h, w)`` and slices `when` ``(S,)``."""

    maps: np.ndarray
    where: np.ndarray
    when: np.ndarray


def own_seeds(student: str) -> list[int]:
    """Return the twenty seeds of a student's id."""
    digest = hashlib.sha256(f"own clips of {student}".encode()).digest()
    return [int(seed) for seed in np.random.default_rng(list(digest)).integers(30_000_000, 40_000_000, COUNT)]


def draw(seed: int) -> staa.ActionClip:
    """Return the clip of a seed; its action may lie anywhere in time."""
    return staa.action_clip(seed, size=96, fps=4, kind="anywhere")


def own_clip(seed: int, method: str = "staa") -> OwnClip:
    """Return the bundled model's map of a seed's clip, with the ground truth on the map's grid."""
    clip = draw(seed)
    explanation = staa.explain(clip, method=method, cache=False, preview=False, attention=False, progress=False)
    truth = ground_truth_on_grid(clip, explanation.sampled_frames, explanation.box, explanation.maps.shape[1:])
    return OwnClip(explanation.maps, truth.where, truth.when)
