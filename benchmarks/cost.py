"""What `staa` costs beside methods that ask the model again: explanation time alone, in interleaved rounds of one run.

Pixels are given, so that reading the clip, the cache and the drawing of results play no part. Where a whole run would
take many minutes a few passes are timed and scaled by the passes that the method declares. Peak memory is what the
process held at most beyond what it held before the call, weights and clip (``VmHWM`` of Linux, reset before it); of a
scaled method, that of its few passes. Methods that ask again run the model as it is, TimeSformer with the attention of
transformers; recording replaces that by sdpa, which is part of what `staa` gains.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TimesformerConfig, TimesformerForVideoClassification

from staa_widgets import METHODS, VideoModel, load_model
from staa_widgets.datasets.drawn_actions import action_clip
from staa_widgets.engine.attribute import attribute
from staa_widgets.evaluation.bootstrap import Interval
from staa_widgets.methods import Cost
from staa_widgets.models.batching import max_batch_size
from staa_widgets.models.transform import Transform
from staa_widgets.utils.progress import progress_reporter

OWN = ("staa", "staa_logit")
SEGMENTS = 64

METHOD_PARAMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "staa": ({}, {}),
    "staa_logit": ({}, {}),
    "integrated_gradients": ({"steps": 20}, {"steps": 2}),
    "occlusion": ({}, {"cells": (2, 14, 14)}),
    "lime": ({"samples": 1000}, {"samples": 4}),
    "kernel_shap": ({"samples": 2048 + 2 * SEGMENTS}, {"samples": 4}),
    "shapley": ({"segments": (8, 1, 1)}, {"segments": (2, 1, 1)}),
}
"""Parameters as usual, and for few passes. The package of SHAP's authors takes 2048 samples and two more a segment."""


@dataclass(frozen=True)
class Measurement:
    """One method on one model: medians over rounds, and the share of its time that `staa` and `staa_logit` take."""

    model: str
    method: str
    params: dict[str, Any]
    forwards: int
    backwards: int
    seconds: float
    scaled_from: int | None
    rounds: int
    shares: dict[str, Interval]
    peak_bytes: int | None


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="of few passes")
    parser.add_argument("--whole-rounds", type=int, default=2, help="of whole runs")
    parser.add_argument("--json", type=Path, default=Path("out/cost.json"))
    options = parser.parse_args()
    torch.manual_seed(0)
    small = load_model()
    large = load_model(
        TimesformerForVideoClassification(TimesformerConfig(num_frames=8)).eval(),
        processor=Transform.from_json({"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}),
    )
    with progress_reporter(None) as report:
        measurements = measure("bundled TimeSformer, 8 x 64", small, options.whole_rounds, report, whole=True)
        measurements += measure("TimeSformer-B, 8 x 224", large, options.rounds, report, whole=False)
    print(table(measurements))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    machine = {"threads": torch.get_num_threads(), "cores": os.cpu_count(), "torch": torch.__version__}
    options.json.write_text(
        json.dumps({"machine": machine, "measurements": [asdict(one) for one in measurements]}, indent=1)
    )


def measure(
    title: str, model: VideoModel, rounds: int, report: Callable[[str, int, int], object], *, whole: bool
) -> list[Measurement]:
    """Return the measurements of every method on a model: each runs once per round, after a first run to warm up."""
    clip = action_clip(7, fps=8)
    frame_indices = np.linspace(0, len(clip.frames) - 1, model.geometry.frames).round().astype(int)
    pixels = model.pixels(clip.frames[frame_indices])
    params_by_method = {name: usual if whole else short for name, (usual, short) in METHOD_PARAMS.items()}
    seconds = {name: np.empty(rounds) for name in params_by_method}
    peaks: dict[str, int | None] = dict.fromkeys(params_by_method)
    explain_once(model, pixels, "staa", {})
    for n in range(rounds):
        for name, params in params_by_method.items():
            report(f"{title}: {name}", n, rounds)
            seconds[name][n], peak = explain_once(model, pixels, name, params)
            # The greatest of all rounds: later ones reuse memory that earlier ones left to the allocator.
            peaks[name] = max(filter(None, (peak, peaks[name])), default=None)
    passes = {
        name: total_passes(METHODS[name].cost(model.geometry, params_by_method[name])) for name in params_by_method
    }
    rows = []
    for name, (usual, _) in METHOD_PARAMS.items():
        cost = METHODS[name].cost(model.geometry, usual)
        scaled = total_passes(cost) != passes[name]
        seconds[name] *= total_passes(cost) / passes[name]
        shares = {own: median(seconds[own] / seconds[name]) for own in OWN if name not in OWN}
        timed_passes = passes[name] if scaled else None
        median_seconds = float(np.median(seconds[name]))
        rows.append(Measurement(title, name, usual, *cost, median_seconds, timed_passes, rounds, shares, peaks[name]))
    return rows


def explain_once(
    model: VideoModel, pixels: torch.Tensor, name: str, params: dict[str, Any]
) -> tuple[float, int | None]:
    """Explain once; return seconds and peak memory beyond the memory before, in bytes (``None`` if unknown)."""
    batch = max_batch_size(model, backward=METHODS[name].cost(model.geometry, params).backwards > 0)
    before = reset_peak_memory()
    start = time.perf_counter()
    attribute(model, pixels, name, batch_size=batch, **params)
    seconds = time.perf_counter() - start
    return seconds, None if before is None else read_memory("VmHWM") - before


def reset_peak_memory() -> int | None:
    """Free unused memory, reset the peak, and return the memory in use, in bytes; ``None`` if unknown."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return read_memory("VmRSS")
    return None


def read_memory(field: str) -> int:
    """Return a memory figure of this process, such as ``"VmRSS"``, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def total_passes(cost: Cost) -> int:
    """Return the number of forward and backward passes together."""
    return cost.forwards + cost.backwards


def median(values: np.ndarray) -> Interval:
    """Return the median with its 95 % bootstrap interval over rounds."""
    round_indices = np.random.default_rng(0).integers(0, len(values), (5000, len(values)))
    low, high = np.quantile(np.median(values[round_indices], axis=1), [0.025, 0.975])
    return Interval(float(np.median(values)), float(low), float(high))


def table(measurements: list[Measurement]) -> str:
    """Return the measurements as a Markdown table."""
    lines = [
        "| model | method | passes (forward + backward) | seconds | `staa` takes of it | `staa_logit` | peak memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in measurements:
        shares = [f"{100 * s.mean:.2g} % [{100 * s.low:.2g}, {100 * s.high:.2g}]" for s in one.shares.values()]
        mark = f" (scaled from {one.scaled_from} passes)" if one.scaled_from else ""
        peak = "not measured" if one.peak_bytes is None else f"{one.peak_bytes / 1e6:.0f} MB"
        cells = [
            one.model,
            f"`{one.method}`",
            f"{one.forwards} + {one.backwards}",
            f"{one.seconds:.0f}{mark}" if one.seconds >= 100 else f"{one.seconds:.3g}{mark}",
            *(shares or ["", ""]),
            peak,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    sampled = [one for one in measurements if one.method in ("lime", "kernel_shap")]
    share = max(one.shares["staa"].high for one in sampled)
    share_of_all = max(one.shares["staa"].high for one in measurements if one.shares)
    lines += [
        "",
        f"Goal, under 1 % of LIME and KernelSHAP: at most {share:.2%}, {'met' if share < 0.01 else 'not met'}. "
        f"Published, under 3 % of SHAP and LIME; of all methods here at most {share_of_all:.1%}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
