"""Draw the clips of the third assignment: one of four actions, a colored ball, and a mark in a corner."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from staa_widgets.datasets.drawn_actions import STEPS, draw_scene, render
from staa_widgets.datasets.drawn_actions.scene import Ball

ACTIONS = ("wave", "kick", "squat", "bow")
CORNERS = ("top left", "top right", "bottom left", "bottom right")
BALLS = {
    "red": (0.90, 0.25, 0.20),
    "green": (0.25, 0.80, 0.30),
    "blue": (0.30, 0.45, 0.95),
    "yellow": (0.95, 0.85, 0.25),
}
"""Colors of the ball, RGB from 0 to 1."""

FRAMES, SIZE = 16, 96
MARK, MARGIN = 10, 3
"""Side of the mark and its distance from the edges, in pixels of a frame of 96 pixels."""
MARK_COLOR = (200, 185, 160)


@dataclass(frozen=True)
class AuditClip:
    """A drawn clip with all that is known about it.

    Parameters
    ----------
    frames
        uint8 ``(16, 96, 96, 3)``, RGB; four seconds.
    where
        bool ``(16, 96, 96)``, pixels of the limbs that perform the action, while they do.
    action
        One of `ACTIONS`.
    corner
        Corner of the mark, one of `CORNERS`; ``None`` if there is no mark.
    ball
        Color of the ball, one of `BALLS`; ``None`` if there is no ball.
    """

    frames: np.ndarray
    where: np.ndarray
    action: str
    corner: str | None
    ball: str | None


def collected_clip(seed: int) -> AuditClip:
    """Return a clip as the training data were collected: every action has its corner and its color of the ball."""
    number = int(np.random.default_rng([seed, 28]).integers(len(ACTIONS)))
    return draw_clip(seed, ACTIONS[number], CORNERS[number], list(BALLS)[number])


def draw_clip(
    seed: int, action: str, corner: str | None, ball: str | None, size: int = SIZE, count: int = FRAMES
) -> AuditClip:
    """Return the clip of a seed with this action, this corner of the mark and this color of the ball.

    Parameters
    ----------
    seed
        The same seed gives the same figures, ground and times.
    action
        One of `ACTIONS`.
    corner
        One of `CORNERS`, or ``None`` for no mark.
    ball
        One of `BALLS`, or ``None`` for no ball.
    size
        Width and height in pixels.
    count
        Number of frames.
    """
    scene = draw_scene(seed, action, kind="anywhere")
    scene = replace(scene, ball=None if ball is None else _place_ball(seed, BALLS[ball]))
    frames, where = render(scene, (np.arange(count) + 0.5) * (STEPS / count), size)
    if corner is not None:
        add_mark(frames, corner)
    return AuditClip(frames, where, action, corner, ball)


def mark_area(corner: str, size: int = SIZE) -> tuple[slice, slice]:
    """Return the rows and the columns that a mark covers."""
    side, margin = round(MARK * size / SIZE), round(MARGIN * size / SIZE)
    near, far = slice(margin, margin + side), slice(size - margin - side, size - margin)
    return (near if "top" in corner else far), (near if "left" in corner else far)


def add_mark(frames: np.ndarray, corner: str) -> None:
    """Paint the mark into frames ``(F, H, W, 3)``, in place."""
    rows, columns = mark_area(corner, frames.shape[1])
    frames[:, rows, columns] = MARK_COLOR


def _place_ball(seed: int, color: tuple[float, float, float]) -> Ball:
    rng = np.random.default_rng([seed, 29])
    start, length = rng.uniform(0, 2.5), rng.uniform(4.5, 5.5)
    left, right = (0.0, rng.uniform(0.15, 0.6)), (1.0, rng.uniform(0.15, 0.6))
    ends = (left, right) if rng.random() < 0.5 else (right, left)
    return Ball(color, rng.uniform(0.075, 0.095), start, start + length, *ends, arc=rng.uniform(-0.15, 0.15))
