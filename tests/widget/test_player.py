"""The player in Python: what it takes, what it refuses, and what reaches the page."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from IPython.core.formatters import IPythonDisplayFormatter, PlainTextFormatter
from traitlets import TraitError, link

import staa_widgets as staa
from staa_widgets.engine.request import request_of
from staa_widgets.errors import ExportError, ParameterError, PlayerError, UnknownMethodError, UnsupportedRequestError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.explanation.selection import Selection, select_range
from staa_widgets.methods import METHODS
from staa_widgets.models import VideoModel
from staa_widgets.render.colormaps import COLORMAPS
from staa_widgets.widget.payload import is_class_specific, pack
from staa_widgets.widget.settings import SETTINGS
from tests.helpers.barcodes import FIRST, LAST, barcode_explanation
from tests.helpers.comm import PATIENCE, Pages, replace_comms
from tests.helpers.paths import ROOT
from tests.helpers.timesformers import tiny_timesformer

BULK = ("_frames", "_maps", "_times", "_temporal", "_attention", "_ground_truth", "_colors")


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pages:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    return replace_comms(monkeypatch)


@pytest.fixture(scope="module")
def bars() -> Explanation:
    return barcode_explanation()


def state_of(player: staa.Player) -> dict[str, Any]:
    """The player's traits as a page holds them."""
    return player.get_state()


def without_request(e: Explanation) -> Explanation:
    return Explanation.from_bytes(e.to_bytes())


# --- what a page is given ---


def test_a_page_gets_the_whole_explanation_when_the_player_is_made(bars: Explanation, pages: Pages):
    player = staa.Player(bars, opacity=0.5)
    page = pages.page_of(player)
    meta, buffers = pack(bars)
    assert page.initial["_meta"] == meta
    assert {name: page.initial[name] for name in BULK} == {f"_{name}": data for name, data in buffers.items()}
    assert (page.initial["method"], page.initial["target"], page.initial["opacity"]) == ("staa", 2, 0.5)
    assert "export default" in page.initial["_esm"] or "as default" in page.initial["_esm"]
    assert ".staa-" in page.initial["_css"]
    assert page.updates == []


def test_the_moment_of_greatest_attribution_comes_first(bars: Explanation, pages: Pages):
    """Slice 2 weighs most and saw source frames 118 and 122."""
    player = staa.Player(bars)
    assert (player.frame, player.slice) == (122, 2)
    assert player.time == bars.times[22]
    assert pages.page_of(player).initial["frame"] == 122


def test_where_pictures_were_thinned_out_the_nearest_one_comes_first(bars: Explanation):
    assert bars.preview is not None
    thin = barcode_explanation(
        preview=type(bars.preview)(np.array([100, 121, 124]), bars.times[[0, 21, 24]], *picture_bytes(bars))
    )
    assert staa.Player(thin).frame == 121


def picture_bytes(e: Explanation) -> tuple[Any, ...]:
    assert e.preview is not None
    return e.preview.offsets[:4], e.preview.data[: e.preview.offsets[3]], e.preview.width, e.preview.height


def test_the_settings_are_those_of_the_front_end(bars: Explanation):
    source = (ROOT / "js" / "src" / "state.ts").read_text("utf-8")
    found = re.search(r"DEFAULTS: Traits = \{(.*?)\}", source, re.DOTALL)
    assert found
    words = {"null": None, "true": True, "false": False}
    defaults = {}
    for line in found[1].strip().splitlines():
        name, value = line.strip().rstrip(",").split(": ")
        defaults[name] = words[value] if value in words else value.strip('"') if '"' in value else float(value)
    player = staa.Player(bars)
    assert defaults.keys() == SETTINGS.keys()
    assert {name: getattr(player, name) for name in defaults} == {**defaults, "frame": 122}


