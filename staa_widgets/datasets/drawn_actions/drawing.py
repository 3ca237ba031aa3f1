"""Render scenes to pixels: limbs are capsules, painted by their distance to a segment."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from staa_widgets.datasets.drawn_actions.poses import CLASSES, MOTIONS, REST, Pose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.datasets.drawn_actions.scene import Ball, Figure, FlickerPatch, Scene

_LENGTHS = {"torso": 0.3, "upper_arm": 0.16, "forearm": 0.16, "thigh": 0.22, "shin": 0.22}
_THICKNESS = {"torso": 0.047, "upper_arm": 0.03, "forearm": 0.027, "thigh": 0.035, "shin": 0.031}
_HEAD_RADIUS = 0.075
_HIP_HEIGHT = 0.44


def _interpolate_pose(a: Pose, b: Pose, share: float) -> Pose:
    return Pose(*(getattr(a, f.name) * (1 - share) + getattr(b, f.name) * share for f in fields(Pose)))


def _smoothstep(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def pose_at(figure: Figure, step: float) -> Pose:
    """Return the pose of a figure at a time, including a slight sway that never stops.

    Parameters
    ----------
    figure
        The figure.
    step
        Time in steps, 0 to 8.
    """
    action = CLASSES.get(figure.motion)
    start = figure.start_of_motion(step)
    length = figure.stop - figure.start
    if action is not None and action.once:
        pose = _interpolate_pose(action.a, action.b, _smoothstep((step - figure.start) / length))
    elif start is not None and (action is not None or figure.motion in MOTIONS):
        a, b = (action.a, action.b) if action is not None else MOTIONS[figure.motion]
        swing = (1 - np.cos(2 * np.pi * (step - start) / figure.period + figure.phase)) / 2
        edge = min(step - start, start + length - step) / 0.4
        pose = _interpolate_pose(REST, _interpolate_pose(a, b, float(swing)), _smoothstep(edge))
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


def _offset(angle: float, length: float) -> NDArray[np.float64]:
    return length * np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])


def skeleton(figure: Figure, step: float) -> list[Capsule]:
    """Return the limbs of a figure at a time.

    Parameters
    ----------
    figure
        The figure.
    step
        Time in steps, 0 to 8.
    """
    pose = pose_at(figure, step)
    size = figure.height
    shift = figure.drift * _smoothstep((step - figure.start) / (figure.stop - figure.start))
    hips = np.array([0.0, figure.feet - (_HIP_HEIGHT + pose.rise) * size])
    shoulders = hips + _offset(pose.lean, _LENGTHS["torso"] * size)
    head = hips + _offset(pose.lean, (_LENGTHS["torso"] + 1.35 * _HEAD_RADIUS) * size)
    limbs = [
        Capsule("torso", hips, shoulders, _THICKNESS["torso"] * size),
        Capsule("head", head, head, _HEAD_RADIUS * size),
    ]
    for side in ("left", "right"):
        for joint, names in ((shoulders, ("upper_arm", "forearm")), (hips, ("thigh", "shin"))):
            start = joint + np.array([(-1 if side == "left" else 1) * 0.035 * size, 0])
            for name in names:
                end = start + _offset(getattr(pose, f"{name}_{side}"), _LENGTHS[name] * size)
                limbs.append(Capsule(f"{name}_{side}", start, end, _THICKNESS[name] * size))
                start = end
    flip = np.array([-1.0 if figure.mirrored else 1.0, 1.0])
    offset = np.array([figure.x + shift, 0.0])
    return [limb._replace(start=limb.start * flip + offset, end=limb.end * flip + offset) for limb in limbs]


def _pixel_coverage(capsule: Capsule, size: int) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """Return the covered share of each pixel, within the part of the frame that a capsule can touch."""
    a, b, radius = capsule.start * size - 0.5, capsule.end * size - 0.5, capsule.radius * size
    low = np.clip(np.floor(np.minimum(a, b) - radius - 1), 0, size).astype(int)
    high = np.clip(np.ceil(np.maximum(a, b) + radius + 2), 0, size).astype(int)
    y, x = np.ogrid[low[1] : high[1], low[0] : high[0]]
    x, y = x.astype(np.float32) - a[0], y.astype(np.float32) - a[1]
    direction = b - a
    squared_length = float(direction @ direction)
    share = np.clip((x * direction[0] + y * direction[1]) / squared_length, 0, 1) if squared_length else np.float32(0)
    distance = np.sqrt((x - share * direction[0]) ** 2 + (y - share * direction[1]) ** 2)
    return (slice(low[1], high[1]), slice(low[0], high[0])), np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)


def _render_ground(scene: Scene, size: int) -> NDArray[np.float32]:
    pixel_centers = (np.arange(size) + 0.5) / size
    x, y = pixel_centers[None, :], pixel_centers[:, None]
    shade = sum(a * np.sin(2 * np.pi * (fx * x + fy * y) + p) for fx, fy, p, a in scene.waves)
    shade = shade + 0.04 * _edge_coverage((y - scene.actor.feet) * size)
    return (np.asarray(scene.ground) + np.asarray(shade)[..., None]).astype(np.float32)


def _edge_coverage(distance: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.clip(distance + 0.5, 0, 1)


def _paint(image: NDArray[np.float32], capsule: Capsule, color: tuple[float, float, float]) -> None:
    window, cover = _pixel_coverage(capsule, len(image))
    image[window] += cover[..., None] * (np.asarray(color, np.float32) - image[window])


def _paint_flicker(image: NDArray[np.float32], flicker: FlickerPatch, step: float) -> None:
    size = len(image)
    pixel_centers = (np.arange(size) + 0.5) / size
    coverage = [
        _edge_coverage((half - np.abs(pixel_centers - center)) * size)
        for center, half in zip(flicker.center, flicker.half_size, strict=True)
    ]
    level = flicker.levels[int(step * flicker.rate) % len(flicker.levels)]
    image += (coverage[1][:, None] * coverage[0][None, :] * level).astype(np.float32)[..., None]


def render(scene: Scene, steps: NDArray[np.floating], size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the frames of a scene at given times, and the pixels of the action.

    Parameters
    ----------
    scene
        The scene.
    steps
        ``(F,)``, times in steps, 0 to 8.
    size
        Width and height in pixels.

    Returns
    -------
    frames
        uint8 ``(F, size, size, 3)``.
    where
        bool ``(F, size, size)``, pixels of the limbs that perform the action, while it happens.
    """
    ground = _render_ground(scene, size)
    frames = np.empty((len(steps), size, size, 3), np.uint8)
    where = np.zeros((len(steps), size, size), bool)
    limbs = CLASSES[scene.label].limbs
    for i, step in enumerate(steps):
        image = ground.copy()
        if scene.flicker is not None and scene.flicker.start <= step < scene.flicker.stop:
            _paint_flicker(image, scene.flicker, step)
        if scene.ball is not None and scene.ball.start <= step < scene.ball.stop:
            _paint(image, _ball_at(scene.ball, step), scene.ball.color)
        if scene.bystander is not None:
            for capsule in skeleton(scene.bystander, step):
                _paint(image, capsule, scene.bystander.color)
        is_acting = scene.actor.start_of_motion(step) is not None
        for capsule in skeleton(scene.actor, step):
            _paint(image, capsule, scene.actor.color)
            if is_acting and capsule.name in limbs:
                window, cover = _pixel_coverage(capsule, size)
                where[i][window] |= cover >= 0.5
        frames[i] = np.clip(image * 255 + 0.5, 0, 255)
    return frames, where


def _ball_at(ball: Ball, step: float) -> Capsule:
    share = (step - ball.start) / (ball.stop - ball.start)
    position = np.array(ball.from_xy) * (1 - share) + np.array(ball.to_xy) * share
    position[1] += ball.arc * 4 * share * (1 - share)
    return Capsule("ball", position, position, ball.radius)
