"""Bootstrap intervals against known values."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.evaluation.bootstrap import bootstrap_interval


def test_the_interval_of_a_normal_mean_is_its_standard_error():
    values = np.random.default_rng(0).normal(5, 2, 400)
    interval = bootstrap_interval(values)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)
    assert interval == bootstrap_interval(values)


def test_pairing_removes_the_variance_between_clips():
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 10, 200)
    better, worse = shared + 1 + rng.normal(0, 0.5, 200), shared
    assert bootstrap_interval(better - worse).low > 0.8
    assert bootstrap_interval(better).low < bootstrap_interval(worse).high


def test_equal_values_have_an_interval_of_width_zero():
    assert bootstrap_interval(np.full(10, 3.0)) == (3.0, 3.0, 3.0)
