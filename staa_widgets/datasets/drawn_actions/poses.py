"""The ten actions and the two held poses as a table of poses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


@dataclass(frozen=True)
class Pose:
    """Directions of the body's segments in degrees: 0 is down, 90 right, 180 up, -90 left."""

    lean: float = 180
    upper_arm_left: float = -14
    forearm_left: float = -8
    upper_arm_right: float = 14
    forearm_right: float = 8
    thigh_left: float = -5
    shin_left: float = -2
    thigh_right: float = 5
    shin_right: float = 2
    rise: float = 0
    """Height of the hips over their rest position, in body heights."""


REST = Pose()
_UP = replace(REST, upper_arm_right=165, forearm_right=176)
_ARM = frozenset({"upper_arm_right", "forearm_right"})
_ARMS = _ARM | {"upper_arm_left", "forearm_left"}
_LEG = frozenset({"thigh_right", "shin_right"})
_LEGS = _LEG | {"thigh_left", "shin_left"}
_BODY = _ARMS | _LEGS | {"torso", "head"}


class Action(NamedTuple):
    """A swing between two poses or, if ``once``, one movement from the first to the second; `limbs` move."""

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
        replace(REST, thigh_right=-6, shin_right=-18),
        replace(REST, thigh_right=80, shin_right=84),
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
        replace(REST, lean=118, upper_arm_left=6, forearm_left=4, upper_arm_right=18, forearm_right=14),
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
"""The ten actions by name; ``lower_arm`` is ``raise_arm`` backwards, so that temporal order matters."""

_CROUCH = replace(REST, thigh_left=-72, shin_left=8, thigh_right=72, shin_right=-8, rise=-0.17)
HELD_POSES: dict[str, Action] = {
    "hold_arm": Action(_UP, _UP, _ARM),
    "crouch": Action(_CROUCH, _CROUCH, _BODY),
}
"""Two classes of a pose that is held: the evidence for them stays where it is."""

CLASSES: dict[str, Action] = {**ACTIONS, **HELD_POSES}
"""All classes by name: the ten actions and the two held poses."""

_STRIDE = (
    replace(REST, thigh_left=-48, shin_left=12, upper_arm_right=40, forearm_right=60, upper_arm_left=6),
    replace(REST, thigh_right=48, shin_right=-12, upper_arm_left=-40, forearm_left=-60, upper_arm_right=-6),
)
_SWAY = (
    replace(REST, lean=190, thigh_left=-24, shin_left=-18, upper_arm_left=-22, upper_arm_right=-4),
    replace(REST, lean=170, thigh_right=24, shin_right=18, upper_arm_left=4, upper_arm_right=22),
)
MOTIONS: dict[str, tuple[Pose, Pose]] = {"march": _STRIDE, "sway": _SWAY}
"""Movements between two poses that belong to no class: marching on the spot and swaying from foot to foot."""
