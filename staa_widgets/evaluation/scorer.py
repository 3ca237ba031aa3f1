"""Score the explanations of one clip by one model; scores that needed the model are cached by content."""

from __future__ import annotations

import hashlib
import math
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.engine.attribute import attribute, open_inputs
from staa_widgets.engine.keys import VERSIONS, input_fields
from staa_widgets.engine.lock import compute_lock
from staa_widgets.engine.window_maps import window_seed
from staa_widgets.engine.window_reader import read_pixels
from staa_widgets.evaluation.metric import Case
from staa_widgets.evaluation.metrics.insertion_deletion import CURVE_KINDS, perturbation_curve, reference_scores
from staa_widgets.explanation.ground_truth import GroundTruthGrid, explanation_ground_truth
from staa_widgets.models import model_digest
from staa_widgets.models.batching import max_batch_size
from staa_widgets.records.labels import target_index
from staa_widgets.storage import cache as store
from staa_widgets.utils.canonical import canonical_json
from staa_widgets.utils.frozen import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from staa_widgets.evaluation.metric import Metric
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.methods import Method, MethodInputs
    from staa_widgets.models import VideoModel
    from staa_widgets.utils.progress import Progress
    from staa_widgets.video.clip import Clip

CurvePoints = tuple[tuple[float, ...], tuple[float, ...]]
"""Shares of the clip that were changed, and the target's probability at each."""

_NEEDS_MODEL = ("model", "method")