def test_the_payload_lists_the_methods_and_says_whether_the_class_matters(bars: Explanation):
    meta, _ = pack(bars)
    told = {entry["name"]: entry for entry in meta["methods"]}
    assert told.keys() == {name for name, method in METHODS.items() if not method.exploratory}
    for name, entry in told.items():
        method = METHODS[name]
        assert (entry["class_specific"], entry["group"]) == (method.class_specific, method.group)
        assert entry["summary"]
        assert entry["cost"]
    assert [told[name]["class_specific"] for name in ("staa", "staa_logit")] == [False, True]
    groups = [entry["group"] for entry in meta["methods"]]
    assert [*dict.fromkeys(groups)] == ["attention", "gradient", "perturbation", "control"]
    assert groups == sorted(groups, key=[*dict.fromkeys(groups)].index), "those of one group stand together"
    assert meta["class_specific"] is False
    assert is_class_specific(barcode_explanation(method="staa_logit", params={"layers": "mean"}))
    assert is_class_specific(barcode_explanation(params={"weighting": "gradient"}))
    assert not is_class_specific(barcode_explanation(method="of another version"))
    assert is_class_specific(barcode_explanation(method="of another version", target=1))


def test_a_player_that_was_not_built_is_said(bars: Explanation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("staa_widgets.widget.bundle.resources.files", lambda _: tmp_path)
    with pytest.raises(ExportError, match=r"widget\.js was not built"):
        staa.Player(bars)


# --- settings ---


@pytest.mark.parametrize(
    ("name", "good", "bad", "hint"),
    [
        ("frame", [FIRST, LAST, np.int64(110)], [FIRST - 1, LAST + 1, 110.0, True, None, "110"], ""),
        ("playing", [True, False], [2, None, "yes"], "True or False"),
        ("rate", [0.1, 1, 4], [0, -1, 100, float("nan"), "fast"], ""),
        ("loop", [False], ["no"], "True or False"),
        ("layer", [-1, 0, 2], [-2, 3, 1.5], "2"),
        ("head", [-1, 0, 1], [2], "1"),
        ("colormap", [*(set(COLORMAPS) - {"diverging"})], ["jet", "diverging", None], "cividis"),
        ("colormap", ["magma"], ["magna"], "magma"),
        ("opacity", [0, 1, 0.3, np.float32(0.5)], [-0.1, 1.1, None, "1", True], "0 to 1"),
        ("threshold", [0, 1], [2], "0 to 1"),
        ("gamma", [0.25, 4], [0, -1], ""),
        ("normalize", ["clip", "frame"], ["slice"], "clip, frame"),
        ("interpolation", ["nearest", "linear"], ["bilinear"], "linear"),
        ("time_interpolation", ["hold", "linear"], ["line"], "linear"),
        ("view", ["overlay", "side", "wipe", "difference", "grid"], ["split"], ""),
        ("dim_outside", [True], [0.5], "True or False"),
        ("selection", [None, (2.5, 3), [2, 2.1]], [(3, 2.5), (3,), 3, "23", (2.5, None), (10, 20)], ""),
        ("theme", ["auto", "light", "dark"], ["darc"], "dark"),
        ("height", [0, 300], [-1, 0.5], ""),
    ],
)
def test_settings_are_checked(name: str, good: list[Any], bad: list[Any], hint: str, bars: Explanation):
    player = staa.Player(bars)
    kept = getattr(player, name)
    for value in good:
        setattr(player, name, value)
        kept = getattr(player, name)
        assert kept == pytest.approx(tuple(value) if isinstance(value, list) else value)
        assert type(kept) in (int, float, bool, str, tuple, type(None))
    for value in bad:
        with pytest.raises(ParameterError, match=f"^{name} is ") as refused:
            setattr(player, name, value)
        assert isinstance(refused.value, TraitError)
        assert refused.value.hint
        assert hint in refused.value.hint
        assert getattr(player, name) == kept
        with pytest.raises(ParameterError):
            staa.Player(bars, **{name: value})


def test_a_selection_beyond_the_clip_ends_with_it(bars: Explanation):
    player = staa.Player(bars, selection=(3, 100))
    assert player.selection == (3, bars.spans[-1, 1])


def test_names_that_are_not_there_are_told_apart(bars: Explanation):
    with pytest.raises(TypeError, match="no setting 'opactiy'; did you mean 'opacity'"):
        staa.Player(bars, opactiy=0.5)
    with pytest.raises(TypeError, match=r"no setting 'xyz'; there are .*frame"):
        staa.Player(bars, xyz=1)
    with pytest.raises(AttributeError, match="did you mean 'threshold'"):
        staa.Player(bars).treshold = 0.5  # pyright: ignore[reportAttributeAccessIssue]


def test_slice_and_time_follow_the_frame_and_cannot_be_set(bars: Explanation):
    player = staa.Player(bars)
    told: list[tuple[str, Any]] = []
    player.observe(lambda change: told.append((change["name"], change["new"])), ["slice", "time"])
    player.frame = FIRST
    assert (player.slice, player.time) == (0, 2.0)
    assert sorted(told) == [("slice", 0), ("time", 2.0)]
    for name in ("slice", "time"):
        with pytest.raises(TraitError, match="read-only"):
            setattr(player, name, 1)


# --- both ways ---


def test_what_python_sets_reaches_the_page(bars: Explanation, pages: Pages):
    player = staa.Player(bars)
    page = pages.page_of(player)
    player.frame, player.selection, player.opacity = 110, (2.5, 3), 0.25
    assert page.updates == [{"frame": 110}, {"selection": (2.5, 3.0)}, {"opacity": 0.25}]


def test_what_the_page_sets_reaches_python(bars: Explanation, pages: Pages):
    player = staa.Player(bars)
    page = pages.page_of(player)
    seen: list[Any] = []
    player.observe(lambda change: seen.append((change["name"], change["new"])), ["frame", "selection", "playing"])
    page.set(frame=110)
    page.set(selection=[2.5, 3], playing=True)
    assert (player.frame, player.selection, player.playing, player.time) == (110, (2.5, 3.0), True, bars.times[10])
    assert seen == [("frame", 110), ("selection", (2.5, 3.0)), ("playing", True)]
    assert page.updates == []


def test_what_moves_often_is_not_sent_back_to_the_page(
    bars: Explanation, pages: Pages, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ipywidgets.widgets.widget.JUPYTER_WIDGETS_ECHO", True)
    page = pages.page_of(staa.Player(bars))
    page.set(frame=110, selection=[2.5, 3], opacity=0.3, threshold=0.2)
    assert page.echoes == []
    page.set(colormap="magma", theme="dark")
    assert page.echoes == [{"colormap": "magma", "theme": "dark"}]


def test_what_a_page_sets_wrongly_is_put_right_there(bars: Explanation, pages: Pages):
    player = staa.Player(bars)
    page = pages.page_of(player)
    page.set(frame=5, opacity=0.5, colormap="jet")
    assert (player.frame, player.opacity, player.colormap) == (122, 0.5, "inferno")
    assert page.updates == [{"frame": 122, "colormap": "inferno"}]


def test_two_players_are_linked_as_any_widgets(bars: Explanation):
    one, other = staa.Player(bars), staa.Player(bars)
    link((one, "frame"), (other, "frame"))
    one.frame = 111
    assert other.frame == 111
    other.frame = 112
    assert one.frame == 112


def test_a_selection_is_told_in_the_words_of_the_clip(bars: Explanation, pages: Pages):
    """Slices end at 2.32, 2.48, 2.64, 2.8 and 2.96 s, after hand; frames are 20 and 60 ms apart in turn."""
    player = staa.Player(bars)
    told: list[Selection | None] = []
    player.on_select(told.append)
    start, end = bars.spans[1, 0], float(bars.spans[2].mean())
    pages.page_of(player).set(selection=[start, end])
    first, last = np.flatnonzero((bars.times >= start) & (bars.times < end))[[0, -1]]
    (found,) = told
    assert found is not None
    assert (found.start, found.end) == (start, end)
    assert (found.frames, found.slices) == (range(FIRST + first, FIRST + last + 1), range(1, 3))
    assert found.share == pytest.approx(bars.temporal[1] + bars.temporal[2] / 2)
    player.selection = None
    assert told[1:] == [None]
    player.on_select(told.append, remove=True)
    player.selection = (bars.times[0], bars.end)
    assert len(told) == 2
    everything = select_range(bars, float(bars.times[0]), bars.end)
    assert (everything.frames, everything.slices) == (range(FIRST, LAST + 1), range(6))
    assert everything.share == pytest.approx(1)


# --- showing something else ---


def test_another_explanation_of_the_clip_comes_in_one_message_without_pictures(bars: Explanation, pages: Pages):
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
    seen: list[Any] = []
    player.observe(
        lambda _: seen.append((player.method, player.target, player.explanation.target)), ["method", "target"]
    )
    player.show(barcode_explanation(target=1, method="staa_logit", params={}))
    assert seen == [("staa_logit", 1, 1)] * 2


def test_another_clip_starts_anew_where_its_frames_differ(bars: Explanation, pages: Pages):
    player = staa.Player(bars, frame=147, selection=(2.5, 3), opacity=0.4, layer=2, head=1)
    page = pages.page_of(player)
    later = barcode_explanation(first_frame=500, sampled_frames=bars.sampled_frames + 400, preview=None, attention=None)
    player.show(later)
    (update,) = page.updates
    assert update["frame"] == player.frame == 522
    assert (player.selection, player.layer, player.head, player.opacity) == (None, -1, -1, 0.4)
    assert update["_frames"] == b""
    assert (player.slice, player.time) == (2, bars.times[22])


# --- computing ---


def test_method_and_class_are_computed_when_they_are_set(video: Path, model: VideoModel, pages: Pages):
    first = staa.explain(video, model)
    player = staa.Player(first)
    page = pages.page_of(player)
    player.method = "staa_logit"
    assert (player.method, player.target, player.explanation.method) == ("staa_logit", first.target, "staa_logit")
    assert len(page.updates) == 1
    assert "_frames" not in page.updates[0]
    wanted = (first.target + 1) % 5
    player.target = f"LABEL_{wanted}"  # pyright: ignore[reportAttributeAccessIssue]
    assert (player.target, player.explanation.target) == (wanted, wanted)
    direct = staa.explain(video, model, "staa_logit", target=wanted)
    np.testing.assert_array_equal(player.explanation.maps, direct.maps)
    assert base64.b64encode(page.state["_maps"]) == base64.b64encode(pack(direct)[1]["maps"])
    player.method = "staa"
    assert player.target == first.target
    player.method = "staa_logit"
    assert player.target == wanted, "the class that was asked for comes back with a method that depends on it"


def test_a_misspelled_keyword_of_compute_is_told_the_nearest(video: Path, model: VideoModel):
    player = staa.Player(staa.explain(video, model, preview=False))
    with pytest.raises(ParameterError, match=r"^compute\(\) has no keyword 'targt'\. Did you mean 'target'\?"):
        player.compute(targt=1)
    with pytest.raises(ParameterError, match=r"Did you mean 'layers'\?"):
        player.compute(layer="last")
    assert player.explanation.method == "staa"


def test_compute_returns_and_keeps_parameters_of_the_same_method(video: Path, model: VideoModel):
    player = staa.Player(staa.explain(video, model))
    told: list[str] = []
    found = player.compute(layers="mean", progress=lambda step, *_: told.append(step))
    assert player.explanation is found
    assert found.params["layers"] == "mean"
    assert player.compute(contrast=False).params["layers"] == "mean"
    assert player.compute("staa_logit").params["layers"] == METHODS["staa_logit"].defaults["layers"]
    assert player.compute().method == "staa_logit"
    assert told
    assert staa.Player(found).hello()["computes"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda player: setattr(player, "method", "staa_logits"), UnknownMethodError),
        (lambda player: setattr(player, "method", None), ParameterError),
        (lambda player: setattr(player, "target", "nobody"), ParameterError),
        (lambda player: setattr(player, "target", 77), ParameterError),
        (lambda player: setattr(player, "target", (player.target + 1) % 5), UnsupportedRequestError),
        (lambda player: player.compute(layer="mean"), ParameterError),
        (lambda player: player.compute("staa_logit", progress=interrupt), KeyboardInterrupt),
    ],
)
def test_what_fails_leaves_the_player_as_it_was(
    change: Any, error: type[BaseException], video: Path, model: VideoModel, pages: Pages
):
    first = staa.explain(video, model)
    player = staa.Player(first)
    before = state_of(player)
    with pytest.raises(error):
        change(player)
    assert player.explanation is first
    assert state_of(player) == before
    assert pages.page_of(player).updates == []
    player.target = player.target
    player.method = "staa_logit"
    assert player.explanation.method == "staa_logit"


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_without_video_and_model_nothing_can_be_computed_and_that_is_said(video: Path, model: VideoModel):
    loaded = without_request(staa.explain(video, model))
    player = staa.Player(loaded)
    for change in (lambda: setattr(player, "method", "staa_logit"), player.compute):
        with pytest.raises(PlayerError) as refused:
            change()
        assert "staa.Player(explanation, video=" in refused.value.hint
    assert player.method == "staa"


