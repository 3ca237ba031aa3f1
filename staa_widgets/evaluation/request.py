"""Request of an evaluation: looks up methods, metrics and models by name, and describes them for the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ParameterError

if TYPE_CHECKING:
    from staa_widgets.evaluation.metric import Metric
    from staa_widgets.methods import Method
    from staa_widgets.models import VideoModel

Spec = str | tuple[str, Mapping[str, Any]]
"""A method or metric: its name, or its name with parameters."""

LabeledMethods = Mapping[str, tuple["Method", dict[str, Any]]]
LabeledMetrics = Mapping[str, tuple["Metric", dict[str, Any]]]
"""By label, with complete parameters."""


def look_up_methods(specs: Iterable[str] | Mapping[str, Spec]) -> LabeledMethods:
    """Return methods with complete parameters by label.

    Raises
    ------
    UnknownMethodError
        If there is no such method.
    ParameterError
        If a parameter is unknown, or no method is given.
    """
    from staa_widgets.methods import get_method

    found = {
        label: (get_method(name), get_method(name).complete(params)) for label, name, params in _normalize_specs(specs)
    }
    if not found:
        raise ParameterError("No method is given.", "Name some, such as methods=('staa', 'random').")
    return found


def look_up_metrics(specs: Iterable[str] | Mapping[str, Spec]) -> LabeledMetrics:
    """Return metrics with complete parameters by label; raises `ParameterError` if a name is unknown."""
    from staa_widgets.evaluation.metrics import get_metric

    return {
        label: (get_metric(name), get_metric(name).complete(params)) for label, name, params in _normalize_specs(specs)
    }


def load_models(model: Any) -> dict[str, VideoModel]:
    """Return loaded models by name: one model, or each of several.

    Raises
    ------
    ModelError
        If one cannot be loaded.
    ParameterError
        If there is none.
    """
    from staa_widgets.models import VideoModel, load_model

    def load(of: Any) -> VideoModel:
        return of if isinstance(of, VideoModel) else load_model(of)

    if isinstance(model, Mapping):
        if not model:
            raise ParameterError("No model is given.", "Leave it out for what is bundled.")
        return {str(name): load(of) for name, of in model.items()}
    one = load(model)
    return {one.id: one}


def describe_settings(
    models: Mapping[str, VideoModel],
    clips: Mapping[str, Mapping[str, Any]],
    methods: LabeledMethods,
    metrics: LabeledMetrics,
    target: int | str | None,
) -> dict[str, Any]:
    """Return the facts of models, clips, methods and metrics that `Results.settings` holds."""
    from staa_widgets.models import weights_digest
    from staa_widgets.utils.versions import package_versions

    return {
        "target": target,
        "models": {
            name: {
                "id": held.id,
                "family": held.family.name,
                "weights": weights_digest(held),
                "geometry": asdict(held.geometry),
                "device": str(held.device),
                "dtype": str(held.dtype).removeprefix("torch."),
            }
            for name, held in models.items()
        },
        "clips": clips,
        "methods": {
            label: {
                **_describe(method, params),
                "group": method.group,
                "class_specific": method.depends_on_class(params),
                "signed": method.signed,
            }
            for label, (method, params) in methods.items()
        },
        "metrics": {
            label: {
                **_describe(metric, params),
                "category": metric.category,
                "higher_is_better": metric.higher_is_better,
                "range": [end if abs(end) < float("inf") else None for end in metric.range],
                "chance": metric.chance,
                "chance_level": metric.chance_level,
                "needs": metric.needs,
            }
            for label, (metric, params) in metrics.items()
        },
        "versions": package_versions(),
    }


def _normalize_specs(specs: Iterable[str] | Mapping[str, Spec]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return label, name and parameters of each method or metric."""
    if isinstance(specs, str):
        specs = (specs,)
    pairs = specs.items() if isinstance(specs, Mapping) else [(name, name) for name in specs]
    return [(label, of, {}) if isinstance(of, str) else (label, of[0], of[1]) for label, of in pairs]


def _describe(of: Method | Metric, params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": of.name,
        "version": of.version,
        "params": params,
        "changed": {name: value for name, value in params.items() if value != of.defaults[name]},
        "summary": of.summary,
    }
