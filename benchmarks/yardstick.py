"""Compare methods with the controls on every set of synthetic clips, and measure how even they are on still clips.

    python -m benchmarks.yardstick --page docs/generated/yardstick.md

The intervals are paired, over clips: a clip counts once, with its mean over the models.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from staa_widgets import evaluate, explain, load_model, open_clip
from staa_widgets.datasets.drawn_actions import STILL_KINDS, still_clip
from staa_widgets.evaluation.benchmark.plan import CLIP_SETS, FPS, DrawnClips
from staa_widgets.evaluation.bootstrap import Interval, bootstrap_interval
from staa_widgets.evaluation.evaluate import CONTROLS
from staa_widgets.evaluation.metrics.localization import EFFECTIVE_SHARE
from staa_widgets.evaluation.request import Spec
from staa_widgets.evaluation.results import Results
from staa_widgets.models import BUNDLED_MODELS, VideoModel, weights_digest

METHODS: dict[str, Spec] = {
    "staa": "staa",
    "plain rollout": ("staa", {"profile": None}),
    "contrast, the former default": ("staa", {"profile": None, "contrast": True}),
    "staa_logit": "staa_logit",
}
METRICS: dict[str, Spec] = {
    "pointing": "pointing",
    "average precision": "average_precision",
    "temporal AUC": "temporal_auc",
    "temporal pointing": "temporal_pointing",
    "mass": "mass",
    "mass at equal entropy": "mass_equal_entropy",
}
COMPARED = tuple(name for name in METRICS if name != "mass")
"""Metrics in which methods are compared; any power raises mass, so it is quoted beside the mass at equal entropy."""

CONTROL_SPECS: dict[str, Spec] = dict(zip(CONTROLS, CONTROLS, strict=True))
SETS = ("first", "second", "middle", "stay", "cut")


def methods_of(clip_set: str) -> dict[str, Spec]:
    """Return the methods and controls for a set; the slot frequencies are those of training clips of its kind."""
    kind = "middle" if CLIP_SETS[clip_set].kind in {"middle", "cut"} else "anywhere"
    return {**METHODS, **CONTROL_SPECS, "slot_frequency": ("slot_frequency", {"kind": kind})}


def scores_section(results: Results, clip_set: str) -> str:
    """Return the table of one set of clips: means with their intervals over clips."""
    clips, seed = len(results.clips), CLIP_SETS[clip_set].first_seed
    lines = [
        f"## {clip_set}: {clips} clips from seed {seed}\n",
        f"| method | {' | '.join(METRICS)} |",
        f"|---|{'---|' * len(METRICS)}",
    ]
    for method in (*METHODS, *CONTROLS):
        cells = [format_mean(results.values(method, metric).values()) for metric in METRICS]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def differences_section(results: Results) -> str:
    """Return the table of paired differences: each method minus the best control, by metric."""
    lines = [f"| minus the nearest control | {' | '.join(COMPARED)} |", f"|---|{'---|' * len(COMPARED)}"]
    for method in METHODS:
        cells = []
        for metric in COMPARED:
            duels = [results.compare(method, control, metric) for control in CONTROLS]
            duels = [duel for duel in duels if duel.clips]
            nearest = min(duels, key=lambda duel: duel.low, default=None)
            cells.append(
                f"{nearest.other} {Interval(nearest.mean, nearest.low, nearest.high)}" if nearest else "undefined"
            )
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def format_mean(values: Iterable[float]) -> str:
    """Return a mean with its interval, or that the metric is undefined on these clips."""
    finite = [value for value in values if np.isfinite(value)]
    return str(bootstrap_interval(finite)) if finite else "undefined"


def distance_from_even(maps: np.ndarray) -> float:
    """Return the total variation distance of a map's profile over time from an even one; 0 for an empty map."""
    profile = np.abs(maps).sum(axis=(1, 2))
    return float(np.abs(profile / profile.sum() - 1 / len(profile)).sum() / 2) if profile.any() else 0.0


