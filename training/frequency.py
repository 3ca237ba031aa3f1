"""Count how often each cell of space and time is part of the action in the training set.

    python -m training.frequency

writes the table of the control `slot_frequency`: the strongest map that does not depend on the clip.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from tqdm import tqdm

from staa_widgets.datasets.drawn_actions import STEPS, ActionClip, draw_scene, render
from staa_widgets.explanation.ground_truth import ground_truth_on_grid
from staa_widgets.methods.controls import FREQUENCY_FILE
from training.data import TRAIN_SEEDS
from training.nets import PATCH, SIZE

KINDS = ("anywhere", "middle")


def true_cells(seed: int, kind: str) -> np.ndarray:
    """Return the cells of a clip that are part of the action, bool ``(8, 8, 8)``."""
    scene = draw_scene(seed, kind=kind)
    steps = np.arange(0.5, STEPS)
    frames, where = render(scene, steps, SIZE)
    clip = ActionClip(frames, steps, scene.label, where, scene.actor.is_moving(steps), seed)
    side = SIZE // PATCH
    return ground_truth_on_grid(clip, np.arange(STEPS)[:, None], (0, 0, SIZE, SIZE), (side, side)).where


def count_cells(kind: str, clips: int) -> np.ndarray:
    """Return the share of training clips in which each cell is part of the action, ``(8, 8, 8)``."""
    with ProcessPoolExecutor() as pool:
        seeds = range(TRAIN_SEEDS, TRAIN_SEEDS + clips)
        drawn = pool.map(partial(true_cells, kind=kind), seeds, chunksize=32)
        return np.mean([*tqdm(drawn, total=clips, desc=kind, mininterval=10)], axis=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=2000)
    clips = parser.parse_args().clips
    tables = {kind: count_cells(kind, clips).round(4).tolist() for kind in KINDS}
    FREQUENCY_FILE.write_text(json.dumps({"clips": clips, "first_seed": TRAIN_SEEDS, **tables}) + "\n")
