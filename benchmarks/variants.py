"""The ablation that chose the defaults: all variants of STAA beside the controls, on the first set of clips."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from staa_widgets.evaluation.benchmark.ground_truth_mean import (
    GROUND_TRUTH_MEAN,
    add_ground_truth_mean,
    list_ground_truth_metrics,
)
from staa_widgets.evaluation.benchmark.plan import CLIP_SETS, DrawnClips
from staa_widgets.evaluation.bootstrap import Interval
from staa_widgets.evaluation.evaluate import evaluate
from staa_widgets.evaluation.metrics.localization import ground_truth_metrics
from staa_widgets.evaluation.results import Results
from staa_widgets.methods import METHODS
from staa_widgets.methods.staa import RESIDUAL
from staa_widgets.models import BUNDLED_MODELS, load_model

RANKING = ("pointing", "average_precision", "temporal_auc")
"""Metrics whose mean chooses the defaults."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    f"{name}: {', '.join([*map(str, settings.values()), *ending])}": (
        name,
        {**settings, "profile": "auto" if "profile" in ending else None, "contrast": "contrast" in ending},
    )
    for name, settings in [
        ("staa", {"layers": "last"}),
        ("staa", {"layers": "mean"}),
        ("staa", {"layers": "rollout"}),
        ("staa", {"layers": "rollout", "residual": 0.5}),
        ("staa", {"layers": "rollout", "residual": 0.8}),
        ("staa", {"layers": "rollout", "residual": 0.9}),
        ("staa", {"layers": "last", "weighting": "value"}),
        ("staa", {"layers": "mean", "weighting": "value"}),
        ("staa", {"layers": "rollout", "weighting": "value"}),
        ("staa", {"layers": "mean", "weighting": "gradient"}),
        ("staa", {"layers": "rollout", "weighting": "gradient"}),
        ("staa", {"layers": "mean", "weighting": "logit"}),
        ("staa", {"layers": "rollout", "weighting": "logit"}),
        ("staa_logit", {"layers": "last"}),
        ("staa_logit", {"layers": "mean"}),
        ("staa_logit", {"layers": "rollout"}),
        ("staa_logit", {"layers": "rollout", "residual": 0.5}),
        ("staa_logit", {"layers": "rollout", "residual": 0.8}),
    ]
    for ending in ((), ("contrast",), ("profile",))
}
COMPARED = ("attention_last", "rollout", *(name for name, method in METHODS.items() if method.group == "control"))


def default_label(name: str) -> str:
    """Return the label of the variant with a method's default parameters."""
    defaults = METHODS[name].defaults
    return next(
        label
        for label, (method, params) in VARIANTS.items()
        if method == name and all(params.get(key, defaults[key]) == value for key, value in defaults.items())
    )


def best_label(name: str, results: Results) -> str:
    """Return the label of the best variant with the profile and without weighting, which should be the default."""
    means = {(s.method, s.metric): s.mean for s in results.summary(pooled=True)}
    candidates = [
        label_of_variant
        for label_of_variant, (method, params) in VARIANTS.items()
        if method == name and params["profile"] == "auto" and "weighting" not in params
    ]
    return max(candidates, key=lambda label: np.mean([means[label, metric] for metric in RANKING]))


def table(results: Results, model: str | None = None) -> str:
    """Return a Markdown table of means with 95 % intervals."""
    summaries = {
        (s.method, s.metric): s for s in results.summary(pooled=model is None) if model is None or s.model == model
    }
    metrics = (GROUND_TRUTH_MEAN, *list_ground_truth_metrics(results))
    head = f"| method | {' | '.join(metrics)} |\n|---|{'---|' * len(metrics)}\n"
    rows = []
    for method in results.methods:
        cells = [summaries.get((method, metric)) for metric in metrics]
        texts = [str(Interval(cell.mean, cell.low, cell.high)) if cell else "–" for cell in cells]
        rows.append(f"| {method} | {' | '.join(texts)} |\n")
    return head + "".join(rows)


def comparisons(results: Results, label: str) -> str:
    """Return a Markdown table of paired differences of a default from its other variants and the controls."""
    metrics = (GROUND_TRUTH_MEAN, *list_ground_truth_metrics(results))
    head = f"| {label} minus | {' | '.join(metrics)} |\n|---|{'---|' * len(metrics)}\n"
    rows = []
    for other in results.methods:
        duels = [results.compare(label, other, metric) for metric in metrics]
        if other != label and all(duel.clips for duel in duels):
            texts = [str(Interval(duel.mean, duel.low, duel.high)) for duel in duels]
            rows.append(f"| {other} | {' | '.join(texts)} |\n")
    return head + "".join(rows)


def page(results: Results) -> str:
    """Return the page of tables as Markdown; print a default that is not the best variant."""
    results = add_ground_truth_mean(results)
    defaults = {name: default_label(name) for name in ("staa", "staa_logit")}
    best = {name: best_label(name, results) for name in defaults}
    for name, label in defaults.items():
        if best[name] != label:
            print(f"The default of {name} is {label!r}: change it to the best variant, {best[name]!r}.")
    return PAGE.format(
        clips=len(results.clips),
        first=CLIP_SETS["first"][1],
        models=", ".join(results.models),
        all=table(results),
        by_model="\n".join(f"## {name}\n\n{table(results, name)}" for name in results.models),
        paired="\n".join(comparisons(results, label) for label in defaults.values()),
        residual=RESIDUAL,
        **best,
    )


def main() -> None:
    """Measure, print, and write the JSON and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--models", nargs="+", help="names or folders; default: all that are bundled")
    parser.add_argument("--json", type=Path, default=Path("out/variants.json"))
    parser.add_argument("--page", type=Path, help="write the tables as Markdown, such as docs/generated/variants.md")
    parser.add_argument("--reuse", action="store_true", help="make the tables from the JSON of an earlier run")
    options = parser.parse_args()
    if not options.reuse:
        models = {str(name).removeprefix("bundled/"): load_model(name) for name in options.models or BUNDLED_MODELS}
        methods = {**VARIANTS, **{name: (name, {}) for name in COMPARED}}
        results = evaluate(DrawnClips("first", options.clips), methods, ground_truth_metrics(), models, progress=True)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        results.to_json(options.json)
        print(
            json.dumps(sorted({failure.message for failure in results.failures}), indent=2) if results.failures else ""
        )
    text = page(Results.from_json(options.json))
    print(text)
    if options.page:
        options.page.write_text(text, encoding="utf-8")


PAGE = """# Which variant is right

Generated by `python -m benchmarks.variants --page docs/generated/variants.md`; do not edit. The clips show synthetic
actions with distractors, the target is the predicted class, and the models are {models}.
A cell is in the ground truth if the acting limbs cover 10 % of it. Values are means over {clips} clips (seeds from
{first}) with 95 % bootstrap intervals over clips; higher is better. These clips choose the defaults; `results.md`
shows how the defaults do on held-out clips.

The default of a method is the variant with the largest mean of pointing, average_precision and temporal_auc here, over
all models, among those divided by the model's time profile and without weighting: `staa` is "{staa}", `staa_logit` is
"{staa_logit}". A number in a variant's name is the share of each layer that bypasses attention; without one it is
{residual}. "contrast" subtracts each patch's minimum over time, which was the default until November 2026.

## All models together

{all}
{by_model}
## Paired differences, all models together

The default is better if the interval lies above zero.

{paired}"""

if __name__ == "__main__":
    main()
