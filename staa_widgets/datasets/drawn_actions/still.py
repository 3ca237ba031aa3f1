"""Still clips: one frame that is repeated, as it is or disturbed. Nothing happens in them at any time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.datasets.drawn_actions.clip import ActionClip
from staa_widgets.datasets.drawn_actions.drawing import render
from staa_widgets.datasets.drawn_actions.scene import draw_scene
from staa_widgets.errors import ParameterError
from staa_widgets.video.encode import encode_h264
from staa_widgets.video.open import open_clip

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

NOISE = 4
"""Standard deviation of the noise in gray levels of 256."""

BRIGHTNESS = (0.85, 1.15)
"""Brightness of the first and of the last frame, where it changes."""


def _keep(frames: NDArray[np.uint8], _: np.random.Generator) -> NDArray[np.uint8]:
    return frames


def _add_noise(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    return (frames + rng.normal(0, NOISE, frames.shape)).round().clip(0, 255).astype(np.uint8)


def _compress(frames: NDArray[np.uint8], _: np.random.Generator) -> NDArray[np.uint8]:
    return open_clip(encode_h264(frames, 8)).frames(np.arange(len(frames)))


def _brighten(frames: NDArray[np.uint8], _: np.random.Generator) -> NDArray[np.uint8]:
    light = np.linspace(*BRIGHTNESS, len(frames))[:, None, None, None]
    return (frames * light).round().clip(0, 255).astype(np.uint8)


def _jitter(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    _, height, width, _ = frames.shape
    padded = np.pad(frames, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    shifts = rng.integers(0, 3, (len(frames), 2))
    return np.stack([f[y : y + height, x : x + width] for f, (y, x) in zip(padded, shifts, strict=True)])


STILL_KINDS: dict[str, Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]] = {
    "plain": _keep,
    "noise": _add_noise,
    "mp4": _compress,
    "brightness": _brighten,
    "jitter": _jitter,
}
"""Disturbance of the repeated frame, by name: nothing, noise, H.264, a slow change of brightness, shifts of a pixel."""


def still_clip(
    seed: int,
    kind: str = "plain",
    *,
    frame: ArrayLike | None = None,
    size: int = 320,
    fps: float = 8,
    seconds: float = 4,
) -> ActionClip:
    """Return a clip of one frame, in which nothing happens: its ground truth is empty.

    If a map differs between the slices of such a clip, it shows time embeddings, noise or compression, not the content.

    Parameters
    ----------
    seed
        Seed of the scene whose acting figure is shown, and of the disturbance.
    kind
        One of `STILL_KINDS`.
    frame
        uint8 ``(H, W, 3)``, such as a frame of a real video, to show in place of a scene.
    size
        Width and height of a scene in pixels.
    fps, seconds
        Frames a second, and length of the clip.

    Raises
    ------
    ParameterError
        If there is no such kind, or the frame is no image.
    """
    if kind not in STILL_KINDS:
        raise ParameterError(f"There is no kind {kind!r} of still clips.", f"Choose from {', '.join(STILL_KINDS)}.")
    if frame is None:
        scene = draw_scene(seed, kind="middle")
        middle = np.array([(scene.actor.start + scene.actor.stop) / 2])
        image = render(scene, middle, size)[0][0]
    else:
        image = np.asarray(frame)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ParameterError(
                f"frame must be uint8 of shape (H, W, 3), got {image.dtype} {image.shape}.",
                "Give a frame of a clip, such as open_clip(video).frames([0])[0].",
            )
    count = round(fps * seconds)
    if count < 1:
        raise ParameterError(
            f"fps={fps} and seconds={seconds} give {count} frames.", "Increase fps or seconds; both must be positive."
        )
    frames = STILL_KINDS[kind](np.repeat(image[None], count, axis=0), np.random.default_rng([seed, 4]))
    nothing = np.zeros(frames.shape[:3], bool)
    return ActionClip(
        frames,
        np.arange(count) / fps,
        f"still, {kind}",
        nothing,
        np.zeros(count, bool),
        seed,
        kind="still",
        visible_share=0.0,
    )
