"""Pages of a largest size: frames lose quality, maps do not, and what was lowered is said."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from staa_widgets import Comparison, Explanation
from staa_widgets.errors import ExportError, ParameterError, ReducedQualityWarning
from staa_widgets.widget.page import page_text
from tests.helpers.barcodes import FIRST, barcode_explanation, barcode_preview, draw_barcode
from tests.helpers.html_page import PageReader


def read_payload(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the meta and the buffers of a page."""
    page = PageReader(path.read_text("utf-8"))
    (meta,) = page.texts_of("script", **{"data-staa": "meta"})
    names = ("frames", "maps", "attention", "times", "temporal")
    return json.loads(meta), {
        name: base64.b64decode(page.texts_of("script", **{"data-staa": name})[0]) for name in names
    }


def mean_difference(picture: Image.Image, expected: NDArray[np.uint8]) -> float:
    shown = np.asarray(picture.convert("RGB").resize(expected.shape[1::-1])).astype(int)
    return float(np.abs(shown - expected)[:, :64].mean())


def frame_at(meta: dict[str, Any], frames: bytes, position: int) -> Image.Image:
    start, end = meta["pictures"]["offsets"][position : position + 2]
    return Image.open(io.BytesIO(frames[start:end]))


@pytest.fixture(scope="module")
def large() -> Explanation:
    e = barcode_explanation()
    return barcode_explanation(preview=barcode_preview(np.arange(FIRST, FIRST + 48), e.times, 640, 360))


def test_a_page_that_fits_is_the_same_as_without_a_limit(large: Explanation, tmp_path: Path):
    full = len(page_text(large).encode())
    path = large.to_html(tmp_path / "a.html", max_mb=full / 1e6)
    assert path.read_text("utf-8") == page_text(large)


@pytest.mark.parametrize("share", [0.9, 0.6, 0.4])
def test_frames_lose_quality_until_the_page_fits(large: Explanation, tmp_path: Path, share: float):
    limit = share * len(page_text(large).encode()) / 1e6
    with pytest.warns(ReducedQualityWarning, match=r"MB in place of .* JPEG quality") as caught:
        path = large.to_html(tmp_path / "a.html", max_mb=limit, opacity=0.4)
    assert Path(caught[0].filename).name == Path(__file__).name
    assert path.stat().st_size <= limit * 1e6
    meta, buffers = read_payload(path)
    whole_meta, whole = read_payload(large.to_html(tmp_path / "whole.html"))
    assert {name for name in whole if whole[name] != buffers[name]} == {"frames"}
    assert len(meta["pictures"]["offsets"]) == len(whole_meta["pictures"]["offsets"]) == 49
    assert meta["frames"] == whole_meta["frames"]
    details = dict(meta["run_details"])
    assert "JPEG quality" in details["frames of this page"]
    assert details["frames of this page"] in str(caught[0].message)
    for position in (0, 30):
        picture = frame_at(meta, buffers["frames"], position)
        assert list(picture.size) == meta["pictures"]["size"]
        errors = [mean_difference(picture, draw_barcode(FIRST + index, 640, 360)) for index in (position, position + 1)]
        assert errors[0] < 8 < errors[1]


def test_a_page_that_cannot_fit_is_refused_with_the_size_that_can(large: Explanation, tmp_path: Path):
    path = tmp_path / "a.html"
    with pytest.raises(ExportError, match=r"cannot fit into max_mb=0\.05") as caught:
        large.to_html(path, max_mb=0.05)
    assert not path.exists()
    assert caught.value.hint is not None
    reachable = float(caught.value.hint.split("max_mb=")[1].split()[0])
    with pytest.warns(ReducedQualityWarning):
        assert large.to_html(path, max_mb=reachable).stat().st_size <= reachable * 1e6
    with pytest.raises(ExportError, match="cannot fit"):
        barcode_explanation(preview=None).to_html(path, max_mb=0.001)


def test_panes_of_one_clip_share_their_smaller_frames(large: Explanation, tmp_path: Path):
    comparison = Comparison({"a": large, "b": large})
    limit = 0.6 * len(page_text(comparison).encode()) / 1e6
    with pytest.warns(ReducedQualityWarning):
        path = comparison.export(tmp_path / "a.html", max_mb=limit)
    assert path.stat().st_size <= limit * 1e6
    (others,) = PageReader(path.read_text("utf-8")).texts_of("script", **{"data-staa": "others"})
    assert "frames" not in json.loads(others)[0]["parts"]


@pytest.mark.parametrize("wrong", [0, -1, True, "5", float("nan"), float("inf")])
def test_a_limit_that_is_no_positive_number_is_refused(large: Explanation, tmp_path: Path, wrong: Any):
    with pytest.raises(ParameterError, match="max_mb is"):
        large.to_html(tmp_path / "a.html", max_mb=wrong)
