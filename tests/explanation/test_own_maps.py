"""Maps of another tool as an explanation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import staa_widgets as staa
from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metric import Case
from staa_widgets.evaluation.metrics import METRICS
from staa_widgets.explanation.ground_truth import explanation_ground_truth
from staa_widgets.explanation.sentence import summarize
from staa_widgets.export.code import explain_call
from staa_widgets.render.summary import describe_clip, describe_source
from staa_widgets.widget.payload import pack

FRAMES = np.random.default_rng(0).integers(0, 256, (8, 40, 60, 3), np.uint8)
MAPS = np.zeros((4, 2, 3), np.float32)
MAPS[2, 1, 2] = 2


def own(maps: Any = MAPS, **settings: Any) -> staa.Explanation:
    return staa.Explanation.from_arrays(staa.open_clip(FRAMES, fps=4), maps, **settings)


def test_slices_divide_the_clip_evenly_and_maps_cover_the_frame() -> None:
    e = own(name="gaze")
    np.testing.assert_array_equal(e.maps, MAPS)
    np.testing.assert_allclose(e.spans, [[0, 0.5], [0.5, 1], [1, 1.5], [1.5, 2]])
    np.testing.assert_array_equal(e.sampled_frames, [[1], [3], [5], [7]])
    assert (e.box, e.frame_size) == ((0, 0, 60, 40), (60, 40))
    assert (e.peak.start, e.peak.end) == (1.0, 1.5)
    assert (e.method, e.model_id) == ("own maps: gaze", "")
    assert "'gaze', mostly at 1.00–1.50 s" in repr(e)
    assert (describe_clip(e), describe_source(e)) == (e.clip_name, "own maps: gaze")
    assert summarize(e).startswith("Gaze is strongest from 1.00 to 1.50 s ")


def test_tensors_lists_and_arrays_are_accepted() -> None:
    for maps in (torch.from_numpy(MAPS).half().requires_grad_(), MAPS.tolist(), MAPS.astype(np.float16)):
        np.testing.assert_array_equal(own(maps).maps, MAPS)


def test_predictions_are_shown_only_if_logits_are_given() -> None:
    meta = pack(own())[0]
    assert (meta["predicted"], meta["labels"], meta["attention"]) == (False, ["own maps"], None)
    e = own(labels=("a", "b"), logits=[0, np.log(3)], model_id="other model")
    assert (e.target, e.predictions(1)) == (1, [("b", pytest.approx(0.75))])
    assert pack(e)[0]["predicted"]
    assert own(labels=("a", "b"), target="b").target == 1


def test_own_maps_go_through_every_export_and_the_player(tmp_path: Path) -> None:
    e = own(name="gaze")
    for suffix in ("html", "png", "csv", "gif", "mp4"):
        assert e.export(tmp_path / f"own.{suffix}").stat().st_size > 0
    loaded = staa.Explanation.load(e.save(tmp_path / "own.safetensors"))
    np.testing.assert_array_equal(loaded.maps, e.maps)
    assert explain_call(e) == 'staa.Explanation.from_arrays(video, maps)  # maps: "own maps: gaze"'
    player = staa.Player(e)
    player.close()


def test_own_maps_are_scored_like_any_other() -> None:
    clip = staa.action_clip(1, size=48, fps=4)
    explained = staa.explain(clip, None, "staa", cache=False, preview=False, progress=False)
    e = staa.Explanation.from_arrays(clip, explained.maps, explained.spans, box=explained.box, preview=False)
    truth = explanation_ground_truth(e)
    for name in ("pointing", "mass", "average_precision", "temporal_auc"):
        expected = METRICS[name](Case(explained.maps, explanation_ground_truth(explained)))
        assert METRICS[name](Case(e.maps, truth)) == expected


@pytest.mark.parametrize(
    ("maps", "settings", "message"),
    [
        (MAPS[0], {}, r"shape \(2, 3\)"),
        (MAPS[:0], {}, r"shape \(0, 2, 3\)"),
        (np.full_like(MAPS, np.nan), {}, "NaN or infinite"),
        ("a map", {}, "maps cannot be read as an array of numbers"),
        (MAPS, {"spans": [[0, 1]]}, r"spans have the shape \(1, 2\), but there are maps of 4 slices"),
        (MAPS, {"spans": [[0, 1], [1.5, 2], [2, 3], [3, 4]]}, "gaps or overlaps"),
        (MAPS, {"labels": ("a", "b"), "logits": [1.0]}, r"logits have the shape \(1,\), but there are 2 labels"),
        (MAPS, {"labels": ("a", "b"), "target": "c"}, "no class 'c'"),
        (MAPS, {"box": (70, 0, 80, 10)}, "does not overlap"),
        (MAPS, {"box": (0, 0, 1e7, 10)}, "1,000,000 pixels"),
        (MAPS, {"problem_type": "ranking"}, "no problem type"),
    ],
)
def test_what_does_not_fit_is_refused(maps: Any, settings: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        own(maps, **settings)
