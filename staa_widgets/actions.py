"""Drawn actions whose *where* and *when* are known.

A stick figure performs one of ten actions for part of a clip and idles for the rest, beside things that move and say
nothing of the class. Whoever explains a classifier of these actions can check the explanation against the truth.
Scenes are vectors: the same seed is the same scene at any size and frame rate.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from staa_widgets.errors import ParameterError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

STEPS = 8
"""Time steps of a clip; an action fills 3 to 5 of them."""

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Pose:
    """Directions of the body's segments in degrees: 0 hangs down, 90 points right, 180 up, -90 left."""

    lean: float = 180
    upper_arm_left: float = -14
    forearm_left: float = -8
    upper_arm_right: float = 14
    forearm_right: float = 8
    thigh_left: float = -8
    shin_left: float = -5
    thigh_right: float = 8
    shin_right: float = 5
    rise: float = 0
    """Height of the hips over their rest, in body heights."""


REST = Pose()
_UP = replace(REST, upper_arm_right=165, forearm_right=176)
_ARM = frozenset({"upper_arm_right", "forearm_right"})
_ARMS = _ARM | {"upper_arm_left", "forearm_left"}
_LEG = frozenset({"thigh_right", "shin_right"})
_LEGS = _LEG | {"thigh_left", "shin_left"}
_BODY = _ARMS | _LEGS | {"torso", "head"}


class Action(NamedTuple):
    """An action swings between two poses, or goes ``once`` from the first to the second; `limbs` are what moves."""

    a: Pose
    b: Pose
    limbs: frozenset[str]
    once: bool = False


ACTIONS: dict[str, Action] = {
    "wave": Action(
        replace(REST, upper_arm_right=125, forearm_right=135),
        replace(REST, upper_arm_right=135, forearm_right=225),
        _ARM,
    ),
    "clap": Action(
        replace(REST, upper_arm_left=-80, forearm_left=-100, upper_arm_right=80, forearm_right=100),
        replace(REST, upper_arm_left=-30, forearm_left=98, upper_arm_right=30, forearm_right=-98),
        _ARMS,
    ),
    "jump": Action(
        replace(REST, thigh_left=-42, shin_left=30, thigh_right=42, shin_right=-30, rise=-0.09),
        replace(REST, upper_arm_left=-30, upper_arm_right=30, thigh_left=-4, thigh_right=4, rise=0.2),
        _BODY,
    ),
    "kick": Action(
        replace(REST, thigh_right=-12, shin_right=-25),
        replace(REST, thigh_right=86, shin_right=90),
        _LEG,
    ),
    "squat": Action(
        REST,
        replace(
            REST, upper_arm_left=-84, forearm_left=-88, upper_arm_right=84, forearm_right=88,
            thigh_left=-72, shin_left=8, thigh_right=72, shin_right=-8, rise=-0.17,
        ),
        _BODY,
    ),
    "bow": Action(
        REST,
        replace(REST, lean=92, upper_arm_left=6, forearm_left=4, upper_arm_right=18, forearm_right=14),
        _ARMS | {"torso", "head"},
    ),
    "punch": Action(
        replace(REST, upper_arm_right=20, forearm_right=150),
        replace(REST, upper_arm_right=92, forearm_right=90),
        _ARM,
    ),
    "jumping_jack": Action(
        REST,
        replace(
            REST, upper_arm_left=-155, forearm_left=-172, upper_arm_right=155, forearm_right=172,
            thigh_left=-34, shin_left=-30, thigh_right=34, shin_right=30, rise=0.02,
        ),
        _ARMS | _LEGS,
    ),
    "raise_arm": Action(REST, _UP, _ARM, once=True),
    "lower_arm": Action(_UP, REST, _ARM, once=True),
}  # fmt: skip
"""The ten actions; ``lower_arm`` is ``raise_arm`` backwards, so that order matters."""

_MARCH = (
    replace(REST, thigh_left=-48, shin_left=12, upper_arm_right=40, forearm_right=60, upper_arm_left=6),
    replace(REST, thigh_right=48, shin_right=-12, upper_arm_left=-40, forearm_left=-60, upper_arm_right=-6),
)
_LENGTHS = {"torso": 0.3, "upper_arm": 0.16, "forearm": 0.16, "thigh": 0.22, "shin": 0.22}
_THICKNESS = {"torso": 0.045, "upper_arm": 0.026, "forearm": 0.023, "thigh": 0.032, "shin": 0.027}
_HEAD_RADIUS = 0.075
_HIP_HEIGHT = 0.44


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


