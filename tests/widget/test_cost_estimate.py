"""The time that a method will take, estimated from the passes that were measured."""

from __future__ import annotations

from typing import Any

import pytest

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.widget.cost_estimate import estimate_seconds, seconds_of_pass
from tests.helpers.barcodes import barcode_explanation


def explanation_that_took(model: str, by: str = "staa", **seconds: float) -> Explanation:
    """Explanation of one window that took these seconds by step."""
    e = barcode_explanation()
    provenance: dict[str, Any] = {"sampling": {"frames": [[100, 110]]}, "seconds": seconds}
    return barcode_explanation(method=by, params={}, model_id=model, provenance={**e.provenance, **provenance})


def test_the_first_pass_of_a_process_is_not_believed() -> None:
    cold = explanation_that_took("a model", forward=5.0)
    assert seconds_of_pass(cold) is None
    assert estimate_seconds(cold, "saliency") is None
    # Shown again, it is still one measurement.
    assert seconds_of_pass(cold) is None
    warm = explanation_that_took("a model", forward=0.1)
    assert seconds_of_pass(warm) == seconds_of_pass(cold) == pytest.approx(0.1)
    # Two forward passes, and a backward pass, which counts as two.
    assert estimate_seconds(warm, "saliency") == pytest.approx(0.4)
    assert seconds_of_pass(explanation_that_took("another model", forward=7.0)) is None


def test_the_still_clips_of_the_first_profile_are_a_measurement() -> None:
    assert seconds_of_pass(explanation_that_took("profiled", forward=5.0, profile=0.8)) == pytest.approx(0.2)
    # A later profile takes no time, because its passes are in memory.
    assert seconds_of_pass(explanation_that_took("profiled", forward=0.3, profile=0.001)) == pytest.approx(0.2)


def test_a_method_that_runs_the_model_again_measures_its_own_passes() -> None:
    # Saliency: one more forward pass, and a backward pass that counts as two.
    e = explanation_that_took("again", "saliency", forward=5.0, method=0.6)
    assert seconds_of_pass(e) == pytest.approx(0.2)
    assert estimate_seconds(e, "staa") == pytest.approx(0.2)
    assert estimate_seconds(e, "no such method") is None


def test_without_measurements_nothing_is_estimated() -> None:
    assert seconds_of_pass(explanation_that_took("nothing")) is None
