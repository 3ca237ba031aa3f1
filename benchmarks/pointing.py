"""Whether a model's explanations point at the action, on held-out clips, see docs/training.md."""

from __future__ import annotations

import argparse

import numpy as np

from staa_widgets import evaluate, load_model
from staa_widgets.evaluation.benchmark.plan import CLIP_SETS, DrawnClips
from staa_widgets.evaluation.bootstrap import Interval, bootstrap_interval
from staa_widgets.evaluation.evaluate import CONTROLS
from staa_widgets.evaluation.results import Results

FRESH = 6_000_000
METHODS = ("staa", "staa_logit", *CONTROLS)
METRICS = ("pointing", "average_precision", "temporal_auc")


def tables(results: Results, labels: list[str]) -> str:
    """Return Markdown tables: means by method, paired differences from the controls, and pointing by action."""
    lines = [f"| method | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}"]
    for method in METHODS:
        cells = [bootstrap_interval([*results.values(method, metric).values()]) for metric in METRICS]
        lines.append(f"| {method} | {' | '.join(map(str, cells))} |")
    lines.append(f"\n| minus | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}")
    for method in METHODS[:2]:
        for control in METHODS[2:]:
            duels = [results.compare(method, control, metric) for metric in METRICS]
            cells = [str(Interval(duel.mean, duel.low, duel.high)) for duel in duels]
            lines.append(f"| {method} minus {control} | {' | '.join(cells)} |")
    lines.append(f"\n| action | clips | {' | '.join(METHODS[:2])} |\n|---|---|---|---|")
    points = [np.array([results.values(method, "pointing")[clip] for clip in results.clips]) for method in METHODS[:2]]
    for action in sorted(set(labels)):
        of_action = np.array(labels) == action
        lines.append(f"| {action} | {of_action.sum()} | {' | '.join(f'{p[of_action].mean():.2f}' for p in points)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", help="name or folder; without it the bundled model")
    parser.add_argument("--set", choices=CLIP_SETS, default="first", help="set of clips")
    parser.add_argument("--first", type=int, default=FRESH, help="seed of the first clip")
    parser.add_argument("--clips", type=int, default=200)
    options = parser.parse_args()
    clips = DrawnClips(options.set, options.clips, options.first)
    results = evaluate(clips, METHODS, METRICS, load_model(options.model), progress=True)
    print(tables(results, [clip.label for clip in clips]))


if __name__ == "__main__":
    main()
