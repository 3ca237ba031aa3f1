"""Read the arguments of an evaluation: look up methods, metrics and models by name, and describe them for results."""

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
"""Metrics with complete parameters, by label."""


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

    labeled_methods = {
        label: (get_method(name), get_method(name).complete(params)) for label, name, params in _normalize_specs(specs)
    }
    if not labeled_methods:
        raise ParameterError("methods is empty.", "Pass at least one, such as methods=('staa', 'random').")
    return labeled_methods


def look_up_metrics(specs: Iterable[str] | Mapping[str, Spec]) -> LabeledMetrics:
    """Return metrics with complete parameters by label; raises `ParameterError` if a name is unknown."""
    from staa_widgets.evaluation.metrics import get_metric

    return {
        label: (get_metric(name), get_metric(name).complete(params)) for label, name, params in _normalize_specs(specs)
    }


def load_models(model: Any) -> dict[str, VideoModel]:
    """Load one or several models, and return them by name.

    Raises
    ------
    ModelError
        If a model cannot be loaded.
    ParameterError
        If no model is given.
    """
    from staa_widgets.models import VideoModel, load_model

    def load(source: Any) -> VideoModel:
        return source if isinstance(source, VideoModel) else load_model(source)

    if isinstance(model, Mapping):
        if not model:
            raise ParameterError("model is an empty mapping.", "Omit model= to use the bundled model.")
        return {str(name): load(of) for name, of in model.items()}
    video_model = load(model)
    return {video_model.id: video_model}


def describe_settings(
    models: Mapping[str, VideoModel],
    clips: Mapping[str, Mapping[str, Any]],
    methods: LabeledMethods,
    metrics: LabeledMetrics,
    target: int | str | None,
) -> dict[str, Any]:
    """Return facts about models, clips, methods and metrics, for `Results.settings`."""
    from staa_widgets.models import weights_digest
    from staa_widgets.utils.versions import package_versions

    return {
        "target": target,
        "models": {
            name: {
                "id": video_model.id,
                "family": video_model.family.name,
                "weights": weights_digest(video_model),
                "geometry": asdict(video_model.geometry),
                "device": str(video_model.device),
                "dtype": str(video_model.dtype).removeprefix("torch."),
            }
            for name, video_model in models.items()
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
                "same_as": metric.same_as,
            }
            for label, (metric, params) in metrics.items()
        },
        "versions": package_versions(),
    }


def _normalize_specs(specs: Iterable[str] | Mapping[str, Spec]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return the label, name and parameters of each method or metric."""
    if isinstance(specs, str):
        specs = (specs,)
    pairs = specs.items() if isinstance(specs, Mapping) else [(name, name) for name in specs]
    return [(label, spec, {}) if isinstance(spec, str) else (label, spec[0], spec[1]) for label, spec in pairs]


def _describe(entry: Method | Metric, params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": entry.name,
        "version": entry.version,
        "params": params,
        "changed": {name: value for name, value in params.items() if value != entry.defaults[name]},
        "summary": entry.summary,
    }
