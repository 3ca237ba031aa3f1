"""The tasks of A1, read a map."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from course.grading.sandbox import AnswerError
from course.grading.task import Check, Context, Task, equals, same, show
from course.references import a1 as reference
from course.source.A1.own_clips import own_clip, own_seeds

CASES = 16
INTERVAL_TOLERANCE = 0.15
"""Largest error of the bounds of an interval, in shares of its length: resampling is random."""
TABLE_TOLERANCE = {"pointing": 0.026, "temporal_auc": 0.01}
"""Largest error of a mean in the table: half a clip of twenty, and rounding."""
TABLE_BOUND = 0.06
"""Largest error of a bound in the table."""


def _draw_maps(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(rng.random((rng.integers(2, 10), 4, 5)),) for _ in range(CASES)]


def _draw_signed_and_zero(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(rng.normal(size=(6, 3, 3)),), (np.zeros((5, 2, 2)),), (-rng.random((3, 2, 4)),)]


def _draw_pointing(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    cases = []
    for number in range(CASES):
        maps, truth = rng.normal(size=(5, 4, 4)), rng.random((5, 4, 4)) < 0.3
        truth.flat[maps.argmax()] = number % 2
        cases.append((maps, truth))
    return [cases[i] for i in rng.permutation(CASES)]


def _draw_pointing_ties(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    maps = rng.integers(0, 3, (4, 4, 4)).astype(float)
    truth = rng.random((4, 4, 4)) < 0.4
    return [(maps, truth), (np.ones((2, 3, 3)), truth[:2, :3, :3]), (maps, np.zeros_like(truth))]


def _draw_curves(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    cases = []
    for _ in range(CASES):
        when = rng.random(8) < 0.5
        when[rng.integers(8)], when[(rng.integers(7) + np.flatnonzero(when)[0] + 1) % 8] = True, False
        when[0] = not when[1]
        cases.append((rng.dirichlet(np.ones(8)), when))
    return cases


def _draw_tied_curves(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    when = np.arange(8) < rng.integers(3, 6)
    tied = [(rng.integers(0, 3, 8).astype(float), when) for _ in range(6)]
    return [*tied, (np.full(8, 0.125), when), (rng.random(8), np.ones(8, bool))]


def _grade_interval(context: Context) -> float:
    rng = np.random.default_rng(context.seed)
    for count in (20, 35, 60):
        for scores in (rng.beta(2, 1, count), (rng.random(count) < rng.uniform(0.3, 0.8)).astype(float)):
            scores[:2] = 0, 1
            mean, low, high = reference.interval(scores)
            answer = context.call("interval", scores)
            if not isinstance(answer, list | np.ndarray) or len(answer) != 3:
                raise AnswerError("interval must return three numbers: mean, low, high")
            try:
                values = np.array([float(np.asarray(part)) for part in answer])
            except (TypeError, ValueError):
                raise AnswerError("interval must return three numbers: mean, low, high") from None
            errors = np.abs(values - [mean, low, high])
            if not same(values[0], mean):
                raise AnswerError(f"the mean is {show(values[0])} where {show(mean)} is right")
            if not (errors[1:] <= INTERVAL_TOLERANCE * (high - low)).all():
                raise AnswerError(
                    f"the bounds are {values[1]:.3f} and {values[2]:.3f}; about {low:.3f} and {high:.3f} are right"
                )
    return 1.0


def _draw_verdicts(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    cases = []
    for number in range(12):
        # Clips differ far more than methods do, so that only the differences clip by clip can tell.
        clips = rng.uniform(0.1, 0.9, 30)
        gain = (0.06, -0.06, 0.0)[number % 3]
        noise = rng.normal(0, 0.04, 30)
        first = clips + noise - noise.mean() + gain
        cases.append((first, clips) if rng.random() < 0.5 else (clips, clips - (first - clips)))
    return [cases[i] for i in rng.permutation(len(cases))]


@lru_cache(maxsize=64)
def own_table(student: str) -> dict[str, tuple[float, float, float]]:
    """Return the table of a student's own clips: mean and interval by metric."""
    clips = [own_clip(seed) for seed in own_seeds(student)]
    points = [reference.pointing(clip.maps, clip.where) for clip in clips]
    aucs = [reference.temporal_auc(reference.temporal_shares(clip.maps), clip.when) for clip in clips]
    scores = {"pointing": np.array(points, float), "temporal_auc": np.array(aucs, float)}
    return {name: reference.interval(values[~np.isnan(values)]) for name, values in scores.items()}


def _grade_table(context: Context) -> float:
    table = context.constants.get("TABLE")
    if not isinstance(table, dict) or set(table) != set(TABLE_TOLERANCE):
        raise AnswerError("TABLE must have the keys pointing and temporal_auc")
    for name, row in table.items():
        if not isinstance(row, tuple | list) or len(row) != 3 or not all(isinstance(v, int | float) for v in row):
            raise AnswerError(f"TABLE[{name!r}] must be three numbers: mean, low, high")
    for name, right in own_table(context.student).items():
        errors = np.abs(np.subtract(table[name], right))
        if not (errors <= [TABLE_TOLERANCE[name], TABLE_BOUND, TABLE_BOUND]).all():
            raise AnswerError(f"TABLE[{name!r}] is not what your own twenty clips give")
    return 1.0


TASKS = (
    Task(
        "a1_shares",
        (
            Check("shares of positive maps", 1, equals("temporal_shares", _draw_maps, reference.temporal_shares)),
            Check(
                "signed maps, and a map of zeros",
                1,
                equals("temporal_shares", _draw_signed_and_zero, reference.temporal_shares),
            ),
        ),
    ),
    Task(
        "a1_pointing",
        (
            Check("hits and misses", 1, equals("pointing", _draw_pointing, reference.pointing)),
            Check(
                "several largest values, and no truth", 1, equals("pointing", _draw_pointing_ties, reference.pointing)
            ),
        ),
    ),
    Task(
        "a1_auc",
        (
            Check("curves without ties", 2, equals("temporal_auc", _draw_curves, reference.temporal_auc)),
            Check(
                "ties, and actions that fill the clip",
                1,
                equals("temporal_auc", _draw_tied_curves, reference.temporal_auc),
            ),
        ),
    ),
    Task("a1_interval", (Check("bootstrap intervals over clips", 1, _grade_interval),)),
    Task(
        "a1_verdict",
        (Check("paired comparisons", 1, equals("verdict", _draw_verdicts, reference.verdict)),),
        uses=("a1_interval",),
    ),
    Task("a1_table", (Check("the table of your own clips", 1, _grade_table),), functions=False),
)

PROVIDED = {"a1_interval": {"interval": reference.interval}}
"""Functions that stand in for those of a task that a student failed."""
