"""Comparisons: their names, their files and pages, and one method with several parameters."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from staa_widgets import Comparison, compare
from staa_widgets.errors import FormatError, ParameterError
from staa_widgets.explanation.comparison import distinguishing_titles
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.models import VideoModel
from staa_widgets.storage.format import pack
from tests.helpers.barcodes import barcode_explanation
from tests.helpers.explanations import make_explanation


def make_comparison() -> Comparison:
    return Comparison.of(barcode_explanation(), barcode_explanation(method="motion_energy", params={}))


def test_a_comparison_is_an_immutable_mapping():
    comparison = make_comparison()
    assert list(comparison) == ["staa", "motion_energy"]
    assert comparison["staa"].method == "staa"
    assert len(comparison) == 2
    assert "staa" in comparison
    assert dict(comparison) == dict(comparison.items())
    with pytest.raises(TypeError):
        comparison["staa"] = comparison["motion_energy"]  # pyright: ignore[reportIndexIssue]
    with pytest.raises(AttributeError, match="cannot assign"):
        comparison.explanations = {}  # pyright: ignore[reportAttributeAccessIssue]
    assert repr(comparison).count("<Explanation of 'bars.mp4' by") == 2


def test_titles_are_names_with_the_titles_of_methods():
    pair = [barcode_explanation(target=1), barcode_explanation(target=2, method="motion_energy", params={})]
    assert distinguishing_titles(pair) == ["STAA · clap", "Motion energy · jump"]
    assert distinguishing_titles([pair[0], pair[0]]) == ["STAA", "STAA (2)"]
    assert list(Comparison.of(*pair)) == ["staa · clap", "motion_energy · jump"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([{}, {}], ["staa", "staa (2)"]),
        ([{}, {"target": 1}], ["jump", "clap"]),
        ([{}, {"model_id": "other"}], ["barcodes", "other"]),
        ([{"clip_name": "a.mp4"}, {"clip_name": "b.mp4"}], ["a.mp4", "b.mp4"]),
        ([{"end": 3.88}, {}], ["2.00–3.88 s", "2.00–3.90 s"]),
        ([{"params": {"layers": "last", "contrast": False}}, {}], ["layers=last", "layers=rollout"]),
        (
            [{"params": {"layers": "last"}}, {"params": {"layers": "mean"}}, {"method": "saliency", "params": {}}],
            ["staa · layers=last", "staa · layers=mean", "saliency"],
        ),
        ([{"model_id": "x", "target": 1}, {"model_id": "y"}], ["clap · x", "jump · y"]),
        (
            [{"params": {"layers": "last", "contrast": False}}, {"params": {"layers": [1, 2], "contrast": False}}],
            ["layers=last", "layers=[1, 2]"],
        ),
        (
            [{"method": "rollout", "params": {}}, {"model_id": "vivit"}, {"target": 1}],
            ["rollout · jump · barcodes", "staa · jump · vivit", "staa · clap · barcodes"],
        ),
        ([{"model_id": "org/vivit (drawn only)"}, {"model_id": "org/videomae"}], ["vivit", "videomae"]),
        ([{"model_id": "one/vivit"}, {"model_id": "another/vivit"}], ["one/vivit", "another/vivit"]),
        ([{"clip_name": "other.mp4"}, {"clip_name": ""}], ["other.mp4", "clip"]),
    ],
)
def test_names_state_the_differences_and_nothing_else(changes: list[dict[str, Any]], expected: list[str]):
    assert list(Comparison.of(*(barcode_explanation(**change) for change in changes))) == expected


def test_explanations_can_be_selected_in_any_order():
    assert list(make_comparison().only("motion_energy", "staa")) == ["motion_energy", "staa"]
    with pytest.raises(ParameterError, match="'staa', 'motion_energy'"):
        make_comparison().only("stab")


def test_more_than_four_are_allowed_and_not_shown(tmp_path: Path):
    many = Comparison.of(*(barcode_explanation(target=0, model_id=str(i)) for i in range(5)))
    assert list(many) == ["0", "1", "2", "3", "4"]
    assert len(many.only("0", "2", "3", "4").panes()) == 4
    for show in (many.panes, lambda: many.to_html(tmp_path / "page.html")):
        with pytest.raises(ParameterError, match="Cannot show 5 explanations") as caught:
            show()
        assert "only('0', '1')" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{}, [], "staa", {"a": 1}, {1: barcode_explanation()}])
def test_values_that_are_no_explanations_are_refused(wrong: Any):
    with pytest.raises(ParameterError):
        Comparison(wrong)


def test_of_refuses_values_that_are_no_explanations():
    for wrong in ([], [barcode_explanation(), "staa"]):
        with pytest.raises(ParameterError):
            Comparison.of(*wrong)


def are_equal(one: Explanation, other: Explanation) -> bool:
    return one.params == other.params and np.array_equal(one.maps, other.maps) and repr(one) == repr(other)


def test_a_comparison_can_be_saved_and_pickled(tmp_path: Path):
    comparison = make_comparison()
    for again in (Comparison.load(comparison.save(tmp_path / "both.staa")), pickle.loads(pickle.dumps(comparison))):
        assert list(again) == list(comparison)
        assert all(are_equal(again[name], comparison[name]) for name in comparison)
    broken = tmp_path / "broken.staa"
    broken.write_bytes((tmp_path / "both.staa").read_bytes()[:-9])
    for path in (broken, barcode_explanation().save(tmp_path / "one.staa")):
        with pytest.raises(FormatError):
            Comparison.load(path)


# --- compare ---


def test_one_method_with_several_parameters(video: Path, model: VideoModel, forwards: list[int]):
    methods = ["staa", ("staa", {"layers": "last"}), "motion_energy"]
    comparison = compare(video, model, methods, cache=False, preview=False)
    assert list(comparison) == ["staa", "staa layers=last", "motion_energy"]
    assert comparison["staa layers=last"].params["layers"] == "last"
    assert comparison["staa"].params["layers"] != "last"
    assert np.abs(comparison["staa"].maps - comparison["staa layers=last"].maps).max() > 0
    assert forwards == [1]


# --- display ---


def test_a_page_shows_all_explanations(tmp_path: Path):
    comparison = make_comparison()
    page = comparison.to_html(tmp_path / "both.html").read_text("utf-8")
    assert "<title>bars.mp4 · jump · staa | jump · motion_energy</title>" in page


def test_a_player_is_shown_in_a_kernel_only(monkeypatch: pytest.MonkeyPatch):
    comparison, players = make_comparison(), []
    with pytest.raises(NotImplementedError):
        comparison._ipython_display_()
    monkeypatch.setattr("staa_widgets.utils.environment.in_kernel", lambda: True)
    monkeypatch.setattr("staa_widgets.widget.player.Player._ipython_display_", lambda player: players.append(player))
    comparison._ipython_display_()
    assert [e.method for e in players[0].explanations] == ["staa", "motion_energy"]
    with pytest.raises(ParameterError, match="Cannot show"):
        Comparison.of(*(barcode_explanation(model_id=str(i)) for i in range(5)))._ipython_display_()


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({}, {}),
        ({"names": 5}, {}),
        ({"names": ["a"]}, {}),
        ({"names": []}, {}),
        ({"names": [1]}, {"0": "sound"}),
        ({"names": ["a"]}, {"0": "damaged"}),
        ({"names": ["a", "b"]}, {"0": "sound"}),
    ],
)
def test_a_file_that_is_no_sound_comparison_is_refused(values: dict[str, Any], parts: dict[str, str], tmp_path: Path):
    data = {"sound": make_explanation().to_bytes(), "damaged": b"damaged"}
    arrays = {name: np.frombuffer(data[part], np.uint8) for name, part in parts.items()}
    path = tmp_path / "two.safetensors"
    path.write_bytes(pack("comparison", values, arrays))
    with pytest.raises(FormatError, match=r"^two\.safetensors: "):
        Comparison.load(path)