def test_a_loaded_explanation_can_be_given_its_video_and_model_again(video: Path, model: VideoModel):
    least = int(staa.explain(video, model, start=1, end=3).logits.argmin())
    made = staa.explain(video, model, "staa_logit", target=least, start=1, end=3, layers="mean")
    player = staa.Player(without_request(made), video=video, model=model)
    again = player.compute()
    np.testing.assert_array_equal(again.maps, made.maps)
    assert (again.target, again.params, again.provenance["cache"]) == (least, made.params, "hit")
    assert player.compute("staa").first_frame == 8


def test_a_question_or_video_and_model_are_given_whole(video: Path, model: VideoModel, bars: Explanation):
    made = staa.explain(video, model)
    player = staa.Player(without_request(made), request=request_of(made))
    assert player.compute("staa_logit").method == "staa_logit"
    with pytest.raises(ParameterError, match="another clip or model"):
        staa.Player(bars, request=request_of(made))
    with pytest.raises(ParameterError, match="without its video"):
        staa.Player(without_request(made), model=model)


def test_another_video_or_model_is_refused(video: Path, model: VideoModel, tmp_path: Path):
    loaded = without_request(staa.explain(video, model))
    other = staa.action_clip(4, size=48, fps=8).write_mp4(tmp_path / "other.mp4")
    with pytest.raises(ParameterError, match="another video"):
        staa.Player(loaded, video=other, model=model)
    grown = staa.load_model(tiny_timesformer(num_labels=7), processor=model.transform)
    with pytest.raises(ParameterError, match="another model"):
        staa.Player(loaded, video=video, model=grown)


