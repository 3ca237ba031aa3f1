"""Predict the actions of unseen clips: drawn at 320 pixels, written as mp4 and explained from the file."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm import tqdm

from staa_widgets import action_clip, explain, load_model, open_clip
from staa_widgets.datasets.drawn_actions import ActionClip, draw_scene
from training.data import CARD_SEEDS, CLEARLY_VISIBLE, draw_kind

if TYPE_CHECKING:
    from staa_widgets.models import VideoModel

SETS = ("unseen", "middle", "second", "backwards")
"""Clips of the training distribution; of whole actions in the middle; drawn otherwise; raise_arm played backwards."""


class Case(NamedTuple):
    """A clip of a set, by its seed."""

    set: str
    seed: int


class Prediction(NamedTuple):
    """Action of a clip, the share of it that is visible, and the action that each model predicts."""

    set: str
    label: str
    visible: float
    predicted: tuple[str, ...]


def list_cases(clear_clips: int, other_clips: int) -> list[Case]:
    """Return the clips to predict.

    Parameters
    ----------
    clear_clips
        Clips of the set "unseen" in which enough of the action is visible; the others of these seeds are added.
    other_clips
        Clips of each other set.
    """
    cases, clear, seed = [], 0, CARD_SEEDS
    while clear < clear_clips:
        cases.append(Case("unseen", seed))
        clear += draw_scene(seed, kind=_kind_of(seed)).actor.visible_share() >= CLEARLY_VISIBLE
        seed += 1
    return cases + [Case(name, CARD_SEEDS + n) for name in SETS[1:] for n in range(other_clips)]


def predict_actions(cases: Sequence[Case], models: Sequence[Path]) -> list[Prediction]:
    """Return the predictions of all models; each clip is drawn once."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor() as pool:
        predict = partial(predict_case, models=tuple(models), folder=folder)
        return list(tqdm(pool.map(predict, cases, chunksize=4), total=len(cases), desc="unseen clips", mininterval=10))


def predict_case(case: Case, models: tuple[Path, ...], folder: str) -> Prediction:
    """Return the predictions of all models for one clip."""
    import torch

    torch.set_num_threads(1)
    clip = draw_case(case)
    path = clip.write_mp4(Path(folder) / f"{case.set}-{case.seed}.mp4")
    video = open_clip(path)
    explanations = [
        explain(video, _load(model), "uniform", cache=False, preview=False, attention=False, progress=False)
        for model in models
    ]
    path.unlink()
    predicted = tuple(e.labels[int(np.argmax(e.logits))] for e in explanations)
    return Prediction(case.set, clip.label, clip.visible_share, predicted)


def draw_case(case: Case) -> ActionClip:
    """Return the clip of a case."""
    if case.set == "unseen":
        return action_clip(case.seed, fps=4, kind=_kind_of(case.seed))
    if case.set == "second":
        return action_clip(case.seed, fps=4, kind="anywhere", variant="second")
    if case.set == "middle":
        return action_clip(case.seed, fps=4, kind="middle")
    clip = action_clip(case.seed, "raise_arm", fps=4, kind="middle")
    return replace(clip, frames=clip.frames[::-1], where=clip.where[::-1], when=clip.when[::-1], label="lower_arm")


def _kind_of(seed: int) -> str:
    return draw_kind(np.random.default_rng([seed, 64]))


@cache
def _load(folder: Path) -> VideoModel:
    return load_model(folder)
