"""The player in Python: its arguments, its traits in both directions, and errors."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from IPython.core.formatters import IPythonDisplayFormatter, PlainTextFormatter
from traitlets import link

import staa_widgets as staa
from staa_widgets.errors import ExportError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.explanation.selection import Selection, select_range
from staa_widgets.methods import METHODS
from staa_widgets.widget.payload import is_class_specific, pack
from staa_widgets.widget.settings import SETTINGS
from tests.helpers.barcodes import FIRST, LAST, barcode_explanation
from tests.helpers.comm import PATIENCE, Pages
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.usefixtures("pages")

BULK = ("_frames", "_maps", "_times", "_temporal", "_attention", "_masks", "_ground_truth", "_colors")


def state_of(player: staa.Player) -> dict[str, Any]:
    """The traits of a player as its page has them."""
    return player.get_state()


# --- the payload of a page ---


def test_a_new_page_gets_the_whole_explanation(bars: Explanation, pages: Pages):
    player = staa.Player(bars, opacity=0.5)
    page = pages.page_of(player)
    meta, buffers = pack(bars)
    assert page.initial["_meta"] == meta
    assert {name: page.initial[name] for name in BULK} == {f"_{name}": data for name, data in buffers.items()}
    assert (page.initial["method"], page.initial["target"], page.initial["opacity"]) == ("staa", 2, 0.5)
    assert "export default" in page.initial["_esm"] or "as default" in page.initial["_esm"]
    assert ".staa-" in page.initial["_css"]
    assert page.updates == []


def test_a_player_opens_at_the_greatest_attribution(bars: Explanation, pages: Pages):
    """Slice 2 has the largest share and sampled frames 118 and 122."""
    player = staa.Player(bars)
    assert (player.frame, player.slice) == (122, 2)
    assert player.time == bars.times[22]
    assert pages.page_of(player).initial["frame"] == 122


def test_with_a_thinned_preview_a_player_opens_at_the_nearest_frame(bars: Explanation):
    assert bars.preview is not None
    thin = barcode_explanation(
        preview=type(bars.preview)(np.array([100, 121, 124]), bars.times[[0, 21, 24]], *picture_bytes(bars))
    )
    assert staa.Player(thin).frame == 121


def picture_bytes(e: Explanation) -> tuple[Any, ...]:
    assert e.preview is not None
    return e.preview.offsets[:4], e.preview.data[: e.preview.offsets[3]], e.preview.width, e.preview.height


def test_the_front_end_has_the_same_settings_and_defaults(bars: Explanation):
    source = (ROOT / "js" / "src" / "core" / "generated.ts").read_text("utf-8")
    declaration = re.search(r"DEFAULTS: Settings = \{(.*?)\}", source, re.DOTALL)
    assert declaration
    constants = {"null": None, "true": True, "false": False}
    defaults: dict[str, Any] = {}
    for line in declaration[1].strip().splitlines():
        name, value = line.strip().rstrip(",").split(": ")
        if value in constants:
            defaults[name] = constants[value]
        elif '"' in value:
            defaults[name] = value.strip('"')
        else:
            defaults[name] = float(value)
    player = staa.Player(bars)
    assert defaults.keys() == SETTINGS.keys()
    assert {name: getattr(player, name) for name in defaults} == {**defaults, "frame": 122}


def test_the_payload_lists_the_methods_and_which_are_class_specific(bars: Explanation):
    meta, _ = pack(bars)
    entries = {entry["name"]: entry for entry in meta["methods"]}
    assert entries.keys() == {name for name, method in METHODS.items() if not method.exploratory}
    for name, entry in entries.items():
        method = METHODS[name]
        assert (entry["class_specific"], entry["group"]) == (method.class_specific, method.group)
        assert entry["summary"]
        assert entry["cost"]
    assert [entries[name]["class_specific"] for name in ("staa", "staa_logit")] == [False, True]
    groups = [entry["group"] for entry in meta["methods"]]
    assert [*dict.fromkeys(groups)] == ["attention", "gradient", "perturbation", "control"]
    assert groups == sorted(groups, key=[*dict.fromkeys(groups)].index), "methods of a group are adjacent"
    assert meta["class_specific"] is False
    assert is_class_specific(barcode_explanation(method="staa_logit", params={"layers": "mean"}))
    assert is_class_specific(barcode_explanation(params={"weighting": "gradient"}))
    assert not is_class_specific(barcode_explanation(method="of another version"))
    assert is_class_specific(barcode_explanation(method="of another version", target=1))


def test_a_missing_bundle_is_an_export_error(bars: Explanation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("staa_widgets.widget.bundle.resources.files", lambda _: tmp_path)
    with pytest.raises(ExportError, match=r"widget\.js was not built"):
        staa.Player(bars)


# --- traits in both directions ---


def test_traits_set_in_python_reach_the_page(bars: Explanation, pages: Pages):
    player = staa.Player(bars)
    page = pages.page_of(player)
    player.frame, player.selection, player.opacity = 110, (2.5, 3), 0.25
    assert page.updates == [{"frame": 110}, {"selection": (2.5, 3.0)}, {"opacity": 0.25}]


def test_traits_set_in_the_page_reach_python(bars: Explanation, pages: Pages):
    player = staa.Player(bars)
    page = pages.page_of(player)
    changes: list[Any] = []
    player.observe(lambda change: changes.append((change["name"], change["new"])), ["frame", "selection", "playing"])
    page.set(frame=110)
    page.set(selection=[2.5, 3], playing=True)
    assert (player.frame, player.selection, player.playing, player.time) == (110, (2.5, 3.0), True, bars.times[10])
    assert changes == [("frame", 110), ("selection", (2.5, 3.0)), ("playing", True)]
    assert page.updates == []


def test_fast_changing_traits_are_not_echoed_to_the_page(
    bars: Explanation, pages: Pages, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ipywidgets.widgets.widget.JUPYTER_WIDGETS_ECHO", True)
    page = pages.page_of(staa.Player(bars))
    page.set(frame=110, selection=[2.5, 3], opacity=0.3, threshold=0.2)
    assert page.echoes == []
    page.set(colormap="magma", theme="dark")
    assert page.echoes == [{"colormap": "magma", "theme": "dark"}]


def test_invalid_values_from_a_page_are_reset_there(bars: Explanation, pages: Pages):
    player = staa.Player(bars)
    page = pages.page_of(player)
    page.set(frame=5, opacity=0.5, colormap="jet")
    assert (player.frame, player.opacity, player.colormap) == (122, 0.5, "inferno")
    assert page.updates == [{"frame": 122, "colormap": "inferno"}]


def test_a_page_can_set_nothing_but_settings_the_method_and_the_class(
    bars: Explanation, pages: Pages, monkeypatch: pytest.MonkeyPatch
):
    """In a shared notebook, `_esm` is a script that runs in the pages of other people."""
    monkeypatch.setattr("ipywidgets.widgets.widget.JUPYTER_WIDGETS_ECHO", True)
    player = staa.Player(bars)
    page = pages.page_of(player)
    foreign = [name for name in player.keys if name not in (*SETTINGS, "method", "target")]
    assert {"_esm", "_css", "_meta", "_frames", "_model_module", "_dom_classes", "layout"} <= {*foreign}
    before = {name: getattr(player, name) for name in foreign}
    evil: dict[str, Any] = dict.fromkeys((*foreign, "comm", "keys", "_service", "unknown"), "import('//evil')")
    for name, value in evil.items():
        page.set(**{name: value})
    page.set(**evil, theme="dark")
    assert {name: getattr(player, name) for name in foreign} == before
    assert player.theme == "dark"
    assert page.echoes == [{"theme": "dark"}]
    assert page.updates == []


def test_two_players_can_be_linked_by_traitlets(bars: Explanation):
    one, other = staa.Player(bars), staa.Player(bars)
    link((one, "frame"), (other, "frame"))
    one.frame = 111
    assert other.frame == 111
    other.frame = 112
    assert one.frame == 112


def test_selection_callbacks_get_seconds_frames_slices_and_share(bars: Explanation, pages: Pages):
    """Slices end at 2.32, 2.48, 2.64, 2.8 and 2.96 s; frames are alternately 20 and 60 ms apart."""
    player = staa.Player(bars)
    selections: list[Selection | None] = []
    player.on_select(selections.append)
    start, end = bars.spans[1, 0], float(bars.spans[2].mean())
    pages.page_of(player).set(selection=[start, end])
    first, last = np.flatnonzero((bars.times >= start) & (bars.times < end))[[0, -1]]
    (selection,) = selections
    assert selection is not None
    assert (selection.start, selection.end) == (start, end)
    assert (selection.frames, selection.slices) == (range(FIRST + first, FIRST + last + 1), range(1, 3))
    assert selection.share == pytest.approx(bars.temporal[1] + bars.temporal[2] / 2)
    player.selection = None
    assert selections[1:] == [None]
    player.on_select(selections.append, remove=True)
    player.selection = (bars.times[0], bars.end)
    assert len(selections) == 2
    whole_clip = select_range(bars, float(bars.times[0]), bars.end)
    assert (whole_clip.frames, whole_clip.slices) == (range(FIRST, LAST + 1), range(6))
    assert whole_clip.share == pytest.approx(1)


# --- showing another explanation ---


def test_another_explanation_of_the_clip_is_one_message_without_frames(bars: Explanation, pages: Pages):
    player = staa.Player(bars, frame=105, selection=(2.5, 3), opacity=0.4, layer=2, head=1)
    page = pages.page_of(player)
    other = barcode_explanation(maps=bars.maps[::-1], target=1, method="staa_logit", params={})
    player.show(other)
    assert player.explanation is other
    (update,) = page.updates
    assert update.keys() == {"_meta", "_maps", "_temporal", "method", "target"}
    assert (update["method"], update["target"]) == ("staa_logit", 1)
    assert (player.frame, player.selection, player.opacity, player.layer, player.head) == (105, (2.5, 3), 0.4, 2, 1)
    assert page.state == page.initial | state_of(player)


def test_observers_see_the_whole_change(bars: Explanation):
    player = staa.Player(bars)
    states: list[Any] = []
    player.observe(
        lambda _: states.append((player.method, player.target, player.explanation.target)), ["method", "target"]
    )
    player.show(barcode_explanation(target=1, method="staa_logit", params={}))
    assert states == [("staa_logit", 1, 1)] * 2


def test_another_clip_resets_frame_and_selection(bars: Explanation, pages: Pages):
    player = staa.Player(bars, frame=147, selection=(2.5, 3), opacity=0.4, layer=2, head=1)
    page = pages.page_of(player)
    later = barcode_explanation(first_frame=500, sampled_frames=bars.sampled_frames + 400, preview=None, attention=None)
    player.show(later)
    (update,) = page.updates
    assert update["frame"] == player.frame == 522
    assert (player.selection, player.layer, player.head, player.opacity) == (None, -1, -1, 0.4)
    assert update["_frames"] == b""
    assert (player.slice, player.time) == (2, bars.times[22])


# --- as a cell's value ---


def test_outside_a_kernel_an_explanation_is_shown_as_text(bars: Explanation, capsys: pytest.CaptureFixture[str]):
    for value in (bars, staa.Player(bars)):
        assert not IPythonDisplayFormatter()(value)
        assert "bars.mp4" in PlainTextFormatter()(value)
    assert capsys.readouterr().out == ""


def test_explaining_and_saving_imports_no_widget_library(tmp_path: Path):
    code = (
        "import sys, staa_widgets as staa\n"
        "e = staa.explain(staa.action_clip(0), cache=False, progress=False); repr(e)\n"
        "e.load(e.save(sys.argv[1])); e.to_bytes()\n"
        "print([name for name in ('anywidget', 'ipywidgets', 'IPython', 'traitlets') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "e.safetensors")]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"


# --- threads ---


def test_traits_set_by_several_threads_agree_with_the_page(bars: Explanation, pages: Pages):
    player = staa.Player(bars)
    page = pages.page_of(player)
    others = [bars, barcode_explanation(maps=bars.maps[::-1], target=1), barcode_explanation(attention=None, target=3)]
    errors: list[BaseException] = []

    def repeat(call: Any) -> None:
        try:
            for turn in range(60):
                call(turn)
        except BaseException as error:
            errors.append(error)

    def set_both(turn: int) -> None:
        player.frame = FIRST + turn % 40
        player.opacity = turn / 100

    calls = (
        lambda turn: player.show(others[turn % 3]),
        set_both,
        lambda turn: page.set(colormap=("magma", "viridis")[turn % 2]),
        lambda turn: setattr(player, "gamma", 1 + turn / 100),
    )
    threads = [threading.Thread(target=repeat, args=(call,)) for call in calls]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    finally:
        sys.setswitchinterval(interval)
    assert errors == []
    assert page.state == page.initial | state_of(player)
    assert (player.frame, player.opacity, player.gamma) == (FIRST + 19, 0.59, 1 + 59 / 100)
    assert player.explanation is others[2]
