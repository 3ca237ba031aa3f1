"""The page of the yardstick: what stands where nothing is defined, and how evenness is measured."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.yardstick import (
    METHODS,
    METRICS,
    differences_section,
    distance_from_even,
    format_mean,
    methods_of,
    scores_section,
)
from staa_widgets import evaluate, load_model
from staa_widgets.evaluation.benchmark.plan import DrawnClips
from staa_widgets.evaluation.evaluate import CONTROLS


def test_distance_from_even_by_hand():
    maps = np.zeros((4, 2, 2))
    assert distance_from_even(maps) == 0
    maps[:] = 1
    assert distance_from_even(maps) == 0
    maps[0] = 5
    assert distance_from_even(maps) == pytest.approx(5 / 8 - 1 / 4)


def test_a_mean_of_nothing_is_undefined():
    assert format_mean([float("nan")]) == "undefined"
    assert format_mean([0.5, float("nan"), 0.5]) == "0.50 [0.50, 0.50]"


def test_tables_hold_every_control_and_say_what_is_undefined():
    results = evaluate(DrawnClips("stay", 2), methods_of("stay"), METRICS, load_model(), cache=False, progress=False)
    assert results.failures == ()
    table = scores_section(results, "stay")
    for name in (*METHODS, *CONTROLS):
        (line,) = [line for line in table.splitlines() if line.startswith(f"| {name} |")]
        assert line.count("undefined") == 2
    differences = differences_section(results)
    assert differences.count("undefined") == 2 * len(METHODS)
    assert "mass at equal entropy" in differences


def test_slot_frequencies_are_those_of_the_kind_of_clips():
    assert methods_of("middle")["slot_frequency"] == ("slot_frequency", {"kind": "middle"})
    assert methods_of("second")["slot_frequency"] == ("slot_frequency", {"kind": "anywhere"})