@dataclass(frozen=True)
class ActionClip:
    """A drawn clip with its truth.

    Parameters
    ----------
    frames
        uint8 ``(F, H, W, 3)``, RGB.
    times
        float64 ``(F,)``, seconds.
    label
        Name of the action.
    where
        bool ``(F, H, W)``, pixels of the limbs that perform the action, while they do.
    when
        bool ``(F,)``, frames in which the action happens.
    seed
        What the clip was drawn from.
    """

    frames: NDArray[np.uint8]
    times: NDArray[np.float64]
    label: str
    where: NDArray[np.bool_]
    when: NDArray[np.bool_]
    seed: int

    def write_mp4(self, path: str | os.PathLike[str]) -> Path:
        """Write the frames as H.264 and return the path.

        Parameters
        ----------
        path
            File to write; replaced if it exists.
        """
        path = Path(path)
        rate = 1 / float(np.diff(self.times).mean()) if len(self.times) > 1 else 1.0
        path.write_bytes(encode_h264(self.frames, rate))
        return path


def action_clip(
    seed: int, name: str | None = None, *, size: int = 320, fps: float = 16, seconds: float = 4
) -> ActionClip:
    """Draw an action with known truth.

    Parameters
    ----------
    seed
        The same seed gives the same scene, at any size and rate.
    name
        An action of `ACTIONS`; drawn from the seed if not given.
    size
        Width and height in pixels, at least 16 and even.
    fps
        Frames a second; at least 8 frames are needed in all.
    seconds
        Length of the clip.

    Raises
    ------
    ParameterError
        If the action is unknown or a number is out of range.
    """
    if size < 16 or size % 2:
        raise ParameterError(f"size is {size}.", "Give an even number of pixels from 16 up, such as 320.")
    count = round(fps * seconds) if fps > 0 and seconds > 0 else 0
    if count < STEPS:
        raise ParameterError(f"fps={fps} and seconds={seconds} make {count} frames.", f"Make at least {STEPS}.")
    scene = draw_scene(seed, name)
    steps = np.arange(count) * (STEPS / count)
    frames, where = render(scene, steps, size)
    when = (steps >= scene.actor.start) & (steps < scene.actor.stop)
    return ActionClip(frames, np.arange(count) / fps, scene.label, where, when, seed)


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
    length = rng.uniform(3, 5)
    start = rng.uniform(0.4, STEPS - 0.4 - length)
    actor = _figure(rng, label, x=rng.uniform(0.26, 0.74), start=start, stop=start + length)
    bystander = _bystander(rng, actor) if rng.random() < 0.92 else None
    patch = _patch(rng, actor) if rng.random() < 0.85 else None
    lonely = patch is None or bystander is None or bystander.does == "idle"
    ball = _ball(rng, actor) if rng.random() < 0.8 or lonely else None
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


