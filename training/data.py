"""Training clips of eight frames, drawn at the model's size or encoded as H.264 at 320 pixels."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image
from tqdm import tqdm

from staa_widgets.datasets.drawn_actions import ACTIONS, STEPS, draw_scene, render
from staa_widgets.datasets.drawn_actions.scene import Figure
from staa_widgets.video.encode import encode_h264

NAMES = list(ACTIONS)
TRAIN_SEEDS = 1_000_000
VALIDATION_SEEDS = 2_000_000
CARD_SEEDS = 3_000_000
IDLE_SEEDS = 9_000_000
NONE = -1
"""Label of a clip without an action, whose target is uniform over the classes."""
TRIMMED = 0.8
"""Share of the clips that show only a part around the action."""


def draw_training_clip(seed: int, size: int, through_video: float, idle: bool) -> tuple[np.ndarray, int]:
    """Return eight sampled frames of a scene, uint8 ``(8, size, size, 3)``, and its class; `NONE` if ``idle``."""
    rng = np.random.default_rng([seed, 64])
    scene = draw_scene(seed)
    label = NONE if idle else NAMES.index(scene.label)
    if idle:
        scene = replace(scene, actor=replace(scene.actor, motion="idle"))
    steps = _draw_frame_steps(rng, scene.actor)
    if rng.random() < through_video:
        frames = render(scene, steps, 320)[0]
        with av.open(io.BytesIO(encode_h264(frames, 2)), "r") as container:
            pictures = [frame.to_image() for frame in container.decode(video=0)]
        resized = [np.asarray(p.resize((size, size), Image.Resampling.BILINEAR)) for p in pictures]
        return np.stack(resized), label
    return render(scene, steps, size)[0], label


def _draw_frame_steps(rng: np.random.Generator, actor: Figure) -> np.ndarray:
    """Draw eight times in steps from the whole clip, or mostly from a part with most of the action.

    A model whose first and last frame are always idle learns to compare all others with them: its temporal attention
    then points at idleness, whatever the action.
    """
    steps = np.arange(STEPS) + rng.uniform(0.3, 0.7)
    if rng.random() >= TRIMMED:
        return steps
    margin = 0.2 * (actor.stop - actor.start)
    first = (actor.start + margin) * rng.random()
    last = STEPS - (STEPS - actor.stop + margin) * rng.random()
    return first + (last - first) * (np.arange(STEPS) + rng.uniform(0.3, 0.7)) / STEPS


def load_training_clips(
    first_seed: int, count: int, size: int, through_video: float, store: Path, idle: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` clips and labels, drawn on all cores or read from `store` if they were drawn before."""
    # If the drawing code changes, so does the first clip, and the file gets another name.
    content = hashlib.sha256(draw_training_clip(first_seed, size, 0, idle)[0].tobytes()).hexdigest()[:8]
    path = store / f"clips-{first_seed}-{count}-{size}-{through_video:g}-{content}.npz"
    if not path.exists():
        draw = partial(draw_training_clip, size=size, through_video=through_video, idle=idle)
        seeds = range(first_seed, first_seed + count)
        with ProcessPoolExecutor() as pool:
            pairs = list(tqdm(pool.map(draw, seeds, chunksize=64), total=count, desc="drawing clips", mininterval=2))
        store.mkdir(parents=True, exist_ok=True)
        np.savez(path, clips=np.stack([c for c, _ in pairs]), labels=np.array([k for _, k in pairs]))
    with np.load(path) as arrays:
        return arrays["clips"], arrays["labels"]
