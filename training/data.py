"""Training clips of eight frames, drawn at the model's size or encoded as H.264 at 320 pixels."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image
from tqdm import tqdm

from staa_widgets.datasets.drawn_actions import CLASSES, HELD_POSES, STEPS, draw_scene, render
from staa_widgets.datasets.drawn_actions.scene import Figure
from staa_widgets.video.encode import encode_h264

NAMES = list(CLASSES)
TRAIN_SEEDS = 11_000_000
VALIDATION_SEEDS = 12_000_000
CARD_SEEDS = 13_000_000
IDLE_SEEDS = 19_000_000
NONE = -1
"""Label of a clip without an action, whose target is uniform over the classes."""
WHOLE = 0.5
"""Share of the clips of which the model sees all eight steps; of the others it sees a part."""
SHORTEST_PART = 3.5
"""Shortest part of a clip in steps."""
LEAST_VISIBLE = 0.5
"""Least share of the action that a clip shows. Half a jump is a squat: with less, no label could be known."""
CLEARLY_VISIBLE = 0.75
"""Share of the action from which on accuracy is judged."""
SHARD = 1600
"""Maximum number of clips in a file."""


class TrainingClips(NamedTuple):
    """Clips uint8 ``(N, 8, size, size, 3)``, their classes ``(N,)``, and the visible share of each action ``(N,)``."""

    frames: np.ndarray
    labels: np.ndarray
    visible: np.ndarray


def draw_training_clip(seed: int, size: int, through_video: float, idle: bool) -> tuple[np.ndarray, int, float]:
    """Return eight sampled frames of a scene, its class, and the share of its action that they show.

    The frames are uint8 ``(8, size, size, 3)``. With ``idle`` nobody acts, and the class is `NONE`.
    """
    rng = np.random.default_rng([seed, 64])
    scene = draw_scene(seed, kind=draw_kind(rng))
    label = NONE if idle else NAMES.index(scene.label)
    first, last = _draw_part(rng, scene.actor)
    visible = scene.actor.visible_share(first, last)
    if idle:
        scene = replace(scene, actor=replace(scene.actor, motion="idle"))
    steps = first + (last - first) * (np.arange(STEPS) + rng.uniform(0.3, 0.7)) / STEPS
    if rng.random() < through_video:
        frames = render(scene, steps, 320)[0]
        with av.open(io.BytesIO(encode_h264(frames, 2)), "r") as container:
            pictures = [frame.to_image() for frame in container.decode(video=0)]
        resized = [np.asarray(p.resize((size, size), Image.Resampling.BILINEAR)) for p in pictures]
        return np.stack(resized), label, visible
    return render(scene, steps, size)[0], label, visible


def draw_kind(rng: np.random.Generator) -> str:
    """Draw the kind of a clip, such that each class is as likely as any other."""
    return "stay" if rng.random() < len(HELD_POSES) / len(CLASSES) else "anywhere"


def _draw_part(rng: np.random.Generator, actor: Figure) -> tuple[float, float]:
    """Draw the first and the last moment that the model sees: the whole clip, or a part anywhere in it."""
    if rng.random() < WHOLE:
        return 0, STEPS
    while True:
        length = rng.uniform(SHORTEST_PART, STEPS)
        first = rng.uniform(0, STEPS - length)
        if actor.visible_share(first, first + length) >= LEAST_VISIBLE:
            return first, first + length


def load_training_clips(
    first_seed: int, count: int, size: int, through_video: float, store: Path, idle: bool = False
) -> TrainingClips:
    """Return `count` clips, drawn on all cores or read from `store` as far as they were drawn before."""
    shards = [
        _load_shard(first_seed + start, min(SHARD, count - start), size, through_video, store, idle)
        for start in range(0, count, SHARD)
    ]
    return TrainingClips(*(np.concatenate(parts) for parts in zip(*shards, strict=True)))


def _load_shard(first_seed: int, count: int, size: int, through_video: float, store: Path, idle: bool) -> TrainingClips:
    # If the drawing code changes, so does the first clip, and the file gets another name.
    content = hashlib.sha256(draw_training_clip(first_seed, size, 0, idle)[0].tobytes()).hexdigest()[:8]
    path = store / f"clips-{first_seed}-{count}-{size}-{through_video:g}-{content}.npz"
    if not path.exists():
        draw = partial(draw_training_clip, size=size, through_video=through_video, idle=idle)
        seeds = range(first_seed, first_seed + count)
        with ProcessPoolExecutor() as pool:
            drawn = list(tqdm(pool.map(draw, seeds, chunksize=32), total=count, desc="drawing clips", mininterval=10))
        frames, labels, visible = zip(*drawn, strict=True)
        store.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(unfinished, frames=np.stack(frames), labels=np.array(labels), visible=np.array(visible))
        unfinished.replace(path)
    with np.load(path) as arrays:
        return TrainingClips(arrays["frames"], arrays["labels"], arrays["visible"])
