"""The benchmark: all methods on drawn clips whose truth is known, on several models, beside controls.

Two sets of clips: the first, standard one chose what is default, the second is drawn otherwise and chose nothing. What
the second says is what counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.actions import ActionClip, action_clip
from staa_widgets.clip import open_clip
from staa_widgets.engine import explain
from staa_widgets.errors import ParameterError
from staa_widgets.evaluate.metric import METRICS
from staa_widgets.evaluate.results import Results
from staa_widgets.evaluate.run import Asked, evaluate
from staa_widgets.evaluate.sanity import randomised
from staa_widgets.methods import METHODS, get_method
from staa_widgets.models import BUNDLED_MODELS, VideoModel, load_model
from staa_widgets.progress import Progress, reporting

if TYPE_CHECKING:
    import os

SETS: dict[str, tuple[str, int]] = {"first": ("standard", 4_000_000), "second": ("second", 7_800_000)}
"""Variant of the clips and seed of the first, by set."""

TRUTH: tuple[str, ...] = ("pointing", "mass", "average_precision", "temporal_auc", "temporal_pointing")
"""Metrics that compare a map with what is true; the verdict is made from them."""

CAUSAL: dict[str, Asked] = {"insertion": ("insertion", {"units": "coarse", "steps": 8})}
"""The causal metric of the default run: in coarse blocks, so that there is an oracle to measure by."""

CHEAP = 30
"""Passes through the model, there and back, up to which a method is asked about every clip."""

DEAREST = 1000
"""Passes beyond which a method is left out unless it is named: LIME and KernelSHAP would take most of the time."""

RANDOMISED = ("staa", "staa_logit")
"""Methods that are also asked of models with shuffled weights."""

FPS = 8


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    clips
        Of the second set, for methods of up to 30 passes.
    dear_clips
        Of these, for all other methods and for metrics that ask the model.
    first_clips
        Of the first set.
    shuffled_clips
        Of the second set, for models with shuffled weights.
    everything
        Whether every metric is asked, rather than truth and one causal one.
    """

    clips: int = 50
    dear_clips: int = 5
    first_clips: int = 20
    shuffled_clips: int = 20
    everything: bool = False

    def __post_init__(self) -> None:
        for name in ("clips", "dear_clips", "first_clips", "shuffled_clips"):
            if getattr(self, name) < 2:
                raise ParameterError(f"{name} is {getattr(self, name)}.", "Two clips are the fewest to compare on.")

    def only(self, clips: int) -> Plan:
        """Measure on so many clips, and no part of it on more."""
        rest = ("dear_clips", "first_clips", "shuffled_clips")
        return replace(self, clips=clips, **{name: min(getattr(self, name), clips) for name in rest})


DEFAULT = Plan()
FULL = Plan(500, 500, 500, 500, everything=True)


@dataclass(frozen=True)
class Benchmark:
    """What a run of the benchmark found: results on both sets, and of models with shuffled weights on the second."""

    first: Results
    second: Results
    shuffled: Results

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``first.json``, ``second.json``, ``shuffled.json`` and a report of both sets; return the folder.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        from staa_widgets.evaluate.report import to_html
        from staa_widgets.evaluate.verdict import section

        into = Path(folder)
        into.mkdir(parents=True, exist_ok=True)
        for name in _PARTS:
            getattr(self, name).to_json(into / f"{name}.json")
        to_html(self.second, into / "second.html", "Benchmark: clips that chose nothing", opening=section(self))
        to_html(self.first, into / "first.html", "Benchmark: clips that chose the default")
        return into

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Benchmark:
        """Read what `save` wrote.

        Raises
        ------
        FormatError
            If a file holds no results.
        OSError
            If a file is missing.
        """
        return cls(**{name: Results.from_json(Path(folder) / f"{name}.json") for name in _PARTS})


_PARTS = ("first", "second", "shuffled")


@dataclass(frozen=True)
class Drawn:
    """Clips of a set, drawn one after the other as they are asked for."""

    set: str
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[ActionClip]:
        variant, first = SETS[self.set]
        return (action_clip(first + n, fps=FPS, variant=variant) for n in range(self.count))


