"""Training clips: half a scene's eight frames drawn at the model's size, half through H.264 at 320 pixels."""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image
from tqdm import tqdm

from staa_widgets.actions import ACTIONS, STEPS, draw_scene, encode_h264, render

NAMES = list(ACTIONS)
TRAIN_SEEDS = 1_000_000
VALIDATION_SEEDS = 2_000_000
CARD_SEEDS = 3_000_000


def training_clip(seed: int, size: int, through_video: float) -> tuple[np.ndarray, int]:
    """Eight sampled frames uint8 ``(8, size, size, 3)`` and the class of one scene."""
    rng = np.random.default_rng([seed, 64])
    scene = draw_scene(seed)
    steps = np.arange(STEPS) + rng.uniform(0.3, 0.7)
    if rng.random() < through_video:
        frames = render(scene, steps, 320)[0]
        with av.open(io.BytesIO(encode_h264(frames, 2)), "r") as container:
            pictures = [frame.to_image() for frame in container.decode(video=0)]
        resized = [np.asarray(p.resize((size, size), Image.Resampling.BILINEAR)) for p in pictures]
        return np.stack(resized), NAMES.index(scene.label)
    return render(scene, steps, size)[0], NAMES.index(scene.label)


def training_clips(
    first_seed: int, count: int, size: int, through_video: float, store: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` clips on all cores, or read them from `store` if the same were drawn before."""
    path = store / f"clips-{first_seed}-{count}-{size}-{through_video:g}.npz"
    if not path.exists():
        draw = partial(training_clip, size=size, through_video=through_video)
        seeds = range(first_seed, first_seed + count)
        with ProcessPoolExecutor() as pool:
            drawn = list(tqdm(pool.map(draw, seeds, chunksize=64), total=count, desc="drawing clips", mininterval=2))
        store.mkdir(parents=True, exist_ok=True)
        np.savez(path, clips=np.stack([c for c, _ in drawn]), labels=np.array([k for _, k in drawn]))
    with np.load(path) as held:
        return held["clips"], held["labels"]
