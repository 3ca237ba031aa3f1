"""Results made by hand: what is said of them is worked out, and they come back from a file as they were."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from staa_widgets import METHODS, Results
from staa_widgets.errors import FormatError, ParameterError
from staa_widgets.evaluation.bootstrap import bootstrap_interval
from staa_widgets.evaluation.metrics import METRICS
from staa_widgets.evaluation.rows import CostRow, CurveRow, Failure, ReferenceRow, Row
from tests.helpers.paths import ROOT

FORMAT_1 = ROOT / "tests" / "data" / "results-format-1.json"
NAN = float("nan")
HARD = np.array([0.0, 0.8, 0.1, 0.9, 0.3, 0.6])
SETTINGS: dict[str, Any] = {
    "methods": {"one": {"group": "attention"}, "other": {"group": "control"}},
    "metrics": {"score": {"higher_is_better": True}, "loss": {"higher_is_better": False}, "shape": {}},
}


def rows(method: str, metric: str, values: Any, model: str = "m") -> list[Row]:
    return [Row(model, f"clip {n}", method, metric, float(value)) for n, value in enumerate(values)]


def results(*parts: list[Row], **changes: Any) -> Results:
    return Results(tuple(row for part in parts for row in part), **{"settings": SETTINGS, **changes})


def test_summary_is_the_mean_with_the_bootstrap_interval_over_clips():
    (found,) = results(rows("one", "score", [*HARD, NAN])).summary()
    assert found == ("m", "one", "score", *bootstrap_interval(HARD), 6)


def test_a_single_clip_has_no_interval():
    (found,) = results(rows("one", "score", [0.5])).summary()
    assert (found.mean, found.clips) == (0.5, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_what_has_no_value_has_no_summary():
    held = results(rows("one", "score", [NAN, NAN]), rows("other", "score", [1, 0]))
    assert [found.method for found in held.summary()] == ["other"]
    assert held.methods == ("one", "other")


def test_comparison_is_paired():
    """Clips differ far more than methods do: only within clips is the difference to be seen."""
    held = results(rows("one", "score", HARD + 0.1), rows("other", "score", HARD))
    ours, theirs = held.summary()
    assert ours.low < theirs.high
    found = held.compare("one", "other", "score")
    assert found[3:6] == pytest.approx((0.1, 0.1, 0.1))
    assert (found.clips, found.better) == (6, "one")
    assert held.compare("other", "one", "score").better == "one"


def test_the_lower_is_better_where_the_metric_says_so():
    held = results(rows("one", "loss", HARD + 0.1), rows("other", "loss", HARD))
    assert held.compare("one", "other", "loss").better == "other"


@pytest.mark.parametrize(("metric", "shift"), [("shape", 0.1), ("score", 0.0)], ids=["no direction", "no difference"])
def test_nothing_is_better(metric: str, shift: float):
    held = results(rows("one", metric, HARD + shift), rows("other", metric, HARD))
    assert held.compare("one", "other", metric).better is None


def test_only_clips_that_both_have_are_compared():
    held = results(rows("one", "score", [1, 1]), rows("other", "score", [0, NAN, 0, 0]))
    found = held.compare("one", "other", "score")
    assert (found.mean, found.clips) == (1, 1)
    assert found.better is None  # one clip shows nothing


def test_models_together_count_a_clip_once():
    held = results(rows("one", "score", [0, 1, 0.5], "a"), rows("one", "score", [1, 0, 0.5], "b"))
    assert [(found.model, found.clips) for found in held.summary()] == [("a", 3), ("b", 3)]
    (pooled,) = held.summary(pooled=True)
    assert pooled == ("", "one", "score", 0.5, 0.5, 0.5, 3)


def test_differences_are_taken_within_a_model():
    """`other` was not run on the easy model, which must not speak for `one`."""
    held = results(
        rows("one", "score", [0.2, 0.3], "hard"),
        rows("one", "score", [1, 1], "easy"),
        rows("other", "score", [0.3, 0.4], "hard"),
    )
    assert held.compare("one", "other", "score").mean == pytest.approx(-0.1)
    assert held.values("one", "score") == pytest.approx({"clip 0": 0.6, "clip 1": 0.65})
    assert held.values("one", "score", "hard") == pytest.approx({"clip 0": 0.2, "clip 1": 0.3})


def test_normalized_score_lies_between_random_and_the_oracle():
    noise = np.array([0.01, -0.01, 0.0, 0.02, -0.02])
    orders = {"random": 0.2 + noise, "oracle": 0.8 + noise[::-1]}
    references = [ReferenceRow("m", f"clip {n}", of, "score", v) for of, vs in orders.items() for n, v in enumerate(vs)]
    held = results(rows("one", "score", [0.5] * 5), references=tuple(references))
    found = held.normalized_score("one", "score")
    assert found.value == pytest.approx(0.5)
    assert found.low < 0.5 < found.high
    refused = results(rows("one", "score", [0.5] * 5)).normalized_score("one", "score")
    assert math.isnan(refused.value)
    assert refused.reason


def test_cost_is_the_mean_of_passes_and_the_median_of_seconds():
    spent = [CostRow("m", f"clip {n}", "one", 3, 1, seconds) for n, seconds in enumerate([9.0, 1.0, NAN, 2.0])]
    assert results(costs=tuple(spent)).cost("one") == (3, 1, 2.0)


def test_unknown_names_are_said():
    held = results(rows("one", "score", HARD))
    for ask in (
        lambda: held.values("onee", "score"),
        lambda: held.compare("one", "none", "score"),
        lambda: held.metric_info("scor"),
        lambda: held.values("one", "score", "n"),
        lambda: held.select(method=("one", "two")),
    ):
        with pytest.raises(ParameterError, match="There is no") as caught:
            ask()
        assert caught.value.hint


def full_results() -> Results:
    return results(
        rows("one", "score", [0.1, NAN]),
        rows("other", "loss", [1 / 3]),
        costs=(CostRow("m", "clip 0", "one", 1, 0, NAN),),
        curves=(CurveRow("m", "clip 0", "one", "score", (0.0, 0.5, 1.0), (0.1, 0.2, 1 / 3)),),
        references=(ReferenceRow("m", "clip 0", "oracle", "score", NAN),),
        failures=(Failure("m", "clip 1", "one", "score", "VideoError", "It broke off."),),
    )


def test_a_file_holds_everything(tmp_path: Path):
    before = full_results()
    after = Results.from_json(before.to_json(tmp_path / "results.json"))
    for name in ("rows", "costs", "curves", "references", "failures", "settings"):
        assert repr(getattr(after, name)) == repr(getattr(before, name))
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]
    json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)  # NaN is no JSON


@pytest.mark.parametrize(
    "text", ["", "[]", '{"staa_widgets": "results"}', '{"staa_widgets": "other", "format": 1}', "{" * 5000]
)
def test_other_files_are_no_results(tmp_path: Path, text: str):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"file\.json holds no results"):
        Results.from_json(path)


def test_another_format_is_said(tmp_path: Path):
    path = full_results().to_json(tmp_path / "results.json")
    path.write_text(path.read_text().replace('"format":2', '"format":3'))
    with pytest.raises(FormatError, match="format 3"):
        Results.from_json(path)
    path.write_text('{"staa_widgets": "results", "format": 3, "tables": {}}')
    with pytest.raises(FormatError, match="format 3"):
        Results.from_json(path)


def test_a_file_of_format_1_has_the_names_of_today():
    old = json.loads(FORMAT_1.read_text())
    found = Results.from_json(FORMAT_1)
    names = {"centre": "center", "staa_published": "staa_original_code"}
    assert found.methods == tuple(names.get(name, name) for name in old["settings"]["methods"])
    assert found.settings["methods"]["center"]["name"] == "center"
    assert set(found.methods) <= METHODS.keys()
    assert [(row.method, row.metric, row.value) for row in found.rows if math.isfinite(row.value)] == [
        (names.get(method, method), metric, value) for _, _, method, metric, value in old["rows"] if value is not None
    ]
    assert {cost.method for cost in found.costs} == {*found.methods}
    for label in found.metrics:
        facts, metric = found.metric_info(label), METRICS[label]
        assert (facts["category"], facts["needs"]) == (metric.category, metric.needs)
        assert metric.complete(facts["params"]) == facts["params"]
    assert found.metric_info("faithfulness_correlation")["changed"] == {"units": "frames", "output": "probability"}


def test_labels_of_the_users_own_stay_in_a_file_of_format_1(tmp_path: Path):
    old = json.loads(FORMAT_1.read_text())
    settings = old["settings"]
    settings["methods"] = {"truth": settings["methods"]["centre"]}
    settings["metrics"] = {"of": settings["metrics"]["faithfulness_correlation"]}
    settings["benchmark"] = {"plan": {"clips": 3, "dear_clips": 2}, "left_out": {"attention_query": 700}}
    old |= {"rows": [["m", "c", "truth", "of", 0.5]], "costs": [], "curves": [], "references": [], "failures": []}
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    found = Results.from_json(path)
    assert found.rows == (("m", "c", "truth", "of", 0.5),)
    assert found.settings["methods"]["truth"]["name"] == "center"
    assert found.metric_info("of")["params"]["output"] == "probability"
    assert found.settings["benchmark"] == {
        "plan": {"clips": 3, "expensive_clips": 2},
        "left_out": {"patch_attention": 700},
    }


def test_some_of_it_can_be_kept():
    kept = full_results().select(method="one", metric=["score"])
    assert {(row.method, row.metric) for row in kept.rows} == {("one", "score")}
    assert (kept.methods, kept.metrics) == (("one",), ("score",))
    assert len(kept.failures) == len(kept.curves) == 1


def test_two_evaluations_are_joined_and_the_second_counts():
    first = results(rows("one", "score", [0, 0]))
    joined = first | results(rows("one", "score", [1]), rows("other", "score", [1]))
    assert joined.values("one", "score") == {"clip 0": 1, "clip 1": 0}
    assert joined.values("other", "score") == {"clip 0": 1}
    strange = results(settings={"methods": {"one": {"group": "gradient"}}})
    with pytest.raises(ParameterError, match="'one' among the methods"):
        _ = first | strange


def test_pandas_is_asked_only_for_a_data_frame(monkeypatch: pytest.MonkeyPatch):
    held = results(rows("one", "score", [0.5]))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ParameterError, match="pandas is not installed") as caught:
        held.to_pandas()
    assert "pip install pandas" in caught.value.hint
    stand_in = SimpleNamespace(DataFrame=lambda data, columns: (data, columns))
    monkeypatch.setitem(sys.modules, "pandas", stand_in)
    assert held.to_pandas() == (
        [("m", "clip 0", "one", "score", 0.5)],
        ["model", "clip", "method", "metric", "value"],
    )
