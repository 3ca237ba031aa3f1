"""What every metric tells of itself, and how it is asked."""

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
def test_a_metric_tells_what_its_reader_must_know(name: str):
    held = METRICS[name]
    least, most = held.range
    assert held.name == name
    assert least < most
    assert held.chance
    assert held.summary.endswith(".")
    assert held.chance_level is None or least <= held.chance_level <= most
    passes = held.cost(GEOMETRY)
    assert passes == 0 if held.needs in ("maps", "ground_truth") else passes > 0


@pytest.mark.parametrize("name", [name for name, held in METRICS.items() if held.needs != "maps"])
def test_what_a_metric_needs_and_has_not_makes_no_number(name: str):
    assert math.isnan(METRICS[name](Case(np.ones((2, 2, 2), np.float32))))


def test_unknown_names_are_told_with_the_nearest():
    with pytest.raises(ParameterError, match="'temporal_auc'"):
        get_metric("temporal AUC")
    with pytest.raises(ParameterError, match="has no parameter 'steps'"):
        METRICS["pointing"].complete({"steps": 3})


def test_the_registry_is_whole_and_light_after_one_import():
    code = (
        "import sys; from staa_widgets.evaluation.metrics import METRICS; print(len(METRICS), 'torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert told == [str(len(METRICS)), "False"]
