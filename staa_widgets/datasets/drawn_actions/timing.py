"""Draw when an action happens: somewhere in the middle of a clip, or anywhere in time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from staa_widgets.datasets.drawn_actions.poses import ACTIONS

STEPS = 8
"""Time steps of a clip; an action in the middle of it fills 3 to 5 of them."""

Range = tuple[float, float]

ANYWHERE_LENGTH: Range = (2.7, 4.4)
"""Length in steps of an action that lies anywhere: between a third and a half of the clip, so that some lie inside."""

FILLING_CHANCE = 0.08
"""Probability of an action that fills the clip."""

TWICE_CHANCE = 0.13
"""Probability of an action that is done twice, with a rest."""

TWICE_LENGTH: Range = (1.7, 2.4)
"""Length in steps of an action that is done twice, each time."""


class Timing(NamedTuple):
    """Start and stop of an action in steps, and the start of its repetition, which is as long."""

    start: float
    stop: float
    second_start: float | None = None


def draw_middle(rng: np.random.Generator, lengths: Range, one_way_lengths: Range, label: str) -> Timing:
    """Draw the timing of an action that lies inside the clip; an arm is held up only briefly before or after it."""
    if not ACTIONS[label].once:
        length = rng.uniform(*lengths)
        start = rng.uniform(0.4, STEPS - 0.4 - length)
    else:
        length, hold_time = rng.uniform(*one_way_lengths), rng.uniform(0.4, 1.8)
        start = hold_time if label == "lower_arm" else STEPS - length - hold_time
    return Timing(start, start + length)


def draw_anywhere(rng: np.random.Generator, label: str) -> Timing:
    """Draw the timing of an action anywhere in the clip; every moment of the clip is equally likely to lie in it.

    The clip is tiled by intervals as long as the action, and one tile is chosen at random: of `n` tiles each moment
    lies in one, so it is part of the action with probability ``1 / n``. Length and phase of the tiles are drawn until
    the clip shows at least half of the first and of the last tile.
    """
    share = rng.random()
    if share < FILLING_CHANCE:
        return fill_clip(label)
    if share < FILLING_CHANCE + TWICE_CHANCE and not ACTIONS[label].once:
        starts, length = _draw_tiles(rng, TWICE_LENGTH, fewest=4)
        first = int(rng.integers(len(starts)))
        # Two tiles with a rest between them; first and last tile count as neighbors, so that all are equally likely.
        second = (first + int(rng.integers(2, len(starts) - 1))) % len(starts)
        early, late = sorted((starts[first], starts[second]))
        return Timing(early, early + length, late)
    starts, length = _draw_tiles(rng, ANYWHERE_LENGTH)
    start = float(rng.choice(starts))
    return Timing(start, start + length)


def fill_clip(label: str) -> Timing:
    """Return the timing of an action that fills the clip; a repeated swing begins before the clip and ends after it."""
    action = ACTIONS.get(label)
    return Timing(0, STEPS) if action is not None and action.once else Timing(-1, STEPS + 1)


def _draw_tiles(rng: np.random.Generator, lengths: Range, fewest: int = 2) -> tuple[list[float], float]:
    """Return the starts of the tiles, and their length."""
    while True:
        length = rng.uniform(*lengths)
        first = rng.uniform(-length / 2, 0)
        starts = np.arange(first, STEPS, length)
        if len(starts) >= fewest and STEPS - starts[-1] >= length / 2:
            return starts.tolist(), length