class Scorer:
    """Scores explanations of one clip by one model; the model is opened when a metric first needs it.

    Parameters
    ----------
    model, clip
        The model and the clip that were explained.
    explanations
        Explanations by label, of one window each.
    target
        Class that is explained; ``None`` for the predicted one.
    cache
        Whether scores that needed the model are cached.
    batch_size
        Inputs per pass; ``None`` for as many as fit the memory.
    report
        Callback for progress; it may raise an error to cancel.
    """

    def __init__(
        self,
        model: VideoModel,
        clip: Clip,
        explanations: Mapping[str, Explanation],
        target: int | str | None,
        *,
        cache: bool,
        batch_size: int | None,
        report: Progress,
    ) -> None:
        self._model, self._clip, self._explanations = model, clip, explanations
        self._cache, self._report = cache, report
        self._batch_size = batch_size or max_batch_size(model)
        self._requested_target = target_index(target, model.labels)
        self._memo: dict[Any, Any] = {}
        self._entries: dict[str, dict[str, Any]] = {}
        self._open = ExitStack()

    def __enter__(self) -> Scorer:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def score(
        self, label: str, method: Method, params: Mapping[str, Any], metric: Metric, settings: Mapping[str, Any]
    ) -> tuple[float, CurvePoints | None]:
        """Return the score of one explanation.

        Returns
        -------
        value
            NaN if the metric is undefined.
        points
            Curve of an insertion or deletion metric, whose area is the value; ``None`` for other metrics.
        """
        maps = self._explanations[label].maps
        if metric.needs not in _NEEDS_MODEL:
            case = Case(maps, self.ground_truth, class_specific=method.depends_on_class(params), memo=self._memo)
            return _none_to_nan(_nan_to_none(metric(case, **settings))), None

        def compute() -> dict[str, Any]:
            with compute_lock(self._report):
                case = self._make_case(maps, method, params)
                if metric.name not in CURVE_KINDS:
                    return {"value": _nan_to_none(metric(case, **settings))}
                kind, order = CURVE_KINDS[metric.name]
                curve = perturbation_curve(case, kind=kind, order=order, **settings)
                return {"value": _nan_to_none(curve.area), "points": [curve.share.tolist(), curve.score.tolist()]}

        result = self._get_or_compute(
            canonical_json([metric.name, metric.version, settings]),
            compute,
            maps=hashlib.sha256(np.ascontiguousarray(maps).data).hexdigest(),
            method=(method.name, method.version, params),
        )
        points = result.get("points")
        return _none_to_nan(result["value"]), (tuple(points[0]), tuple(points[1])) if points else None

    def score_references(self, metric: Metric, settings: Mapping[str, Any]) -> dict[str, float]:
        """Return the mean score of random and of smooth random orders, and the oracle's score (NaN without one)."""

        def compute() -> dict[str, Any]:
            kind, order = CURVE_KINDS[metric.name]
            with compute_lock(self._report):
                case = Case(self._first_explanation.maps, inputs=self._inputs, memo=self._memo)
                reference = reference_scores(case, kind=kind, order=order, **settings)
            means = {
                "random": reference.random.mean(),
                "random_smooth": reference.random_smooth.mean(),
                "oracle": reference.oracle,
            }
            return {name: _nan_to_none(float(value)) for name, value in means.items()}

        values = self._get_or_compute(canonical_json([metric.name, metric.version, settings]), compute, method=None)
        return {order: _none_to_nan(values[order]) for order in ("random", "random_smooth", "oracle")}

    @cached_property
    def ground_truth(self) -> GroundTruthGrid | None:
        """Ground truth on the model's token grid; ``None`` if the clip has no ground truth."""
        return explanation_ground_truth(self._first_explanation)

    @property
    def _first_explanation(self) -> Explanation:
        return next(iter(self._explanations.values()))

    @cached_property
    def _target(self) -> int:
        if self._requested_target is None:
            return int(self._first_explanation.logits.argmax())
        return self._requested_target

    @cached_property
    def _seed(self) -> int:
        return window_seed(self._clip.sha256, self._first_explanation.sampled_frames.ravel().tolist())

    @cached_property
    def _inputs(self) -> MethodInputs:
        frames = self._first_explanation.sampled_frames.ravel() - self._clip.first_frame
        pixels = read_pixels(self._clip, frames, self._model.pixels)
        return self._open.enter_context(
            open_inputs(
                self._model,
                pixels,
                target=self._target,
                seed=self._seed,
                batch_size=self._batch_size,
                report=self._report_passes,
            )
        )

    def _make_case(self, maps: NDArray[np.float32], method: Method, params: Mapping[str, Any]) -> Case:
        inputs = self._inputs

        def attribute_again(*, pixels: Any = None, model: VideoModel | None = None, target: int | None = None) -> Any:
            return attribute(
                self._model if model is None else model,
                inputs.pixels if pixels is None else pixels,
                method.name,
                target=self._target if target is None else target,
                seed=self._seed,
                batch_size=self._batch_size,
                report=self._report_passes,
                **params,
            )

        return Case(
            maps=maps,
            ground_truth=self.ground_truth,
            inputs=inputs,
            attribute=attribute_again,
            model=self._model,
            class_specific=method.depends_on_class(params),
            memo=self._memo,
        )

    def _report_passes(self, done: int, total: int) -> None:
        self._report("running the model", done, total)

    def _get_or_compute(self, name: str, compute: Callable[[], dict[str, Any]], **key_parts: Any) -> dict[str, Any]:
        """Return a cached value, or compute and cache it; all values of one method are in one cache entry."""
        if not self._cache:
            return compute()
        key = store.key(**key_parts, kind="metric", **self._cache_key_parts)
        entry = self._entries.setdefault(key, {})
        if not entry:
            entry.update(store.get(METRIC, key) or {})
        if name not in entry:
            entry[name] = compute()
            store.put(METRIC, key, entry)
        return entry[name]

    @cached_property
    def _cache_key_parts(self) -> dict[str, Any]:
        e, ground_truth = self._first_explanation, self.ground_truth
        digest = None if ground_truth is None else hashlib.sha256(np.packbits(ground_truth.where).data).hexdigest()
        return {
            **input_fields(self._model, self._clip),
            "frames": e.sampled_frames.tolist(),
            "ground_truth": digest,
            "model": model_digest(self._model),
            "target": self._target,
            "versions": VERSIONS["metrics"],
        }


def _check_scores(scores: dict[str, Any], _: Any) -> dict[str, Any]:
    """Return the scores of a cache entry; raise an error unless they are numbers and curves by name."""
    for result in scores.values():
        points = result.get("points")
        if points is not None:
            shares, values = np.asarray(points, np.float64)
            require(len(shares) == len(values) > 1, "A curve needs as many shares as values.")
        numbers = [value for name, value in result.items() if name != "points" and value is not None]
        require(bool(result) and bool(np.isfinite(np.asarray(numbers, np.float64)).all()), "A score is not a number.")
    return scores


METRIC = store.EntryType[dict[str, Any]]("metric", lambda scores: (scores, {}), _check_scores)


def _nan_to_none(value: float) -> float | None:
    """Return the value, or ``None`` for NaN, because JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def _none_to_nan(value: float | None) -> float:
    return math.nan if value is None else value
