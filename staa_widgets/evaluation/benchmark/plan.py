"""Plan of a benchmark: which methods and metrics run on which clips, depending on the cost of the methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from staa_widgets.datasets.drawn_actions import STILL_KINDS, ActionClip, action_clip, still_clip
from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metrics import METRICS
from staa_widgets.evaluation.metrics.localization import ground_truth_metrics
from staa_widgets.methods import METHODS, get_method

if TYPE_CHECKING:
    from staa_widgets.evaluation.request import Spec
    from staa_widgets.models import VideoModel


class ClipSet(NamedTuple):
    """A set of synthetic clips: variant of the scenes, seed of the first clip, and kind of the clips."""

    variant: str
    first_seed: int
    kind: str


CLIP_SETS: dict[str, ClipSet] = {
    "first": ClipSet("standard", 14_000_000, "anywhere"),
    "second": ClipSet("second", 17_800_000, "anywhere"),
    "stay": ClipSet("standard", 15_000_000, "stay"),
    "cut": ClipSet("standard", 16_000_000, "cut"),
    "middle": ClipSet("standard", 4_000_000, "middle"),
    "middle_second": ClipSet("second", 7_800_000, "middle"),
}
"""Sets of clips with ground truth, by name.

In "first" and "second" an action may begin at any time, so that no fixed curve over time finds it. Defaults are chosen
on "first" and judged on "second". In "stay" and "cut" the action fills the whole clip, so that only the place is
scored. In "middle" and "middle_second", the sets of earlier releases, actions lie in the middle of the clip, where a
fixed curve finds them.
"""

STILL_SETS: dict[str, tuple[str, int]] = {f"still_{kind}": (kind, 18_000_000) for kind in STILL_KINDS}
"""Sets of clips in which nothing happens, by name: kind of still clip, and seed of the first clip."""

CURVE_METRICS: dict[str, Spec] = {name: (name, {"units": "coarse", "steps": 8}) for name in ("insertion", "deletion")}
"""Insertion and deletion in the default run: of coarse blocks, because only these have an oracle."""

MAX_CHEAP_PASSES = 30
"""Maximum passes of a method that explains every clip; more expensive methods explain only few clips."""

MAX_PASSES = 600
"""Maximum passes per clip of a method; a more expensive method runs only if its name is given, or in a full run."""

SHUFFLED_METHODS = ("staa", "staa_logit")
"""Methods that, like the controls, also explain models with shuffled weights."""

FPS = 8


@dataclass(frozen=True)
class Plan:
    """Numbers of clips of a benchmark, and whether to run every method and metric.

    Parameters
    ----------
    clips
        Clips of the second set for methods of up to `MAX_CHEAP_PASSES` passes.
    expensive_clips
        Clips of the second set for more expensive methods and for metrics that need the model.
    first_clips
        Clips of the first set.
    shuffled_clips
        Clips of the second set for models with shuffled weights.
    everything
        Whether to run every method, not only those of up to `MAX_PASSES` passes, and every metric, not only the
        ground-truth metrics, one insertion and one deletion.
    """

    clips: int = 50
    expensive_clips: int = 5
    first_clips: int = 20
    shuffled_clips: int = 20
    everything: bool = False

    def __post_init__(self) -> None:
        for name in ("clips", "expensive_clips", "first_clips", "shuffled_clips"):
            if getattr(self, name) < 2:
                raise ParameterError(f"{name} is {getattr(self, name)}.", "Use at least 2 clips.")

    def limit_clips(self, clips: int) -> Plan:
        """Return the plan with this number of clips, and no larger number anywhere."""
        other_numbers = ("expensive_clips", "first_clips", "shuffled_clips")
        return replace(self, clips=clips, **{name: min(getattr(self, name), clips) for name in other_numbers})


DEFAULT_PLAN = Plan()
FULL_PLAN = Plan(500, 500, 500, 500, everything=True)


@dataclass(frozen=True)
class DrawnClips:
    """The synthetic clips of a set in `CLIP_SETS` or `STILL_SETS`; each is made when iteration reaches it.

    `start` replaces the seed of the first clip.
    """

    set: str
    count: int
    start: int | None = None

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[ActionClip]:
        if self.set in STILL_SETS:
            still_kind, first_seed = STILL_SETS[self.set]
            return (still_clip(seed, still_kind, fps=FPS) for seed in self._seeds(first_seed))
        variant, first_seed, kind = CLIP_SETS[self.set]
        return (action_clip(seed, fps=FPS, variant=variant, kind=kind) for seed in self._seeds(first_seed))

    def _seeds(self, first_seed: int) -> range:
        first_seed = first_seed if self.start is None else self.start
        return range(first_seed, first_seed + self.count)


def split_by_cost(
    methods: Iterable[str] | None, models: Iterable[VideoModel], *, everything: bool = False
) -> tuple[list[str], list[str], dict[str, int]]:
    """Divide methods by their number of passes per clip, on the model on which they take most passes.

    Parameters
    ----------
    methods
        Names of methods, of which none is left out; ``None`` for all methods that are not exploratory.
    models
        Models to explain.
    everything
        Whether to leave out no method.

    Returns
    -------
    cheap, expensive
        Names of the methods of up to `MAX_CHEAP_PASSES` passes, and names of the methods of more passes.
    left_out
        Passes of the methods that are left out because they take more than `MAX_PASSES`, by name.
    """
    default_names = {name for name, method in METHODS.items() if not method.exploratory}
    selected = default_names if methods is None else {"staa", *(get_method(name).name for name in methods)}
    names = [name for name, method in METHODS.items() if name in selected or method.group == "control"]
    geometries = [model.geometry for model in models]
    passes = {name: max(sum(METHODS[name].cost(geometry)) for geometry in geometries) for name in names}
    left_out: dict[str, int] = {}
    if methods is None and not everything:
        left_out = {name: count for name, count in passes.items() if count > MAX_PASSES}
    cheap = [name for name, count in passes.items() if count <= MAX_CHEAP_PASSES]
    return cheap, [name for name in names if name not in (*cheap, *left_out)], left_out


@dataclass(frozen=True)
class PlannedEvaluation:
    """One evaluation of the benchmark: methods, metrics, and the number of clips of a set."""

    clips: int
    methods: list[str]
    metrics: Mapping[str, Spec]

    @property
    def references(self) -> bool:
        """Whether to score random orders and the oracle, too; only `CURVE_METRICS` have an oracle."""
        return not CURVE_METRICS.keys().isdisjoint(self.metrics)


def plan_evaluations(plan: Plan, cheap: list[str], expensive: list[str]) -> dict[str, list[PlannedEvaluation]]:
    """Return the evaluations by name: "second" and "first" for the sets of clips, and "shuffled" for shuffled weights.

    Parameters
    ----------
    plan
        Numbers of clips.
    cheap, expensive
        Names of methods, from `split_by_cost`.
    """
    ground_truth: dict[str, Spec] = {name: name for name in ground_truth_metrics()}
    second = [
        PlannedEvaluation(plan.clips, cheap, ground_truth),
        PlannedEvaluation(plan.expensive_clips, cheap + expensive, {**ground_truth, **CURVE_METRICS}),
    ]
    if plan.everything:
        model_metrics, rerun_metrics = _further_metrics()
        second += [
            PlannedEvaluation(plan.expensive_clips, cheap + expensive, model_metrics),
            PlannedEvaluation(plan.expensive_clips, cheap, rerun_metrics),
        ]
    shuffled = [name for name in cheap if METHODS[name].group == "control" or name in SHUFFLED_METHODS]
    return {
        "second": second,
        "first": [PlannedEvaluation(plan.first_clips, cheap, ground_truth)],
        "shuffled": [PlannedEvaluation(plan.shuffled_clips, shuffled, ground_truth)],
    }


def _further_metrics() -> tuple[dict[str, Spec], dict[str, Spec]]:
    """Return the other metrics: those that need only maps or the model, and those that run the method again."""
    model_metrics: dict[str, Spec] = {}
    for metric in METRICS.values():
        if metric.category == "insertion_deletion" and not metric.same_as:
            for units, filler in product(("cells", "frames"), ("blur", "fade", "freeze")):
                model_metrics[f"{metric.name}, {units}, {filler}"] = (metric.name, {"units": units, "filler": filler})
    others = [metric for metric in METRICS.values() if metric.category not in ("ground_truth", "insertion_deletion")]
    model_metrics |= {metric.name: metric.name for metric in others if metric.needs != "method"}
    return model_metrics, {metric.name: metric.name for metric in others if metric.needs == "method"}
