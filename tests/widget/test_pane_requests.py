"""Panes that the page adds and closes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.errors import PlayerError
from staa_widgets.explanation.comparison import MAX_PANES
from staa_widgets.models import VideoModel
from tests.helpers.comm import Page, Pages, replace_comms, wait_for_worker


@pytest.fixture(autouse=True)
def pages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    yield replace_comms(monkeypatch)
    wait_for_worker()


@pytest.fixture
def player(video: Path, model: VideoModel) -> staa.Player:
    return staa.Player(staa.explain(video, model, method="staa_logit", target=3, progress=False), view="overlay")


@pytest.fixture
def front(player: staa.Player, pages: Pages) -> Page:
    return pages.page_of(player)


def request(front: Page, name: str, op: str, **args: Any) -> dict[str, Any]:
    front.send({"v": 2, "id": name, "op": op, "args": args})
    return front.wait_for_answer(name)


def test_the_pane_after_the_last_one_is_added(player: staa.Player, front: Page, model: VideoModel, video: Path) -> None:
    first, frame = player.explanation, player.frame
    answer = request(front, "a", "compute", method="rollout", pane=1)
    assert answer["ok"], answer
    assert [e.method for e in player.explanations] == ["staa_logit", "rollout"]
    assert player.explanations[0] is first
    direct = staa.explain(video, model, method="rollout", progress=False)
    np.testing.assert_array_equal(player.explanations[1].maps, direct.maps)
    # All panes are shown, and the new one is active; the clip stays where it was.
    assert (player.view, player.pane, player.method, player.frame) == ("auto", 1, "rollout", frame)
    assert [meta["method"] for meta in front.state["_others"]] == ["rollout"]
    # A further pane is computed from the active one, and can be changed like any other.
    assert request(front, "b", "compute", method="staa_logit", target=1, pane=2)["ok"]
    assert player.explanations[2].target == 1
    player.method = "attention_last"
    assert [e.method for e in player.explanations] == ["staa_logit", "rollout", "attention_last"]


def test_a_player_has_no_more_than_the_largest_number_of_panes(player: staa.Player, front: Page) -> None:
    methods = ["rollout", "attention_last", "uniform", "center"]
    answers = [request(front, name, "compute", method=name, pane=i) for i, name in enumerate(methods, 1)]
    assert [answer["ok"] for answer in answers] == [True, True, True, False]
    assert "4 panes" in answers[3]["error"]["message"]
    assert len(player.explanations) == MAX_PANES


def test_closing_panes_leaves_the_others(player: staa.Player, front: Page) -> None:
    first = player.explanation
    for i, name in enumerate(("rollout", "attention_last"), 1):
        request(front, name, "compute", method=name, pane=i)
    assert player.pane == 2
    assert request(front, "a", "close_pane", pane=1)["result"] == {"panes": 2}
    assert [e.method for e in player.explanations] == ["staa_logit", "attention_last"]
    assert (player.pane, player.method) == (1, "attention_last")
    last = player.explanation
    assert request(front, "b", "close_pane", pane=0)["ok"]
    assert player.explanations == (last,)
    assert (player.pane, player.method, front.state["_meta"]["method"]) == (0, "attention_last", "attention_last")
    refused = request(front, "c", "close_pane", pane=0)
    assert refused["error"]["type"] == "PlayerError"
    with pytest.raises(PlayerError, match="only one pane"):
        player.close_pane(0)
    player.show(first)
    assert player.explanation is first


def test_closing_the_first_of_two_clips_starts_the_other(player: staa.Player) -> None:
    clip = staa.action_clip(5, size=48, fps=8, seconds=2)
    second = staa.explain(clip, "bundled", progress=False)
    both = staa.Player([player.explanation, second], selection=(0.5, 1))
    both.close_pane(0)
    assert (both.explanation, both.selection) == (second, None)
    assert second.first_frame <= both.frame < second.first_frame + len(second.times)
