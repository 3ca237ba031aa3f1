"""Draw the clips of the second set on which `staa` does worst, for docs/failures.md."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from staa_widgets import action_clip, explain
from staa_widgets.evaluation.benchmark.plan import CLIP_SETS, FPS
from staa_widgets.evaluation.figures import tint_ground_truth
from staa_widgets.evaluation.metrics.localization import score_ground_truth
from staa_widgets.explanation.ground_truth import ground_truth_on_grid
from staa_widgets.render.compositor import Compositor


def main() -> None:
    """Score the clips, draw the worst ones, and print their seeds and scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--worst", type=int, default=3)
    parser.add_argument("--model", help="default: the bundled model")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    variant, first, kind = CLIP_SETS["second"]
    cases = []
    for seed in range(first, first + options.clips):
        clip = action_clip(seed, fps=FPS, variant=variant, kind=kind)
        e = explain(clip, options.model, preview=False, progress=False)
        truth = ground_truth_on_grid(clip, e.sampled_frames, e.box, (e.maps.shape[1], e.maps.shape[2]))
        scores = score_ground_truth(e.maps, truth)
        cases.append((float(np.mean(list(scores.values()))), seed, clip, e, scores))
    cases.sort(key=lambda case: case[0])
    for rank, (mean, seed, clip, e, scores) in enumerate(cases[: options.worst], 1):
        middle_frames = [int(indices[len(indices) // 2]) for indices in e.sampled_frames]
        compositor = Compositor(e, size=e.frame_size)
        times = e.spans.mean(axis=1).tolist()
        heat_maps = [compositor.paint(clip.frames[f], time) for f, time in zip(middle_frames, times, strict=True)]
        rows = [[tint_ground_truth(clip, f) for f in middle_frames], heat_maps]
        sheet = Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in rows]))
        sheet.thumbnail((1280, 1280))
        sheet.save(options.out / f"failure-{rank}.jpg", quality=82)
        score_text = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
        print(f"{rank}: seed {seed}, {clip.label!r} taken for {e.predictions(1)[0]}, mean {mean:.2f}: {score_text}")


if __name__ == "__main__":
    main()
