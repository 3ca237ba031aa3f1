"""Modules in memory, pairs and names that cannot be explained are refused before anything is computed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from staa_widgets import action_clip, explain
from staa_widgets.errors import ModelLoadError, ParameterError, StaaError, UnsupportedModelError
from staa_widgets.models import load_model, wrap_model
from tests.helpers.image_processors import VideoMAEProcessor
from tests.helpers.tiny import ATTENDING, PROCESSOR, tiny_classifier, tiny_video_model


def with_quantized_layers() -> nn.Module:
    with warnings.catch_warnings(action="ignore"):
        return torch.ao.quantization.quantize_dynamic(tiny_classifier("vivit"), {nn.Linear}, dtype=torch.qint8)


def partly_on_meta() -> nn.Module:
    module = tiny_classifier("vivit")
    module.classifier.to_empty(device="meta")
    return module


def with_labels(labels: Any) -> nn.Module:
    module = tiny_classifier("vivit")
    module.config.id2label = labels
    return module


def with_integers() -> nn.Module:
    module = tiny_classifier("vivit")
    module.classifier.weight = nn.Parameter(torch.zeros(5, 32, dtype=torch.int8), requires_grad=False)
    return module


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (with_quantized_layers, UnsupportedModelError, r"is quantized \(Linear.*wrap_model"),
        (with_integers, UnsupportedModelError, r"is quantized \(torch\.int8\)"),
        (lambda: tiny_classifier("vivit").to("meta"), ParameterError, "56 weights of the module have no values"),
        (partly_on_meta, ParameterError, r"2 weights .* such as classifier\.weight"),
        (lambda: with_labels({0: "a", 1: "b", 7: "c"}), ModelLoadError, "3 labels, but none for class 2"),
        (lambda: with_labels(dict.fromkeys(range(5), "\ud83d")), ModelLoadError, "is not valid Unicode text"),
        (lambda: 3, ParameterError, "cannot be loaded from a int"),
        (lambda: b"model", ParameterError, "cannot be loaded from a bytes"),
        (lambda: "~nobody/model", ModelLoadError, "There is no folder '~nobody/model'"),
        (lambda: "x" * 5000, ModelLoadError, "There is no folder 'x"),
        (lambda: (tiny_classifier("vivit"), PROCESSOR, 3), ParameterError, "a tuple of 3 values"),
    ],
)
def test_models_that_cannot_be_explained_are_refused(make: Any, kind: type[StaaError], message: str) -> None:
    with pytest.raises(kind, match=message):
        load_model(make(), processor=None if isinstance(make(), tuple) else PROCESSOR)


def test_fewer_labels_than_logits_are_refused() -> None:
    with pytest.raises(ModelLoadError, match="5 logits, but id2label names 2 classes"):
        load_model(with_labels({0: "a", 1: "b"}), processor=PROCESSOR)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"device": "meta"}, "The device 'meta' cannot be used"),
        ({"device": 3.5}, "The device '3.5' cannot be used"),
        ({"id": 3}, "id must be text, got int"),
        ({"id": "\ud83d"}, "id is .* not valid Unicode text"),
        ({"processor": []}, "A processor cannot be a list"),
    ],
)
def test_arguments_of_load_model_are_checked(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        load_model(**params)


def test_labels_of_wrapped_models_are_checked() -> None:
    with pytest.raises(ParameterError, match=r"The label of class 1 is .* not valid Unicode text"):
        wrap_model(nn.Flatten(), frames=4, size=24, labels=["a", "\ud83d"])
    with pytest.raises(ParameterError, match="1 weights of the module have no values"):
        wrap_model(nn.Linear(1, 1, bias=False).to("meta"), frames=4, size=24, labels=["a"])


def test_a_model_and_its_processor_are_accepted_as_a_pair() -> None:
    module = tiny_classifier("vivit")
    settings = VideoMAEProcessor(size={"shortest_edge": 30}, crop_size={"height": 24, "width": 24})
    pair = type("Processor", (), {"image_processor": settings})()
    for processor in (settings, settings.to_dict(), pair):
        assert load_model((module, processor)).transform == load_model(module, processor=settings).transform
    explanation = explain(action_clip(3, size=48, fps=8), (module, settings), cache=False)
    assert explanation.maps.shape == (2, 3, 3)
    with pytest.raises(ParameterError, match="a processor besides"):
        load_model((module, settings), processor=settings)


@pytest.mark.parametrize("method", ["staa", "attention_gradient", "grad_cam", "patch_attention"])
@pytest.mark.parametrize("family", ATTENDING)
def test_models_are_explained_inside_autocast(family: str, method: str) -> None:
    clip, model = action_clip(3, size=48, fps=8), tiny_video_model(family)
    expected = explain(clip, model, method, cache=False).maps
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = explain(clip, model, method, cache=False).maps
    assert np.abs(maps - expected).max() < 0.1 * expected.max() + 0.01
