"""Reliability of a metric: worked out by hand, in results and in the report."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from staa_widgets import Results
from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.reliability import mean_ranks, measure_reliability
from staa_widgets.evaluation.report.page import to_page
from staa_widgets.evaluation.rows import Row

BY_HAND = [[3.0, 2.0, 1.0], [2.0, 3.0, 1.0], [3.0, 1.0, 2.0]]
"""Scores of three methods, the last one random, on three clips.

Ranks: (2, 1, 0), (1, 2, 0), (2, 0, 1); weights 1, 1, 1/2. Correlations: .5 of clips 1 and 2, .5 of 1 and 3, -.5 of 2
and 3; their weights are 1, 1/2, 1/2. Reliability: (.5 + .25 - .25) / 2 = .25. Chance: (3 + 1) / (3 (3 - 1)²) = 1/3.
"""
CHANCE = 1 / 3


def test_three_clips_by_hand():
    assert measure_reliability(BY_HAND, 2) == pytest.approx((0.25, 2.5 / 3, 3, 0, 3, CHANCE))


def test_the_published_form_is_the_same_number():
    """The authors add 1 to each correlation and subtract 1 from the mean."""
    weighted = (1 * (0.5 + 1) + 0.5 * (0.5 + 1) + 0.5 * (-0.5 + 1)) / 2 - 1
    assert measure_reliability(BY_HAND, 2).value == pytest.approx(weighted)


def test_the_direction_of_the_metric_counts():
    assert measure_reliability(-np.array(BY_HAND), 2, higher_is_better=False) == measure_reliability(BY_HAND, 2)
    # Turned around, the random maps are best, best and in the middle: the weights are 0, 0 and 1/2.
    turned = measure_reliability(BY_HAND, 2, higher_is_better=False)
    assert math.isnan(turned.value)
    assert turned.mean_weight == pytest.approx(0.5 / 3)


def test_equal_scores_have_their_mean_rank():
    np.testing.assert_array_equal(mean_ranks(np.array([[5.0, 1.0, 5.0, 2.0]])), [[2.5, 0, 2.5, 1]])
    # Ranks less their mean: (.5, .5, -1) and (1, 0, -1).
    assert measure_reliability([[2, 2, 0], [3, 2, 0]], 2).value == pytest.approx(1.5 / math.sqrt(1.5 * 2))


@pytest.mark.parametrize(
    ("scores", "value", "mean_weight", "clips", "constant"),
    [
        ([[3, 2, 1], [6, 5, 4], [9, 8, 0]], 1, 1, 3, 0),  # the same order everywhere
        ([[3, 2, 1], [2, 3, 1]] * 2, (4 * 0.5 + 2 * 1) / 6, 1, 4, 0),
        ([[3, 2, 1], [5, 5, 5], [3, 2, 1]], 1, 1, 2, 1),  # a clip without an order
        ([[1, 2, 3], [2, 1, 3]], math.nan, 0, 2, 0),  # random maps win everywhere
        ([[3, 2, 1]], math.nan, 1, 1, 0),
        ([[5, 5, 5]], math.nan, math.nan, 0, 1),
        (np.zeros((0, 3)), math.nan, math.nan, 0, 0),
    ],
)
def test_special_cases(scores: Any, value: float, mean_weight: float, clips: int, constant: int):
    expected = (value, mean_weight, clips, constant, 3, CHANCE)
    assert measure_reliability(scores, 2) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("methods", [3, 6, 12])
def test_scores_that_mean_nothing_have_the_reliability_of_chance(methods: int):
    found = measure_reliability(np.random.default_rng(0).random((2000, methods)), 0)
    assert found.value == pytest.approx(found.chance, abs=0.02)
    assert found.mean_weight == pytest.approx(0.5, abs=0.02)


# --- results ---

SETTINGS: dict[str, Any] = {
    "methods": {"good": {}, "fair": {}, "noise": {"name": "random"}, "missing": {}},
    "metrics": {
        "score": {"higher_is_better": True},
        "loss": {"higher_is_better": False},
        "shape": {"higher_is_better": None},
    },
}


def make_results(extra: tuple[Row, ...] = (), **changes: Any) -> Results:
    rows = [
        Row("m", f"clip {clip}", method, metric, sign * value)
        for clip, scores in enumerate(BY_HAND)
        for method, value in zip(("good", "fair", "noise"), scores, strict=True)
        for metric, sign in (("score", 1), ("loss", -1), ("shape", 1))
    ]
    return Results((*rows, *extra), **{"settings": SETTINGS, **changes})


@pytest.mark.parametrize("metric", ["score", "loss"])
def test_results_know_the_reliability_of_their_metrics(metric: str):
    assert make_results().reliability(metric) == pytest.approx((0.25, 2.5 / 3, 3, 0, 3, CHANCE))


def test_clips_that_a_method_lacks_do_not_count():
    results = make_results((Row("m", "clip 9", "good", "score", 1.0), Row("m", "clip 9", "noise", "score", 2.0)))
    assert results.reliability("score").clips == 3
    few = make_results(tuple(Row("m", f"clip {clip}", "missing", "score", 9.0) for clip in (0, 1)))
    # Ranks (2, 1, 0, 3) and (1, 2, 0, 3): the correlation is .8.
    assert few.reliability("score") == pytest.approx((0.8, 1, 2, 0, 4, 5 / 27))


def test_each_clip_counts_once_with_its_mean_over_models():
    other = tuple(row._replace(model="n") for row in make_results().rows)
    results = make_results(other)
    assert results.reliability("score") == pytest.approx((0.25, 2.5 / 3, 3, 0, 3, CHANCE))
    assert results.reliability("score", "n") == results.reliability("score", "m")


def test_another_method_can_stand_for_random_maps():
    assert make_results().reliability("score", random="fair").mean_weight == pytest.approx((0.5 + 0 + 1) / 3)


@pytest.mark.parametrize(
    ("metric", "changes"),
    [("shape", {}), ("size", {}), ("score", {"settings": {**SETTINGS, "methods": {}}})],
    ids=["no direction", "unknown", "no random method"],
)
def test_impossible_requests_are_refused(metric: str, changes: dict[str, Any]):
    with pytest.raises(ParameterError):
        make_results(**changes).reliability(metric)
    with pytest.raises(ParameterError):
        make_results().reliability("score", random="nobody")


def test_the_report_has_a_table_and_the_finding_in_words():
    losses = {"good": 5.0, "fair": 4.0, "noise": 0.0}
    worse = [Row("m", f"clip {n}", method, "loss", value) for n in range(3) for method, value in losses.items()]
    page = to_page(make_results(tuple(worse)))
    section = page[page.index("How far each metric can be relied on") : page.index("Scores at a glance")]
    assert "0.25" in section
    assert "0.83" in section
    assert "shape" not in section
    assert "By loss random maps beat half of the other methods or more: a good score says little." in section
    both = to_page(make_results())
    assert "Most reliable of 2 metrics: score (0.25); least: loss (0.25)." in both


def test_a_report_without_random_maps_says_nothing_of_reliability():
    page = to_page(make_results(settings={**SETTINGS, "methods": {}}))
    assert "How far each metric can be relied on" not in page
