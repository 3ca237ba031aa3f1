"""Tables, read back by Python's csv module."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from staa_widgets import Comparison, Explanation, open_clip
from staa_widgets.errors import ExportError
from staa_widgets.export.table import to_csv
from staa_widgets.render.heat import compute_heat
from staa_widgets.render.style import HeatStyle
from tests.helpers.barcodes import barcode_explanation


def read_columns(path: Path) -> dict[str, list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def test_each_slice_has_a_row(tmp_path: Path):
    e = barcode_explanation()
    table = read_columns(e.to_csv(tmp_path / "e.csv"))
    assert list(table) == ["method", "slice", "start_s", "end_s", "share", "signed_share", "frames_seen"]
    assert table["method"] == [e.method] * 6
    assert table["slice"] == ["1", "2", "3", "4", "5", "6"]
    np.testing.assert_allclose(np.array([table["start_s"], table["end_s"]], float).T, e.spans, atol=1e-6)
    np.testing.assert_allclose(np.array(table["share"], float), e.temporal, atol=1e-6)
    assert table["signed_share"] == [""] * 6
    assert table["frames_seen"][0] == "102 106"


def test_signed_maps_have_a_signed_share(tmp_path: Path):
    e = barcode_explanation(signed=True)
    table = read_columns(e.to_csv(tmp_path / "e.csv"))
    assert e.temporal_signed is not None
    np.testing.assert_allclose(np.array(table["signed_share"], float), e.temporal_signed, atol=1e-6)


def test_a_layer_can_be_written(tmp_path: Path):
    e, style = barcode_explanation(), HeatStyle(layer=1, head=0)
    table = read_columns(e.to_csv(tmp_path / "e.csv", style))
    np.testing.assert_allclose(np.array(table["share"], float), compute_heat(e, style).temporal, atol=1e-6)


def test_explanations_follow_each_other_by_name(tmp_path: Path):
    one, other = barcode_explanation(signed=True), shift_times(barcode_explanation())
    for path in (
        to_csv({"a": one, 'odd, "b"': other}, tmp_path / "1.csv"),
        make_comparison(one, other).to_csv(tmp_path / "2.csv"),
    ):
        table = read_columns(path)
        assert list(table) == ["name", "method", "slice", "start_s", "end_s", "share", "signed_share", "frames_seen"]
        assert table["name"] == ["a"] * 6 + ['odd, "b"'] * 6
        assert table["slice"] == [*"123456"] * 2
        assert table["signed_share"][6:] == [""] * 6
        for name, columns in {
            "start_s": [e.spans[:, 0] for e in (one, other)],
            "share": [one.temporal, other.temporal],
        }.items():
            np.testing.assert_allclose(np.array(table[name], float), np.concatenate(columns), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "column"),
    [("gaze", "own maps: gaze"), ("", "own maps"), ('=1, "b"', 'own maps: =1, "b"'), ("Blick ü", "own maps: Blick ü")],
)
def test_maps_of_another_tool_are_named_in_every_row(name: str, column: str, tmp_path: Path):
    clip = open_clip(np.zeros((8, 24, 32, 3), np.uint8), fps=4)
    e = Explanation.from_arrays(clip, np.ones((4, 3, 4)), name=name)
    assert read_columns(e.to_csv(tmp_path / "e.csv"))["method"] == [column] * 4
    compared = read_columns(Comparison({"mine": e}).to_csv(tmp_path / "c.csv"))
    assert compared["name"] == ["mine"] * 4
    assert compared["method"] == [column] * 4


def test_the_attention_of_a_layer_is_not_named_as_the_method(tmp_path: Path):
    e = barcode_explanation()
    table = read_columns(e.to_csv(tmp_path / "e.csv", HeatStyle(layer=1, head=0)))
    assert set(table["method"]) == {"attention of layer 2, head 1"}


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"])
def test_a_name_is_never_a_formula(name: str, tmp_path: Path):
    table = read_columns(to_csv({name: barcode_explanation()}, tmp_path / "e.csv"))
    assert set(table["name"]) == {f"'{name}"}


def make_comparison(one: Explanation, other: Explanation) -> Comparison:
    return Comparison({"a": one, 'odd, "b"': other})


def shift_times(e: Explanation) -> Explanation:
    return barcode_explanation(times=e.times + 1, spans=e.spans + 1, end=e.end + 1, preview=None)


def test_a_path_that_cannot_be_written_is_refused_with_a_hint(tmp_path: Path):
    with pytest.raises(ExportError, match="cannot be written") as caught:
        barcode_explanation().to_csv(tmp_path / "missing" / "e.csv")
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []
