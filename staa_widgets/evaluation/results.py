"""`Results` of an evaluation: a frozen value of plain numbers and strings."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ParameterError, suggest_name
from staa_widgets.evaluation.aggregate import Scores
from staa_widgets.evaluation.reliability import Reliability, find_random_method, measure_reliability, tabulate_scores
from staa_widgets.evaluation.results_io import decode_results, encode_results
from staa_widgets.evaluation.row_tables import merge_settings, merge_tables, select_rows
from staa_widgets.evaluation.rows import (
    TABLES,
    CostRow,
    CurveRow,
    ExampleRow,
    Failure,
    PairedDifference,
    ReferenceRow,
    Row,
    Summary,
    mean,
    mean_by_clip,
    median,
)
from staa_widgets.utils.by_name import import_by_name
from staa_widgets.utils.canonical import to_json_value
from staa_widgets.utils.files import export_bytes

if TYPE_CHECKING:
    from staa_widgets.evaluation.metrics.insertion_deletion import NormalizedScore


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """Scores, costs, curves and failures of an evaluation.

    Parameters
    ----------
    rows
        One `Row` per model, clip, method and metric.
    costs
        One `CostRow` per model, clip and method.
    curves
        One `CurveRow` per model, clip, method and insertion or deletion metric.
    references
        One `ReferenceRow` per model, clip, insertion or deletion metric and order; see `normalized_score`.
    failures
        One `Failure` per explanation or score that could not be computed.
    settings
        Facts about the ``"models"``, ``"clips"``, ``"methods"`` and ``"metrics"``, by name, as JSON values.
    examples
        One `ExampleRow` per picture of a clip with one of the best or the worst scores.

    Raises
    ------
    ParameterError
        If the settings hold a value that JSON cannot represent.
    """

    rows: tuple[Row, ...]
    costs: tuple[CostRow, ...] = ()
    curves: tuple[CurveRow, ...] = ()
    references: tuple[ReferenceRow, ...] = ()
    failures: tuple[Failure, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[ExampleRow, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in TABLES.items():
            object.__setattr__(self, name, tuple(kind(*row) for row in getattr(self, name)))
        object.__setattr__(self, "settings", MappingProxyType(to_json_value(self.settings)))

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Names of the models, in the order in which they were given."""
        return self._list_names("models", "model")

    @cached_property
    def clips(self) -> tuple[str, ...]:
        """Names of the clips."""
        return self._list_names("clips", "clip")

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """Labels of the methods."""
        return self._list_names("methods", "method")

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Labels of the metrics."""
        return self._list_names("metrics", "metric")

    @cached_property
    def shown_metrics(self) -> tuple[str, ...]:
        """Labels of the metrics that reports show: those with a score that do not repeat the score of another one."""
        facts = {label: self.metric_info(label) for label in self.metrics}
        present = [(fact.get("name"), fact.get("params")) for fact in facts.values()]
        scored = {row.metric for row in self.rows if math.isfinite(row.value)}
        return tuple(
            label
            for label, fact in facts.items()
            if label in scored and (fact.get("same_as") or "", fact.get("params")) not in present
        )

    def metric_info(self, metric: str) -> Mapping[str, Any]:
        """Return the facts about a metric: category, direction, range, chance and summary.

        Raises
        ------
        ParameterError
            If there is no such metric in the results.
        """
        self._check_names(metric=metric)
        return self.settings.get("metrics", {}).get(metric, {})

    def values(self, method: str, metric: str, model: str | None = None) -> dict[str, float]:
        """Return the finite values of one method and metric by clip.

        Parameters
        ----------
        method, metric
            Labels.
        model
            Name of a model; by default each clip gets its mean over the models that have a value.
        """
        self._check_names(method=method, metric=metric, model=model)
        return mean_by_clip(self._scores.values(method, metric, model))

    def summary(self, *, pooled: bool = False) -> tuple[Summary, ...]:
        """Return means with 95 % bootstrap intervals over clips, for every model, method and metric with a value.

        Parameters
        ----------
        pooled
            Whether to take all models together: each clip then counts once, with its mean over the models, and
            `Summary.model` is ``""``.
        """
        models = (None,) if pooled else self.models
        cases = product(models, self.methods, self.metrics)
        means = (self._scores.mean(method, metric, model) for model, method, metric in cases)
        return tuple(filter(None, means))

    def compare(self, one: str, other: str, metric: str, model: str | None = None) -> PairedDifference:
        """Return the mean difference of two methods over the clips that both methods have.

        Parameters
        ----------
        one, other
            Labels of methods.
        metric
            Label of the metric.
        model
            Name of a model; by default all models: methods are compared on the same model, and each clip counts once.

        Raises
        ------
        ParameterError
            If a method, the metric or the model is not in the results.
        """
        self._check_names(method=one, metric=metric, model=model)
        self._check_names(method=other)
        difference, clips = self._scores.difference(one, other, metric, model)
        higher_is_better = self.metric_info(metric).get("higher_is_better")
        better = None
        if higher_is_better is not None and (difference.low > 0 or difference.high < 0):
            better = one if (difference.low > 0) == higher_is_better else other
        return PairedDifference(one, other, metric, *difference, clips, better)

    def normalized_score(self, method: str, metric: str, model: str | None = None) -> NormalizedScore:
        """Return the score of an insertion or deletion metric on a scale from random orders (0) to the oracle (1).

        The score is a ratio of means over clips; see
        `staa_widgets.evaluation.metrics.insertion_deletion.normalize_scores`.

        Parameters
        ----------
        method, metric
            Labels.
        model
            Name of a model; by default each clip gets its mean over the models that have a score of the method, of
            random orders and of the oracle.

        Returns
        -------
        NormalizedScore
            NaN, with a reason, if there is no oracle or its score is too close to random.
        """
        from staa_widgets.evaluation.metrics.insertion_deletion import normalize_scores

        self._check_names(method=method, metric=metric, model=model)
        ours = self._scores.values(method, metric, model)
        random, oracle = (
            {(row.model, row.clip): row.value for row in self.references if (row.order, row.metric) == (order, metric)}
            for order in ("random", "oracle")
        )
        shared = [key for key in ours if math.isfinite(random.get(key, math.nan) + oracle.get(key, math.nan))]
        parts = [mean_by_clip({key: values[key] for key in shared}) for values in (ours, random, oracle)]
        return normalize_scores(*(list(means_of_clips.values()) for means_of_clips in parts))

    def reliability(self, metric: str, model: str | None = None, *, random: str | None = None) -> Reliability:
        """Return whether a metric orders the methods alike on all clips, and random maps below the others.

        The clips are those on which every method with a score of this metric has one; see
        `staa_widgets.evaluation.reliability.measure_reliability`.

        Parameters
        ----------
        metric
            Label.
        model
            Name of a model; by default each clip gets its mean over the models that have a value.
        random
            Label of the method whose maps are random; by default the one that is the method ``"random"``.

        Raises
        ------
        ParameterError
            If the results have no such names, no random method, or the metric has no direction.
        """
        facts = self.settings.get("methods", {})
        random = random or find_random_method({label: facts.get(label, {}) for label in self.methods})
        if random is None:
            raise ParameterError("None of the methods is 'random'.", "Evaluate the method 'random' too.")
        self._check_names(method=random)
        higher_is_better = self.metric_info(metric).get("higher_is_better")
        if higher_is_better is None:
            raise ParameterError(f"The metric {metric!r} has no direction.", "Choose a metric with a direction.")
        values = {method: self.values(method, metric, model) for method in self.methods}
        return measure_reliability(*tabulate_scores(values, random), higher_is_better=higher_is_better)

    def cost(self, method: str, model: str | None = None) -> tuple[float, float, float]:
        """Return mean forward passes, mean backward passes and median seconds of a method's maps; NaN if unknown."""
        self._check_names(method=method)
        rows = [row for row in self.costs if row.method == method and model in (None, row.model)]
        seconds = median(row.seconds for row in rows)
        return mean([row.forwards for row in rows]), mean([row.backwards for row in rows]), seconds

    def select(
        self,
        *,
        model: str | Iterable[str] | None = None,
        method: str | Iterable[str] | None = None,
        metric: str | Iterable[str] | None = None,
    ) -> Results:
        """Return the results of some models, methods or metrics only; each argument is one name or several.

        Raises
        ------
        ParameterError
            If a name is not in the results.
        """
        names_by_kind: dict[str, set[str]] = {}
        for kind, names in (("model", model), ("method", method), ("metric", metric)):
            if names is not None:
                names_by_kind[kind] = {names} if isinstance(names, str) else set(names)
                for name in names_by_kind[kind]:
                    self._check_names(**{kind: name})
        tables, settings = select_rows(self._tables, self.settings, names_by_kind)
        return Results(**tables, settings=settings)

    def __or__(self, other: Results) -> Results:
        """Return the results of two evaluations merged, such as cheap methods on many clips and expensive ones on few.

        If both have a score of the same model, clip, method and metric, the score of `other` is kept.

        Raises
        ------
        ParameterError
            If a model, clip, method or metric of the same name has different facts in the two results.
        """
        tables = merge_tables(self._tables, other._tables)
        return Results(**tables, settings=merge_settings(self.settings, other.settings))

    def to_pandas(self) -> Any:
        """Return `rows` as a pandas data frame with the columns model, clip, method, metric, value.

        Raises
        ------
        ParameterError
            If pandas is not installed.
        """
        try:
            pandas: Any = import_module("pandas")
        except ImportError as error:
            raise ParameterError(
                "pandas is not installed.", "Run `pip install pandas`, or use Results.rows."
            ) from error
        return pandas.DataFrame(list(self.rows), columns=list(Row._fields))

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the results to one JSON file, in one step, and return its path; `from_json` reads the file.

        Raises
        ------
        FileWriteError
            If the folder is missing, not writable or full.
        """
        return export_bytes(path, encode_results(self._tables, self.settings), "results")

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Results:
        """Read results that `to_json` wrote.

        Raises
        ------
        FormatError
            If the file holds no results, is truncated or has another format.
        OSError
            If the file cannot be read.
        """
        tables, settings = decode_results(Path(path).read_bytes(), Path(path).name)
        return cls(**tables, settings=settings)

    def to_html(self, path: str | os.PathLike[str], title: str = "") -> Path:
        """Write an HTML report that needs no network; see `staa_widgets.evaluation.report.page.to_html`."""
        # Imported by name, because the report imports this module.
        return import_by_name("evaluation.report.page:to_html")(self, path, title)

    def _repr_html_(self) -> str:
        return import_by_name("evaluation.report.notebook_table:to_notebook_html")(self)

    def __repr__(self) -> str:
        sizes = {word: len(getattr(self, word)) for word in ("clips", "models", "methods", "metrics", "failures")}
        counts = [f"{size} {word if size != 1 else word[:-1]}" for word, size in sizes.items()]
        return f"<Results: {', '.join(counts)}>"

    @property
    def _tables(self) -> dict[str, tuple[Any, ...]]:
        return {name: getattr(self, name) for name in TABLES}

    @cached_property
    def _scores(self) -> Scores:
        return Scores(self.rows)

    def _list_names(self, kind: str, part: str) -> tuple[str, ...]:
        row_names = (getattr(row, part) for row in (*self.rows, *self.costs) if hasattr(row, part))
        return tuple(dict.fromkeys((*self.settings.get(kind, {}), *row_names)))

    def _check_names(self, **names: str | None) -> None:
        for kind, name in names.items():
            available = getattr(self, f"{kind}s")
            if name is not None and name not in available:
                raise ParameterError(
                    f"The results have no {kind} {name!r}.",
                    suggest_name(name, available, f"They have {', '.join(available) or 'none'}."),
                )
