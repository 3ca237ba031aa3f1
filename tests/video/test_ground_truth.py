"""`GroundTruth`: masks and times of a clip's action, in clips, explanations and files."""

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
from staa_widgets.video.ground_truth import GroundTruth
from staa_widgets.video.open import open_clip
from tests.helpers.explanations import explanation_with_ground_truth, make_explanation
from tests.helpers.ground_truth import KNOWN, WHERE


def test_runs_are_in_row_major_order():
    truth = GroundTruth.from_clip(KNOWN)
    assert truth.size == (4, 2)
    assert truth.offsets.tolist() == [0, 0, 2, 4, 4]
    # In the third frame, the run continues from the end of the first row into the second.
    assert truth.runs.tolist() == [[1, 3], [6, 7], [3, 5], [7, 8]]
    np.testing.assert_array_equal(truth.masks([0, 1, 2, 3]), WHERE)
    np.testing.assert_array_equal(truth.masks([2, 2]), WHERE[[2, 2]])


def test_the_masks_of_a_drawn_clip_are_exact_and_small():
    clip = action_clip(3, size=160)
    truth = GroundTruth.from_clip(clip)
    assert clip.where.any()
    np.testing.assert_array_equal(truth.masks(range(len(clip.when))), clip.where)
    np.testing.assert_array_equal(truth.when, clip.when)
    assert truth.runs.nbytes < clip.where.size / 50


def test_spans_reach_from_the_first_frame_to_the_end_of_the_last():
    truth = GroundTruth.from_clip(KNOWN)
    assert truth.spans(np.array([1.0, 1.5, 2.0, 2.5]), 3.0) == [(1.5, 2.5)]
    twice = dataclasses.replace(truth, when=np.array([True, False, True, True]))
    assert twice.spans(np.array([1.0, 1.5, 2.0, 2.5]), 3.25) == [(1.0, 1.5), (2.0, 3.25)]
    assert dataclasses.replace(truth, when=np.zeros(4, bool)).spans(np.arange(4.0), 4.0) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"when": [True]}, "offsets"),
        ({"offsets": [0, 0, 2, 4, 5]}, "offsets"),
        ({"offsets": [0, 3, 2, 4, 4]}, "offsets"),
        ({"runs": [[1, 3], [6, 7], [3, 5], [7, 9]]}, "runs"),
        ({"runs": [[1, 1], [6, 7], [3, 5], [7, 8]]}, "runs"),
        ({"runs": [1, 2]}, "runs"),
    ],
)
def test_inconsistent_fields_are_named(changes: dict[str, Any], field: str):
    with pytest.raises(ParameterError, match=field):
        dataclasses.replace(GroundTruth.from_clip(KNOWN), **changes)
    with pytest.raises(ParameterError, match="when"):
        GroundTruth.from_clip(KNOWN._replace(when=np.array([True])))


def test_a_range_of_a_clip_has_its_part_of_the_ground_truth():
    drawn_clip = action_clip(3, size=48, fps=8)
    whole, part = open_clip(drawn_clip), open_clip(drawn_clip, 1.0, 2.0)
    assert whole.ground_truth
    assert part.ground_truth
    np.testing.assert_array_equal(whole.ground_truth.masks(range(len(whole))), drawn_clip.where)
    assert len(part.ground_truth.when) == len(part) == 8
    np.testing.assert_array_equal(part.ground_truth.when, drawn_clip.when[8:16])
    np.testing.assert_array_equal(part.ground_truth.masks(range(8)), drawn_clip.where[8:16])
    assert open_clip(drawn_clip.frames, fps=8).ground_truth is None


def test_ground_truth_is_saved_and_loaded(tmp_path: Path):
    e = explanation_with_ground_truth()
    loaded = Explanation.load(e.save(tmp_path / "e.staa"))
    assert e.ground_truth
    assert loaded.ground_truth
    assert (loaded.ground_truth.label, loaded.ground_truth.size) == ("wave", (4, 2))
    for name in ("when", "runs", "offsets"):
        np.testing.assert_array_equal(getattr(loaded.ground_truth, name), getattr(e.ground_truth, name))
    assert Explanation.from_bytes(make_explanation().to_bytes()).ground_truth is None


def test_old_files_without_ground_truth_are_read():
    values, arrays = unpack("explanation", make_explanation().to_bytes())
    del values["ground_truth"]
    old = Explanation.from_bytes(pack("explanation", {**values, "format": 1}, arrays))
    assert old.ground_truth is None
    np.testing.assert_array_equal(old.maps, make_explanation().maps)


def test_ground_truth_of_other_frames_is_refused():
    with pytest.raises(ParameterError, match="truth does not have 4 frames of 60 × 40"):
        explanation_with_ground_truth(frame_size=(60, 40))
    with pytest.raises(ParameterError, match="truth does not have 4 frames"):
        explanation_with_ground_truth(ground_truth=GroundTruth.from_clip(KNOWN).trim(0, 3))


def test_a_cached_explanation_of_a_drawn_clip_has_its_ground_truth(
    model: VideoModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAA_CACHE", str(tmp_path))
    drawn_clip = action_clip(3, size=48, fps=8)
    first, second = (staa.explain(drawn_clip, model, progress=False) for _ in range(2))
    assert second.provenance["cache"] == "hit"
    for e in (first, second):
        assert e.ground_truth
        np.testing.assert_array_equal(e.ground_truth.masks(range(len(e.times))), drawn_clip.where)
    part = staa.explain(drawn_clip, model, start=1.0, end=3.0, progress=False)
    assert part.ground_truth
    np.testing.assert_array_equal(part.ground_truth.when, drawn_clip.when[8:24])
    assert staa.explain(drawn_clip.frames, model, progress=False).ground_truth is None
