"""`ActionClip`, a synthetic clip with its ground truth, and `action_clip`, which draws one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.datasets.drawn_actions.drawing import render
from staa_widgets.datasets.drawn_actions.scene import DEFAULT_KIND, draw_scene
from staa_widgets.datasets.drawn_actions.timing import STEPS
from staa_widgets.errors import ParameterError
from staa_widgets.video.encode import encode_h264

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray


@dataclass(frozen=True)
class ActionClip:
    """A synthetic clip with its ground truth.

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
        Seed of the scene.
    variant
        Name of the scene's distribution, in `VARIANTS`.
    kind
        Name of the kind of clip, in `KINDS`, or "still".
    visible_share
        Share of the action's time that the clip shows; 1 also if the action fills the clip.
    """

    frames: NDArray[np.uint8]
    times: NDArray[np.float64]
    label: str
    where: NDArray[np.bool_]
    when: NDArray[np.bool_]
    seed: int
    variant: str = "standard"
    kind: str = DEFAULT_KIND
    visible_share: float = 1.0

    @property
    def has_temporal_truth(self) -> bool:
        """Whether some frames show the action and others do not; if not, temporal metrics are undefined."""
        return bool(self.when.any() and not self.when.all())

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
    seed: int,
    name: str | None = None,
    *,
    size: int = 320,
    fps: float = 16,
    seconds: float = 4,
    variant: str = "standard",
    kind: str = DEFAULT_KIND,
) -> ActionClip:
    """Return a synthetic clip of an action, with its ground truth.

    Parameters
    ----------
    seed
        The same seed gives the same scene, at any size and frame rate.
    name
        An action of `ACTIONS` or, for kind ``"stay"``, a pose of `HELD_POSES`; by default the seed chooses one.
    size
        Width and height in pixels, at least 16 and even.
    fps
        Frames a second; at least 8 frames are needed in all.
    seconds
        Length of the clip; a clip of kind ``"cut"`` is a part of one of this length.
    variant
        One of `VARIANTS`: ``"second"`` draws the same actions in another way, to check that results on the standard
        clips hold beyond them.
    kind
        One of `KINDS`: when the action happens.

    Raises
    ------
    ParameterError
        If action, variant or kind is unknown or a number is out of range.
    """
    if size < 16 or size % 2:
        raise ParameterError(f"size must be an even number of at least 16, got {size}.", "For example, size=320.")
    count = round(fps * seconds) if fps > 0 and seconds > 0 else 0
    if count < STEPS:
        raise ParameterError(
            f"fps={fps} and seconds={seconds} give {count} frames, but a clip has at least {STEPS}.",
            "Increase fps or seconds; both must be positive.",
        )
    scene = draw_scene(seed, name, variant, kind)
    actor = scene.actor
    if kind == "cut":
        count = max(STEPS, round(count * (actor.stop - actor.start) / STEPS))
        steps = actor.start + np.arange(count) * ((actor.stop - actor.start) / count)
    else:
        steps = np.arange(count) * (STEPS / count)
    frames, where = render(scene, steps, size)
    times = np.arange(count) / fps
    return ActionClip(
        frames,
        times,
        scene.label,
        where,
        actor.is_moving(steps),
        seed,
        variant,
        kind,
        actor.visible_share(),
    )
