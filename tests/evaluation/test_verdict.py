"""Verdict in words and the table that a notebook shows, from scores made by hand."""

from __future__ import annotations

from typing import Any

from staa_widgets import Results
from staa_widgets.evaluation.report.page import to_page
from staa_widgets.evaluation.report.verdict import verdict_text
from staa_widgets.evaluation.rows import Row

HIGHER: dict[str, Any] = {"score": {"higher_is_better": True}}


def make_results(
    scores: dict[str, list[float]], metrics: dict[str, Any] = HIGHER, controls: tuple[str, ...] = ("noise",)
) -> Results:
    """Make results in which a method has the same values for every metric."""
    methods = {name: {"group": "control" if name in controls else "attention"} for name in scores}
    rows = [
        Row("m", f"clip {n}", method, metric, value)
        for metric in metrics
        for method, values in scores.items()
        for n, value in enumerate(values)
    ]
    return Results(tuple(rows), settings={"methods": methods, "metrics": metrics})


def test_methods_that_beat_every_control_are_named():
    results = make_results({"sure": [0.9] * 12, "lost": [0.1] * 12, "noise": [0.5] * 12})
    assert verdict_text(results) == (
        "Better than every control: sure by score. Not shown to be better by any metric: lost."
    )


def test_direction_counts():
    """By a metric of which lower is better, the lower score beats the control."""
    metrics = HIGHER | {"loss": {"higher_is_better": False}, "shape": {}}
    results = make_results({"high": [0.9] * 12, "low": [0.1] * 12, "noise": [0.5] * 12}, metrics)
    assert verdict_text(results) == "Better than every control: high by score; low by loss."


def test_a_method_that_wins_by_all_metrics():
    results = make_results({"sure": [0.9] * 12, "noise": [0.5] * 12}, HIGHER | {"other": {"higher_is_better": True}})
    assert verdict_text(results) == "Better than every control: sure by all 2 metrics."


def test_a_method_must_beat_the_strongest_control():
    results = make_results({"one": [0.6] * 12, "noise": [0.5] * 12, "motion": [0.7] * 12}, controls=("noise", "motion"))
    assert verdict_text(results) == "No method is shown to be better than every control by any metric."


def test_few_clips_are_said_first():
    few = {"one": [0.9] * 3, "noise": [0.5] * 3}
    assert verdict_text(make_results(few)).startswith("3 clips are too few for a verdict; evaluate at least 10. ")
    single = verdict_text(make_results({"one": [0.9], "noise": [0.5]}))
    assert single.startswith("1 clip is too few for a verdict")
    assert single.endswith("A single clip cannot show that a method is better than a control.")
    assert "too few" not in verdict_text(make_results({"one": [0.9] * 10, "noise": [0.5] * 10}))


def test_without_controls_or_scores_there_is_no_verdict():
    assert "No control was evaluated" in verdict_text(make_results({"one": [0.9] * 12}))
    assert verdict_text(make_results({"noise": [0.9] * 12})) == "Only controls were evaluated."
    assert "no verdict" in verdict_text(Results(()))
    assert "no verdict" in verdict_text(make_results({"one": [0.9] * 12}, {"shape": {}}))


def test_the_report_begins_with_the_verdict():
    results = make_results({"sure": [0.9] * 3, "noise": [0.5] * 3})
    page = to_page(results)
    assert page.index(verdict_text(results)) < page.index("<h2>")


def test_a_notebook_shows_a_table():
    html = make_results({"sure": [0.9] * 12, "noise": [0.5] * 12})._repr_html_()
    assert html.count("<tr") == 3
    assert "<b>0.90</b> [0.90, 0.90]" in html
    assert '<td style="white-space:nowrap">0.50 [0.50, 0.50]</td>' in html
    (control,) = [row for row in html.split("<tr")[1:] if ">noise</th>" in row]
    assert control.startswith(' style="opacity')
    assert "score\u00a0↑" in html
    assert "Better than every control: sure" in html


def test_names_in_the_table_are_escaped():
    hostile = "<img src=x onerror=pwned()>"
    html = make_results({hostile: [0.9] * 12, "noise": [0.5] * 12}, {hostile: {"higher_is_better": True}})._repr_html_()
    assert "<img" not in html
    assert html.count("&lt;img") >= 2


def test_results_without_rows_have_no_table():
    assert "<table" not in Results(())._repr_html_()
