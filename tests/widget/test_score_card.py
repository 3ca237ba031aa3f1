"""Score cards: an explanation against its truth, and what a player keeps of those it has shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets import Explanation
from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.ground_truth import explanation_ground_truth, ground_truth_on_grid
from staa_widgets.evaluation.metrics.localization import score_ground_truth
from staa_widgets.methods import METHODS
from staa_widgets.methods.registry import Cost
from staa_widgets.models import VideoModel
from staa_widgets.video.ground_truth import GroundTruth
from staa_widgets.widget.payload import pack
from staa_widgets.widget.score_card import explanation_cost, format_cost, score_card
from tests.helpers.explanations import explanation_with_ground_truth, small_explanation
from tests.helpers.ground_truth import KNOWN


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def drawn_clip() -> staa.ActionClip:
    return staa.action_clip(4, size=48, fps=8)


def read_card(e: Explanation) -> dict[str, Any]:
    found = score_card(e)
    assert found
    return found


def scores(e: Explanation, what: str = "value") -> dict[str, Any]:
    return {entry["name"]: entry[what] for entry in read_card(e)["scores"]}


def methods(player: staa.Player) -> list[str]:
    return [entry["method"] for entry in player._meta["cards"]]


def test_scores_stand_beside_chance():
    # The greatest of the eight cells, the first of the second slice, is the one true cell.
    assert scores(small_explanation(), "chance") == dict.fromkeys(scores(small_explanation()), 0.125) | {
        "temporal AUC": 0.5
    }
    worst = small_explanation().maps.max() - small_explanation().maps
    assert scores(replace(small_explanation(), maps=worst))["pointing"] == 0
    assert scores(replace(small_explanation(), maps=worst))["mass"] == 0
    even = replace(small_explanation(), maps=np.full_like(small_explanation().maps, 0.5))
    assert scores(even) == scores(even, "chance")


def test_where_the_truth_leaves_no_score_none_is_made_up():
    truth = small_explanation().ground_truth
    assert truth
    nothing = replace(
        small_explanation(), ground_truth=replace(truth, when=np.zeros(4, bool), runs=truth.runs[:0], offsets=[0] * 5)
    )
    assert set(scores(nothing).values()) == {None}
    assert score_card(replace(small_explanation(), ground_truth=None)) is None
    assert pack(replace(small_explanation(), ground_truth=None))[0]["cards"] == []


@pytest.mark.parametrize("start", [None, 1.0])
def test_scores_are_those_of_the_drawn_clip_itself(drawn_clip: staa.ActionClip, model: VideoModel, start: float | None):
    e = staa.explain(drawn_clip, model, start=start, progress=False)
    direct = ground_truth_on_grid(drawn_clip, e.sampled_frames, e.box, e.maps.shape[1:])
    found = explanation_ground_truth(e)
    assert found is not None
    np.testing.assert_array_equal(found.where, direct.where)
    np.testing.assert_array_equal(found.when, direct.when)
    assert found.where.any()
    assert scores(e)["mass"] == pytest.approx(score_ground_truth(e.maps, direct)["mass"], abs=1e-4)


def test_nothing_is_true_beyond_the_frame():
    # Cells of 2 x 2 pixels: the middle row holds all of the frame's 4 x 2, with a column to spare on either side.
    e = explanation_with_ground_truth(box=(-1, -2, 5, 4), maps=np.ones((2, 3, 3)), sampled_frames=[[21], [22]])
    found = explanation_ground_truth(e)
    assert found is not None
    where = found.where
    assert where[:, [0, 2]].sum() == 0
    assert where[:, 1].tolist() == [[False, True, False], [True, False, True]]


def test_a_card_says_what_was_asked_and_what_it_cost():
    made = read_card(small_explanation())
    assert (made["method"], made["about"], made["cost"], made["seconds"]) == ("staa", "", "1 forward pass", None)
    assert read_card(replace(small_explanation(), target=1))["key"] == made["key"], (
        "its map does not depend on the class"
    )
    about_class = [replace(small_explanation(), method="staa_logit", params={}, target=target) for target in (1, 2)]
    assert [read_card(e)["about"] for e in about_class] == ["clap", "jump"]
    assert len({read_card(e)["key"] for e in [small_explanation(), *about_class]}) == 3
    assert read_card(replace(small_explanation(), params={"layers": "mean"}))["about"] == "layers=mean"
    usual = replace(small_explanation(), method="occlusion", params=METHODS["occlusion"].defaults)
    assert read_card(usual)["about"] == usual.labels[usual.target]
    timed = replace(small_explanation(), provenance={"seconds": {"decode": 0.5, "forward": 1.25, "preview": 9.0}})
    assert read_card(timed)["seconds"] == 1.75
    # A method that asks the model again took its time, whether or not the first pass had been made before.
    asking = replace(small_explanation(), method="occlusion", params={}, provenance={"seconds": {"method": 3.5}})
    assert read_card(asking)["seconds"] == 3.5


def test_cost_is_of_the_whole_clip():
    one = explanation_cost(small_explanation(), "occlusion")
    twice = explanation_cost(
        replace(small_explanation(), provenance={"sampling": {"frames": [[100, 103]] * 2}}), "occlusion"
    )
    assert one
    assert twice == Cost(2 * one.forwards)
    assert explanation_cost(small_explanation(), "saliency") == explanation_cost(
        replace(small_explanation(), method="saliency", params={})
    )
    assert explanation_cost(replace(small_explanation(), method="of another version")) is None


def test_costs_are_told_in_words():
    told = [format_cost(Cost(1)), format_cost(Cost(20, 20)), format_cost(Cost(2, 1)), format_cost(None)]
    assert told == ["1 forward pass", "20 forward + 20 backward passes", "2 forward + 1 backward passes", ""]


def test_cards_of_what_was_shown_stay_side_by_side(drawn_clip: staa.ActionClip, model: VideoModel):
    first = staa.explain(drawn_clip, model, progress=False)
    player = staa.Player(first)
    assert methods(player) == ["staa"]
    found = player.compute("staa_logit", progress=False)
    assert found.ground_truth
    assert methods(player) == ["staa", "staa_logit"]
    shown = player._meta["card"]
    assert shown == player._meta["cards"][1]["key"]
    player.compute("staa", progress=False)
    assert methods(player) == ["staa", "staa_logit"], "what is shown again keeps its place"
    assert player._meta["card"] == player._meta["cards"][0]["key"]
    player.compute(layers="mean", progress=False)
    assert [entry["about"] for entry in player._meta["cards"]][::2] == ["", "layers=mean"]
    player.show(staa.explain(drawn_clip, model, start=1.0, progress=False))
    assert methods(player) == ["staa"], "of another range, the truth is another"
    player.show(staa.explain(drawn_clip.frames, model, progress=False))
    assert (methods(player), player._meta["ground_truth"], player._meta["card"]) == ([], None, None)


def test_a_player_is_given_the_truth_of_a_file(drawn_clip: staa.ActionClip, model: VideoModel, tmp_path: Path):
    video = drawn_clip.write_mp4(tmp_path / "clip.mp4")
    bare = staa.explain(video, model, progress=False)
    assert bare.ground_truth is None
    player = staa.Player(bare, ground_truth=drawn_clip)
    assert player.explanation.ground_truth
    assert methods(player) == ["staa"]
    assert player.compute("staa_logit", progress=False).ground_truth
    assert methods(player) == ["staa", "staa_logit"]
    part = staa.Player(
        staa.explain(video, model, start=1.0, end=3.0, progress=False), ground_truth=drawn_clip
    ).explanation.ground_truth
    assert part
    np.testing.assert_array_equal(part.when, drawn_clip.when[8:24])
    player = staa.Player(explanation_with_ground_truth(ground_truth=None), ground_truth=GroundTruth.from_clip(KNOWN))
    assert player._meta["ground_truth"]["label"] == "wave"
    with pytest.raises(ParameterError, match="ground_truth does not have"):
        staa.Player(explanation_with_ground_truth(ground_truth=None), ground_truth=drawn_clip)


def test_a_loaded_explanation_learns_the_truth_with_its_video(drawn_clip: staa.ActionClip, model: VideoModel):
    made = staa.explain(drawn_clip, model, progress=False)
    bare = Explanation.from_bytes(replace(made, ground_truth=None).to_bytes())
    assert methods(staa.Player(bare)) == []
    assert methods(staa.Player(bare, video=drawn_clip, model=model)) == ["staa"]


def test_the_runs_are_those_of_the_frames_that_can_be_shown():
    e = explanation_with_ground_truth(preview=None)
    meta, buffers = pack(e)
    assert meta["ground_truth"]["offsets"] == [0, 0, 2, 4, 4]
    assert meta["ground_truth"]["spans"] == [(1.25, 1.75)] or meta["ground_truth"]["spans"] == [[1.25, 1.75]]
    assert np.frombuffer(buffers["ground_truth"], "<i4").tolist() == [1, 3, 6, 7, 3, 5, 7, 8]
    thin, none = (
        pack(replace(small_explanation(), ground_truth=None))[1]["ground_truth"],
        pack(small_explanation())[1]["ground_truth"],
    )
    assert (len(thin), len(none)) == (0, 4 * 2 * 62)
