"""`evaluate`: scores of methods by metrics over clips.

Slow modules are imported only at the first call, because `staa_widgets` offers `evaluate` and must import fast.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import length_hint
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import CancelledError, ParameterError
from staa_widgets.evaluation.examples import example_clips
from staa_widgets.evaluation.request import Spec, describe_settings, load_models, look_up_methods, look_up_metrics
from staa_widgets.evaluation.rows import TABLES, CostRow, CurveRow, Failure, ReferenceRow, Row
from staa_widgets.storage import cache as store

if TYPE_CHECKING:
    from staa_widgets.engine.run import MemoryCache
    from staa_widgets.evaluation.examples import ExampleClips
    from staa_widgets.evaluation.request import LabeledMethods, LabeledMetrics
    from staa_widgets.evaluation.results import Results
    from staa_widgets.evaluation.scorer import Scorer
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.methods import Method
    from staa_widgets.models import VideoModel
    from staa_widgets.utils.progress import Progress
    from staa_widgets.video.clip import Clip

CONTROLS = (
    "uniform",
    "random",
    "random_smooth",
    "center",
    "bell",
    "center_bell",
    "slot_frequency",
    "motion_energy",
    "other_clip",
)
DEFAULT_METHODS = ("staa", "staa_logit", "rollout", *CONTROLS)
DEFAULT_METRICS = (
    "pointing",
    "mass",
    "mass_equal_entropy",
    "average_precision",
    "temporal_auc",
    "temporal_pointing",
    "insertion",
)


def evaluate(
    clips: Iterable[Any],
    methods: Iterable[str] | Mapping[str, Spec] = DEFAULT_METHODS,
    metrics: Iterable[str] | Mapping[str, Spec] = DEFAULT_METRICS,
    model: Any = None,
    *,
    target: int | str | None = None,
    references: bool = True,
    examples: int = 2,
    cache: bool = True,
    batch_size: int | None = None,
    progress: Progress | bool | None = None,
) -> Results:
    """Score methods by metrics over clips.

    Each clip is one window of the model, sampled evenly, and all methods explain the same class of a clip. An error in
    one clip, method or metric is recorded in `Results.failures`, and the evaluation continues.

    Parameters
    ----------
    clips
        Videos as for `staa_widgets.explain`, in any iterable, such as a generator; they are read one after the other.
        An `ActionClip` has the ground truth that some metrics need.
    methods
        Names in `staa_widgets.METHODS`; or a mapping from labels of your own to a name, or to a name with parameters:
        ``{"last layer": ("staa", {"layers": "last"})}``.
    metrics
        Names in `staa_widgets.evaluation.metrics.METRICS`; or a mapping as for methods.
    model
        A model as for `staa_widgets.explain`, or several by name; ``None`` for the bundled one.
    target
        Class to explain, by index or label; default: the class predicted for the clip.
    references
        Whether to also score random orders and the oracle of each clip by insertion and deletion;
        `Results.normalized_score` needs these scores. They take some hundred passes per clip and metric, whatever the
        number of methods.
    examples
        Number of clips with the best and with the worst scores of which `Results.examples` holds pictures for the
        report: those of the method with the best mean, by the first graded metric. 0 for none.
    cache
        Whether maps, and scores that needed the model, are cached by content. An interrupted evaluation then continues
        where it stopped.
    batch_size
        Inputs per pass, for methods and metrics that run the model many times; by default as many as fit the memory.
    progress
        As for `staa_widgets.explain`; a function may raise `CancelledError` to stop.

    Returns
    -------
    Results
        Scores and costs, with facts about the models, clips, methods and metrics.

    Raises
    ------
    ParameterError
        If a method, metric, parameter or class is unknown, or `clips` is a single video.
    UnknownMethodError
        If there is no such method.
    ModelError
        If a model cannot be loaded.
    CancelledError
        If `progress` raised it; finished work stays in the cache.
    """
    from staa_widgets.records.labels import target_index
    from staa_widgets.utils.progress import progress_reporter

    if isinstance(clips, str | bytes | os.PathLike) or hasattr(clips, "frames") or hasattr(clips, "shape"):
        raise ParameterError("clips is a single video.", "Pass a list, such as [video].")
    if isinstance(examples, bool) or not isinstance(examples, int) or examples < 0:
        raise ParameterError(f"examples is {examples!r}.", "Use a whole number of at least 0.")
    if batch_size is not None and batch_size < 1:
        raise ParameterError(f"batch_size is {batch_size}.", "Use a whole number of at least 1, or None.")
    if cache:
        store.limit()  # Raises an error if `STAA_CACHE_LIMIT` is not a size.
    labeled_methods, labeled_metrics = look_up_methods(methods), look_up_metrics(metrics)
    models = load_models(model)
    for video_model in models.values():
        target_index(target, video_model.labels)
    with progress_reporter(progress) as report:
        meter = _ProgressMeter(report)
        kept = example_clips(labeled_metrics, examples)
        run = _EvaluationRun(
            labeled_methods, labeled_metrics, models, target, references, cache, batch_size, meter, kept
        )
        for index, video in enumerate(clips):
            run.meter.clips = max(length_hint(clips, 0), index + 1)
            run.evaluate_clip(index, video)
    return run.collect_results()


@dataclass
class _ProgressMeter:
    """Reports the progress of the whole evaluation; called with the progress of its parts."""

    report: Progress
    clips: int = 0
    clip: int = 0
    part: int = 0
    parts: int = 1
    activity: str = ""

    def move_to(self, what: str, part: int) -> None:
        self.activity, self.part = what, part
        self("", 0, 0)

    def __call__(self, step: str, done: int, total: int) -> None:
        step_text = f": {step} {done} of {total}" if total > 1 else f": {step}" if step else ""
        self.report(
            f"clip {self.clip + 1} of {self.clips}, {self.activity}{step_text}",
            self.clip * self.parts + self.part,
            self.clips * self.parts,
        )


@dataclass
class _EvaluationRun:
    """A running evaluation: its settings, its clips and the rows so far."""

    methods: LabeledMethods
    metrics: LabeledMetrics
    models: Mapping[str, VideoModel]
    target: int | str | None
    references: bool
    cache: bool
    batch_size: int | None
    meter: _ProgressMeter
    examples: ExampleClips | None
    clips: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in TABLES})

    def __post_init__(self) -> None:
        self.meter.parts = 2 * len(self.models) * len(self.methods)

    def evaluate_clip(self, index: int, video: Any) -> None:
        """Explain and score one clip with every model and method."""
        from staa_widgets.video.open import open_clip

        self.meter.clip = index
        self.meter.move_to("reading", 0)
        name = Path(video).name if isinstance(video, str | os.PathLike) else f"clip {index + 1}"
        with self._record_failure("", name):
            clip = open_clip(video)
            facts = {
                "sha256": clip.sha256,
                "range": [clip.first_frame, clip.first_frame + len(clip)],
                **{key: getattr(video, key) for key in ("label", "seed", "variant", "kind") if hasattr(video, key)},
            }
            name = f"{facts['label']} {facts['seed']}" if {"label", "seed"} <= facts.keys() else clip.name
            same_clip = next((other for other, other_facts in self.clips.items() if other_facts == facts), None)
            if same_clip is not None:
                raise ParameterError(
                    f"The clip is the same as {same_clip!r} and is not counted again.", "Remove the duplicate."
                )
            if name in self.clips:
                name = f"{name} ({clip.sha256[:8]})"
            self.clips[name] = facts
            for number, model in enumerate(self.models):
                self._evaluate_model(clip, name, model, 2 * number * len(self.methods))

    def _evaluate_model(self, clip: Clip, name: str, model: str, part: int) -> None:
        from staa_widgets.evaluation.scorer import Scorer

        loaded, method_count = self.models[model], len(self.methods)
        explanations = self._explain_all(clip, name, model, part)
        with Scorer(
            loaded, clip, explanations, self.target, cache=self.cache, batch_size=self.batch_size, report=self.meter
        ) as scorer:
            before = len(self.tables["rows"])
            self._score_all(scorer, explanations, name, model, part + method_count)
            if self.examples is not None:
                self.examples.add(clip, explanations, self.tables["rows"][before:])
            if self.references and explanations:
                self._score_references(scorer, name, model, part + 2 * method_count - 1)

    def _explain_all(self, clip: Clip, name: str, model: str, part: int) -> dict[str, Explanation]:
        """Return the explanations of a clip by label, without explanations that failed."""
        explanations, forward_seconds = {}, float("nan")
        memory_cache: MemoryCache = {}  # All methods share the passes, also if the disk cache is full.
        for number, (label, (method, params)) in enumerate(self.methods.items()):
            self.meter.move_to(f"{label}, {model}", part + number)
            with self._record_failure(model, name, label):
                e = self._explain(clip, model, method, params, memory_cache)
                explanations[label] = e
                seconds, cost = e.provenance["seconds"], e.provenance["cost"]
                # A forward pass that methods share counts for each method, because each method alone would need it.
                forward_seconds = seconds.get("forward", forward_seconds)
                total = seconds.get("forward", forward_seconds) + seconds.get("method", float("nan"))
                self.tables["costs"].append(CostRow(model, name, label, cost["forwards"], cost["backwards"], total))
        return explanations

    def _explain(
        self, clip: Clip, model: str, method: Method, params: Mapping[str, Any], memory_cache: MemoryCache
    ) -> Explanation:
        from staa_widgets.engine.explain import finish_run
        from staa_widgets.engine.options import resolve_options
        from staa_widgets.engine.request import resolve_request
        from staa_widgets.engine.run import ExplainRun

        options = resolve_options(
            self.models[model],
            method.name,
            target=self.target if method.depends_on_class(params) else None,
            window=clip.end,
            cache=self.cache,
            preview=False,
            attention=False,
            **params,
        )
        return finish_run(ExplainRun(resolve_request(clip, options), self.meter, memory_cache=memory_cache))

    def _score_all(self, scorer: Scorer, labels: Iterable[str], name: str, model: str, part: int) -> None:
        """Score every explanation by every metric."""
        for number, label in enumerate(labels):
            for metric_label, (metric, params) in self.metrics.items():
                self.meter.move_to(f"{metric_label} of {label}, {model}", part + number)
                with self._record_failure(model, name, label, metric_label):
                    value, points = scorer.score(label, *self.methods[label], metric, params)
                    self.tables["rows"].append(Row(model, name, label, metric_label, value))
                    if points:
                        self.tables["curves"].append(CurveRow(model, name, label, metric_label, *points))

    def _score_references(self, scorer: Scorer, name: str, model: str, part: int) -> None:
        """Score random orders and the oracle by every insertion or deletion metric."""
        from staa_widgets.evaluation.metrics.insertion_deletion import CURVE_KINDS

        for metric_label, (metric, params) in self.metrics.items():
            if metric.name in CURVE_KINDS:
                self.meter.move_to(f"{metric_label} of random orders, {model}", part)
                with self._record_failure(model, name, metric=metric_label):
                    for order, value in scorer.score_references(metric, params).items():
                        self.tables["references"].append(ReferenceRow(model, name, order, metric_label, value))

    @contextmanager
    def _record_failure(self, model: str, clip: str, method: str = "", metric: str = "") -> Iterator[None]:
        """Record an error in the block as a failure instead of raising it."""
        try:
            yield
        except CancelledError:
            raise
        except Exception as error:
            text = shorten(str(error), 400, placeholder=" …")
            self.tables["failures"].append(Failure(model, clip, method, metric, type(error).__name__, text))

    def collect_results(self) -> Results:
        """Return all rows and settings as results."""
        from staa_widgets.evaluation.results import Results

        if self.examples is not None:
            controls = [label for label, (method, _) in self.methods.items() if method.group == "control"]
            self.tables["examples"] = self.examples.draw(self.tables["rows"], controls)
        return Results(
            **{name: tuple(rows) for name, rows in self.tables.items()},
            settings=describe_settings(self.models, self.clips, self.methods, self.metrics, self.target),
        )
