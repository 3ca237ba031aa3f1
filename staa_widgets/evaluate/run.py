"""`evaluate`: methods × metrics over clips, so that any explanation can be asked how it compares.

Nothing heavy is loaded before the first call, because the package offers `evaluate` itself.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from operator import length_hint
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import CancelledError, ParameterError
from staa_widgets.evaluate.rows import Curve, Failure, Reference, Row, Spent

if TYPE_CHECKING:
    from staa_widgets.evaluate.metric import Metric
    from staa_widgets.evaluate.results import Results
    from staa_widgets.methods import Method
    from staa_widgets.models import VideoModel
    from staa_widgets.progress import Progress

Asked = str | tuple[str, Mapping[str, Any]]

METHODS = ("staa", "staa_logit", "rollout", "uniform", "random", "random_smooth", "centre", "motion_energy")
METRICS = ("pointing", "mass", "average_precision", "temporal_auc", "temporal_pointing", "insertion")


def evaluate(
    clips: Iterable[Any],
    methods: Iterable[str] | Mapping[str, Asked] = METHODS,
    metrics: Iterable[str] | Mapping[str, Asked] = METRICS,
    model: Any = None,
    *,
    target: int | str | None = None,
    references: bool = True,
    cache: bool = True,
    batch_size: int | None = None,
    progress: Progress | bool | None = None,
) -> Results:
    """Score methods by metrics over clips.

    Each clip is one window of the model, sampled evenly, and all methods of a clip speak of one class. An error of one
    clip, method or metric is kept in `Results.failures` and does not end the rest.

    Parameters
    ----------
    clips
        Each anything that `staa_widgets.explain` takes as a video, read one after the other, so that they may be drawn
        as they are needed; an `ActionClip` brings the truth that some metrics compare with.
    methods
        Names in `staa_widgets.METHODS`; or by label of your own a name, or a name with parameters, such as
        ``{"last layer": ("staa", {"layers": "last"})}``.
    metrics
        Names in `staa_widgets.evaluate.METRICS`; or by label, as the methods.
    model
        A model as `staa_widgets.explain` takes it, or several by name; ``None`` for the bundled one.
    target
        Class to explain, by index or label; default: the one predicted for the clip.
    references
        Whether causal metrics are also asked about random orders and the oracle of each clip, which
        `Results.normalised` needs. It takes some hundred passes a clip and causal metric, whatever the methods.
    cache
        Whether maps, and values that needed the model, are looked up and kept, by content. A run that was broken off
        then goes on where it stopped.
    batch_size
        Inputs a pass of what asks the model often; by default what fits the memory.
    progress
        As for `staa_widgets.explain`: a function that may raise `CancelledError` to stop, or a bar.

    Returns
    -------
    Results
        Rows of values, with what they cost and what was compared.

    Raises
    ------
    ParameterError
        If a method, metric, parameter or class is unknown, or `clips` is a single video.
    UnknownMethodError
        If there is no such method.
    ModelError
        If a model cannot be loaded.
    CancelledError
        If `progress` raised it; the cache keeps what was done.
    """
    from staa_widgets.evaluate.metric import get_metric
    from staa_widgets.labels import target_index
    from staa_widgets.methods import get_method
    from staa_widgets.progress import reporting

    if isinstance(clips, str | bytes | os.PathLike) or hasattr(clips, "frames") or hasattr(clips, "shape"):
        raise ParameterError("clips is a single video.", "Give several, or one in a list: [video].")
    if batch_size is not None and batch_size < 1:
        raise ParameterError(f"batch_size is {batch_size}.", "Give at least 1.")
    asked: dict[str, tuple[Method, dict[str, Any]]] = {
        label: (get_method(name), get_method(name).complete(params)) for label, name, params in _named(methods)
    }
    scored: dict[str, tuple[Metric, dict[str, Any]]] = {
        label: (get_metric(name), get_metric(name).complete(params)) for label, name, params in _named(metrics)
    }
    if not asked:
        raise ParameterError("No method is given.", "Name some, such as methods=('staa', 'random').")
    models = _loaded(model)
    for loaded in models.values():
        target_index(target, loaded.labels)
    with reporting(progress) as report:
        run = _Run(asked, scored, models, target, references, cache, batch_size, _Meter(report))
        for place, video in enumerate(clips):
            run.meter.clips = max(length_hint(clips, 0), place + 1)
            run.clip(place, video)
    return run.results()


@dataclass
class _Meter:
    """Tells of the whole while parts tell of themselves."""

    report: Progress
    clips: int = 0
    clip: int = 0
    part: int = 0
    parts: int = 1
    what: str = ""

    def at(self, what: str, part: int) -> None:
        self.what, self.part = what, part
        self("", 0, 0)

    def __call__(self, step: str, done: int, total: int) -> None:
        inner = f": {step} {done} of {total}" if total > 1 else f": {step}" if step else ""
        self.report(
            f"clip {self.clip + 1} of {self.clips}, {self.what}{inner}",
            self.clip * self.parts + self.part,
            self.clips * self.parts,
        )


@dataclass
class _Run:
    """An evaluation under way."""

    methods: Mapping[str, tuple[Method, dict[str, Any]]]
    metrics: Mapping[str, tuple[Metric, dict[str, Any]]]
    models: Mapping[str, VideoModel]
    target: int | str | None
    references: bool
    cache: bool
    batch_size: int | None
    meter: _Meter
    clips: dict[str, dict[str, Any]] = field(default_factory=dict)
    found: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found = {name: [] for name in ("rows", "costs", "curves", "references", "failures")}
        self.meter.parts = 2 * len(self.models) * len(self.methods)

    def clip(self, place: int, video: Any) -> None:
        """Explain and score one clip by every model and method."""
        from staa_widgets.clip import open_clip

        self.meter.clip = place
        self.meter.at("reading", 0)
        name = Path(video).name if isinstance(video, str | os.PathLike) else f"clip {place + 1}"
        with self._kept("", name):
            clip = open_clip(video)
            about = {
                "sha256": clip.sha256,
                "range": [clip.first_frame, clip.first_frame + len(clip)],
                **{part: getattr(video, part) for part in ("label", "seed", "variant") if hasattr(video, part)},
            }
            name = f"{about['label']} {about['seed']}" if {"label", "seed"} <= about.keys() else clip.name
            if (again := next((n for n, known in self.clips.items() if known == about), None)) is not None:
                raise ParameterError(f"The clip is the same as {again!r}, and counted once.", "Leave it out.")
            if name in self.clips:
                name = f"{name} ({clip.sha256[:8]})"
            self.clips[name] = about
            for number, model in enumerate(self.models):
                self._score(clip, name, model, 2 * number * len(self.methods))

    def _score(self, clip: Any, name: str, model: str, part: int) -> None:
        from staa_widgets.engine import explain
        from staa_widgets.evaluate.scoring import Scoring

        loaded, held, forward = self.models[model], {}, float("nan")
        for number, (label, (method, params)) in enumerate(self.methods.items()):
            self.meter.at(f"{label} of {model}", part + number)
            with self._kept(model, name, label):
                held[label] = e = explain(
                    clip,
                    loaded,
                    method.name,
                    target=self.target if method.depends_on_class(params) else None,
                    window=clip.duration,
                    cache=self.cache,
                    preview=False,
                    attention=False,
                    progress=self.meter,
                    **params,
                )
                seconds, cost = e.provenance["seconds"], e.provenance["cost"]
                # A pass that several methods share is counted for each: alone, each would need it.
                forward = seconds.get("forward", forward)
                took = seconds.get("forward", forward) + seconds.get("method", float("nan"))
                self.found["costs"].append(Spent(model, name, label, cost["forwards"], cost["backwards"], took))
        with Scoring(
            loaded, clip, held, self.target, cache=self.cache, batch_size=self.batch_size, report=self.meter
        ) as scoring:
            part += len(self.methods)
            for number, label in enumerate(held):
                for metric, (asked, settings) in self.metrics.items():
                    self.meter.at(f"{metric} of {label} of {model}", part + number)
                    with self._kept(model, name, label, metric):
                        value, course = scoring.value(label, *self.methods[label], asked, settings)
                        self.found["rows"].append(Row(model, name, label, metric, value))
                        if course:
                            self.found["curves"].append(Curve(model, name, label, metric, *course))
            for metric, (asked, settings) in self.metrics.items():
                if self.references and held and asked.category == "causal":
                    self.meter.at(f"{metric} of random orders of {model}", part + len(self.methods) - 1)
                    with self._kept(model, name, metric=metric):
                        for of, value in scoring.references(asked, settings).items():
                            self.found["references"].append(Reference(model, name, of, metric, value))

    @contextmanager
    def _kept(self, model: str, clip: str, method: str = "", metric: str = "") -> Iterator[None]:
        """Keep an error among the failures, so that it does not end the rest."""
        try:
            yield
        except CancelledError:
            raise
        except Exception as error:
            text = shorten(str(error), 400, placeholder=" …")
            self.found["failures"].append(Failure(model, clip, method, metric, type(error).__name__, text))

    def results(self) -> Results:
        """Put together what was found and what was asked."""
        from staa_widgets.evaluate.results import Results
        from staa_widgets.models import weights_digest

        return Results(
            **{name: tuple(rows) for name, rows in self.found.items()},
            settings={
                "target": self.target,
                "models": {
                    name: {
                        "id": held.id,
                        "family": held.family,
                        "weights": weights_digest(held),
                        "geometry": asdict(held.geometry),
                        "device": str(held.device),
                        "dtype": str(held.dtype).removeprefix("torch."),
                    }
                    for name, held in self.models.items()
                },
                "clips": self.clips,
                "methods": {
                    label: {
                        **_told(method, params),
                        "group": method.group,
                        "class_specific": method.depends_on_class(params),
                        "signed": method.signed,
                    }
                    for label, (method, params) in self.methods.items()
                },
                "metrics": {
                    label: {
                        **_told(metric, params),
                        "category": metric.category,
                        "higher_is_better": metric.higher_is_better,
                        "range": [end if abs(end) < float("inf") else None for end in metric.range],
                        "chance": metric.chance,
                        "chance_level": metric.chance_level,
                        "needs": metric.needs,
                    }
                    for label, (metric, params) in self.metrics.items()
                },
                "versions": _versions(),
            },
        )


def _named(asked: Iterable[str] | Mapping[str, Asked]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Bring names, or names and parameters by label, to label, name and parameters."""
    if isinstance(asked, str):
        asked = (asked,)
    pairs = asked.items() if isinstance(asked, Mapping) else [(name, name) for name in asked]
    return [(label, of, {}) if isinstance(of, str) else (label, of[0], of[1]) for label, of in pairs]


def _loaded(model: Any) -> dict[str, VideoModel]:
    from staa_widgets.models import VideoModel, load_model

    def load(of: Any) -> VideoModel:
        return of if isinstance(of, VideoModel) else load_model(of)

    if isinstance(model, Mapping):
        if not model:
            raise ParameterError("No model is given.", "Leave model= out for the bundled one.")
        return {str(name): load(of) for name, of in model.items()}
    one = load(model)
    return {one.id: one}


def _told(of: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": of.name,
        "version": of.version,
        "params": params,
        "changed": {name: value for name, value in params.items() if value != of.defaults[name]},
        "summary": of.summary,
    }


def _versions() -> dict[str, str]:
    from staa_widgets import __version__

    found = {"staa_widgets": __version__, "python": platform.python_version()}
    for package in ("torch", "transformers", "numpy"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
