"""Records and explanations in the cache: which requests run the model again."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets.models.capture
from staa_widgets import compare, explain
from staa_widgets.models import VideoModel
from staa_widgets.models.attention import query_sampling as queries
from tests.helpers.joint_models import tiny_joint_model
from tests.helpers.noise_video import NoiseVideo

LAYERS: tuple[Any, ...] = ("last", "mean", "rollout", [0, -1])


pytestmark = pytest.mark.usefixtures("folder")


def test_one_pass_serves_all_parameters_of_plain_attention(video: Path, model: VideoModel, forwards: list[int]):
    explain(video, model, preview=False)
    for layers, contrast, time, residual in product(LAYERS, (True, False), (True, False), (0.5, 0.7)):
        explain(video, model, layers=layers, contrast=contrast, time=time, residual=residual, preview=False)
    assert forwards == [1]


def test_each_weighting_takes_one_pass_and_is_cached_from_then_on(video: Path, model: VideoModel, forwards: list[int]):
    for count, weighting in enumerate(("none", "value", "logit", "gradient"), 1):
        for layers in ("rollout", *LAYERS):
            explain(video, model, layers=layers, weighting=weighting, preview=False)
        assert len(forwards) == count, weighting
    for weighting, layers in product(("none", "value", "logit", "gradient"), LAYERS):
        params = {"layers": layers, "weighting": weighting, "profile": None, "residual": 0.6}
        explanation = explain(video, model, **params, preview=False)
        assert len(forwards) == 4
        fresh = explain(video, model, **params, preview=False, cache=False)
        np.testing.assert_allclose(explanation.maps, fresh.maps, rtol=1e-3, atol=1e-6)
        forwards.pop()
    explain(video, model, "staa_logit", preview=False)
    assert len(forwards) == 4


def test_records_of_joint_attention_are_cached_too(video: Path, forwards: list[int]):
    vivit = tiny_joint_model("vivit")
    for _ in range(2):
        for weighting, layers in product(("none", "value", "logit", "gradient"), ("rollout", "mean", "last")):
            explain(video, vivit, layers=layers, weighting=weighting, preview=False)
        assert len(forwards) == 4


def test_a_named_class_is_recorded_beside_the_predicted_one(video: Path, model: VideoModel, forwards: list[int]):
    predicted = explain(video, model, "staa_logit", preview=False).target
    other = (predicted + 1) % 5
    for target in (predicted, other, None, other, predicted):
        explanation = explain(video, model, "staa_logit", target=target, preview=False)
        assert explanation.target == (predicted if target is None else target)
    explain(video, model, preview=False)
    assert len(forwards) == 2


# --- exact and sampled ---


@pytest.fixture
def sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make small models with joint attention sample their queries."""
    monkeypatch.setattr(queries, "EXACT_TOKENS", 0)
    monkeypatch.setattr(queries, "SAMPLE_SIZE", 6)


@pytest.mark.usefixtures("sampling")
@pytest.mark.parametrize("first", [True, False])
def test_an_explanation_does_not_depend_on_earlier_requests(first: bool, video: Path, forwards: list[int]):
    mae = tiny_joint_model("videomae")
    fresh = {exact: explain(video, mae, exact=exact, preview=False, cache=False) for exact in (True, False)}
    assert np.abs(fresh[True].maps - fresh[False].maps).max() > 1e-4
    forwards.clear()
    for exact in (first, not first, first):
        for layers in ("rollout", "mean"):
            explain(video, mae, exact=exact, layers=layers, preview=False)
        explanation = explain(video, mae, exact=exact, preview=False)
        np.testing.assert_allclose(explanation.maps, fresh[exact].maps, rtol=1e-4, atol=1e-7)
        assert explanation.provenance["standard_errors"].keys() == fresh[exact].provenance["standard_errors"].keys()
    assert len(forwards) == 2
    for exact in (True, False):
        other = explain(video, mae, "staa_logit", exact=exact, preview=False)
        assert bool(other.provenance["standard_errors"]) != exact


@pytest.mark.usefixtures("sampling")
@pytest.mark.parametrize("cached", [True, False])
def test_a_method_compared_with_an_exact_one_is_not_made_exact(cached: bool, video: Path):
    mae = tiny_joint_model("videomae")
    both = compare(video, mae, {"staa": {"exact": True}, "rollout": {}}, preview=False, cache=cached)
    assert both["staa"].provenance["standard_errors"] == {}
    assert both["rollout"].provenance["standard_errors"].keys() == {"rows", "rollout"}
    np.testing.assert_allclose(both["rollout"].maps, explain(video, mae, "rollout", cache=False).maps, rtol=1e-4)


@pytest.mark.parametrize("family", ["timesformer", "vivit"])
def test_where_nothing_is_sampled_exact_is_the_same_record(
    family: str, video: Path, model: VideoModel, forwards: list[int], monkeypatch: pytest.MonkeyPatch
):
    """Models with few tokens, and models with divided attention and any number of tokens."""
    exact_model = tiny_joint_model(family) if family == "vivit" else model
    if exact_model is model:
        monkeypatch.setattr(queries, "EXACT_TOKENS", 0)
    for exact in (False, True, False):
        explain(video, exact_model, exact=exact, preview=False)
    assert forwards == [1]


@pytest.mark.usefixtures("sampling")
def test_provenance_states_the_standard_errors_of_all_windows(monkeypatch: pytest.MonkeyPatch):
    """Also if the first window has none."""
    original = staa_widgets.models.capture.record

    def first_exact(*arguments: Any) -> Any:
        first, *rest = original(*arguments)
        return [replace(first, sampling_errors={}), *rest]

    monkeypatch.setattr(staa_widgets.models.capture, "record", first_exact)
    explanation = explain(NoiseVideo(20), tiny_joint_model("videomae"), cache=False, preview=False, window=4)
    assert explanation.provenance["standard_errors"].keys() == {"rows", "rollout"}
