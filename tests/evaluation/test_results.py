"""Results made by hand: summaries, comparisons, and files that keep every value."""

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


def make_rows(method: str, metric: str, values: Any, model: str = "m") -> list[Row]:
    return [Row(model, f"clip {n}", method, metric, float(value)) for n, value in enumerate(values)]


def make_results(*parts: list[Row], **changes: Any) -> Results:
    return Results(tuple(row for part in parts for row in part), **{"settings": SETTINGS, **changes})


def test_summary_is_the_mean_with_the_bootstrap_interval_over_clips():
    (summary,) = make_results(make_rows("one", "score", [*HARD, NAN])).summary()
    assert summary == ("m", "one", "score", *bootstrap_interval(HARD), 6)


def test_a_single_clip_has_no_interval():
    (summary,) = make_results(make_rows("one", "score", [0.5])).summary()
    assert (summary.mean, summary.clips) == (0.5, 1)
    assert math.isnan(summary.low)
    assert math.isnan(summary.high)


def test_a_method_without_values_has_no_summary():
    results = make_results(make_rows("one", "score", [NAN, NAN]), make_rows("other", "score", [1, 0]))
    assert [summary.method for summary in results.summary()] == ["other"]
    assert results.methods == ("one", "other")


def test_comparison_is_paired():
    """Clips differ far more than methods, so that the difference shows only within clips."""
    results = make_results(make_rows("one", "score", HARD + 0.1), make_rows("other", "score", HARD))
    one, other = results.summary()
    assert one.low < other.high
    comparison = results.compare("one", "other", "score")
    assert comparison[3:6] == pytest.approx((0.1, 0.1, 0.1))
    assert (comparison.clips, comparison.better) == (6, "one")
    assert results.compare("other", "one", "score").better == "one"


def test_the_lower_is_better_where_the_metric_says_so():
    results = make_results(make_rows("one", "loss", HARD + 0.1), make_rows("other", "loss", HARD))
    assert results.compare("one", "other", "loss").better == "other"


@pytest.mark.parametrize(("metric", "shift"), [("shape", 0.1), ("score", 0.0)], ids=["no direction", "no difference"])
def test_no_method_is_better_without_direction_or_difference(metric: str, shift: float):
    results = make_results(make_rows("one", metric, HARD + shift), make_rows("other", metric, HARD))
    assert results.compare("one", "other", metric).better is None


def test_only_clips_that_both_have_are_compared():
    results = make_results(make_rows("one", "score", [1, 1]), make_rows("other", "score", [0, NAN, 0, 0]))
    comparison = results.compare("one", "other", "score")
    assert (comparison.mean, comparison.clips) == (1, 1)
    assert comparison.better is None  # one clip shows nothing


def test_models_together_count_a_clip_once():
    results = make_results(make_rows("one", "score", [0, 1, 0.5], "a"), make_rows("one", "score", [1, 0, 0.5], "b"))
    assert [(summary.model, summary.clips) for summary in results.summary()] == [("a", 3), ("b", 3)]
    (pooled,) = results.summary(pooled=True)
    assert pooled == ("", "one", "score", 0.5, 0.5, 0.5, 3)


def test_differences_are_taken_within_a_model():
    """`other` was not run on the easy model, which must not raise `one` in the comparison."""
    results = make_results(
        make_rows("one", "score", [0.2, 0.3], "hard"),
        make_rows("one", "score", [1, 1], "easy"),
        make_rows("other", "score", [0.3, 0.4], "hard"),
    )
    assert results.compare("one", "other", "score").mean == pytest.approx(-0.1)
    assert results.values("one", "score") == pytest.approx({"clip 0": 0.6, "clip 1": 0.65})
    assert results.values("one", "score", "hard") == pytest.approx({"clip 0": 0.2, "clip 1": 0.3})


def test_normalized_score_lies_between_random_and_the_oracle():
    noise = np.array([0.01, -0.01, 0.0, 0.02, -0.02])
    orders = {"random": 0.2 + noise, "oracle": 0.8 + noise[::-1]}
    references = [
        ReferenceRow("m", f"clip {n}", order, "score", v)
        for order, scores in orders.items()
        for n, v in enumerate(scores)
    ]
    results = make_results(make_rows("one", "score", [0.5] * 5), references=tuple(references))
    score = results.normalized_score("one", "score")
    assert score.value == pytest.approx(0.5)
    assert score.low < 0.5 < score.high
    without_references = make_results(make_rows("one", "score", [0.5] * 5)).normalized_score("one", "score")
    assert math.isnan(without_references.value)
    assert without_references.reason


def test_cost_is_the_mean_of_passes_and_the_median_of_seconds():
    costs = [CostRow("m", f"clip {n}", "one", 3, 1, seconds) for n, seconds in enumerate([9.0, 1.0, NAN, 2.0])]
    assert make_results(costs=tuple(costs)).cost("one") == (3, 1, 2.0)


