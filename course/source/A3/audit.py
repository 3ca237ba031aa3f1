"""The two models of the third assignment. Which of them is A and which is B depends on your id."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

import staa_widgets as staa

NAMES = ("river", "stone")
CUES = (
    "brightness of the ground",
    "color of the ball",
    "corner of the mark",
    "number of figures",
    "side of the acting figure",
    "time of the action",
)
"""Cues that a model could follow, besides the action."""


def pair(student: str) -> dict[str, str]:
    """Return the folders of a student's models A and B."""
    first = hashlib.sha256(f"models of {student}".encode()).digest()[0] % 2
    return {"A": NAMES[first], "B": NAMES[1 - first]}


def load_model(letter: str, student: str) -> staa.VideoModel:
    """Return a student's model A or B."""
    folder = Path(__file__).parent / "models" / pair(student)[letter]
    return staa.load_model(folder, id=f"model {letter}")


def predict(model: staa.VideoModel, frames: np.ndarray) -> dict[str, float]:
    """Return the probability of each action for the frames of a clip, uint8 ``(16, 96, 96, 3)``."""
    clip = staa.open_clip(frames, fps=4)
    explanation = staa.explain(clip, model, cache=False, preview=False, attention=False, progress=False)
    return dict(explanation.predictions(4))
