"""`GroundTruth`: what is known of a clip's action, and how it travels with clip and explanation."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets import Explanation, action_clip
from staa_widgets.errors import ParameterError
from staa_widgets.models import VideoModel
from staa_widgets.storage.format import pack, unpack
from staa_widgets.video.clip import open_clip
from staa_widgets.video.ground_truth import GroundTruth
from tests.helpers.explanations import explanation_with_ground_truth, make_explanation
from tests.helpers.ground_truth import KNOWN, WHERE


def test_runs_go_through_a_frame_row_by_row():
    truth = GroundTruth.from_clip(KNOWN)
    assert truth.size == (4, 2)
    assert truth.offsets.tolist() == [0, 0, 2, 4, 4]
    # In the third frame, the run goes on from the end of the first row into the second.
    assert truth.runs.tolist() == [[1, 3], [6, 7], [3, 5], [7, 8]]
    np.testing.assert_array_equal(truth.masks([0, 1, 2, 3]), WHERE)
    np.testing.assert_array_equal(truth.masks([2, 2]), WHERE[[2, 2]])


def test_a_drawn_clip_is_kept_to_the_pixel_and_small():
    clip = action_clip(3, size=160)
    truth = GroundTruth.from_clip(clip)
    assert clip.where.any()
    np.testing.assert_array_equal(truth.masks(range(len(clip.when))), clip.where)
    np.testing.assert_array_equal(truth.when, clip.when)
    assert truth.runs.nbytes < clip.where.size / 50


def test_it_happens_from_the_first_frame_to_the_end_of_the_last():
    truth = GroundTruth.from_clip(KNOWN)
    assert truth.spans(np.array([1.0, 1.5, 2.0, 2.5]), 3.0) == [(1.5, 2.5)]
    twice = dataclasses.replace(truth, when=np.array([True, False, True, True]))
    assert twice.spans(np.array([1.0, 1.5, 2.0, 2.5]), 3.25) == [(1.0, 1.5), (2.0, 3.25)]
    assert dataclasses.replace(truth, when=np.zeros(4, bool)).spans(np.arange(4.0), 4.0) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"when": [True]}, "offsets"),
        ({"offsets": [0, 0, 2, 4, 5]}, "offsets"),
        ({"offsets": [0, 3, 2, 4, 4]}, "offsets"),
        ({"runs": [[1, 3], [6, 7], [3, 5], [7, 9]]}, "runs"),
        ({"runs": [[1, 1], [6, 7], [3, 5], [7, 8]]}, "runs"),
        ({"runs": [1, 2]}, "runs"),
    ],
)
def test_parts_that_do_not_fit_are_named(changes: dict[str, Any], named: str):
    with pytest.raises(ParameterError, match=named):
        dataclasses.replace(GroundTruth.from_clip(KNOWN), **changes)
    with pytest.raises(ParameterError, match="when"):
        GroundTruth.from_clip(KNOWN._replace(when=np.array([True])))


def test_a_clip_brings_its_truth_and_a_range_of_it_its_part():
    drawn = action_clip(3, size=48, fps=8)
    whole, part = open_clip(drawn), open_clip(drawn, 1.0, 2.0)
    assert whole.ground_truth
    assert part.ground_truth
    np.testing.assert_array_equal(whole.ground_truth.masks(range(len(whole))), drawn.where)
    assert len(part.ground_truth.when) == len(part) == 8
    np.testing.assert_array_equal(part.ground_truth.when, drawn.when[8:16])
    np.testing.assert_array_equal(part.ground_truth.masks(range(8)), drawn.where[8:16])
    assert open_clip(drawn.frames, fps=8).ground_truth is None


def test_truth_is_saved_and_loaded(tmp_path: Path):
    e = explanation_with_ground_truth()
    loaded = Explanation.load(e.save(tmp_path / "e.staa"))
    assert e.ground_truth
    assert loaded.ground_truth
    assert (loaded.ground_truth.label, loaded.ground_truth.size) == ("wave", (4, 2))
    for name in ("when", "runs", "offsets"):
        np.testing.assert_array_equal(getattr(loaded.ground_truth, name), getattr(e.ground_truth, name))
    assert Explanation.from_bytes(make_explanation().to_bytes()).ground_truth is None


def test_files_from_before_there_was_truth_are_read():
    values, arrays = unpack("explanation", make_explanation().to_bytes())
    del values["ground_truth"]
    old = Explanation.from_bytes(pack("explanation", {**values, "format": 1}, arrays))
    assert old.ground_truth is None
    np.testing.assert_array_equal(old.maps, make_explanation().maps)


def test_truth_of_other_frames_is_refused():
    with pytest.raises(ParameterError, match="truth is not of 4 frames of 60 × 40"):
        explanation_with_ground_truth(frame_size=(60, 40))
    with pytest.raises(ParameterError, match="truth is not of 4 frames"):
        explanation_with_ground_truth(ground_truth=GroundTruth.from_clip(KNOWN).trim(0, 3))


def test_an_explanation_of_a_drawn_clip_knows_its_truth_from_the_cache_too(
    model: VideoModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAA_CACHE", str(tmp_path))
    drawn = action_clip(3, size=48, fps=8)
    first, again = (staa.explain(drawn, model, progress=False) for _ in range(2))
    assert again.provenance["cache"] == "hit"
    for e in (first, again):
        assert e.ground_truth
        np.testing.assert_array_equal(e.ground_truth.masks(range(len(e.times))), drawn.where)
    part = staa.explain(drawn, model, start=1.0, end=3.0, progress=False)
    assert part.ground_truth
    np.testing.assert_array_equal(part.ground_truth.when, drawn.when[8:24])
    assert staa.explain(drawn.frames, model, progress=False).ground_truth is None
