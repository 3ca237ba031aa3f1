"""Several explanations in one player: the payload, the traits of the active pane, and errors."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances

import staa_widgets as staa
from staa_widgets.errors import ParameterError, PlayerError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.widget.page import to_html
from staa_widgets.widget.panes import pack_panes, pack_traits
from staa_widgets.widget.settings import SettingError
from tests.helpers.barcodes import barcode_explanation


@pytest.fixture(scope="module")
def first() -> Explanation:
    return barcode_explanation()


def other(first: Explanation, **changes: Any) -> Explanation:
    return replace(first, **{"method": "other", "maps": first.maps[:, ::-1] + 1, "target": 1, **changes})


def test_a_pane_of_the_same_clip_repeats_no_frames(first: Explanation):
    second = other(first)
    payload = pack_panes([first, second])
    [meta] = payload["others"]
    assert "frames" not in meta["parts"]
    assert "colors" not in meta["parts"]
    start, end = meta["parts"]["maps"]
    maps = np.frombuffer(payload["more"][start:end], "<f2").reshape(second.maps.shape)
    np.testing.assert_allclose(maps * meta["scale"], second.maps, rtol=1e-3)
    assert len(payload["more"]) == sum(end - start for start, end in meta["parts"].values())


def test_a_pane_of_another_clip_has_its_own_frames(first: Explanation):
    payload = pack_panes([first, other(first, clip_sha256="ef" * 32)])
    start, end = payload["others"][0]["parts"]["frames"]
    assert payload["more"][start:end] == payload["frames"]


def test_the_payload_has_the_names_of_the_panes(first: Explanation):
    payload = pack_panes([first, other(first), other(first, target=first.target)])
    names = {
        "panes": ["STAA · jump", "other · clap", "other · jump"],
        "keys": ["staa · jump", "other · clap", "other · jump"],
        "pairs": [["STAA · jump", "other · clap"], ["clap", "jump"], ["other", "STAA"]],
    }
    assert [meta["names"] for meta in (payload["meta"], *payload["others"])] == [names] * 3
    assert pack_panes([first])["meta"]["names"]["panes"] == ["STAA"]


def test_panes_show_the_names_that_a_user_gave(first: Explanation):
    mine = staa.Comparison({"forwards": first, "other": other(first)})
    assert mine.titles() == {"forwards": "forwards", "other": "other · clap"}
    assert staa.Comparison({"staa of model one": first}).titles() == {"staa of model one": "staa of model one"}
    of_models = staa.Comparison.of(first, other(first, method="staa", model_id="org/vivit"))
    assert of_models.own_names() == ["", ""]
    assert staa.Comparison({"staa layers=last": first, "staa (2)": first}).own_names() == ["", ""]
    player = staa.Player(mine)
    assert player._meta["names"]["panes"] == ["forwards", "other · clap"]
    assert player._meta["names"]["pairs"] == [["forwards", "other · clap"], ["other · clap", "forwards"]]
    player.show(other(first, method="staa_logit"))
    assert player._meta["names"]["panes"][0] == "Class-specific STAA"


def test_traits_describe_the_active_pane(first: Explanation):
    second = other(first)
    player = staa.Player([first, second])
    assert (player.view, player.pane, player.method) == ("auto", 0, first.method)
    player.pane = 1
    assert (player.explanation, player.method, player.target) == (second, "other", 1)
    third = other(first, method="third")
    player.show(third)
    assert player.explanations == (first, third)
    player.pane = 0
    assert player.explanation is first
    assert staa.Player([first, second], view="overlay").view == "overlay"


def test_a_pane_of_another_clip_shows_the_same_second(first: Explanation):
    shift = float(np.ptp(first.times)) / 2
    later = other(
        first,
        clip_sha256="ef" * 32,
        times=first.times + shift,
        spans=first.spans + shift,
        end=first.end + shift,
    )
    player = staa.Player([first, later], pane=1)
    player.frame = first.first_frame
    assert player.slice == 0
    player.frame = first.first_frame + len(first.times) - 1
    at = int(np.searchsorted(later.times, first.times[-1], side="right")) - 1
    assert player.slice == later.slice_of_frame[at] < later.slice_of_frame[-1]


@pytest.mark.parametrize(("count", "message"), [(0, "Cannot show 0"), (5, "Cannot show 5")])
def test_a_player_has_one_to_four_panes(first: Explanation, count: int, message: str):
    with pytest.raises(ParameterError, match=message):
        staa.Player([first] * count)


def test_panes_must_be_explanations(first: Explanation):
    with pytest.raises(ParameterError, match="Cannot show str"):
        staa.Player([first, "clip.mp4"])  # pyright: ignore[reportArgumentType]
    player = staa.Player(first)
    with pytest.raises(SettingError, match="only pane 0"):
        player.pane = 1


def test_selection_callbacks_get_the_values_of_the_active_pane(first: Explanation):
    second = other(first, maps=first.maps[::-1])
    player = staa.Player([first, second])
    selections: list[Any] = []
    player.on_select(selections.append)
    start, end = map(float, first.spans[1])
    player.selection = (start, end)
    player.pane = 1
    player.selection = None
    player.selection = (start, end)
    assert [selection and selection.slices for selection in selections] == [range(1, 2), None, range(1, 2)]
    shares = [selection.share for selection in selections if selection]
    assert shares == [pytest.approx(first.temporal[1]), pytest.approx(second.temporal[1])]
    frames = first.first_frame + np.searchsorted(first.times, (start, end))
    assert [selection.frames for selection in selections if selection] == [range(*map(int, frames))] * 2


def test_a_comparison_is_shown_like_its_explanations(first: Explanation, tmp_path: Path):
    both = staa.Comparison.of(first, other(first))
    assert staa.Player(both).explanations == tuple(both.values())
    pages = [to_html(panes, tmp_path / "page.html").read_text("utf-8") for panes in (both, both.panes())]
    assert pages[0] == pages[1]


def test_two_threads_may_change_two_panes(first: Explanation, monkeypatch: pytest.MonkeyPatch):
    """The worker packs a computed pane while a cell shows an explanation in another one."""
    player, packing = staa.Player([first, other(first)]), threading.Event()

    def pack_slowly(*args: Any) -> Any:
        packing.set()
        time.sleep(0.1)
        return pack_traits(*args)

    monkeypatch.setattr("staa_widgets.widget.player.pack_traits", pack_slowly)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(player.show_result, other(first, method="computed"), None, 1)
        assert packing.wait(10)
        player.show(other(first, method="shown"))
        future.result(10)
    assert [e.method for e in player.explanations] == ["shown", "computed"]


def test_a_player_that_fails_to_open_leaves_no_widget(first: Explanation):
    before = set(_instances)
    with pytest.raises(PlayerError):
        staa.Player(first, patch=(0, 0, 0))
    assert set(_instances) == before
