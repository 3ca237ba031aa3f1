"""Sample scenes from a seed: figures, distractors and their times, without pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.datasets.drawn_actions.poses import ACTIONS, HELD_POSES
from staa_widgets.datasets.drawn_actions.timing import STEPS, Range, Timing, draw_anywhere, draw_middle, fill_clip
from staa_widgets.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS: dict[str, str] = {
    "middle": "the clip shows the whole action, mostly in its middle",
    "anywhere": "the action is inside, cut off at an edge, done twice, or it fills the clip: no moment is likelier",
    "stay": "a pose is held from the first frame to the last, while other things move",
    "cut": "a clip of kind 'middle', cut to its action",
}
"""Kinds of clips by name: when the action happens.

For kinds "middle" and "anywhere", a seed draws the same scene, with the action at different times. For kinds "stay" and
"cut", and where the action fills the clip, every frame shows the action: temporal metrics are undefined.
"""

DEFAULT_KIND = "anywhere"


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
    second_start: float | None = None
    """Start of a repetition of the motion, which takes as long as the first time."""

    def start_of_motion(self, step: float) -> float | None:
        """Return the start of the motion that is under way at a time; ``None`` if the figure rests then."""
        for start in (self.start, self.second_start):
            if start is not None and start <= step < start + (self.stop - self.start):
                return start
        return None

    def is_moving(self, steps: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return whether the motion is under way at each of these times, given in steps: bool ``(F,)``."""
        return np.array([self.start_of_motion(float(step)) is not None for step in steps])

    def visible_share(self, first: float = 0, last: float = STEPS) -> float:
        """Return the share of the motion between two times; 1 if the motion fills all the time between them."""
        length = self.stop - self.start
        starts = [start for start in (self.start, self.second_start) if start is not None]
        visible = sum(max(0.0, min(start + length, last) - max(start, first)) for start in starts)
        return min(1.0, visible / min(len(starts) * length, last - first))


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
    """Length of an action of kind "middle"."""
    one_way_length: Range
    """Length of an action of kind "middle" that is one movement."""
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


def draw_scene(seed: int, name: str | None = None, variant: str = "standard", kind: str = DEFAULT_KIND) -> Scene:
    """Return the random scene that a seed determines.

    Parameters
    ----------
    seed
        Non-negative integer.
    name
        An action of `ACTIONS` or, for kind ``"stay"``, a pose of `HELD_POSES`; by default the seed chooses one.
    variant
        One of `VARIANTS`.
    kind
        One of `KINDS`.

    Raises
    ------
    ParameterError
        If `name`, `variant` or `kind` is unknown, or `seed` is negative.
    """
    if seed < 0:
        raise ParameterError(f"seed must be at least 0, got {seed}.", "Give a whole number, such as seed=0.")
    if kind not in KINDS:
        raise ParameterError(f"There is no kind {kind!r} of clips.", f"Choose from {', '.join(KINDS)}.")
    labels = HELD_POSES if kind == "stay" else ACTIONS
    if name is not None and name not in labels:
        raise ParameterError(f"A clip of kind {kind!r} cannot show {name!r}.", f"Choose from {', '.join(labels)}.")
    if variant not in VARIANTS:
        raise ParameterError(f"There is no variant {variant!r}.", f"Choose from {', '.join(VARIANTS)}.")
    ranges = VARIANTS[variant]
    rng = np.random.default_rng([seed, ranges.seed_stream])
    label = str(rng.choice(list(labels)))
    label = label if name is None else name
    timing = _draw_timing(rng, ranges, label, kind, seed)
    actor = _draw_figure(rng, ranges, label, x=rng.uniform(*ranges.x), start=timing.start, stop=timing.stop)
    actor = replace(actor, second_start=timing.second_start)
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


def _draw_timing(rng: np.random.Generator, variant: Variant, label: str, kind: str, seed: int) -> Timing:
    if kind == "stay":
        return fill_clip(label)
    middle = draw_middle(rng, variant.action_length, variant.one_way_length, label)
    if kind != "anywhere":
        return middle
    # By numbers of its own, so that the rest of the scene is that of kind "middle".
    return draw_anywhere(np.random.default_rng([seed, variant.seed_stream, 1]), label)


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
