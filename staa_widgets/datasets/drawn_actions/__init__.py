"""Synthetic clips of drawn actions, with ground truth of where and when the action happens.

A stick figure performs one of ten actions for part of a clip and idles for the rest, or holds one of two poses, beside
moving distractors that do not depend on the class. An explanation of a classifier of these actions can be checked
against the ground truth.
Scenes are vectors: the same seed gives the same scene at any size and frame rate.
"""

from staa_widgets.datasets.drawn_actions.clip import ActionClip, action_clip
from staa_widgets.datasets.drawn_actions.drawing import render
from staa_widgets.datasets.drawn_actions.poses import ACTIONS, CLASSES, HELD_POSES
from staa_widgets.datasets.drawn_actions.scene import KINDS, VARIANTS, draw_scene
from staa_widgets.datasets.drawn_actions.still import STILL_KINDS, still_clip
from staa_widgets.datasets.drawn_actions.timing import STEPS

__all__ = [
    "ACTIONS",
    "CLASSES",
    "HELD_POSES",
    "KINDS",
    "STEPS",
    "STILL_KINDS",
    "VARIANTS",
    "ActionClip",
    "action_clip",
    "draw_scene",
    "render",
    "still_clip",
]