def _figure(rng: np.random.Generator, does: str, *, x: float, start: float, stop: float) -> Figure:
    height = rng.uniform(0.52, 0.66)
    return Figure(
        x=x,
        feet=rng.uniform(0.8, 0.92),
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
    start, stop = _interval(rng, actor, 2.5, 6)
    does = str(rng.choice(["idle", "march", "drift"], p=[0.15, 0.6, 0.25]))
    figure = _figure(rng, does, x=x, start=start, stop=stop)
    return replace(figure, drift=rng.uniform(0.08, 0.16) * rng.choice([-1, 1])) if does == "drift" else figure


def _ball(rng: np.random.Generator, actor: Figure) -> Ball:
    start, stop = _interval(rng, actor, 2, 4)
    left, right = (-0.05, rng.uniform(0.1, 0.9)), (1.05, rng.uniform(0.1, 0.9))
    ends = (left, right) if rng.random() < 0.5 else (right, left)
    return Ball(_bright(rng), rng.uniform(0.065, 0.095), start, stop, *ends, arc=rng.uniform(-0.25, 0.25))


def _patch(rng: np.random.Generator, actor: Figure) -> Patch:
    start, stop = _interval(rng, actor, 2, 5)
    return Patch(
        centre=tuple(rng.uniform(0.08, 0.92, 2)),
        half_size=tuple(rng.uniform(0.065, 0.13, 2)),
        start=start,
        stop=stop,
        levels=tuple(rng.uniform(0.1, 0.8, 32) * rng.choice([0.1, 1], 32)),
        rate=rng.uniform(1.5, 4),
    )


def _interval(rng: np.random.Generator, actor: Figure, shortest: float, longest: float) -> tuple[float, float]:
    """Draw when a distractor moves: of several times the one that overlaps the action least, lest motion tell when."""
    lengths = rng.uniform(shortest, longest, 4)
    starts = rng.uniform(0, STEPS - lengths)
    stops = starts + lengths
    overlap = np.minimum(stops, actor.stop) - np.maximum(starts, actor.start)
    best = int(np.argmin(np.maximum(overlap, 0) / lengths))
    return float(starts[best]), float(stops[best])


def _bright(rng: np.random.Generator) -> tuple[float, float, float]:
    return tuple(np.clip(rng.uniform(0.6, 0.95) + rng.uniform(-0.12, 0.12, 3), 0, 1))


def _between(a: Pose, b: Pose, share: float) -> Pose:
    return Pose(*(getattr(a, f.name) * (1 - share) + getattr(b, f.name) * share for f in fields(Pose)))


def _smooth(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def pose_at(figure: Figure, step: float) -> Pose:
    """Pose of a figure at a time, with the slight sway that never stops.

    Parameters
    ----------
    figure
        Who.
    step
        Time in steps, 0 to 8.
    """
    action = ACTIONS.get(figure.does)
    active = figure.start <= step < figure.stop
    if action is not None and action.once:
        pose = _between(action.a, action.b, _smooth((step - figure.start) / (figure.stop - figure.start)))
    elif active and (action is not None or figure.does == "march"):
        a, b = (action.a, action.b) if action is not None else _MARCH
        swing = (1 - np.cos(2 * np.pi * (step - figure.start) / figure.period + figure.phase)) / 2
        edge = min(step - figure.start, figure.stop - step) / 0.4
        pose = _between(REST, _between(a, b, float(swing)), _smooth(edge))
    else:
        pose = REST
    sway = np.sin(2 * np.pi * step / 3.1 + figure.phase)
    return replace(
        pose,
        lean=pose.lean + 1.5 * sway,
        forearm_left=pose.forearm_left + 4 * sway,
        forearm_right=pose.forearm_right - 4 * sway,
    )


class Capsule(NamedTuple):
    """A limb: a segment with a radius, in shares of the frame."""

    name: str
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radius: float


def _along(angle: float, length: float) -> NDArray[np.float64]:
    return length * np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])


def skeleton(figure: Figure, step: float) -> list[Capsule]:
    """Limbs of a figure at a time.

    Parameters
    ----------
    figure
        Who.
    step
        Time in steps, 0 to 8.
    """
    pose = pose_at(figure, step)
    size = figure.height
    moved = figure.drift * _smooth((step - figure.start) / (figure.stop - figure.start))
    hips = np.array([0.0, figure.feet - (_HIP_HEIGHT + pose.rise) * size])
    shoulders = hips + _along(pose.lean, _LENGTHS["torso"] * size)
    head = hips + _along(pose.lean, (_LENGTHS["torso"] + 1.35 * _HEAD_RADIUS) * size)
    limbs = [
        Capsule("torso", hips, shoulders, _THICKNESS["torso"] * size),
        Capsule("head", head, head, _HEAD_RADIUS * size),
    ]
    for side in ("left", "right"):
        for joint, names in ((shoulders, ("upper_arm", "forearm")), (hips, ("thigh", "shin"))):
            at = joint + np.array([(-1 if side == "left" else 1) * 0.035 * size, 0])
            for name in names:
                end = at + _along(getattr(pose, f"{name}_{side}"), _LENGTHS[name] * size)
                limbs.append(Capsule(f"{name}_{side}", at, end, _THICKNESS[name] * size))
                at = end
    flip = np.array([-1.0 if figure.mirrored else 1.0, 1.0])
    offset = np.array([figure.x + moved, 0.0])
    return [limb._replace(start=limb.start * flip + offset, end=limb.end * flip + offset) for limb in limbs]