def benchmark(
    plan: Plan = DEFAULT,
    models: Iterable[str] | Mapping[str, Any] | None = None,
    *,
    methods: Iterable[str] | None = None,
    cache: bool = True,
    batch_size: int | None = None,
    progress: Progress | bool | None = None,
) -> Benchmark:
    """Score methods and controls on drawn clips of both sets.

    Parameters
    ----------
    plan
        How much is measured.
    models
        Names of bundled models, such as ``"vivit"``, or models by name; default: all that are bundled.
    methods
        Names; default: all of up to 1000 passes. Controls are always among them, and so is ``"staa"``.
    cache
        Whether what is known is looked up and kept; a run that was broken off then goes on where it stopped.
    batch_size
        Inputs a pass of what asks the model often; by default what fits the memory.
    progress
        As for `staa_widgets.explain`.

    Raises
    ------
    ParameterError
        If a model is unknown.
    UnknownMethodError
        If a method is.
    CancelledError
        If `progress` raised it.
    """
    loaded = _loaded(models)
    began = time.perf_counter()
    with reporting(progress) as report:

        def run(name: str, parts: list[_Part], of: Mapping[str, VideoModel]) -> Results:
            found = [
                evaluate(
                    Drawn("first" if name == "first" else "second", part.clips),
                    part.methods,
                    part.metrics,
                    of,
                    cache=cache,
                    batch_size=batch_size,
                    references=part.references,
                    progress=_titled(f"{name}, part {n + 1} of {len(parts)}", report),
                )
                for n, part in enumerate(parts)
            ]
            return _about(reduce(or_, found), name, plan, time.perf_counter() - began)

        cheap, dear = by_cost(methods, loaded.values())
        second = run("second", _parts(plan, cheap, dear), loaded)
        first = run("first", [_Part(plan.first_clips, cheap, dict.fromkeys(TRUTH))], loaded)
        controls = [name for name in cheap if METHODS[name].group == "control" or name in RANDOMISED]
        shuffled = run(
            "shuffled",
            [_Part(plan.shuffled_clips, controls, dict.fromkeys(TRUTH))],
            {name: randomised(model) for name, model in loaded.items()},
        )
        named = {
            name: _predicted(loaded, Drawn(name, count), cache)
            for name, count in (("first", plan.first_clips), ("second", plan.clips))
        }
    return Benchmark(_with(first, predicted=named["first"]), _with(second, predicted=named["second"]), shuffled)


class _Part:
    """One evaluation of the benchmark: some methods by some metrics on the first clips of a set."""

    def __init__(self, clips: int, methods: Iterable[str], metrics: Mapping[str, Asked | None]) -> None:
        self.clips, self.methods = clips, list(methods)
        self.metrics: dict[str, Asked] = {label: asked or label for label, asked in metrics.items()}
        self.references = "insertion" in self.metrics


def _parts(plan: Plan, cheap: list[str], dear: list[str]) -> list[_Part]:
    truth = dict.fromkeys(TRUTH)
    parts = [_Part(plan.clips, cheap, truth), _Part(plan.dear_clips, cheap + dear, {**truth, **CAUSAL})]
    if plan.everything:
        asking, running = _all_metrics()
        parts += [_Part(plan.dear_clips, cheap + dear, asking), _Part(plan.dear_clips, cheap, running)]
    return parts


def _all_metrics() -> tuple[dict[str, Asked | None], dict[str, Asked | None]]:
    """Give all further metrics: those that look at maps and model, and those that run the method again."""
    asking: dict[str, Asked | None] = {
        f"{metric.name}, {units}, {filler}": (metric.name, {"units": units, "filler": filler})
        for metric in METRICS.values()
        if metric.category == "causal"
        for units in ("cells", "frames")
        for filler in ("blur", "fade", "freeze")
    }
    others = [metric for metric in METRICS.values() if metric.category not in ("truth", "causal")]
    asking |= {metric.name: None for metric in others if metric.needs != "method"}
    return asking, {metric.name: None for metric in others if metric.needs == "method"}


def by_cost(methods: Iterable[str] | None, models: Iterable[VideoModel]) -> tuple[list[str], list[str]]:
    """Name the methods that are asked, cheap ones and dear ones; ``None`` for all that are not too dear."""
    asked = set(METHODS) if methods is None else {"staa", *(get_method(name).name for name in methods)}
    names = [name for name, method in METHODS.items() if name in asked or method.group == "control"]
    grids = [model.geometry for model in models]
    passes = {name: max(sum(METHODS[name].cost(grid)) for grid in grids) for name in names}
    cheap = [name for name in names if passes[name] <= CHEAP]
    return cheap, [name for name in names if name not in cheap and (methods is not None or passes[name] <= DEAREST)]


def _loaded(models: Iterable[str] | Mapping[str, Any] | None) -> dict[str, VideoModel]:
    if not isinstance(models, Mapping):
        given = BUNDLED_MODELS if models is None else models
        whole = [f"bundled/{name}" if f"bundled/{name}" in BUNDLED_MODELS else name for name in given]
        models = {name.removeprefix("bundled/"): name for name in whole}
    if not models:
        raise ParameterError("No model is given.", "Leave models out for those that are bundled.")
    return {name: of if isinstance(of, VideoModel) else load_model(of) for name, of in models.items()}


def _titled(title: str, report: Progress) -> Callable[[str, int, int], object]:
    return lambda step, done, total: report(f"{title}: {step}", done, total)


def _predicted(models: Mapping[str, VideoModel], clips: Drawn, cache: bool) -> dict[str, dict[str, str]]:
    """Name the class that each model sees in each clip, by model and by the name that results give the clip."""
    found: dict[str, dict[str, str]] = {name: {} for name in models}
    for clip in clips:
        opened = open_clip(clip)
        asked = {"window": opened.duration, "cache": cache, "preview": False, "attention": False, "progress": False}
        for name, model in models.items():
            e = explain(opened, model, "uniform", **asked)
            found[name][f"{clip.label} {clip.seed}"] = e.labels[int(np.argmax(e.logits))]
    return found


def _about(results: Results, name: str, plan: Plan, seconds: float) -> Results:
    return _with(results, set=name, plan=asdict(plan), seconds=round(seconds, 1))


def _with(results: Results, **facts: Any) -> Results:
    held = results.settings.get("benchmark", {})
    return replace(results, settings={**results.settings, "benchmark": {**held, **facts}})
