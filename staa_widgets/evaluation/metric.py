"""`Metric`: a function that scores an explanation, with its metadata; and the registry of all metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from staa_widgets.utils import registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from staa_widgets.explanation.ground_truth import GroundTruthGrid
    from staa_widgets.methods.inputs import MethodInputs
    from staa_widgets.models import VideoModel
    from staa_widgets.records.geometry import Geometry

Category = Literal["ground_truth", "insertion_deletion", "faithfulness", "complexity", "sanity"]
Requirement = Literal["maps", "ground_truth", "model", "method"]

METRICS: dict[str, Metric] = {}
"""All registered metrics by name."""


@dataclass(frozen=True, eq=False)
class Case:
    """One explanation to be scored: its maps, and everything else that a metric may need.

    Parameters
    ----------
    maps
        float32 ``(S, h, w)``.
    ground_truth
        Ground truth on the same grid, if it is known.
    inputs
        Pixels and forward function of the window, for metrics that need the model.
    attribute
        Function ``(**changes) -> maps`` that runs the same method with the same parameters on other ``pixels=``,
        another ``model=`` or another ``target=``.
    model
        The model of `inputs`, for metrics that change a copy of it.
    class_specific
        Whether the maps depend on the class.
    memo
        Cache shared by all cases of one clip and model, for logits that do not depend on the method.
    """

    maps: NDArray[np.float32]
    ground_truth: GroundTruthGrid | None = None
    inputs: MethodInputs | None = None
    attribute: Callable[..., NDArray[np.float32]] | None = None
    model: VideoModel | None = None
    class_specific: bool = True
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    def has(self, needed: Requirement) -> bool:
        """Return whether the case has everything that a metric needs."""
        available = {
            "maps": True,
            "ground_truth": self.ground_truth is not None,
            "model": self.inputs is not None,
            "method": self.inputs is not None and self.attribute is not None,
        }
        return available[needed]


@dataclass(frozen=True)
class Metric:
    """A metric: a function from a `Case` to a number, with the metadata that a reader needs to interpret the number.

    Parameters
    ----------
    name
        Name of the metric in `METRICS`.
    title
        Name of the metric in tables and figures, such as ``"Temporal AUC"``.
    run
        ``(case, **params) -> float``.
    category
        Agreement with the ground truth, effect of insertion and deletion on the model, agreement with the effect of
        each part, complexity of the map alone, or sanity checks.
    higher_is_better
        ``None`` if neither direction is better.
    range
        The least and the greatest possible value.
    chance
        Score of a map without information, in words.
    chance_level
        Score of a map without information, if it is the same number for every clip.
    needs
        What the metric needs in addition to the maps: nothing, the ground truth, the model or the method.
    find_cost
        Function from geometry and complete parameters to the number of passes through the model; for
        ``needs="method"``, to the number of runs of the method.
    same_as
        Name of a metric that gives the same score, because its curve is this metric's curve read from the other end;
        reports that show the other metric leave this one out. Empty if there is none.
    version
        Number that increases whenever the result changes, so that outdated cached values are not used.
    defaults
        Parameters with their defaults.
    summary
        One sentence.
    """

    name: str
    title: str
    run: Callable[..., float]
    category: Category
    higher_is_better: bool | None
    range: tuple[float, float]
    chance: str
    chance_level: float | None
    needs: Requirement
    find_cost: Callable[..., int]
    same_as: str
    version: int
    defaults: Mapping[str, Any]
    summary: str

    def complete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters with defaults filled in.

        Raises
        ------
        ParameterError
            If a name is unknown.
        """
        return registry.fill_defaults(f"metric {self.name!r}", self.defaults, params)

    def cost(self, geometry: Geometry, params: Mapping[str, Any] = MappingProxyType({})) -> int:
        """Return the greatest number of passes for one case; for ``needs="method"``, of runs of the method."""
        return self.find_cost(geometry, **self.complete(params))

    def __call__(self, case: Case, **params: Any) -> float:
        """Return the score of a case; NaN if something that the metric needs is missing, or the score is undefined."""
        complete_params = self.complete(params)
        return float(self.run(case, **complete_params)) if case.has(self.needs) else math.nan


def metric(
    name: str,
    *,
    title: str = "",
    category: Category,
    higher_is_better: bool | None,
    range: tuple[float, float],  # noqa: A002
    chance: str,
    chance_level: float | None = None,
    needs: Requirement = "maps",
    cost: int | Callable[..., int] = 0,
    same_as: str = "",
    version: int = 1,
) -> Callable[[Callable[..., float]], Metric]:
    """Register a function ``(case, *, …) -> float`` as a metric; its keyword arguments are the parameters.

    The decorated name then stands for a `Metric`, which is called like the function.
    """
    find_cost: Callable[..., int] = (lambda _, **__: cost) if isinstance(cost, int) else cost

    def register(run: Callable[..., float]) -> Metric:
        METRICS[name] = Metric(
            name=name,
            title=title or registry.default_title(name),
            run=run,
            category=category,
            higher_is_better=higher_is_better,
            range=range,
            chance=chance,
            chance_level=chance_level,
            needs=needs,
            find_cost=find_cost,
            same_as=same_as,
            version=version,
            defaults=registry.parameter_defaults(run),
            summary=registry.docstring_summary(run),
        )
        return METRICS[name]

    return register


def get_metric(name: str) -> Metric:
    """Return a metric by name.

    Raises
    ------
    ParameterError
        If there is no such metric; the message suggests the most similar name.
    """
    return registry.look_up("metric", name, METRICS)


def metric_title(name: str) -> str:
    """Return the title of a metric for readers; of an unknown metric, its name with spaces."""
    return METRICS[name].title if name in METRICS else name.replace("_", " ")