def _cover(capsule: Capsule, size: int) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """Share of each pixel that a capsule covers, within the part of the frame it can touch."""
    a, b, radius = capsule.start * size - 0.5, capsule.end * size - 0.5, capsule.radius * size
    low = np.clip(np.floor(np.minimum(a, b) - radius - 1), 0, size).astype(int)
    high = np.clip(np.ceil(np.maximum(a, b) + radius + 2), 0, size).astype(int)
    y, x = np.ogrid[low[1] : high[1], low[0] : high[0]]
    x, y = x.astype(np.float32) - a[0], y.astype(np.float32) - a[1]
    along = b - a
    length = float(along @ along)
    share = np.clip((x * along[0] + y * along[1]) / length, 0, 1) if length else np.float32(0)
    distance = np.sqrt((x - share * along[0]) ** 2 + (y - share * along[1]) ** 2)
    return (slice(low[1], high[1]), slice(low[0], high[0])), np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)


def _ground(scene: Scene, size: int) -> NDArray[np.float32]:
    at = (np.arange(size) + 0.5) / size
    x, y = at[None, :], at[:, None]
    shade = sum(a * np.sin(2 * np.pi * (fx * x + fy * y) + p) for fx, fy, p, a in scene.waves)
    shade = shade + 0.04 * _edge((y - scene.actor.feet) * size)
    return (np.asarray(scene.ground) + np.asarray(shade)[..., None]).astype(np.float32)


def _edge(distance: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.clip(distance + 0.5, 0, 1)


def _paint(image: NDArray[np.float32], capsule: Capsule, colour: tuple[float, float, float]) -> None:
    window, cover = _cover(capsule, len(image))
    image[window] += cover[..., None] * (np.asarray(colour, np.float32) - image[window])


def _paint_patch(image: NDArray[np.float32], patch: Patch, step: float) -> None:
    size = len(image)
    at = (np.arange(size) + 0.5) / size
    inside = [
        _edge((half - np.abs(at - centre)) * size) for centre, half in zip(patch.centre, patch.half_size, strict=True)
    ]
    level = patch.levels[int(step * patch.rate) % len(patch.levels)]
    image += (inside[1][:, None] * inside[0][None, :] * level).astype(np.float32)[..., None]


def render(scene: Scene, steps: NDArray[np.floating], size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw a scene at given times.

    Parameters
    ----------
    scene
        What to draw.
    steps
        ``(F,)``, times in steps, 0 to 8.
    size
        Width and height in pixels.

    Returns
    -------
    frames
        uint8 ``(F, size, size, 3)``.
    where
        bool ``(F, size, size)``, the limbs that perform the action, while they do.
    """
    ground = _ground(scene, size)
    frames = np.empty((len(steps), size, size, 3), np.uint8)
    where = np.zeros((len(steps), size, size), bool)
    limbs = ACTIONS[scene.label].limbs
    for i, step in enumerate(steps):
        image = ground.copy()
        if scene.patch is not None and scene.patch.start <= step < scene.patch.stop:
            _paint_patch(image, scene.patch, step)
        if scene.ball is not None and scene.ball.start <= step < scene.ball.stop:
            _paint(image, _ball_at(scene.ball, step), scene.ball.colour)
        if scene.bystander is not None:
            for capsule in skeleton(scene.bystander, step):
                _paint(image, capsule, scene.bystander.colour)
        acting = scene.actor.start <= step < scene.actor.stop
        for capsule in skeleton(scene.actor, step):
            _paint(image, capsule, scene.actor.colour)
            if acting and capsule.name in limbs:
                window, cover = _cover(capsule, size)
                where[i][window] |= cover >= 0.5
        frames[i] = np.clip(image * 255 + 0.5, 0, 255)
    return frames, where


def _ball_at(ball: Ball, step: float) -> Capsule:
    share = (step - ball.start) / (ball.stop - ball.start)
    at = np.array(ball.from_xy) * (1 - share) + np.array(ball.to_xy) * share
    at[1] += ball.arc * 4 * share * (1 - share)
    return Capsule("ball", at, at, ball.radius)


def encode_h264(frames: NDArray[np.uint8], fps: float) -> bytes:
    """Bytes of an mp4 file.

    Parameters
    ----------
    frames
        uint8 ``(F, H, W, 3)``, even sizes.
    fps
        Frames a second.
    """
    from fractions import Fraction

    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()
