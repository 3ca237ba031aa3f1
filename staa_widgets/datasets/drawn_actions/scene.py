"""Sample scenes from a seed: figures, distractors and their times, without pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from staa_widgets.datasets.drawn_actions.poses import ACTIONS
from staa_widgets.errors import ParameterError

STEPS = 8
"""Time steps of a clip; an action fills 3 to 5 of them."""


@dataclass(frozen=True)
class Figure:
    """A stick figure and its motion; lengths in shares of the frame, times in steps."""

    x: float
    feet: float
    height: float
    color: tuple[float, float, float]
    mirrored: bool
    motion: str
    start: float
    stop: float
    period: float
    phase: float
    drift: float = 0


@dataclass(frozen=True)
class Ball:
    """A ball that crosses the frame between two times."""

    color: tuple[float, float, float]
    radius: float
    start: float
    stop: float
    from_xy: tuple[float, float]
    to_xy: tuple[float, float]
    arc: float


@dataclass(frozen=True)
class FlickerPatch:
    """A patch of the ground that flickers between two times."""

    center: tuple[float, float]
    half_size: tuple[float, float]
    start: float
    stop: float
    levels: tuple[float, ...]
    rate: float


@dataclass(frozen=True)
class Scene:
    """All parts of a scene, independent of size and frame rate."""

    seed: int
    label: str
    actor: Figure
    ground: tuple[float, float, float]
    waves: tuple[tuple[float, float, float, float], ...]
    bystander: Figure | None = None
    ball: Ball | None = None
    flicker: FlickerPatch | None = None


Range = tuple[float, float]


@dataclass(frozen=True)
class Variant:
    """Distribution of scenes: ranges of uniform draws, lengths in shares of the frame, times in steps."""

    seed_stream: int
    """Second part of the random seed, so that two variants of one seed differ."""
    height: Range
    feet: Range
    x: Range
    figure_distance: Range
    """Horizontal distance of the two figures."""
    period: Range
    action_length: Range
    one_way_length: Range
    """Length of an action that is one movement."""
    ground: Range
    tint: float
    waves: Range
    """Spatial frequency of the ground's shades."""
    wave_depth: Range
    """Amplitude of the ground's shades."""
    bystander_chance: float
    """Probability of a second figure."""
    bystander_motions: dict[str, float]
    """Motions of the second figure, with their probabilities."""


VARIANTS: dict[str, Variant] = {
    "standard": Variant(
        seed_stream=2411,
        height=(0.7, 0.83),
        feet=(0.88, 0.96),
        x=(0.28, 0.72),
        figure_distance=(0.36, 0.46),
        period=(1.4, 2.2),
        action_length=(3, 5),
        one_way_length=(4, 5),
        ground=(0.07, 0.15),
        tint=0.015,
        waves=(1, 5),
        wave_depth=(0.005, 0.016),
        bystander_chance=0.95,
        bystander_motions={"idle": 0.05, "march": 0.8, "drift": 0.15},
    ),
    "second": Variant(
        seed_stream=7907,
        height=(0.58, 0.7),
        feet=(0.82, 0.95),
        x=(0.24, 0.76),
        figure_distance=(0.34, 0.46),
        period=(2.0, 2.7),
        action_length=(3, 5),
        one_way_length=(3.4, 4.4),
        ground=(0.12, 0.19),
        tint=0.03,
        waves=(4, 9),
        wave_depth=(0.007, 0.016),
        bystander_chance=1,
        bystander_motions={"march": 0.5, "sway": 0.5},
    ),
}
"""Distributions of scenes by name.

The second has the same classes but smaller figures, lighter grounds of finer grain, slower swings, and always two
moving figures, of which only one performs the action. It tests choices that were made on the standard clips: make no
choice on it.
"""


