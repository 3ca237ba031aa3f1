"""Whether a model's explanations point at the action, on held-out clips.

    python -m benchmarks.pointing --models out/training/timesformer/stage-1 bundled/timesformer

compares trainings of a model: the same methods, controls and clips for each; see docs/training.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from staa_widgets import evaluate, explain, load_model
from staa_widgets.datasets.drawn_actions import ActionClip
from staa_widgets.evaluation.benchmark.plan import CLIP_SETS, DrawnClips
from staa_widgets.evaluation.bootstrap import Interval, bootstrap_interval
from staa_widgets.evaluation.evaluate import CONTROLS
from staa_widgets.evaluation.results import Results
from staa_widgets.models import VideoModel, weights_digest

FRESH = 6_000_000
COMPARED = ("staa", "staa_logit")
METHODS = (*COMPARED, *CONTROLS)
METRICS = ("pointing", "average_precision", "temporal_auc")


def tables(results: Results, labels: list[str]) -> str:
    """Return Markdown tables: means by method, paired differences from the controls, and pointing by action."""
    lines = [f"| method | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}"]
    for method in METHODS:
        cells = [bootstrap_interval([*results.values(method, metric).values()]) for metric in METRICS]
        lines.append(f"| {method} | {' | '.join(map(str, cells))} |")
    lines.append(f"\n| minus | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}")
    for method in COMPARED:
        for control in CONTROLS:
            duels = [results.compare(method, control, metric) for metric in METRICS]
            cells = [str(Interval(duel.mean, duel.low, duel.high)) for duel in duels]
            lines.append(f"| {method} minus {control} | {' | '.join(cells)} |")
    lines.append(f"\n| action | clips | {' | '.join(COMPARED)} |\n|---|---|---|---|")
    points = [np.array([results.values(method, "pointing")[clip] for clip in results.clips]) for method in COMPARED]
    for action in sorted(set(labels)):
        of_action = np.array(labels) == action
        lines.append(f"| {action} | {of_action.sum()} | {' | '.join(f'{p[of_action].mean():.2f}' for p in points)} |")
    return "\n".join(lines)


def share_correct(model: VideoModel, clips: Iterable[ActionClip]) -> float:
    """Return the share of clips whose action the model predicts."""
    settings: dict[str, Any] = {"cache": False, "preview": False, "attention": False, "progress": False}
    explanations = [(clip.label, explain(clip, model, "uniform", **settings)) for clip in clips]
    return float(np.mean([e.labels[int(np.argmax(e.logits))] == label for label, e in explanations]))


def page(models: Mapping[str, VideoModel], clips: DrawnClips) -> str:
    """Return the page: one section for each model."""
    labels = [clip.label for clip in clips]
    sections = [
        f"# What trainings do to explanations\n\nBy `python -m benchmarks.pointing`, on {len(labels)} clips of the set "
        f"{clips.set!r} that were not used for training; means with 95 % bootstrap intervals over clips."
    ]
    for name, model in models.items():
        results = evaluate(clips, METHODS, METRICS, model, progress=True)
        heading = f"## {name} (`{weights_digest(model)[:8]}`): {share_correct(model, clips):.1%} of the actions correct"
        sections.append(f"{heading}\n\n{tables(results, labels)}")
        print(sections[-1], flush=True)
    return "\n\n".join(sections) + "\n"


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["bundled/timesformer"], help="names or folders")
    parser.add_argument("--set", choices=CLIP_SETS, default="first", help="set of clips")
    parser.add_argument("--first", type=int, default=FRESH, help="seed of the first clip")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--page", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    # Of a folder, the last two names: that of the model and that of the stage.
    models = {"/".join(Path(name.removeprefix("bundled/")).parts[-2:]): load_model(name) for name in options.models}
    text = page(models, DrawnClips(options.set, options.clips, options.first))
    if options.page is not None:
        options.page.write_text(text)


if __name__ == "__main__":
    main()