def test_unknown_names_are_refused_with_a_hint():
    results = make_results(make_rows("one", "score", HARD))
    for call in (
        lambda: results.values("onee", "score"),
        lambda: results.compare("one", "none", "score"),
        lambda: results.metric_info("scor"),
        lambda: results.values("one", "score", "n"),
        lambda: results.select(method=("one", "two")),
    ):
        with pytest.raises(ParameterError, match="The results have no") as caught:
            call()
        assert caught.value.hint


def full_results() -> Results:
    return make_results(
        make_rows("one", "score", [0.1, NAN]),
        make_rows("other", "loss", [1 / 3]),
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
def test_other_files_are_refused(tmp_path: Path, text: str):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"file\.json does not contain evaluation results"):
        Results.from_json(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": []},
        {"rows": [["model", "clip", "method", "metric", "high"]]},
        {"rows": [["model", "clip", 5, "metric", 0.5]]},
        {"rows": [["model", "clip", "method", "metric"]]},
        {"curves": [["model", "clip", "method", "metric", "01", [0.0, 1.0]]]},
        {"costs": {"model": 1}},
    ],
)
def test_rows_of_another_form_are_refused(tmp_path: Path, changes: dict[str, Any]):
    path = full_results().to_json(tmp_path / "file.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(FormatError, match=r"file\.json does not contain evaluation results"):
        Results.from_json(path)


def test_an_unknown_format_is_refused(tmp_path: Path):
    path = full_results().to_json(tmp_path / "results.json")
    path.write_text(path.read_text().replace('"format":2', '"format":3'))
    with pytest.raises(FormatError, match="format 3"):
        Results.from_json(path)
    path.write_text('{"staa_widgets": "results", "format": 3, "tables": {}}')
    with pytest.raises(FormatError, match="format 3"):
        Results.from_json(path)


def test_a_file_of_format_1_is_read_with_the_names_of_today():
    old = json.loads(FORMAT_1.read_text())
    results = Results.from_json(FORMAT_1)
    names = {"centre": "center", "staa_published": "staa_original_code"}
    assert results.methods == tuple(names.get(name, name) for name in old["settings"]["methods"])
    assert results.settings["methods"]["center"]["name"] == "center"
    assert set(results.methods) <= METHODS.keys()
    assert [(row.method, row.metric, row.value) for row in results.rows if math.isfinite(row.value)] == [
        (names.get(method, method), metric, value) for _, _, method, metric, value in old["rows"] if value is not None
    ]
    assert {cost.method for cost in results.costs} == {*results.methods}
    for label in results.metrics:
        facts, metric = results.metric_info(label), METRICS[label]
        assert (facts["category"], facts["needs"]) == (metric.category, metric.needs)
        assert metric.complete(facts["params"]) == facts["params"]
    assert results.metric_info("faithfulness_correlation")["changed"] == {"units": "frames", "output": "probability"}


def test_labels_of_the_users_own_stay_in_a_file_of_format_1(tmp_path: Path):
    old = json.loads(FORMAT_1.read_text())
    settings = old["settings"]
    settings["methods"] = {"truth": settings["methods"]["centre"]}
    settings["metrics"] = {"of": settings["metrics"]["faithfulness_correlation"]}
    settings["benchmark"] = {"plan": {"clips": 3, "dear_clips": 2}, "left_out": {"attention_query": 700}}
    old |= {"rows": [["m", "c", "truth", "of", 0.5]], "costs": [], "curves": [], "references": [], "failures": []}
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    results = Results.from_json(path)
    assert results.rows == (("m", "c", "truth", "of", 0.5),)
    assert results.settings["methods"]["truth"]["name"] == "center"
    assert results.metric_info("of")["params"]["output"] == "probability"
    assert results.settings["benchmark"] == {
        "plan": {"clips": 3, "expensive_clips": 2},
        "left_out": {"patch_attention": 700},
    }


def test_methods_and_metrics_can_be_selected():
    selection = full_results().select(method="one", metric=["score"])
    assert {(row.method, row.metric) for row in selection.rows} == {("one", "score")}
    assert (selection.methods, selection.metrics) == (("one",), ("score",))
    assert len(selection.failures) == len(selection.curves) == 1


def test_the_second_of_two_joined_evaluations_takes_precedence():
    first = make_results(make_rows("one", "score", [0, 0]))
    joined = first | make_results(make_rows("one", "score", [1]), make_rows("other", "score", [1]))
    assert joined.values("one", "score") == {"clip 0": 1, "clip 1": 0}
    assert joined.values("other", "score") == {"clip 0": 1}
    conflicting = make_results(settings={"methods": {"one": {"group": "gradient"}}})
    with pytest.raises(ParameterError, match="'one' in the methods differs"):
        _ = first | conflicting


def test_pandas_is_needed_only_for_a_data_frame(monkeypatch: pytest.MonkeyPatch):
    results = make_results(make_rows("one", "score", [0.5]))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ParameterError, match="pandas is not installed") as caught:
        results.to_pandas()
    assert "pip install pandas" in caught.value.hint
    stand_in = SimpleNamespace(DataFrame=lambda data, columns: (data, columns))
    monkeypatch.setitem(sys.modules, "pandas", stand_in)
    assert results.to_pandas() == (
        [("m", "clip 0", "one", "score", 0.5)],
        ["model", "clip", "method", "metric", "value"],
    )
