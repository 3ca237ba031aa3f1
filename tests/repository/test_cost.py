"""The cost table that benchmarks/cost.py makes from its timings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import cost
from staa_widgets.evaluation.bootstrap import Interval
from tests.helpers.timesformers import tiny_timesformer_model


def test_few_passes_are_scaled_to_all_of_them(monkeypatch: pytest.MonkeyPatch):
    """The simulated time is one second per pass and nothing besides."""
    runs = []

    def run(model, pixels, name, params):
        runs.append((name, params))
        return float(cost.total_passes(cost.METHODS[name].cost(model.geometry, params))), 1000 * len(runs)

    monkeypatch.setattr(cost, "explain_once", run)
    table = cost.measure("tiny", tiny_timesformer_model(), 2, lambda *_: None, whole=False)
    measurements = {measurement.method: measurement for measurement in table}
    assert runs[1 : 1 + len(cost.METHOD_PARAMS)] == [(name, few) for name, (_, few) in cost.METHOD_PARAMS.items()]
    passes = {"staa": 1, "staa_logit": 1, "integrated_gradients": 42, "lime": 1001, "kernel_shap": 2177, "shapley": 16}
    for name, count in passes.items():
        assert measurements[name].forwards + measurements[name].backwards == count
        assert measurements[name].seconds == pytest.approx(count)
        assert (measurements[name].scaled_from is None) == (name in cost.OWN)
    assert measurements["lime"].shares["staa"] == pytest.approx((1 / 1001,) * 3)
    assert measurements["lime"].scaled_from == 5
    assert measurements["staa"].shares == {}


def test_methods_are_timed_with_the_memory_they_take():
    model = tiny_timesformer_model()
    pixels = cost.torch.zeros(model.geometry.frames, 3, *model.geometry.input_size)
    seconds, peak = cost.explain_once(model, pixels, "shapley", {"segments": (2, 1, 1)})
    assert seconds > 0
    assert peak is None or peak >= 0


def test_the_table_says_whether_the_goal_is_met():
    (measurement, *_) = cost.measure("tiny", tiny_timesformer_model(), 2, lambda *_: None, whole=False)
    shares = {"staa": Interval(0.002, 0.001, 0.004), "staa_logit": Interval(0.003, 0.002, 0.005)}
    lime = replace(measurement, method="lime", seconds=12.345, shares=shares, scaled_from=5, peak_bytes=None)
    text = cost.table([lime])
    assert (
        "| `lime` | 1 + 0 | 12.3 (scaled from 5 passes) | 0.2 % [0.1, 0.4] | 0.3 % [0.2, 0.5] | not measured |" in text
    )
    assert "at most 0.40%, met" in text
    slower = replace(lime, shares={**shares, "staa": Interval(0.002, 0.001, 0.02)})
    assert "at most 2.00%, not met" in cost.table([slower])
