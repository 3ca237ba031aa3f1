"""`Metric`: a score of an explanation as a value, and the registry of all of them."""

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

    from staa_widgets.evaluation.ground_truth import GroundTruthGrid
    from staa_widgets.methods.inputs import MethodInputs
    from staa_widgets.models import VideoModel
    from staa_widgets.records.geometry import Geometry

Category = Literal["ground_truth", "insertion_deletion", "faithfulness", "complexity", "sanity"]
Requirement = Literal["maps", "ground_truth", "model", "method"]

METRICS: dict[str, Metric] = {}
"""All registered metrics by name."""


@dataclass(frozen=True, eq=False)
class Case:
    """One explanation to be scored, with what is known of it.

    Parameters
    ----------
    maps
        float32 ``(S, h, w)``.
    ground_truth
        What is true on the same grid, where it is known.
    inputs
        The window and its model, for metrics that need the model.
    attribute
        ``(**changes) -> maps``: the same method with the same parameters, on other ``pixels=``, another ``model=`` or
        about another ``target=``.
    model
        The model of `inputs`, for metrics that change a copy of it.
    class_specific
        Whether the maps depend on the class.
    memo
        Shared by all cases of one clip and model, so that what does not depend on the method is computed once.
    """

    maps: NDArray[np.float32]
    ground_truth: GroundTruthGrid | None = None
    inputs: MethodInputs | None = None
    attribute: Callable[..., NDArray[np.float32]] | None = None
    model: VideoModel | None = None
    class_specific: bool = True
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    def has(self, needed: Requirement) -> bool:
        """Say whether what a metric needs is here."""
        held = {
            "maps": True,
            "ground_truth": self.ground_truth is not None,
            "model": self.inputs is not None,
            "method": self.inputs is not None and self.attribute is not None,
        }
        return held[needed]


@dataclass(frozen=True)
class Metric:
    """A function from a `Case` to a number, with what a reader of the number must know.

    Parameters
    ----------
    name
        Its name in `METRICS`.
    run
        ``(case, **params) -> float``.
    category
        What it asks about: agreement with the truth, effect on the model, agreement with that effect, complexity of
        the map alone, or whether the map depends on what it ought to depend on.
    higher_is_better
        ``None`` where neither end is better by itself.
    range
        Least and greatest value.
    chance
        What a map that knows nothing scores, in words.
    chance_level
        The same as a number, where one number holds for every clip.
    needs
        What it looks at beside the maps: nothing, the truth, the model or the method itself.
    find_cost
        From geometry and complete parameters to passes through the model, or for ``needs="method"`` to runs of the
        method.
    version
        Raised whenever the result changes, so that kept values are not taken for new ones.
    defaults
        Its parameters and their defaults.
    summary
        One sentence.
    """

    name: str
    run: Callable[..., float]
    category: Category
    higher_is_better: bool | None
    range: tuple[float, float]
    chance: str
    chance_level: float | None
    needs: Requirement
    find_cost: Callable[..., int]
    version: int
    defaults: Mapping[str, Any]
    summary: str

    def complete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in the defaults.

        Raises
        ------
        ParameterError
            If a name is unknown.
        """
        return registry.fill_defaults(f"metric {self.name!r}", self.defaults, params)

    def cost(self, geometry: Geometry, params: Mapping[str, Any] = MappingProxyType({})) -> int:
        """Say how many passes (runs of the method for ``needs="method"``) one case takes at most."""
        return self.find_cost(geometry, **self.complete(params))

    def __call__(self, case: Case, **params: Any) -> float:
        """Score a case; NaN where the case lacks what the metric needs, or the metric cannot speak of it."""
        whole = self.complete(params)
        return float(self.run(case, **whole)) if case.has(self.needs) else math.nan


def metric(
    name: str,
    *,
    category: Category,
    higher_is_better: bool | None,
    range: tuple[float, float],  # noqa: A002
    chance: str,
    chance_level: float | None = None,
    needs: Requirement = "maps",
    cost: int | Callable[..., int] = 0,
    version: int = 1,
) -> Callable[[Callable[..., float]], Metric]:
    """Register a function ``(case, *, …) -> float``; its keywords and defaults are the parameters."""
    find_cost: Callable[..., int] = (lambda _, **__: cost) if isinstance(cost, int) else cost

    def register(run: Callable[..., float]) -> Metric:
        METRICS[name] = Metric(
            name=name,
            run=run,
            category=category,
            higher_is_better=higher_is_better,
            range=range,
            chance=chance,
            chance_level=chance_level,
            needs=needs,
            find_cost=find_cost,
            version=version,
            defaults=registry.parameter_defaults(run),
            summary=registry.docstring_summary(run),
        )
        return METRICS[name]

    return register


def get_metric(name: str) -> Metric:
    """Look a metric up by name.

    Raises
    ------
    ParameterError
        If there is none; it names the nearest.
    """
    return registry.look_up("metric", name, METRICS)
