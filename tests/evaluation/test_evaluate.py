"""`evaluate`: real clips and models, every value computed once, and errors that do not end the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets.models.capture
from staa_widgets import Results, action_clip, compare, evaluate, explain, explain_many, stream
from staa_widgets.engine.attribute import attribute
from staa_widgets.errors import CancelledError, ParameterError, UnknownMethodError
from staa_widgets.evaluation import scorer
from staa_widgets.evaluation.benchmark.run import run_benchmark
from staa_widgets.evaluation.metrics import sanity
from staa_widgets.evaluation.metrics.localization import score_ground_truth
from staa_widgets.explanation.ground_truth import ground_truth_on_grid
from staa_widgets.models import VideoModel
from staa_widgets.storage import cache

METHODS = {"staa": "staa", "last": ("staa", {"layers": "last"}), "random": "random"}
METRICS: dict[str, Any] = {"pointing": "pointing", "insertion": ("insertion", {"units": "frames", "steps": 3})}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def clip(seed: int) -> Any:
    return action_clip(seed, size=48, fps=8)


def forbid_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every pass through a model fail."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the model was run")

    monkeypatch.setattr(staa_widgets.models.capture, "record", refuse)
    monkeypatch.setattr(staa_widgets.models.capture, "open_classifier", refuse)


def row_texts(results: Results) -> list[str]:
    """Return rows as text, in which NaN equals NaN."""
    return [repr(row) for row in results.rows]


def test_drawn_clips_are_scored_by_the_bundled_model():
    clips = [action_clip(seed, fps=8) for seed in (4_000_000, 4_000_001)]
    results = evaluate(clips, ("staa", "random"), {"mass": "mass", **METRICS}, progress=False)
    assert results.failures == ()
    assert results.clips == tuple(f"{c.label} {c.seed}" for c in clips)
    assert len(results.rows) == 2 * 2 * 3
    assert all(np.isfinite(row.value) for row in results.rows)
    for drawn, name in zip(clips, results.clips, strict=True):
        e = explain(drawn, preview=False)
        by_hand = score_ground_truth(e.maps, ground_truth_on_grid(drawn, e.sampled_frames, e.box, e.maps.shape[1:]))
        assert results.values("staa", "mass")[name] == by_hand["mass"]
        assert results.values("staa", "pointing")[name] == by_hand["pointing"]
    assert {(row.forwards, row.backwards) for row in results.costs} == {(1, 0)}
    assert all(row.seconds > 0 for row in results.costs)
    assert results.metric_info("insertion")["higher_is_better"] is True
    assert results.settings["methods"]["random"]["group"] == "control"


def test_an_insertion_score_is_the_area_of_its_curve(model: VideoModel):
    results = evaluate([clip(1)], METHODS, METRICS, model, progress=False)
    assert results.failures == ()
    assert len(results.curves) == len(METHODS)
    for row in results.curves:
        assert row.shares[0] == 0
        assert row.shares[-1] == 1
        assert np.trapezoid(row.values, row.shares) == pytest.approx(results.values(row.method, "insertion")[row.clip])
    assert {row.order for row in results.references} == {"random", "random_smooth", "oracle"}
    assert all(0 <= row.value <= 1 for row in results.references)


def test_the_second_run_uses_the_cache(model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    metrics = {**METRICS, "reversal": "reversal"}
    first = evaluate([clip(1), clip(2)], METHODS, metrics, model, progress=False)
    forbid_passes(monkeypatch)
    again = evaluate([clip(1), clip(2)], METHODS, metrics, model, progress=False)
    assert again.failures == ()
    assert row_texts(again) == row_texts(first)
    assert again.curves == first.curves
    assert again.references == first.references
    assert repr(again.costs) == repr(first.costs)


def test_a_full_cache_costs_no_further_pass(model: VideoModel, monkeypatch: pytest.MonkeyPatch, forwards: list[int]):
    """Records do not fit; the methods of a clip share them in memory, and a second run needs none."""
    clips = [clip(seed) for seed in (1, 2, 3)]
    evaluate(clips[:1], METHODS, ("pointing",), model, progress=False)
    passes = len(forwards)
    kept = cache.info().size - sum(path.stat().st_size for path in cache.folder().glob("record/*/*"))
    cache.clear()
    monkeypatch.setenv("STAA_CACHE_LIMIT", str(4 * kept))
    evaluate(clips, METHODS, ("pointing",), model, progress=False)
    assert len(forwards) == passes + 3 * passes
    evaluate(clips, METHODS, ("pointing",), model, progress=False)
    assert len(forwards) == passes + 3 * passes


@pytest.mark.parametrize(
    "call",
    [
        lambda: explain("missing.mp4", "missing"),
        lambda: stream("missing.mp4", "missing"),
        lambda: compare("missing.mp4", "missing"),
        lambda: explain_many("missing.mp4", "missing"),
        lambda: evaluate(["missing.mp4"], model="missing"),
        lambda: run_benchmark(models=["missing"]),
    ],
    ids=["explain", "stream", "compare", "explain_many", "evaluate", "run_benchmark"],
)
def test_a_wrong_limit_of_the_cache_is_refused_at_once(call: Callable[[], Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STAA_CACHE_LIMIT", "plenty")
    with pytest.raises(ParameterError, match="STAA_CACHE_LIMIT"):
        call()


def test_without_the_cache_the_results_are_equal_and_nothing_is_written(model: VideoModel, folder: Path):
    uncached = evaluate([clip(1)], METHODS, METRICS, model, cache=False, progress=False)
    assert not folder.exists()
    assert row_texts(uncached) == row_texts(evaluate([clip(1)], METHODS, METRICS, model, progress=False))


def test_a_repeated_attribution_gives_the_same_maps(model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    """Metrics compute maps again: without a change these equal the scored maps, for random methods too."""
    attributions = []

    def attribute_and_note(*arguments: Any, **settings: Any) -> Any:
        attributions.append(attribute(*arguments, **settings))
        return attributions[-1]

    monkeypatch.setattr(scorer, "attribute", attribute_and_note)
    monkeypatch.setattr(sanity, "similarity", lambda one, other: float(np.array_equal(one, other)))
    monkeypatch.setattr("torch.Tensor.flip", lambda pixels, *_: pixels)
    results = evaluate([clip(1)], ("random",), ("reversal",), model, progress=False)
    maps = explain(clip(1), model, "random").maps
    np.testing.assert_array_equal(attributions[0], maps)
    assert results.failures == ()


def test_a_damaged_video_is_a_failure_and_the_rest_goes_on(model: VideoModel, tmp_path: Path):
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(clip(1).write_mp4(tmp_path / "whole.mp4").read_bytes()[:700])
    clips = [clip(1), damaged, tmp_path / "missing.mp4", clip(1), clip(2)]
    results = evaluate(clips, ("staa",), ("pointing",), model, progress=False)
    assert [(f.clip, f.error) for f in results.failures] == [
        ("damaged.mp4", "UnreadableVideoError"),
        ("missing.mp4", "VideoNotFoundError"),
        ("clip 4", "ParameterError"),
    ]
    assert "not counted again" in results.failures[2].message
    assert results.clips == tuple(f"{clip(seed).label} {seed}" for seed in (1, 2))
    assert len(results.rows) == 2


def test_a_failing_method_leaves_the_others_alone(model: VideoModel):
    methods = {"staa": "staa", "space": ("staa", {"layers": [99]})}
    results = evaluate([clip(1)], methods, ("pointing", "insertion"), model, references=False, progress=False)
    assert {(f.method, f.metric) for f in results.failures} == {("space", "")}
    assert {row.method for row in results.rows} == {"staa"}


def test_a_clip_without_truth_scores_nan_where_truth_is_needed(model: VideoModel, video: Path):
    results = evaluate([video], ("staa",), METRICS, model, references=False, progress=False)
    assert results.failures == ()
    assert np.isnan([row.value for row in results.rows if row.metric == "pointing"]).all()
    assert results.values("staa", "insertion").keys() == {"clip.mp4"}


def test_cancelling_keeps_the_finished_scores(model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    def stop(step: str, done: int, total: int) -> None:
        if step.startswith("clip 2 of 2"):
            raise CancelledError("Enough.")

    with pytest.raises(CancelledError, match="Enough"):
        evaluate([clip(1), clip(2)], METHODS, METRICS, model, progress=stop)
    forbid_passes(monkeypatch)
    results = evaluate([clip(1)], METHODS, METRICS, model, progress=False)
    assert results.failures == ()
    assert len(results.rows) == len(METHODS) * len(METRICS)


def test_progress_names_the_clip_and_counts(model: VideoModel):
    steps: list[tuple[str, int, int]] = []
    evaluate((clip(seed) for seed in (1, 2)), ("staa",), METRICS, model, progress=lambda *step: steps.append(step))
    assert steps[0][0].startswith("clip 1 of 1")  # a generator has no length
    assert steps[-1][0].startswith("clip 2 of 2")
    done = [done for _, done, _ in steps]
    assert done == sorted(done)
    assert all(done <= total for _, done, total in steps)


def test_several_models_and_a_chosen_target(model: VideoModel):
    results = evaluate([clip(1)], ("staa_logit",), METRICS, {"a": model, "b": model}, target=2, progress=False)
    assert results.models == ("a", "b")
    assert results.settings["target"] == 2
    one, other = (results.values("staa_logit", "insertion", name) for name in "ab")
    assert one == other
    assert one != evaluate([clip(1)], ("staa_logit",), METRICS, model, target=1, progress=False).values(
        "staa_logit", "insertion"
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"methods": ("stäa",)}, UnknownMethodError),
        ({"metrics": ("pointin",)}, ParameterError),
        ({"metrics": {"x": ("insertion", {"unit": "cells"})}}, ParameterError),
        ({"methods": {"x": ("staa", {"layer": 1})}}, ParameterError),
        ({"target": "juggle"}, ParameterError),
        ({"methods": ()}, ParameterError),
        ({"clips": "clip.mp4"}, ParameterError),
        ({"clips": np.zeros((8, 8, 8, 3), np.uint8)}, ParameterError),
        ({"batch_size": 0}, ParameterError),
        ({"model": {}}, ParameterError),
    ],
)
def test_wrong_arguments_are_refused_before_any_work(model: VideoModel, changes: Any, error: type[Exception]):
    with pytest.raises(error):
        evaluate(**{"clips": [], "model": model, "progress": False, **changes})


def test_the_package_exports_evaluate():
    import staa_widgets
    import staa_widgets.evaluation.metrics.localization

    assert staa_widgets.evaluate is evaluate
