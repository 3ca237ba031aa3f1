"""The benchmark: score all methods and controls on synthetic clips with ground truth, on several models.

There are two sets of clips. The first was used to choose the defaults. The second has another style of drawing and was
held out; the verdict is based on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from staa_widgets.engine.explain import explain
from staa_widgets.evaluation.benchmark.plan import (
    DEFAULT_PLAN,
    DrawnClips,
    Plan,
    PlannedEvaluation,
    plan_evaluations,
    split_by_cost,
)
from staa_widgets.evaluation.benchmark.results import Benchmark
from staa_widgets.evaluation.evaluate import evaluate
from staa_widgets.evaluation.metrics.sanity import shuffle_weights
from staa_widgets.evaluation.request import load_models
from staa_widgets.evaluation.results import Results
from staa_widgets.models import BUNDLED_MODELS, VideoModel
from staa_widgets.storage import cache as store
from staa_widgets.utils.progress import Progress, progress_reporter
from staa_widgets.video.open import open_clip


def run_benchmark(
    plan: Plan = DEFAULT_PLAN,
    models: Iterable[str] | Mapping[str, Any] | None = None,
    *,
    methods: Iterable[str] | None = None,
    cache: bool = True,
    batch_size: int | None = None,
    progress: Progress | bool | None = None,
) -> Benchmark:
    """Score methods and controls on synthetic clips of both sets.

    Parameters
    ----------
    plan
        Numbers of clips, and whether to run every method and metric.
    models
        Names of bundled models, such as ``"vivit"``, or models by name; default: all bundled models.
    methods
        Names of methods of any cost; default: all methods of up to `plan.MAX_PASSES` passes, or all methods if
        `Plan.everything` is set. The controls and ``"staa"`` are always added.
    cache
        Whether to use the cache; an interrupted run then continues where it stopped.
    batch_size
        Inputs per pass, for methods and metrics that run the model many times; by default as many as fit the memory.
    progress
        As for `staa_widgets.explain`.

    Raises
    ------
    ParameterError
        If a model is unknown.
    UnknownMethodError
        If a method is unknown.
    CancelledError
        If `progress` raised it.
    """
    if cache:
        store.limit()  # Raises an error if `STAA_CACHE_LIMIT` is not a size.
    loaded = load_models(_name_models(models))
    start = time.perf_counter()
    with progress_reporter(progress) as report:

        def run(name: str, parts: list[PlannedEvaluation], models_to_explain: Mapping[str, VideoModel]) -> Results:
            results_of_parts = [
                evaluate(
                    DrawnClips("first" if name == "first" else "second", part.clips),
                    part.methods,
                    part.metrics,
                    models_to_explain,
                    cache=cache,
                    batch_size=batch_size,
                    references=part.references,
                    examples=0,
                    progress=_prefix_progress(f"{name}, part {n + 1} of {len(parts)}", report),
                )
                for n, part in enumerate(parts)
            ]
            seconds = round(time.perf_counter() - start, 1)
            return _add_benchmark_facts(
                reduce(or_, results_of_parts), set=name, plan=asdict(plan), seconds=seconds, left_out=left_out
            )

        cheap, expensive, left_out = split_by_cost(methods, loaded.values(), everything=plan.everything)
        shuffled = {name: shuffle_weights(model) for name, model in loaded.items()}
        results_by_name = {
            name: run(name, evaluations, shuffled if name == "shuffled" else loaded)
            for name, evaluations in plan_evaluations(plan, cheap, expensive).items()
        }
        for name, count in (("first", plan.first_clips), ("second", plan.clips)):
            results_by_name[name] = _add_benchmark_facts(
                results_by_name[name], predicted=_predicted_labels(loaded, DrawnClips(name, count), cache)
            )
    return Benchmark(**results_by_name)


def _name_models(models: Iterable[str] | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return models by name, without "bundled/" in the names of bundled models."""
    if isinstance(models, Mapping):
        return models
    names = BUNDLED_MODELS if models is None else models
    full_names = [f"bundled/{name}" if f"bundled/{name}" in BUNDLED_MODELS else name for name in names]
    return {name.removeprefix("bundled/"): name for name in full_names}


def _prefix_progress(title: str, report: Progress) -> Callable[[str, int, int], object]:
    return lambda step, done, total: report(f"{title}: {step}", done, total)


def _predicted_labels(models: Mapping[str, VideoModel], clips: DrawnClips, cache: bool) -> dict[str, dict[str, str]]:
    """Return the class that each model predicts, by name of the model and name of the clip in the results."""
    labels: dict[str, dict[str, str]] = {name: {} for name in models}
    for clip in clips:
        opened_clip = open_clip(clip)
        settings = {"window": opened_clip.end, "cache": cache, "preview": False, "attention": False, "progress": False}
        for name, model in models.items():
            e = explain(opened_clip, model, "uniform", **settings)
            labels[name][f"{clip.label} {clip.seed}"] = e.labels[int(np.argmax(e.logits))]
    return labels


def _add_benchmark_facts(results: Results, **facts: Any) -> Results:
    known_facts = results.settings.get("benchmark", {})
    return replace(results, settings={**results.settings, "benchmark": {**known_facts, **facts}})