def still_section(models: Mapping[str, VideoModel], clips: int, frames: list[np.ndarray]) -> str:
    """Return the table of how far methods are from even over time where nothing happens, by model and kind of clip."""
    kinds = list(STILL_KINDS)
    if frames:
        kinds.append("real")
    lines = [
        f"## still: {clips} clips of one frame\n",
        "Distance of the profile over time from an even one (total variation; 0 is even). It is 0 for `uniform`.\n",
        f"| model | method | {' | '.join(kinds)} |",
        f"|---|---|{'---|' * len(kinds)}",
    ]
    for name, model in models.items():
        for label, spec in METHODS.items():
            method, params = (spec, {}) if isinstance(spec, str) else spec
            cells = []
            for kind in kinds:
                videos: Iterable[Any] = DrawnClips(f"still_{kind}", clips) if kind != "real" else real_clips(frames)
                distances = [distance_from_even(maps_of(video, model, method, params)) for video in videos]
                cells.append(f"{np.mean(distances):.3f}")
            lines.append(f"| {name} | {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def real_clips(frames: Iterable[np.ndarray]) -> list[Any]:
    """Return still clips of frames of real videos."""
    return [still_clip(n, frame=frame, fps=FPS) for n, frame in enumerate(frames)]


def maps_of(video: Any, model: VideoModel, method: str, params: Mapping[str, Any]) -> np.ndarray:
    """Return the maps of a clip as one window."""
    settings = {"cache": False, "preview": False, "attention": False, "progress": False}
    return explain(video, model, method, **settings, **params).maps


def name_weights(models: Mapping[str, VideoModel]) -> str:
    """Return the names of the models, each with the beginning of its weights' digest."""
    return ", ".join(f"{name} (`{weights_digest(model)[:8]}`)" for name, model in models.items())


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60, help="clips of each set")
    parser.add_argument("--stills", type=int, default=4, help="clips of each kind of still clip")
    parser.add_argument("--sets", nargs="*", choices=CLIP_SETS, default=SETS)
    parser.add_argument("--models", nargs="+", default=list(BUNDLED_MODELS), help="names or folders")
    parser.add_argument(
        "--real", nargs="*", default=[], help="real videos, whose middle frame is shown as a still clip"
    )
    parser.add_argument("--page", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    models = {name.removeprefix("bundled/"): load_model(name) for name in options.models}
    sections = [f"# The yardstick\n\n{READING_NOTE.format(models=name_weights(models), share=EFFECTIVE_SHARE)}"]
    for clip_set in options.sets:
        clips = DrawnClips(clip_set, options.clips)
        results = evaluate(clips, methods_of(clip_set), METRICS, models)
        sections += [scores_section(results, clip_set), differences_section(results)]
        print("\n\n".join(sections[-2:]), flush=True)
    if options.stills:
        videos = [open_clip(path) for path in options.real]
        frames = [video.frames(np.array([len(video) // 2]))[0] for video in videos]
        sections.append(still_section(models, options.stills, frames))
        print(sections[-1], flush=True)
    if options.page is not None:
        options.page.write_text("\n\n".join(sections) + "\n")


READING_NOTE = """Methods beside the controls that do not depend on the clip or the model.
By `python -m benchmarks.yardstick`; means with 95 % bootstrap intervals over clips, paired where methods are compared.
A clip counts once, with its mean over the models. Models: {models}.

In "first" and "second" the action may begin at any time, so that only a curve over time that depends on the clip can
find it. Defaults were chosen on "first"; "second" is drawn in another way and judges them. In "middle" the action lies
in the middle, as in the benchmarks of earlier releases. In "stay" a pose is held, in "cut" the action fills the clip:
temporal metrics are undefined there. Clips of the other sets that the action fills are left out of them too. Mass grows
with any power of a map. It counts only beside the mass at equal entropy: every map is raised to the power at which it
is spread over {share:.0%} of the cells."""

if __name__ == "__main__":
    main()