def draw_scene(seed: int, name: str | None = None, variant: str = "standard") -> Scene:
    """Return a random scene of a seed.

    Parameters
    ----------
    seed
        Non-negative integer.
    name
        An action of `ACTIONS`; by default the seed chooses one.
    variant
        One of `VARIANTS`.

    Raises
    ------
    ParameterError
        If action or variant is unknown or the seed negative.
    """
    if seed < 0:
        raise ParameterError(f"seed is {seed}.", "Give a whole number from 0 up.")
    if name is not None and name not in ACTIONS:
        raise ParameterError(f"There is no action {name!r}.", f"Choose one of {', '.join(ACTIONS)}.")
    if variant not in VARIANTS:
        raise ParameterError(f"There is no variant {variant!r} of the clips.", f"Choose one of {', '.join(VARIANTS)}.")
    ranges = VARIANTS[variant]
    rng = np.random.default_rng([seed, ranges.seed_stream])
    label = str(rng.choice(list(ACTIONS)))
    label = label if name is None else name
    length, start = _draw_timing(rng, ranges, label)
    actor = _draw_figure(rng, ranges, label, x=rng.uniform(*ranges.x), start=start, stop=start + length)
    bystander = _draw_bystander(rng, ranges, actor) if rng.random() < ranges.bystander_chance else None
    flicker = _draw_flicker(rng, actor) if rng.random() < 0.92 else None
    needs_ball = flicker is None or bystander is None or bystander.motion == "idle"
    ball = _draw_ball(rng, actor) if rng.random() < 0.9 or needs_ball else None
    return Scene(
        seed=seed,
        label=label,
        actor=actor,
        ground=tuple(rng.uniform(*ranges.ground) + rng.uniform(-ranges.tint, ranges.tint, 3)),
        waves=tuple(
            (
                *rng.uniform(*ranges.waves, 2) * rng.choice([-1, 1], 2),
                rng.uniform(0, 2 * np.pi),
                rng.uniform(*ranges.wave_depth),
            )
            for _ in range(5)
        ),
        bystander=bystander,
        ball=ball,
        flicker=flicker,
    )


def _draw_timing(rng: np.random.Generator, variant: Variant, label: str) -> tuple[float, float]:
    """Draw the action's length and start; before or after it an arm is held up for a short time only."""
    if not ACTIONS[label].once:
        length = rng.uniform(*variant.action_length)
        return length, rng.uniform(0.4, STEPS - 0.4 - length)
    length, hold_time = rng.uniform(*variant.one_way_length), rng.uniform(0.4, 1.8)
    return length, hold_time if label == "lower_arm" else STEPS - length - hold_time


def _draw_figure(
    rng: np.random.Generator, variant: Variant, motion: str, *, x: float, start: float, stop: float
) -> Figure:
    height = rng.uniform(*variant.height)
    return Figure(
        x=x,
        feet=rng.uniform(*variant.feet),
        height=height,
        color=_draw_bright_color(rng),
        mirrored=bool(rng.random() < 0.5),
        motion=motion,
        start=start,
        stop=stop,
        period=rng.uniform(*variant.period),
        phase=rng.uniform(0, 2 * np.pi),
    )


def _draw_bystander(rng: np.random.Generator, variant: Variant, actor: Figure) -> Figure:
    x = actor.x + rng.uniform(*variant.figure_distance) * (1 if actor.x < 0.5 else -1)
    start, stop = _draw_distractor_interval(rng, actor, 3, 6.5)
    motion = str(rng.choice(list(variant.bystander_motions), p=list(variant.bystander_motions.values())))
    figure = _draw_figure(rng, variant, motion, x=x, start=start, stop=stop)
    return replace(figure, drift=rng.uniform(0.08, 0.16) * rng.choice([-1, 1])) if motion == "drift" else figure


def _draw_ball(rng: np.random.Generator, actor: Figure) -> Ball:
    start, stop = _draw_distractor_interval(rng, actor, 2, 4)
    left, right = (-0.05, rng.uniform(0.1, 0.9)), (1.05, rng.uniform(0.1, 0.9))
    ends = (left, right) if rng.random() < 0.5 else (right, left)
    return Ball(_draw_bright_color(rng), rng.uniform(0.06, 0.088), start, stop, *ends, arc=rng.uniform(-0.25, 0.25))


def _draw_flicker(rng: np.random.Generator, actor: Figure) -> FlickerPatch:
    start, stop = _draw_distractor_interval(rng, actor, 2, 5)
    return FlickerPatch(
        center=tuple(rng.uniform(0.08, 0.92, 2)),
        half_size=tuple(rng.uniform(0.068, 0.134, 2)),
        start=start,
        stop=stop,
        levels=tuple(rng.uniform(0.1, 0.75, 32) * rng.choice([0.1, 1], 32)),
        rate=rng.uniform(1.5, 4),
    )


def _draw_distractor_interval(
    rng: np.random.Generator, actor: Figure, shortest: float, longest: float
) -> tuple[float, float]:
    """Draw an interval for a distractor: of three the one that overlaps the action least."""
    lengths = rng.uniform(shortest, longest, 3)
    starts = rng.uniform(0, STEPS - lengths)
    stops = starts + lengths
    overlap = np.minimum(stops, actor.stop) - np.maximum(starts, actor.start)
    best = int(np.argmin(np.maximum(overlap, 0) / lengths))
    return float(starts[best]), float(stops[best])


def _draw_bright_color(rng: np.random.Generator) -> tuple[float, float, float]:
    return tuple(np.clip(rng.uniform(0.6, 0.95) + rng.uniform(-0.12, 0.12, 3), 0, 1))
