"""Write the thresholds that depend on the bundled model: `python -m course.calibrate`.

Run it again when the bundled models change. A threshold is the mean over 100 clips less three standard errors of the
mean of as many clips as the grader draws. The same clips are scored with answers that did not build rollout; the
program ends with an error if one of them could pass, two standard errors above its mean.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from course.grading.a2 import BEHAVIOR_CLIPS, THRESHOLDS, behavior_scores
from course.references.a2 import staa_map

CLIPS = 100
SEED = 999_999
"""Seed of the clips of the calibration; the chance that hidden clips are among them is about 1 in 100,000."""


def draw_at_random(spatial: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Return a random map."""
    return np.random.default_rng(0).random((spatial.shape[1], spatial.shape[2] - 1))


def look_at_the_center(spatial: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Return a map that is highest in the middle of every frame."""
    side = round((spatial.shape[2] - 1) ** 0.5)
    distance = np.abs(np.arange(side) - (side - 1) / 2)
    return np.tile(-np.hypot(distance[:, None], distance[None, :]).ravel(), (spatial.shape[1], 1))


def look_at_the_last_layer(spatial: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Return the attention of CLS to the patches in the last layer, without the layers below."""
    return spatial[-1, :, 0, 1:]


def look_evenly(spatial: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Return a map with one value everywhere."""
    return np.ones((spatial.shape[1], spatial.shape[2] - 1))


WITHOUT_ROLLOUT: dict[str, Callable[..., np.ndarray]] = {
    "random": draw_at_random,
    "center": look_at_the_center,
    "even": look_evenly,
    "last layer": look_at_the_last_layer,
}


def calibrate() -> dict[str, Any]:
    """Return the thresholds, what they were made from, and what answers without rollout score."""
    scores = behavior_scores(SEED, staa_map, CLIPS)
    thresholds, measured = {}, {}
    for name, values in scores.items():
        mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
        measured[name] = {"mean": round(mean, 4), "standard_deviation": round(spread, 4)}
        thresholds[name] = round(mean - 3 * spread / BEHAVIOR_CLIPS**0.5, 4)
    others = {
        name: {metric: highest_likely_mean(values) for metric, values in behavior_scores(SEED, answer, CLIPS).items()}
        for name, answer in WITHOUT_ROLLOUT.items()
    }
    return {"a2_staa": thresholds, "clips": CLIPS, "measured": measured, "without_rollout": others}


def highest_likely_mean(values: list[float]) -> float:
    """Return the mean that an answer may reach on favorable clips of a grading: two standard errors above its mean."""
    return round(float(np.mean(values) + 2 * np.std(values, ddof=1) / BEHAVIOR_CLIPS**0.5), 4)


def main() -> int:
    """Write the thresholds; return 1 if an answer without rollout could pass."""
    result = calibrate()
    THRESHOLDS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))
    passing = [
        name
        for name, scores in result["without_rollout"].items()
        if all(scores[metric] >= threshold for metric, threshold in result["a2_staa"].items())
    ]
    if passing:
        print(f"Answers that could pass without rollout: {', '.join(passing)}", file=sys.stderr)
    return int(bool(passing))


if __name__ == "__main__":
    sys.exit(main())
