"""Descriptions of the metrics, and metrics by name."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metric import Case
from staa_widgets.evaluation.metrics import METRICS, get_metric
from staa_widgets.records.geometry import Geometry

GEOMETRY = Geometry(8, 1, 8, 8, "patch_major", 1, (64, 64))


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_states_its_range_chance_and_cost(name: str):
    metric = METRICS[name]
    low, high = metric.range
    assert metric.name == name
    assert low < high
    assert metric.chance
    assert metric.summary.endswith(".")
    assert metric.chance_level is None or low <= metric.chance_level <= high
    passes = metric.cost(GEOMETRY)
    assert passes == 0 if metric.needs in ("maps", "ground_truth") else passes > 0


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.needs != "maps"])
def test_a_metric_without_its_inputs_is_nan(name: str):
    assert math.isnan(METRICS[name](Case(np.ones((2, 2, 2), np.float32))))


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ParameterError, match="'temporal_auc'"):
        get_metric("temporal AUC")
    with pytest.raises(ParameterError, match="has no parameter 'steps'"):
        METRICS["pointing"].complete({"steps": 3})


def test_one_import_registers_all_metrics_without_torch():
    code = (
        "import sys; from staa_widgets.evaluation.metrics import METRICS; print(len(METRICS), 'torch' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert output == [str(len(METRICS)), "False"]
