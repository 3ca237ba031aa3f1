"""Clips with the best and the worst scores: which are kept, their pictures, and the section of the report."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from plotly.offline import get_plotlyjs

from staa_widgets import Results, action_clip, evaluate, explain, open_clip
from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.examples import ExampleClips, example_clips
from staa_widgets.evaluation.metrics import METRICS
from staa_widgets.evaluation.report.page import to_page
from staa_widgets.evaluation.rows import ExampleRow, Row

CLIPS = [action_clip(seed, size=96, fps=4) for seed in range(5)]
METHODS = ["center", "random", "motion_energy"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_best_and_the_worst_of_a_method_are_kept(higher_is_better: bool):
    scores = np.random.default_rng(1).permutation(12) / 12
    clip = open_clip(CLIPS[0])
    e = replace(explain(clip, method="center", cache=False), preview=None)
    kept = ExampleClips("mass", higher_is_better, 2)
    rows = [Row("m", f"clip {n}", method, "mass", score) for n, score in enumerate(scores) for method in ("a", "b")]
    # A control with better scores, a metric that does not rank, and a score that is not a number.
    rows += [Row("m", "clip 0", "control", "mass", 9 if higher_is_better else -9), Row("m", "clip 0", "a", "other", 5)]
    rows += [Row("m", "clip 0", "a", "mass", float("nan"))]
    for row in rows:
        kept.add(clip, {row.method: e}, [row])
    drawn = kept.draw(rows, ["control"])
    assert {row.method for row in drawn} == {"a"}
    expected = sorted(scores, reverse=higher_is_better)
    assert [row.value for row in drawn] == [*expected[:2], *expected[-2:]]


def test_a_graded_metric_ranks_the_clips():
    def choose(*names: str) -> Any:
        return example_clips({name: (METRICS[name], {}) for name in names}, 2)

    assert choose("pointing", "insertion", "mass").metric == "mass"
    assert choose("pointing", "mass", "mass_equal_entropy").metric == "mass_equal_entropy"
    assert choose("pointing").metric == "pointing"
    assert example_clips({"mass": (METRICS["mass"], {})}, 0) is None


def test_an_evaluation_holds_pictures_of_its_extremes(tmp_path: Path):
    methods = {"staa": "staa", "center": "center"}
    results = evaluate(CLIPS, methods, ["pointing", "mass"], references=False, examples=1, progress=False)
    assert results.failures == ()
    values = results.values("staa", "mass")
    best, worst = results.examples
    assert (best.clip, worst.clip) == (max(values, key=values.__getitem__), min(values, key=values.__getitem__))
    assert {(row.model, row.method, row.metric) for row in results.examples} == {(results.models[0], "staa", "mass")}
    for row in results.examples:
        with Image.open(io.BytesIO(base64.b64decode(row.image))) as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        assert picture.format == "JPEG"
        # The time of the action is green in the chart.
        assert (np.abs(pixels - [12, 122, 85]).max(axis=2) < 40).sum() > 100
        assert row.clip.split()[0] in row.text
        assert "The model says" in row.text
    again = Results.from_json(results.to_json(tmp_path / "r.json"))
    assert again.examples == results.examples
    page = to_page(again).replace(get_plotlyjs(), "")
    assert page.index("Best: ") < page.index(best.image) < page.index("Worst: ") < page.index(worst.image)
    assert evaluate(CLIPS[:1], METHODS, ["mass"], examples=0, references=False, progress=False).examples == ()


def test_texts_of_examples_are_escaped_and_a_single_clip_is_neither_best_nor_worst():
    row = ExampleRow("m", "<b>clip</b>", "a", "mass", 0.5, '"><script>', '"><i>text')
    results = Results((Row(*row[:5]),), examples=(row,))
    page = to_page(results).replace(get_plotlyjs(), "")
    assert "Only clip: 0.50" in page
    assert "<b>clip</b>" not in page
    assert "><script>" not in page.split("Only clip")[1].split("</figure>")[0]
    assert "Best and worst clips" not in to_page(Results((Row(*row[:5]),)))


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "2"])
def test_a_wrong_number_of_examples_is_refused(wrong: Any):
    with pytest.raises(ParameterError, match="examples is"):
        evaluate(CLIPS, METHODS, ["mass"], examples=wrong)
