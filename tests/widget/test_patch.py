"""Patch attention in a player: chosen from Python and from the page, left again, and refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.errors import PlayerError
from staa_widgets.models import VideoModel
from staa_widgets.widget.settings import SettingError
from tests.helpers.barcodes import barcode_explanation
from tests.helpers.comm import Page, Pages, replace_comms, wait_for_worker

PATCH = (1, 2, 0)


@pytest.fixture(autouse=True)
def pages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    yield replace_comms(monkeypatch)
    wait_for_worker()


@pytest.fixture
def player(video: Path, model: VideoModel) -> staa.Player:
    return staa.Player(staa.explain(video, model, method="staa_logit", target=3, layers="last", progress=False))


@pytest.fixture
def front(player: staa.Player, pages: Pages) -> Page:
    return pages.page_of(player)


def request(front: Page, patch: Any, name: str = "a") -> dict[str, Any]:
    args = {"method": "patch_attention", "params": {"patch": patch}, "pane": 0}
    front.send({"v": 2, "id": name, "op": "compute", "args": args})
    return front.wait_for_answer(name)


def test_python_sets_a_patch_and_returns_to_the_same_explanation(
    player: staa.Player, front: Page, model: VideoModel, video: Path
) -> None:
    before = player.explanation
    assert player.patch is None
    player.patch = list(PATCH)
    assert (player.patch, player.method) == (PATCH, "patch_attention")
    direct = staa.explain(video, model, method="patch_attention", patch=PATCH, progress=False)
    np.testing.assert_array_equal(player.explanation.maps, direct.maps)
    assert tuple(front.state["patch"]) == PATCH
    player.patch = (0, 0, 1)
    assert front.state["_meta"]["params"]["patch"] == [0, 0, 1]
    player.patch = None
    assert player.explanation is before
    assert (player.method, player.target) == ("staa_logit", 3)
    assert (front.state["patch"], front.state["_meta"]["method"]) == (None, "staa_logit")
    player.target = 1
    assert player.explanation.params["layers"] == "last", "the request of the explanation is restored as well"


def test_the_page_requests_a_patch_and_returns_by_the_trait(player: staa.Player, front: Page) -> None:
    before = player.explanation
    answer = request(front, list(PATCH))
    assert answer["ok"], answer
    assert (player.patch, tuple(front.state["patch"])) == (PATCH, PATCH)
    assert request(front, list(PATCH), "b")["result"]["cache"] == "hit"
    front.set(patch=None)
    assert player.explanation is before
    assert front.state["patch"] is None
    front.set(patch=[0, 1, 1])
    front.wait_until(lambda page: page.state["_meta"]["params"].get("patch") == [0, 1, 1])
    front.set(patch=None)
    assert player.explanation is before


@pytest.mark.parametrize("patch", [(9, 0, 0), (0, -1, 0), (0, 0), "abc", (0, 0, 0.5), 4, (True, 0, 0)])
def test_an_invalid_patch_is_refused_and_reset_in_the_page(player: staa.Player, front: Page, patch: Any) -> None:
    before = player.explanation
    with pytest.raises(SettingError, match=r"slices of 3 × 3 patches"):
        player.patch = patch
    front.set(patch=patch)
    assert (player.explanation, front.state["patch"]) == (before, None)


def test_a_request_for_a_patch_outside_the_grid_gets_an_error(player: staa.Player, front: Page) -> None:
    answer = request(front, [0, 7, 0])
    assert (answer["ok"], answer["error"]["type"]) == (False, "ParameterError")
    assert "outside the grid" in answer["error"]["message"]
    assert player.patch is None


def test_leaving_the_patch_of_a_new_player_computes_the_default_method(
    player: staa.Player, video: Path, model: VideoModel
) -> None:
    patch_player = staa.Player(staa.explain(video, model, method="patch_attention", patch=PATCH, progress=False))
    assert patch_player.patch == PATCH
    patch_player.patch = None
    assert patch_player.method == "staa"
    assert staa.Player(player.explanation, patch=PATCH).patch == PATCH


def test_each_pane_has_its_own_patch(player: staa.Player, video: Path, model: VideoModel) -> None:
    first, second = player.explanation, staa.explain(video, model, progress=False)
    two_panes = staa.Player([first, second])
    two_panes.pane = 1
    two_panes.patch = PATCH
    two_panes.pane = 0
    assert two_panes.patch is None
    two_panes.patch = (0, 0, 0)
    two_panes.pane = 1
    assert two_panes.patch == PATCH
    two_panes.patch = None
    assert two_panes.explanation is second
    two_panes.pane = 0
    assert two_panes.patch == (0, 0, 0)


def test_another_method_leaves_the_patch(player: staa.Player) -> None:
    player.patch = PATCH
    player.compute("staa")
    assert player.patch is None
    player.patch = None
    assert player.method == "staa"


def test_without_the_video_a_patch_is_refused() -> None:
    player = staa.Player(barcode_explanation())
    with pytest.raises(PlayerError, match="does not have the video"):
        player.patch = (0, 0, 0)
    assert player.patch is None


def test_patch_attention_is_not_listed_as_a_method_and_not_scored(player: staa.Player, pages: Pages) -> None:
    clip = staa.action_clip(3)
    model = staa.load_model()
    patch_player = staa.Player(staa.explain(clip, model, method="patch_attention", patch=(2, 1, 1), progress=False))
    meta = pages.page_of(patch_player).state["_meta"]
    assert "patch_attention" not in {method["name"] for method in meta["methods"]}
    assert (meta["ground_truth"] is None, meta["cards"], meta["card"]) == (False, [], None)
    assert tuple(meta["params"]["patch"]) == (2, 1, 1)
