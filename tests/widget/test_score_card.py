"""Score cards: an explanation against its ground truth, and the cards that a player collects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets import Explanation
from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metrics.localization import score_ground_truth
from staa_widgets.explanation.ground_truth import explanation_ground_truth, ground_truth_on_grid
from staa_widgets.methods import METHODS
from staa_widgets.methods.registry import Cost
from staa_widgets.models import VideoModel
from staa_widgets.video.ground_truth import GroundTruth
from staa_widgets.widget.payload import pack
from staa_widgets.widget.score_card import PRIORS, SCORES, explanation_cost, format_cost, score_card
from tests.helpers.explanations import explanation_with_ground_truth, small_explanation
from tests.helpers.ground_truth import KNOWN


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def drawn_clip() -> staa.ActionClip:
    return staa.action_clip(4, size=48, fps=8)


def read_card(e: Explanation) -> dict[str, Any]:
    card = score_card(e)
    assert card
    return card


def scores(e: Explanation, field: str = "value") -> dict[str, Any]:
    return {entry["name"]: entry[field] for entry in read_card(e)["scores"]}


def methods(player: staa.Player) -> list[str]:
    return [entry["method"] for entry in player._meta["cards"]]


def test_scores_come_with_chance():
    # The maximum of the eight cells, in the second slice, is the only true cell.
    assert scores(small_explanation(), "chance") == dict.fromkeys(scores(small_explanation()), 0.125) | {
        "temporal AUC": 0.5
    }
    inverted = small_explanation().maps.max() - small_explanation().maps
    assert scores(replace(small_explanation(), maps=inverted))["pointing"] == 0
    assert scores(replace(small_explanation(), maps=inverted))["mass"] == 0
    constant = replace(small_explanation(), maps=np.full_like(small_explanation().maps, 0.5))
    assert scores(constant) == scores(constant, "chance")


def test_scores_come_with_that_of_the_best_control_that_does_not_depend_on_the_clip():
    e = small_explanation()
    truth = explanation_ground_truth(e)
    assert truth is not None
    priors = [score_ground_truth(prior(e.maps.shape), truth) for prior in PRIORS]
    best = {SCORES[name]: round(max(prior[name] for prior in priors), 4) for name in SCORES}
    assert scores(e, "prior") == best
    assert {prior.__name__ for prior in PRIORS} == {"center", "bell", "center_bell", "slot_frequency"}
    assert e.ground_truth is not None
    filled = replace(e, ground_truth=replace(e.ground_truth, when=np.ones(4, bool)))
    assert scores(filled)["temporal AUC"] is None
    assert scores(filled, "prior")["temporal AUC"] is None
    assert scores(filled)["pointing"] is not None


def test_without_a_true_cell_scores_are_none():
    truth = small_explanation().ground_truth
    assert truth
    without_action = replace(
        small_explanation(), ground_truth=replace(truth, when=np.zeros(4, bool), runs=truth.runs[:0], offsets=[0] * 5)
    )
    assert set(scores(without_action).values()) == {None}
    assert score_card(replace(small_explanation(), ground_truth=None)) is None
    assert pack(replace(small_explanation(), ground_truth=None))[0]["cards"] == []


@pytest.mark.parametrize("start", [None, 1.0])
def test_scores_equal_those_of_the_drawn_clip(drawn_clip: staa.ActionClip, model: VideoModel, start: float | None):
    e = staa.explain(drawn_clip, model, start=start, progress=False)
    direct = ground_truth_on_grid(drawn_clip, e.sampled_frames, e.box, e.maps.shape[1:])
    truth = explanation_ground_truth(e)
    assert truth is not None
    np.testing.assert_array_equal(truth.where, direct.where)
    np.testing.assert_array_equal(truth.when, direct.when)
    assert truth.where.any()
    assert scores(e)["mass"] == pytest.approx(score_ground_truth(e.maps, direct)["mass"], abs=1e-4)


def test_cells_outside_the_frame_are_false():
    # Cells of 2 x 2 pixels: the middle row covers the frame of 4 x 2 pixels and half a cell on either side.
    e = explanation_with_ground_truth(box=(-1, -2, 5, 4), maps=np.ones((2, 3, 3)), sampled_frames=[[21], [22]])
    truth = explanation_ground_truth(e)
    assert truth is not None
    where = truth.where
    assert where[:, [0, 2]].sum() == 0
    assert where[:, 1].tolist() == [[False, True, False], [True, False, True]]


def test_a_card_has_method_parameters_and_cost():
    card = read_card(small_explanation())
    assert (card["method"], card["about"], card["cost"], card["seconds"]) == ("staa", "", "1 forward pass", None)
    assert read_card(replace(small_explanation(), target=1))["key"] == card["key"], (
        "its map does not depend on the class"
    )
    class_specific = [replace(small_explanation(), method="staa_logit", params={}, target=target) for target in (1, 2)]
    assert [read_card(e)["about"] for e in class_specific] == ["clap", "jump"]
    assert len({read_card(e)["key"] for e in [small_explanation(), *class_specific]}) == 3
    assert read_card(replace(small_explanation(), params={"layers": "mean"}))["about"] == "layers=mean"
    with_defaults = replace(small_explanation(), method="occlusion", params=METHODS["occlusion"].defaults)
    assert read_card(with_defaults)["about"] == with_defaults.labels[with_defaults.target]
    timed = replace(small_explanation(), provenance={"seconds": {"decode": 0.5, "forward": 1.25, "preview": 9.0}})
    assert read_card(timed)["seconds"] == 1.75
    # The seconds of a method with its own forward passes count, even when the record was cached.
    with_queries = replace(small_explanation(), method="occlusion", params={}, provenance={"seconds": {"method": 3.5}})
    assert read_card(with_queries)["seconds"] == 3.5


def test_cost_is_of_the_whole_clip():
    cost = explanation_cost(small_explanation(), "occlusion")
    doubled = explanation_cost(
        replace(small_explanation(), provenance={"sampling": {"frames": [[100, 103]] * 2}}), "occlusion"
    )
    assert cost
    assert doubled == Cost(2 * cost.forwards)
    assert explanation_cost(small_explanation(), "saliency") == explanation_cost(
        replace(small_explanation(), method="saliency", params={})
    )
    assert explanation_cost(replace(small_explanation(), method="of another version")) is None


def test_costs_are_formatted_in_words():
    words = [format_cost(Cost(1)), format_cost(Cost(20, 20)), format_cost(Cost(2, 1)), format_cost(None)]
    assert words == ["1 forward pass", "20 forward + 20 backward passes", "2 forward + 1 backward passes", ""]


def test_cards_of_shown_explanations_stay(drawn_clip: staa.ActionClip, model: VideoModel):
    first = staa.explain(drawn_clip, model, progress=False)
    player = staa.Player(first)
    assert methods(player) == ["staa"]
    computed = player.compute("staa_logit", progress=False)
    assert computed.ground_truth
    assert methods(player) == ["staa", "staa_logit"]
    active_card = player._meta["card"]
    assert active_card == player._meta["cards"][1]["key"]
    player.compute("staa", progress=False)
    assert methods(player) == ["staa", "staa_logit"], "an explanation that is shown again keeps its position"
    assert player._meta["card"] == player._meta["cards"][0]["key"]
    player.compute(layers="mean", progress=False)
    assert [entry["about"] for entry in player._meta["cards"]][::2] == ["", "layers=mean"]
    player.show(staa.explain(drawn_clip, model, start=1.0, progress=False))
    assert methods(player) == ["staa"], "another range of the clip has another ground truth"
    player.show(staa.explain(drawn_clip.frames, model, progress=False))
    assert (methods(player), player._meta["ground_truth"], player._meta["card"]) == ([], None, None)


def test_a_player_takes_the_ground_truth_of_a_file(drawn_clip: staa.ActionClip, model: VideoModel, tmp_path: Path):
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


def test_a_loaded_explanation_gets_the_ground_truth_of_its_video(drawn_clip: staa.ActionClip, model: VideoModel):
    original = staa.explain(drawn_clip, model, progress=False)
    bare = Explanation.from_bytes(replace(original, ground_truth=None).to_bytes())
    assert methods(staa.Player(bare)) == []
    assert methods(staa.Player(bare, video=drawn_clip, model=model)) == ["staa"]


def test_the_payload_has_the_runs_of_all_frames():
    e = explanation_with_ground_truth(preview=None)
    meta, buffers = pack(e)
    assert meta["ground_truth"]["offsets"] == [0, 0, 2, 4, 4]
    assert meta["ground_truth"]["spans"] == [(1.25, 1.75)] or meta["ground_truth"]["spans"] == [[1.25, 1.75]]
    assert np.frombuffer(buffers["ground_truth"], "<i4").tolist() == [1, 3, 6, 7, 3, 5, 7, 8]
    without_truth, with_truth = (
        pack(replace(small_explanation(), ground_truth=None))[1]["ground_truth"],
        pack(small_explanation())[1]["ground_truth"],
    )
    assert (len(without_truth), len(with_truth)) == (0, 4 * 2 * 62)
