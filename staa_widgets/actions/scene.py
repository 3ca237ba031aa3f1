"""What happens in a clip, as values drawn by chance from a seed; nothing here knows of pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from staa_widgets.actions.poses import ACTIONS
from staa_widgets.errors import ParameterError

STEPS = 8
"""Time steps of a clip; an action fills 3 to 5 of them."""


@dataclass(frozen=True)
class Figure:
    """A stick figure and what it does; lengths in shares of the frame, times in steps."""

    x: float
    feet: float
    height: float
    colour: tuple[float, float, float]
    mirrored: bool
    does: str
    start: float
    stop: float
    period: float
    phase: float
    drift: float = 0


@dataclass(frozen=True)
class Ball:
    """A ball that crosses the frame in its own interval."""

    colour: tuple[float, float, float]
    radius: float
    start: float
    stop: float
    from_xy: tuple[float, float]
    to_xy: tuple[float, float]
    arc: float


@dataclass(frozen=True)
class Patch:
    """A patch of the ground that flickers in its own interval."""

    centre: tuple[float, float]
    half_size: tuple[float, float]
    start: float
    stop: float
    levels: tuple[float, ...]
    rate: float


@dataclass(frozen=True)
class Scene:
    """Everything that is drawn; a value, so that one scene can be drawn at many sizes."""

    seed: int
    label: str
    actor: Figure
    ground: tuple[float, float, float]
    waves: tuple[tuple[float, float, float, float], ...]
    bystander: Figure | None = None
    ball: Ball | None = None
    patch: Patch | None = None


def draw_scene(seed: int, name: str | None = None) -> Scene:
    """Choose everything about a clip by chance from its seed.

    Parameters
    ----------
    seed
        Non-negative integer.
    name
        An action of `ACTIONS`; drawn from the seed if not given.

    Raises
    ------
    ParameterError
        If the action is unknown or the seed negative.
    """
    if seed < 0:
        raise ParameterError(f"seed is {seed}.", "Give a whole number from 0 up.")
    if name is not None and name not in ACTIONS:
        raise ParameterError(f"There is no action {name!r}.", f"Choose one of {', '.join(ACTIONS)}.")
    rng = np.random.default_rng([seed, 2411])
    label = str(rng.choice(list(ACTIONS)))
    label = label if name is None else name
    length, start = _when(rng, label)
    actor = _figure(rng, label, x=rng.uniform(0.28, 0.72), start=start, stop=start + length)
    bystander = _bystander(rng, actor) if rng.random() < 0.95 else None
    patch = _patch(rng, actor) if rng.random() < 0.92 else None
    lonely = patch is None or bystander is None or bystander.does == "idle"
    ball = _ball(rng, actor) if rng.random() < 0.9 or lonely else None
    return Scene(
        seed=seed,
        label=label,
        actor=actor,
        ground=tuple(rng.uniform(0.07, 0.15) + rng.uniform(-0.015, 0.015, 3)),
        waves=tuple(
            (*rng.uniform(1, 5, 2) * rng.choice([-1, 1], 2), rng.uniform(0, 2 * np.pi), rng.uniform(0.005, 0.016))
            for _ in range(5)
        ),
        bystander=bystander,
        ball=ball,
        patch=patch,
    )


def _when(rng: np.random.Generator, label: str) -> tuple[float, float]:
    """Draw how long the action takes and when it starts; an arm is held up for a short while only."""
    if not ACTIONS[label].once:
        length = rng.uniform(3, 5)
        return length, rng.uniform(0.4, STEPS - 0.4 - length)
    length, held = rng.uniform(4, 5), rng.uniform(0.4, 1.8)
    return length, held if label == "lower_arm" else STEPS - length - held


def _figure(rng: np.random.Generator, does: str, *, x: float, start: float, stop: float) -> Figure:
    height = rng.uniform(0.7, 0.83)
    return Figure(
        x=x,
        feet=rng.uniform(0.88, 0.96),
        height=height,
        colour=_bright(rng),
        mirrored=bool(rng.random() < 0.5),
        does=does,
        start=start,
        stop=stop,
        period=rng.uniform(1.4, 2.2),
        phase=rng.uniform(0, 2 * np.pi),
    )


def _bystander(rng: np.random.Generator, actor: Figure) -> Figure:
    x = actor.x + rng.uniform(0.36, 0.46) * (1 if actor.x < 0.5 else -1)
    start, stop = _interval(rng, actor, 3, 6.5)
    does = str(rng.choice(["idle", "march", "drift"], p=[0.05, 0.8, 0.15]))
    figure = _figure(rng, does, x=x, start=start, stop=stop)
    return replace(figure, drift=rng.uniform(0.08, 0.16) * rng.choice([-1, 1])) if does == "drift" else figure


def _ball(rng: np.random.Generator, actor: Figure) -> Ball:
    start, stop = _interval(rng, actor, 2, 4)
    left, right = (-0.05, rng.uniform(0.1, 0.9)), (1.05, rng.uniform(0.1, 0.9))
    ends = (left, right) if rng.random() < 0.5 else (right, left)
    return Ball(_bright(rng), rng.uniform(0.06, 0.088), start, stop, *ends, arc=rng.uniform(-0.25, 0.25))


def _patch(rng: np.random.Generator, actor: Figure) -> Patch:
    start, stop = _interval(rng, actor, 2, 5)
    return Patch(
        centre=tuple(rng.uniform(0.08, 0.92, 2)),
        half_size=tuple(rng.uniform(0.068, 0.134, 2)),
        start=start,
        stop=stop,
        levels=tuple(rng.uniform(0.1, 0.75, 32) * rng.choice([0.1, 1], 32)),
        rate=rng.uniform(1.5, 4),
    )


def _interval(rng: np.random.Generator, actor: Figure, shortest: float, longest: float) -> tuple[float, float]:
    """Draw when a distractor moves: of several times the one that overlaps the action least, lest motion tell when."""
    lengths = rng.uniform(shortest, longest, 3)
    starts = rng.uniform(0, STEPS - lengths)
    stops = starts + lengths
    overlap = np.minimum(stops, actor.stop) - np.maximum(starts, actor.start)
    best = int(np.argmin(np.maximum(overlap, 0) / lengths))
    return float(starts[best]), float(stops[best])


def _bright(rng: np.random.Generator) -> tuple[float, float, float]:
    return tuple(np.clip(rng.uniform(0.6, 0.95) + rng.uniform(-0.12, 0.12, 3), 0, 1))
