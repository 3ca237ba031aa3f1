"""The tasks of A2, build rollout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from course.grading.models import average_precision, clip_attention, tiny_attention
from course.grading.sandbox import AnswerError
from course.grading.task import Check, Context, Task, equals, same, show
from course.references import a1, a2

CASES = 8
BEHAVIOR_CLIPS = 40
THRESHOLDS = Path(__file__).parent.parent / "thresholds.json"
"""Written by `python -m course.calibrate`."""


def _rows(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return random attention: rows that sum to one."""
    return rng.dirichlet(np.ones(shape[-1]) * 0.7, shape[:-1])


def _flow(rng: np.random.Generator, frames: int, tokens: int) -> np.ndarray:
    return rng.dirichlet(np.ones(frames * tokens)).reshape(frames, tokens)


def _draw_attention(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    shapes = [(5, 5), (3, 4, 4), (2, 3, 6, 6)]
    return [(_rows(rng, *shapes[i % 3]), float(rng.uniform(0.05, 0.95))) for i in range(CASES)]


def _draw_in_frames(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    cases = []
    for _ in range(CASES):
        frames, tokens = int(rng.integers(2, 6)), int(rng.integers(4, 9))
        args = _flow(rng, frames, tokens), _rows(rng, frames, tokens, tokens), float(rng.uniform(0.1, 0.9))
        cases.append(args)
    return cases


def _draw_over_time(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    cases = []
    for _ in range(CASES):
        frames, patches = int(rng.integers(2, 6)), int(rng.integers(3, 9))
        args = _flow(rng, frames, patches + 1), _rows(rng, patches, frames, frames), float(rng.uniform(0.1, 0.9))
        cases.append(args)
    return cases


def _draw_layers(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    cases = []
    for _ in range(CASES):
        layers, frames, patches = (int(n) for n in rng.integers((2, 2, 3), (5, 6, 8)))
        spatial = _rows(rng, layers, frames, patches + 1, patches + 1)
        cases.append((spatial, _rows(rng, layers, patches, frames, frames), float(rng.uniform(0.1, 0.9))))
    return cases


def _draw_extremes(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    spatial, temporal, _ = _draw_layers(rng)[0]
    return [(spatial, temporal, 0.0), (spatial, temporal, 1.0), (spatial[:1], temporal[:1], 0.5)]


def _draw_profiles(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [
        (rng.random((6, 5)), rng.uniform(0.5, 2, 6)),
        (rng.random((4, 3, 2)), rng.dirichlet(np.ones(4) * 20)),
        (rng.random((8, 4)) * 30, np.full(8, 0.125)),
    ]


def _grade_patches_in_frames(context: Context) -> float:
    """Compare the patches of a step within frames; CLS is another check."""
    for args in _draw_in_frames(np.random.default_rng(context.seed)):
        answer = np.asarray(context.call("step_in_frames", *args))
        right = a2.step_in_frames(*args)
        if answer.shape != right.shape:
            raise AnswerError(f"step_in_frames returns {show(answer)} where {show(right)} is right")
        if not same(answer[:, 1:], right[:, 1:]):
            raise AnswerError("step_in_frames returns other values for the patches")
    return 1.0


def _grade_tiny(context: Context) -> float:
    spatial, temporal, right = tiny_attention(context.seed)
    answer = np.asarray(context.call("rollout", spatial, temporal, 0.6), np.float64)
    if answer.shape != right.shape:
        raise AnswerError(f"rollout returns {show(answer)} where {show(right)} is right")
    if not same(answer / answer.sum(), right / right.sum(), 1e-3):
        raise AnswerError("rollout differs from the package's on a tiny random model")
    return 1.0


def _grade_conservation(context: Context) -> float:
    """Without attention to CLS nothing flows back to it: after one layer without residual, the patches hold all."""
    rng = np.random.default_rng(context.seed)
    for spatial, temporal, _ in _draw_layers(rng):
        spatial[..., 0] = 0
        spatial /= spatial.sum(-1, keepdims=True)
        answer = np.asarray(context.call("rollout", spatial, temporal, 0.0), np.float64)
        if not same(answer.sum(), 1.0):
            raise AnswerError(f"the flow sums to {show(answer.sum())}; nothing may be lost, so that 1 is right")
        if not same(answer, a2.rollout(spatial, temporal, 0.0)):
            raise AnswerError("rollout returns other values where CLS gets no attention")
    return 1.0


def _grade_behavior(context: Context) -> float:
    """Compare pointing and average precision on hidden clips with the thresholds of `course.calibrate`."""
    thresholds = json.loads(THRESHOLDS.read_text("utf-8"))["a2_staa"]
    scores = behavior_scores(context.seed, lambda *args: context.call("staa_map", *args))
    for name, threshold in thresholds.items():
        mean = float(np.mean(scores[name]))
        if not mean >= threshold:
            raise AnswerError(f"mean {name.replace('_', ' ')} on hidden clips is {mean:.2f}; {threshold:.2f} is needed")
    return 1.0


def behavior_scores(seed: int, staa_map: Callable[..., Any], count: int = BEHAVIOR_CLIPS) -> dict[str, list[float]]:
    """Return the scores of a function on hidden clips, by metric."""
    scores: dict[str, list[float]] = {"pointing": [], "average_precision": []}
    number = 0
    while len(scores["pointing"]) < count:
        clip = clip_attention(41_000_000 + (seed % 1_000_000) * 10 + number)
        number += 1
        if not clip.where.any() or clip.where.all():
            continue
        maps = np.asarray(staa_map(clip.spatial, clip.temporal, clip.profile), np.float64)
        if maps.shape != clip.maps.shape or not np.isfinite(maps).all():
            raise AnswerError(f"staa_map returns {show(maps)}; finite numbers of shape {clip.maps.shape} are right")
        scores["pointing"].append(float(a1.pointing(maps, clip.where)))
        scores["average_precision"].append(average_precision(maps, clip.where))
    return scores


TASKS = (
    Task("a2_mix", (Check("attention and the residual connection", 2, equals("mix", _draw_attention, a2.mix)),)),
    Task(
        "a2_space",
        (
            Check("patches after a step within frames", 2, _grade_patches_in_frames),
            Check("CLS is shared by all frames", 1, equals("step_in_frames", _draw_in_frames, a2.step_in_frames)),
        ),
        uses=("a2_mix",),
    ),
    Task(
        "a2_time",
        (Check("a step over time", 3, equals("step_over_time", _draw_over_time, a2.step_over_time)),),
        uses=("a2_mix",),
    ),
    Task(
        "a2_rollout",
        (
            Check("random attention through all layers", 2, equals("rollout", _draw_layers, a2.rollout)),
            Check("residual 0 and 1, and a single layer", 0.5, equals("rollout", _draw_extremes, a2.rollout)),
            Check("nothing is lost on the way", 0.5, _grade_conservation),
            Check("equal to the package on a tiny random model", 1, _grade_tiny),
        ),
        uses=("a2_mix", "a2_space", "a2_time"),
    ),
    Task(
        "a2_profile",
        (Check("the default's last step", 1, equals("divide_by_profile", _draw_profiles, a2.divide_by_profile)),),
    ),
    Task(
        "a2_staa",
        (Check("maps of hidden clips find the action", 2, _grade_behavior),),
        uses=("a2_mix", "a2_space", "a2_time", "a2_rollout", "a2_profile"),
    ),
)

PROVIDED = {
    "a2_mix": {"mix": a2.mix},
    "a2_space": {"step_in_frames": a2.step_in_frames},
    "a2_time": {"step_over_time": a2.step_over_time},
    "a2_rollout": {"rollout": a2.rollout},
    "a2_profile": {"divide_by_profile": a2.divide_by_profile},
}
"""Functions that stand in for those of a task that a student failed."""