def test_a_loaded_explanation_of_the_same_clip_takes_over_the_question(video: Path, model: VideoModel):
    first = staa.explain(video, model)
    player = staa.Player(first)
    player.show(without_request(staa.explain(video, model, "staa_logit", target=4, layers="mean")))
    assert (player.method, player.target) == ("staa_logit", 4)
    assert player.compute(contrast=False).target == 4
    player.show(without_request(staa.explain(video, model, start=1)))
    assert not player.hello()["computes"]


# --- as a cell's value ---


def test_outside_a_kernel_an_explanation_stays_words(bars: Explanation, capsys: pytest.CaptureFixture[str]):
    for value in (bars, staa.Player(bars)):
        assert not IPythonDisplayFormatter()(value)
        assert "bars.mp4" in PlainTextFormatter()(value)
    assert capsys.readouterr().out == ""


def test_plain_use_loads_no_widgets(tmp_path: Path):
    code = (
        "import sys, staa_widgets as staa\n"
        "e = staa.explain(staa.action_clip(0), cache=False, progress=False); repr(e)\n"
        "e.load(e.save(sys.argv[1])); e.to_bytes()\n"
        "print([name for name in ('anywidget', 'ipywidgets', 'IPython', 'traitlets') if name in sys.modules])"
    )
    told = [sys.executable, "-c", code, str(tmp_path / "e.safetensors")]
    run = subprocess.run(told, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


# --- threads ---


def test_traits_set_by_several_threads_agree_with_the_page(bars: Explanation, pages: Pages):
    player = staa.Player(bars)
    page = pages.page_of(player)
    others = [bars, barcode_explanation(maps=bars.maps[::-1], target=1), barcode_explanation(attention=None, target=3)]
    failed: list[BaseException] = []

    def repeat(call: Any) -> None:
        try:
            for turn in range(60):
                call(turn)
        except BaseException as error:
            failed.append(error)

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
    assert failed == []
    assert page.state == page.initial | state_of(player)
    assert (player.frame, player.opacity, player.gamma) == (FIRST + 19, 0.59, 1 + 59 / 100)
    assert player.explanation is others[2]
