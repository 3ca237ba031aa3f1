"""The table of export formats, and exports by the suffix of a file name."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from staa_widgets import Comparison
from staa_widgets.errors import ExportError, ParameterError
from staa_widgets.explanation.exports import EXPORT_FORMATS, FIGURE, FORMATS_BY_SUFFIX, PLAYER, find_format
from staa_widgets.render.style import HeatStyle
from staa_widgets.utils.by_name import import_by_name
from tests.helpers.barcodes import barcode_explanation

FAST: dict[str, dict[str, Any]] = {
    "mp4": {"chart": False, "progress": False, "end": 2.2},
    "gif": {"chart": False, "progress": False, "end": 2.2},
    "png": {"width": 400},
}
"""Options with which a format is written quickly."""


@pytest.mark.parametrize("name", [*(row.writer for row in EXPORT_FORMATS.values()), FIGURE, PLAYER])
def test_every_name_of_the_table_can_be_imported(name: str):
    assert callable(import_by_name(name))


def test_every_writer_takes_a_style():
    for row in EXPORT_FORMATS.values():
        assert "style" in inspect.signature(import_by_name(row.writer)).parameters


def test_suffixes_belong_to_one_format():
    assert len(FORMATS_BY_SUFFIX) == sum(len(row.suffixes) for row in EXPORT_FORMATS.values())
    assert find_format("a.b/Clip.HTM") is EXPORT_FORMATS["html"]


@pytest.mark.parametrize("name", EXPORT_FORMATS)
def test_export_writes_the_format_of_the_suffix(name: str, tmp_path: Path):
    e, row, style = barcode_explanation(), EXPORT_FORMATS[name], HeatStyle(colormap="viridis", layer=1)
    for suffix in row.suffixes:
        path = e.export(tmp_path / f"clip{suffix}", style, **FAST.get(name, {}))
        assert path == tmp_path / f"clip{suffix}"
        assert path.read_bytes() == row.to_bytes(e, style, **FAST.get(name, {}))
        assert path.read_bytes() != row.to_bytes(e, **FAST.get(name, {}))


@pytest.mark.parametrize("name", ["clip.avi", "clip", ".html", "clip.html "])
def test_an_unknown_suffix_is_refused_with_the_known_ones(name: str, tmp_path: Path):
    with pytest.raises(ExportError, match="not that of an export format") as caught:
        barcode_explanation().export(tmp_path / name)
    assert all(suffix in caught.value.hint for suffix in FORMATS_BY_SUFFIX)
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_is_exported_where_the_format_can_show_several(tmp_path: Path):
    one = barcode_explanation()
    comparison = Comparison.of(one, barcode_explanation(method="saliency", params={}))
    for row in EXPORT_FORMATS.values():
        target = tmp_path / f"both{row.suffixes[0]}"
        if row.single:
            with pytest.raises(ParameterError, match="holds one explanation, not 2"):
                comparison.export(target)
            assert row.to_bytes(Comparison.of(one), **FAST.get(row.name, {}))
        else:
            assert comparison.export(target, **FAST.get(row.name, {})).stat().st_size > 0
    with pytest.raises(ParameterError, match="no figure 'heads' of a comparison"):
        comparison.to_plotly("heads")
