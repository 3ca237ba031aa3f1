"""Tables, parsed as any program would."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from staa_widgets import Comparison, Explanation
from staa_widgets.errors import ExportError
from staa_widgets.export.table import to_csv
from staa_widgets.render.style import Look, heat_of
from tests.helpers.barcodes import explanation


def read(path: Path) -> dict[str, list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def test_a_row_a_slice(tmp_path: Path):
    e = explanation()
    table = read(e.to_csv(tmp_path / "e.csv"))
    assert list(table) == ["slice", "start_s", "end_s", "share", "signed_share", "frames_seen"]
    assert table["slice"] == ["1", "2", "3", "4", "5", "6"]
    np.testing.assert_allclose(np.array([table["start_s"], table["end_s"]], float).T, e.spans, atol=1e-6)
    np.testing.assert_allclose(np.array(table["share"], float), e.temporal, atol=1e-6)
    assert table["signed_share"] == [""] * 6
    assert table["frames_seen"][0] == "102 106"


def test_signed_maps_have_a_signed_share(tmp_path: Path):
    e = explanation(signed=True)
    table = read(e.to_csv(tmp_path / "e.csv"))
    assert e.temporal_signed is not None
    np.testing.assert_allclose(np.array(table["signed_share"], float), e.temporal_signed, atol=1e-6)


def test_a_layer_can_be_written(tmp_path: Path):
    e, look = explanation(), Look(layer=1, head=0)
    table = read(e.to_csv(tmp_path / "e.csv", look))
    np.testing.assert_allclose(np.array(table["share"], float), heat_of(e, look).temporal, atol=1e-6)


def test_explanations_follow_each_other_by_name(tmp_path: Path):
    one, other = explanation(signed=True), later(explanation())
    for path in (to_csv({"a": one, 'odd, "b"': other}, tmp_path / "1.csv"), two(one, other).to_csv(tmp_path / "2.csv")):
        table = read(path)
        assert list(table) == ["name", "slice", "start_s", "end_s", "share", "signed_share", "frames_seen"]
        assert table["name"] == ["a"] * 6 + ['odd, "b"'] * 6
        assert table["slice"] == [*"123456"] * 2
        assert table["signed_share"][6:] == [""] * 6
        for name, wanted in {
            "start_s": [e.spans[:, 0] for e in (one, other)],
            "share": [one.temporal, other.temporal],
        }.items():
            np.testing.assert_allclose(np.array(table[name], float), np.concatenate(wanted), atol=1e-6)


def two(one: Explanation, other: Explanation) -> Comparison:
    return Comparison({"a": one, 'odd, "b"': other})


def later(e: Explanation) -> Explanation:
    return explanation(times=e.times + 1, spans=e.spans + 1, duration=e.duration + 1, preview=None)


def test_a_path_that_cannot_be_written_is_said(tmp_path: Path):
    with pytest.raises(ExportError, match="cannot be written") as caught:
        explanation().to_csv(tmp_path / "missing" / "e.csv")
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []
