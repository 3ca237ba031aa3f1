"""The benchmark on few clips: its plan, how it resumes, and a verdict that can be negative."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.results import page
from staa_widgets import METHODS, evaluate, load_model
from staa_widgets.cli.main import main
from staa_widgets.datasets.drawn_actions import action_clip
from staa_widgets.errors import CancelledError, ParameterError
from staa_widgets.evaluation.benchmark.ground_truth_mean import (
    GROUND_TRUTH_MEAN,
    add_ground_truth_mean,
    list_ground_truth_metrics,
)
from staa_widgets.evaluation.benchmark.plan import (
    CLIP_SETS,
    FULL_PLAN,
    MAX_CHEAP_PASSES,
    MAX_PASSES,
    STILL_SETS,
    DrawnClips,
    Plan,
    plan_evaluations,
    split_by_cost,
)
from staa_widgets.evaluation.benchmark.report import verdict_section, write_report
from staa_widgets.evaluation.benchmark.results import Benchmark
from staa_widgets.evaluation.benchmark.run import run_benchmark
from staa_widgets.evaluation.benchmark.verdict import QUESTIONS, verdict
from staa_widgets.evaluation.metric import Case, metric
from staa_widgets.evaluation.metrics import METRICS
from staa_widgets.evaluation.metrics.localization import ground_truth_metrics
from staa_widgets.evaluation.results import Results
from staa_widgets.evaluation.rows import CostRow, Row
from staa_widgets.models import VideoModel
from tests.helpers.timesformers import tiny_timesformer
from tests.helpers.tiny import PROCESSOR

FEW = ("staa", "staa_logit", "attention_last", "grad_cam", "smooth_grad")
SMALL = Plan(clips=3, expensive_clips=2, first_clips=2, shuffled_clips=2)
CONTROLS = [name for name, method in METHODS.items() if method.group == "control"]
BEATS, BEST, LEVEL, LOGIT, EXPENSIVE, FALLS = QUESTIONS


@pytest.fixture(scope="module")
def cache_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STAA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def models() -> dict[str, VideoModel]:
    """An untrained model with the grid of the bundled ones and a tenth of their cost."""
    module = tiny_timesformer(image_size=64, num_frames=8, num_hidden_layers=2)
    return {"tiny": load_model(module, processor=replace(PROCESSOR, shortest_edge=64, crop=(64, 64)), id="tiny")}


@pytest.fixture(scope="module")
def small_benchmark(cache_folder, models) -> Benchmark:
    return run_benchmark(SMALL, models, methods=FEW, progress=False)


def test_cheap_methods_run_on_all_clips_and_expensive_ones_on_few(small_benchmark):
    assert small_benchmark.second.failures == small_benchmark.first.failures == ()
    assert small_benchmark.second.models == ("tiny",)
    assert {*small_benchmark.second.methods} == {*FEW, *CONTROLS}
    for name in small_benchmark.second.methods:
        clips = 2 if name == "smooth_grad" else 3
        assert {len(small_benchmark.second.values(name, metric)) for metric in ground_truth_metrics()} == {clips}, name
        assert len(small_benchmark.second.values(name, "insertion")) == 2
    assert set(small_benchmark.first.methods) == set(small_benchmark.second.methods) - {"smooth_grad"}
    assert len(small_benchmark.first.values("staa", "mass")) == 2
    assert {row.order for row in small_benchmark.second.references} >= {"random", "oracle"}


def test_methods_over_six_hundred_passes_run_only_by_name_or_in_full(models):
    cheap, expensive, left_out = split_by_cost(None, models.values())
    assert {"staa", "grad_cam", *CONTROLS} <= {*cheap}
    assert {"occlusion", "shapley"} <= {*expensive}
    exploratory = {name for name, method in METHODS.items() if method.exploratory}
    assert exploratory == {"patch_attention"}, "methods that explain no decision do not run"
    assert {*METHODS} - exploratory - {*cheap} - {*expensive} == {*left_out} == {"lime", "kernel_shap"}
    assert exploratory.isdisjoint({*cheap, *expensive})
    assert min(left_out.values()) > MAX_PASSES
    grid = models["tiny"].geometry
    assert all(MAX_CHEAP_PASSES < sum(METHODS[name].cost(grid)) <= MAX_PASSES for name in expensive)

    cheap, expensive, left_out = split_by_cost(["lime", "saliency"], models.values())
    assert {*cheap} == {"staa", "saliency", *CONTROLS}
    assert (expensive, left_out) == (["lime"], {})

    cheap, expensive, left_out = split_by_cost(None, models.values(), everything=True)
    assert {*cheap, *expensive} == {*METHODS} - exploratory

    cheap, _, _ = split_by_cost(["patch_attention"], models.values())
    assert "patch_attention" in cheap
    assert left_out == {}


def test_the_pages_name_the_methods_left_out(small_benchmark):
    assert "full run" not in page(small_benchmark) + verdict_section(small_benchmark)
    settings = small_benchmark.second.settings["benchmark"] | {"left_out": {"lime": 1001}}
    short = replace(small_benchmark.second, settings=small_benchmark.second.settings | {"benchmark": settings})
    for text in (page(replace(small_benchmark, second=short)), verdict_section(replace(small_benchmark, second=short))):
        assert "Only a full run includes methods of more than 600 passes per clip: lime (1001)." in text


def test_the_sets_are_drawn_from_their_own_seeds_and_variants(small_benchmark):
    assert [clip["seed"] for clip in small_benchmark.second.settings["clips"].values()] == [
        17_800_000,
        17_800_001,
        17_800_002,
    ]
    assert {clip["variant"] for clip in small_benchmark.second.settings["clips"].values()} == {"second"}
    assert [clip["seed"] for clip in small_benchmark.first.settings["clips"].values()] == [14_000_000, 14_000_001]
    drawn = next(iter(DrawnClips("second", 1)))
    np.testing.assert_array_equal(
        drawn.frames, action_clip(17_800_000, fps=8, variant="second", kind="anywhere").frames
    )


def test_the_predictions_of_each_model_are_saved(small_benchmark):
    predicted = small_benchmark.second.settings["benchmark"]["predicted"]["tiny"]
    assert set(predicted) == set(small_benchmark.second.clips)


def test_shuffled_weights_are_those_of_another_model(small_benchmark):
    weights = [
        part.settings["models"]["tiny"]["weights"] for part in (small_benchmark.second, small_benchmark.shuffled)
    ]
    assert weights[0] != weights[1]
    assert small_benchmark.shuffled.values("staa", "mass") != small_benchmark.second.values("staa", "mass")
    # A control scores the same on any model.
    for clip, value in small_benchmark.shuffled.values("motion_energy", "mass").items():
        assert value == small_benchmark.second.values("motion_energy", "mass")[clip]


def test_a_saved_benchmark_is_read_with_every_value(small_benchmark, tmp_path):
    folder = small_benchmark.save(tmp_path / "made" / "here")
    again = Benchmark.load(folder)
    assert [row for row in again.second.rows if math.isfinite(row.value)] == [
        row for row in small_benchmark.second.rows if math.isfinite(row.value)
    ]
    assert verdict(again) == verdict(small_benchmark)
    page = write_report(small_benchmark, folder).read_text()
    assert sorted(file.name for file in folder.glob("*.html")) == ["first.html", "second.html"]
    for line in verdict(small_benchmark):
        assert line.question in page


def test_the_page_of_results_needs_the_saved_files_alone(small_benchmark, tmp_path):
    again = Benchmark.load(small_benchmark.save(tmp_path))
    text = page(again)
    assert text == page(small_benchmark)
    for question in QUESTIONS:
        assert f"| {question} | " in text
    for name in small_benchmark.second.methods:
        assert f"| {name} | " in text
    row = next(line for line in text.splitlines() if line.startswith("| staa | "))
    assert f"{np.mean([*small_benchmark.second.values('staa', 'mass').values()]):.2f} [" in row
    assert "## Failures\n\nNone." in text


def test_an_interrupted_benchmark_resumes_where_it_stopped(small_benchmark, models, monkeypatch, tmp_path):
    """Interrupted in the middle of the second part, then run again: nothing finished is computed twice."""
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    seeds: list[object] = []
    original = METHODS["smooth_grad"]

    def count_calls(inputs, **params):
        seeds.append(inputs.seed)
        return original.run(inputs, **params)

    monkeypatch.setitem(METHODS, "smooth_grad", replace(original, run=count_calls))

    def stop(step: str, done: int, total: int) -> None:
        if len(seeds) == 2:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        run_benchmark(SMALL, models, methods=FEW, progress=stop)
    first = seeds[0]
    again = run_benchmark(SMALL, models, methods=FEW, progress=False)
    assert seeds.count(first) == 1
    rows = [row for row in again.second.rows if math.isfinite(row.value)]
    assert rows == [row for row in small_benchmark.second.rows if math.isfinite(row.value)]


def make_results(
    scores: dict[str, float], *, clips: int = 20, spread: float = 0.02, cost: dict | None = None
) -> Results:
    """Make results in which each method scores near its number on every ground-truth metric."""
    rng = np.random.default_rng(0)
    rows = []
    for name, score in scores.items():
        for metric_name in ground_truth_metrics():
            rows += [Row("m", f"c{n}", name, metric_name, score + spread * rng.standard_normal()) for n in range(clips)]
    passes: dict[str, tuple[int, int]] = {"grad_cam": (2, 1), "occlusion": (513, 0), **(cost or {})}
    costs = [CostRow("m", "c0", name, *passes.get(name, (1, 0)), 0.1) for name in scores]
    methods = {name: {"group": METHODS[name].group, "class_specific": METHODS[name].class_specific} for name in scores}
    metrics = {metric: {"category": "ground_truth", "higher_is_better": True} for metric in ground_truth_metrics()}
    return Results(tuple(rows), tuple(costs), settings={"methods": methods, "metrics": metrics})


GOOD = {
    "staa": 0.7,
    "staa_logit": 0.8,
    "rollout": 0.5,
    "grad_cam": 0.6,
    "occlusion": 0.65,
    "random": 0.1,
    "center": 0.3,
}
FALLEN = make_results({"staa": 0.2, "random": 0.1, "center": 0.3})


def answers(scores: dict[str, float], shuffled: Results = FALLEN, **settings) -> dict[str, bool | None]:
    second = make_results(scores, **settings)
    return {line.question: line.holds for line in verdict(Benchmark(second, second, shuffled))}


def test_a_verdict_is_positive_where_all_claims_hold():
    assert answers(GOOD) == {BEATS: True, BEST: True, LEVEL: True, LOGIT: True, EXPENSIVE: None, FALLS: True}


@pytest.mark.parametrize(
    ("question", "changed"),
    [
        (BEATS, {"center": 0.7}),
        (BEATS, {"random": 0.9}),
        (BEST, {"rollout": 0.7}),
        (BEST, {"rollout": 0.8}),
        (LEVEL, {"grad_cam": 0.8}),
        (LOGIT, {"staa_logit": 0.7}),
        (LOGIT, {"staa_logit": 0.6}),
    ],
)
def test_a_verdict_is_negative_for_the_question_that_fails(question, changed):
    verdicts = answers({**GOOD, **changed})
    assert [name for name, holds in verdicts.items() if holds is False] == [question]


@pytest.mark.parametrize("score", [0.5, 0.7])
def test_a_score_that_falls_too_little_on_shuffled_weights_is_reported(score):
    assert answers(GOOD, make_results({"staa": score, "random": 0.1, "center": 0.3}))[FALLS] is False


def test_a_class_specific_method_is_no_rival_of_class_agnostic_ones():
    assert answers({**GOOD, "staa_logit": 0.9})[BEST] is True


def test_more_expensive_winners_are_named_with_their_cost():
    second = make_results({**GOOD, "occlusion": 0.9})
    reason = {line.question: line.reason for line in verdict(Benchmark(second, second, FALLEN))}[EXPENSIVE]
    assert "occlusion (513 forward passes, 0.1 s; 20 clips) on ground-truth mean (+0.20" in reason
    assert "grad_cam" not in reason


def test_too_few_clips_give_no_verdict():
    assert set(answers(GOOD, clips=1).values()) == {None}


def test_the_ground_truth_mean_leaves_out_clips_that_lack_a_metric():
    results = make_results({"staa": 0.5, "random": 0.1}, clips=2, spread=0)
    short = replace(results, rows=results.rows[1:])
    assert add_ground_truth_mean(short).values("staa", GROUND_TRUTH_MEAN) == pytest.approx({"c1": 0.5})


@pytest.fixture
def strangeness():
    """A metric that is registered late: a ground-truth metric, where lower is better."""

    def strangeness(case: Case) -> float:
        """Ten minus a score between 0 and 1."""
        return 10.0 - METRICS["mass"](case)

    metric(
        "strangeness",
        category="ground_truth",
        higher_is_better=False,
        range=(9.0, 10.0),
        chance="9",
        needs="ground_truth",
    )(strangeness)
    yield "strangeness"
    del METRICS["strangeness"]


def test_every_registered_ground_truth_metric_is_evaluated(strangeness, models, cache_folder):
    assert strangeness in ground_truth_metrics()
    for evaluations in plan_evaluations(SMALL, ["staa"], []).values():
        assert strangeness in evaluations[0].metrics
    measured = run_benchmark(SMALL.limit_clips(2), models, methods=("staa",), progress=False)
    scores = measured.second.values("staa", strangeness)
    assert len(scores) == 2
    for clip, value in measured.second.values("staa", "mass").items():
        assert scores[clip] == pytest.approx(10 - value)


def test_the_mean_counts_a_metric_in_its_direction_and_on_its_range():
    """Ten minus a score holds the same information: the mean and the verdict must not change."""
    plain = make_results(GOOD)
    inverted_rows = [
        row._replace(metric="strangeness", value=10 - row.value) for row in plain.rows if row.metric == "mass"
    ]
    info = {"category": "ground_truth", "higher_is_better": False, "range": [9, 10]}

    def add_rows(results: Results, rows: list[Row]) -> Results:
        metrics = {**results.settings["metrics"], "strangeness": info}
        return replace(results, rows=(*results.rows, *rows), settings={**results.settings, "metrics": metrics})

    mean, masses = add_ground_truth_mean(plain).values("staa", GROUND_TRUTH_MEAN), plain.values("staa", "mass")
    combined_mean = add_ground_truth_mean(add_rows(plain, inverted_rows)).values("staa", GROUND_TRUTH_MEAN)
    assert combined_mean == pytest.approx({clip: (5 * value + masses[clip]) / 6 for clip, value in mean.items()})
    fallen_rows = [
        row._replace(metric="strangeness", value=10 - row.value) for row in FALLEN.rows if row.metric == "mass"
    ]
    second, shuffled = add_rows(plain, inverted_rows), add_rows(FALLEN, fallen_rows)
    lines = verdict(Benchmark(second, second, shuffled))
    assert {line.question: line.holds for line in lines} == answers(GOOD)
    worse_rows = [row._replace(value=9.95) if row.method == "staa" else row for row in inverted_rows]
    lines = verdict(Benchmark(second, add_rows(plain, worse_rows), shuffled))
    assert next(line for line in lines if line.question == BEATS).holds is False


def test_a_metric_without_bounds_is_compared_but_not_in_the_mean():
    results = make_results(GOOD)
    info = {"category": "ground_truth", "higher_is_better": True, "range": [None, None]}
    metrics = {**results.settings["metrics"], "strangeness": info}
    unbounded = replace(results, settings={**results.settings, "metrics": metrics})
    assert "strangeness" in list_ground_truth_metrics(unbounded)
    means = [add_ground_truth_mean(each).values("staa", GROUND_TRUTH_MEAN) for each in (results, unbounded)]
    assert means[0] == means[1]


def test_the_full_plan_runs_everything_on_five_hundred_clips():
    assert FULL_PLAN.clips == FULL_PLAN.expensive_clips == 500
    assert FULL_PLAN.everything
    assert Plan().limit_clips(3) == Plan(3, 3, 3, 3)
    assert Plan().limit_clips(200) == Plan(200, 5, 20, 20)
    with pytest.raises(ParameterError):
        Plan().limit_clips(1)


def test_the_command_writes_json_and_pages_and_prints_the_verdict(cache_folder, tmp_path, capsys):
    arguments = ["--clips", "2", "--models", "timesformer", "--methods", "staa"]
    assert main(["benchmark", "--out", str(tmp_path / "b"), *arguments]) == 0
    output = capsys.readouterr().out
    assert all(question in output for question in QUESTIONS)
    assert str(tmp_path / "b") in output
    saved_results = json.loads((tmp_path / "b" / "second.json").read_text())
    assert len(saved_results["settings"]["clips"]) == 2
    assert (tmp_path / "b" / "second.html").exists()


@pytest.mark.parametrize("arguments", [["--clips", "1"], ["--models", "nothing-of-the-kind"], ["--methods", "stab"]])
def test_the_command_refuses_wrong_arguments_before_any_work(arguments, tmp_path, capsys):
    assert main(["benchmark", "--out", str(tmp_path / "b"), *arguments]) != 0
    assert "staa: " in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("name", [*CLIP_SETS, *STILL_SETS])
def test_every_named_set_draws_its_kind_of_clips(name):
    (clip,) = DrawnClips(name, 1)
    if name in STILL_SETS:
        kind, seed = STILL_SETS[name]
        assert (clip.kind, clip.label, clip.seed) == ("still", f"still, {kind}", seed)
    else:
        assert (clip.variant, clip.seed, clip.kind) == CLIP_SETS[name]
    assert next(iter(DrawnClips(name, 1, 5))).seed == 5


def test_clips_that_the_action_fills_are_left_out_of_temporal_metrics(cache_folder, models):
    seeds = [seed for seed in range(60) if not action_clip(seed, size=16, fps=2, kind="anywhere").has_temporal_truth]
    clips = [action_clip(seed, size=64, fps=4, kind="anywhere") for seed in (0, seeds[0])]
    assert [clip.has_temporal_truth for clip in clips] == [True, False]
    results = evaluate(clips, ["uniform"], ["temporal_auc", "average_precision"], models)
    assert len(results.values("uniform", "average_precision")) == 2
    assert [*results.values("uniform", "temporal_auc")] == [results.clips[0]]
    assert [facts["kind"] for facts in results.settings["clips"].values()] == ["anywhere", "anywhere"]
