"""Accuracy lost by sampling queries: bundled joint models, small enough to be exact, made to sample."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from unittest.mock import patch

import numpy as np
from tqdm import tqdm

from staa_widgets.evaluation.benchmark.plan import DrawnClips
from staa_widgets.evaluation.metrics.localization import ground_truth_metrics, score_ground_truth
from staa_widgets.explanation.ground_truth import ground_truth_on_grid
from staa_widgets.methods import METHODS
from staa_widgets.models import BUNDLED_MODELS, VideoModel, load_model
from staa_widgets.models.attention import query_sampling
from staa_widgets.models.attention.joint import JointReader
from staa_widgets.models.capture import record
from staa_widgets.records.record import Needs
from staa_widgets.video.sampling import sample_uniform

# Without the time profile, which is the same for all numbers of queries.
METHOD_SETTINGS = {
    "staa": ("staa", {"profile": None}),
    "staa, last": ("staa", {"layers": "last", "profile": None}),
    "staa_logit": ("staa_logit", {"profile": None}),
}


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks of all cells."""
    return np.argsort(np.argsort(values.ravel())).astype(float)


def load_joint_models() -> dict[str, VideoModel]:
    """Load the bundled models with joint attention, by name."""
    models = {name.removeprefix("bundled/"): load_model(name) for name in BUNDLED_MODELS}
    return {
        name: model
        for name, model in models.items()
        if isinstance(model.family.make_reader(model.module, model.geometry, Needs()), JointReader)
    }


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--queries", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--json", type=Path, default=Path("out/sampled.json"))
    options = parser.parse_args()
    models = load_joint_models()
    rows = []
    for clip in tqdm(DrawnClips("first", options.clips)):
        for name, model in models.items():
            layout = model.geometry
            frame_indices = sample_uniform(clip.times, layout.frames).indices
            pixels = model.pixels(clip.frames[frame_indices])[None]
            box = model.transform.box(clip.frames.shape[2], clip.frames.shape[1])
            truth = ground_truth_on_grid(
                clip, frame_indices.reshape(layout.slices, layout.tubelet), box, (layout.height, layout.width)
            )
            exact: dict[str, np.ndarray] = {}
            for count in (0, *options.queries):
                for label, (method, params) in METHOD_SETTINGS.items():
                    requested_method = METHODS[method]
                    with (
                        patch.object(query_sampling, "EXACT_TOKENS", 512 if count == 0 else 0),
                        patch.object(query_sampling, "SAMPLE_SIZE", count),
                    ):
                        (pass_record,) = record(model, pixels, requested_method.needs(params), [None])
                    maps = requested_method(pass_record, **params)
                    exact.setdefault(label, maps)
                    rows.append(
                        {
                            "model": name.removesuffix("-1"),
                            "method": label,
                            "queries": count,
                            "correlation": float(np.corrcoef(ranks(maps), ranks(exact[label]))[0, 1]),
                            "distance": float(np.abs(maps - exact[label]).sum() / 2),
                            "error": max(pass_record.sampling_errors.values(), default=0.0),
                            **score_ground_truth(maps, truth),
                        }
                    )
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(rows))
    columns = ("correlation", "distance", "error", *ground_truth_metrics())
    print(f"| model | method | queries | {' | '.join(columns)} |\n|---|---|---|{'---|' * len(columns)}")
    for key in dict.fromkeys((row["model"], row["method"], row["queries"]) for row in rows):
        group = [row for row in rows if (row["model"], row["method"], row["queries"]) == key]
        cells = [f"{np.nanmean([row[column] for row in group]):.3f}" for column in columns]
        print(f"| {key[0]} | {key[1]} | {key[2] or 'all'} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
