"""Heads: independent labels, values, single logits, and heads that do not fit their labels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import staa_widgets as staa
from staa_widgets.engine.assemble import window_weights
from staa_widgets.engine.attribute import attribute
from staa_widgets.errors import ModelLoadError, ParameterError, UnsupportedModelError
from staa_widgets.errors import UnsupportedRequestError as Unsupported
from staa_widgets.explanation.sentence import summarize
from staa_widgets.figures.temporal import _prediction_text
from staa_widgets.models import load_model
from staa_widgets.models.capture import open_classifier
from staa_widgets.records.problem import class_probabilities
from staa_widgets.widget.payload import pack
from tests.helpers.tiny import ATTENDING, PROCESSOR, random_pixels, tiny_classifier
from tests.helpers.wrapped_model import video, wrap

QUIET: dict[str, Any] = {"cache": False, "preview": False, "progress": False}


def sigmoid(logits: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(logits, np.float64)))


def test_labels_of_a_multi_label_model_are_independent() -> None:
    model = load_model(tiny_classifier("vivit", problem_type="multi_label_classification"), processor=PROCESSOR)
    e = staa.explain(staa.action_clip(1, size=48, fps=4), model, "staa_logit", **QUIET)
    assert e.problem_type == "multi_label_classification"
    np.testing.assert_allclose(e.probabilities, sigmoid(e.logits), rtol=1e-6)
    np.testing.assert_allclose(pack(e)[0]["probabilities"], sigmoid(e.logits), atol=1e-6)
    best = int(e.logits.argmax())
    assert e.predictions(1) == [(e.labels[best], pytest.approx(sigmoid(e.logits[best])))]
    again = staa.Explanation.from_bytes(e.to_bytes())
    np.testing.assert_array_equal(again.probabilities, e.probabilities)


def test_window_weights_by_hand() -> None:
    logits = np.log([[1.0, 3.0], [1.0, 1.0], [1.0, 1 / 3]])
    assert window_weights(logits, 1, "multi_label_classification") == pytest.approx([0.25, 0, 0])
    assert window_weights(-abs(logits), 1, "multi_label_classification") == [1, 1, 1]
    assert window_weights(logits, 1, "single_label_classification") == pytest.approx([0.25, 0, 0])
    assert window_weights(logits, 1, "regression") == [1, 1, 1]
    assert np.isnan(class_probabilities(logits, "regression")).all()
    np.testing.assert_allclose(class_probabilities(np.array([-1e4, 1e4]), "multi_label_classification"), [0, 1])


def test_windows_of_a_multi_label_model_are_weighted_by_their_own_probability() -> None:
    module = tiny_classifier("vivit", problem_type="multi_label_classification")
    clip = staa.action_clip(1, size=48, fps=4)
    e = staa.explain(clip, load_model(module, processor=PROCESSOR), "staa_logit", window=1.0, target=2, **QUIET)
    assert e.window_logits is not None
    assert len(e.window_logits) > 1
    weights = window_weights(e.window_logits, 2, "multi_label_classification")
    np.testing.assert_allclose(e.provenance["sampling"]["window_weights"], weights)


def regression(value: float = 3.25) -> Any:
    module = tiny_classifier("vivit", num_labels=1, id2label={0: "speed"})
    with torch.no_grad():
        module.classifier.weight.mul_(0.01)
        module.classifier.bias.fill_(value)
    return module


def test_a_regression_shows_its_value() -> None:
    e = staa.explain(
        staa.action_clip(1, size=48, fps=4), load_model(regression(), processor=PROCESSOR), "staa_logit", **QUIET
    )
    value = float(e.logits[0])
    assert e.predictions() == [("speed", value)]
    assert f"'speed' {value:.4g}" in repr(e)
    assert summarize(e).startswith(f"The model says speed ({value:.4g})")
    assert _prediction_text(e) == f"speed {value:.4g}"
    meta = pack(e)[0]
    np.testing.assert_allclose(meta["values"], [value])
    assert meta["probabilities"] == [0]
    assert np.isnan(e.probabilities).all()


def test_a_method_that_keeps_a_probability_refuses_a_regression() -> None:
    model = load_model(regression(), processor=PROCESSOR)
    with pytest.raises(Unsupported, match="regression has no probabilities"):
        attribute(model, random_pixels(1, model=model)[0], "step", target=0)


@pytest.mark.parametrize("family", ATTENDING)
def test_two_labels_of_a_single_logit_are_two_exclusive_classes(family: str) -> None:
    """Against a head with a logit each."""
    split = tiny_classifier(family, num_labels=1)
    split.config.id2label = {0: "no", 1: "yes"}
    two = tiny_classifier(family, num_labels=2)
    with torch.no_grad():
        weight, bias = split.classifier.weight[0], split.classifier.bias[0]
        two.classifier.weight.copy_(torch.stack([-weight / 2, weight / 2]))
        two.classifier.bias.copy_(torch.stack([-bias / 2, bias / 2]))
    model, expected = load_model(split, processor=PROCESSOR), load_model(two, processor=PROCESSOR)
    assert model.labels == ("no", "yes")
    pixels = random_pixels(1, model=model)
    with open_classifier(model) as classify, torch.no_grad():
        logits = classify(pixels)
        single = model.module(**{model.geometry.input_name: pixels}).logits
    np.testing.assert_allclose(class_probabilities(logits.numpy())[:, 1], sigmoid(single.flatten()), rtol=1e-5)
    for method in ("staa_logit", "attention_gradient"):
        for target in (0, 1):
            maps = attribute(model, pixels[0], method, target=target)
            np.testing.assert_allclose(
                maps, attribute(expected, pixels[0], method, target=target), atol=1e-5 * np.abs(maps).max()
            )


@pytest.mark.parametrize("flat", [True, False])
def test_a_wrapped_model_may_have_a_single_logit(flat: bool) -> None:
    def brightness(clips: torch.Tensor) -> torch.Tensor:
        logits = clips.mean((1, 2, 3, 4)) - 0.3
        return logits if flat else logits[:, None]

    e = staa.explain(video(), wrap(brightness, labels=("no", "yes")), "occlusion", **QUIET)
    expected = sigmoid(video().mean() / 255 - 0.3)
    np.testing.assert_allclose(e.probabilities, [1 - expected, expected], rtol=1e-5)
    e = staa.explain(video(), wrap(brightness, labels=["brightness"]), "occlusion", **QUIET)
    assert e.predictions() == [("brightness", pytest.approx(video().mean() / 255 - 0.3, rel=1e-5))]
    multi = wrap(brightness, labels=["bright"], problem_type="multi_label_classification")
    assert staa.explain(video(), multi, "occlusion", **QUIET).predictions()[0][1] == pytest.approx(expected)


def test_heads_that_do_not_fit_their_labels_are_refused() -> None:
    module = tiny_classifier("vivit")
    module.classifier = nn.Linear(32, 3)
    with pytest.raises(ModelLoadError, match="has 3 logits, but id2label names 5 classes") as caught:
        load_model(module, processor=PROCESSOR)
    assert "id2label" in caught.value.hint
    with pytest.raises(ParameterError, match="no problem type 'ranking'"):
        wrap(nn.Identity(), problem_type="ranking")


def test_a_dynamically_quantized_model_is_refused() -> None:
    with warnings.catch_warnings(action="ignore"):  # torch.ao is deprecated.
        module = torch.ao.quantization.quantize_dynamic(tiny_classifier("vivit"), {nn.Linear})
    with pytest.raises(UnsupportedModelError, match="quantized"):
        load_model(module, processor=PROCESSOR)


def test_frames_that_do_not_fill_the_last_tubelet_are_refused() -> None:
    for family in ("vivit", "videomae"):
        with pytest.raises(UnsupportedModelError, match="7 frames with tubelets of 2"):
            load_model(tiny_classifier(family, num_frames=7), processor=PROCESSOR)
