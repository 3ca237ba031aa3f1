"""The exported page: one file without external links, with all user text escaped."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import ExportError, ParameterError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.methods import METHODS
from staa_widgets.widget import bundle
from staa_widgets.widget.page import page_text, to_html
from staa_widgets.widget.payload import pack
from staa_widgets.widget.settings import SettingError
from tests.helpers.barcodes import barcode_explanation
from tests.helpers.explanations import HOSTILE, small_explanation
from tests.helpers.html_page import PageReader
from tests.helpers.paths import JS_SOURCE, PROTOCOL


def test_to_html_returns_the_path_and_replaces_in_one_step(bars: Explanation, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("old")
    assert to_html(bars, str(target)) == target
    assert target.read_text("utf-8") == page_text(bars)
    assert list(tmp_path.iterdir()) == [target]
    assert bars.to_html(target) == target


@pytest.mark.parametrize("where", ["missing/page.html", "."])
def test_an_unwritable_path_is_an_export_error(bars: Explanation, tmp_path: Path, where: str) -> None:
    with pytest.raises(ExportError, match="cannot be written") as caught:
        to_html(bars, tmp_path / where)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_missing_bundle_is_an_export_error(
    bars: Explanation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bundle.resources, "files", lambda _: tmp_path)
    with pytest.raises(ExportError, match=r"page\.js was not built"):
        page_text(bars)


def test_page_has_no_external_links(bars: Explanation) -> None:
    page = PageReader(page_text(bars))
    link_attributes = ("src", "href", "srcset", "action")
    links = [value for _, attributes in page.elements for name, value in attributes.items() if name in link_attributes]
    assert links == ["data:,"]
    (style,) = page.texts_of("style")
    assert "url(" not in style
    assert "@import" not in style


def test_policy_allows_only_the_script_and_style_of_the_page(bars: Explanation) -> None:
    page = PageReader(page_text(bars))
    metas = [attributes for _, attributes in page.elements if "http-equiv" in attributes]
    (policy,) = [meta["content"] for meta in metas if meta["http-equiv"] == "Content-Security-Policy"]
    script, style = page.texts_of("script")[-1], page.texts_of("style")[0]
    assert policy == (f"default-src 'none'; script-src {csp_hash(script)}; style-src {csp_hash(style)}; img-src data:")


def csp_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_markup_in_names_is_escaped() -> None:
    labels = ("wave", "clap", HOSTILE, "kick")
    e = barcode_explanation(labels=labels, clip_name=HOSTILE, model_id=HOSTILE, params={HOSTILE: HOSTILE})
    page, plain = PageReader(page_text(e)), PageReader(page_text(barcode_explanation()))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert HOSTILE in page.texts_of("title")[0]
    meta = json.loads(page.texts_of("script", **{"data-staa": "meta"})[0])
    assert meta["labels"] == list(labels)
    assert meta["params"] == {HOSTILE: HOSTILE}


def test_page_contains_the_whole_payload(bars: Explanation) -> None:
    page = PageReader(page_text(bars))
    meta, buffers = pack(bars)
    assert json.loads(page.texts_of("script", **{"data-staa": "meta"})[0]) == json.loads(json.dumps(meta))
    for name, data in buffers.items():
        assert base64.b64decode(page.texts_of("script", **{"data-staa": name})[0]) == data


def test_same_explanation_gives_the_same_page(bars: Explanation) -> None:
    assert page_text(bars) == page_text(barcode_explanation())


def state_of(page: str) -> Any:
    return json.loads(PageReader(page).texts_of("script", **{"data-staa": "state"})[0])


def test_a_page_opens_with_the_given_settings(bars: Explanation, tmp_path: Path) -> None:
    settings = {"layer": 1, "opacity": np.float32(0.5), "selection": [0, 2.5], "theme": "dark"}
    state = state_of(bars.to_html(tmp_path / "page.html", **settings).read_text("utf-8"))
    assert state == {"layer": 1, "opacity": 0.5, "selection": [2.0, 2.5], "theme": "dark"}
    assert state_of(page_text(bars)) == {}
    assert state_of(page_text([bars, bars], pane=1)) == {"pane": 1}
    assert state_of(page_text([bars, bars], view="side")) == {"view": "side"}


def test_settings_of_a_page_are_checked_like_those_of_a_player(bars: Explanation, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"to_html has no setting 'opacty'\. Did you mean 'opacity'"):
        page_text(bars, opacty=0.5)
    with pytest.raises(TypeError, match="'patch'"):
        page_text(bars, patch=(0, 0, 0))
    for name, value in {"layer": 3, "opacity": 2, "frame": 1, "pane": 1, "view": "split"}.items():
        with pytest.raises(SettingError, match=f"{name} is {value!r}"):
            bars.to_html(tmp_path / "page.html", **{name: value})
    assert list(tmp_path.iterdir()) == []


def test_maps_keep_their_order_of_magnitude(bars: Explanation) -> None:
    tiny = barcode_explanation(maps=bars.maps * 1e-9)
    meta, buffers = pack(tiny)
    back = np.frombuffer(buffers["maps"], "<f2").astype(float).reshape(tiny.maps.shape) * meta["scale"]
    np.testing.assert_allclose(back, tiny.maps, atol=np.abs(tiny.maps).max() * 2**-11)


def test_zero_maps_can_be_shown(bars: Explanation) -> None:
    with pytest.warns(RuntimeWarning, match="zero everywhere"):
        meta, buffers = pack(barcode_explanation(maps=np.zeros_like(bars.maps)))
    assert meta["scale"] == 1
    assert not any(buffers["maps"])


def test_without_preview_every_frame_of_the_clip_can_be_sought(bars: Explanation) -> None:
    meta, buffers = pack(barcode_explanation(preview=None, attention=None))
    assert meta["pictures"] is None
    assert meta["attention"] is None
    assert buffers["frames"] == buffers["attention"] == b""
    assert meta["frames"] == {"first": 100, "total": 48, "kept": None, "live": False}
    assert np.frombuffer(buffers["times"], "<f8").tolist() == bars.times.tolist()


def test_parameters_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(ParameterError):
        barcode_explanation(params={"layers": object()})


def test_payload_equals_the_file_shared_with_the_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """`js/tests/host/payload.test.ts` reads the same file."""
    # Three methods, so that a new method does not change the file.
    methods = {name: METHODS[name] for name in ("staa", "staa_logit", "saliency")}
    monkeypatch.setattr("staa_widgets.widget.payload.METHODS", methods)
    expected = json.loads((PROTOCOL / "payload.json").read_text("utf-8"))
    assert payload_as_json(small_explanation()) == expected


def payload_as_json(e: Explanation) -> dict[str, Any]:
    meta, buffers = pack(e)
    texts = {f"_{name}": base64.b64encode(data).decode() for name, data in buffers.items()}
    return json.loads(json.dumps({"_meta": meta, **texts}))


def test_front_end_reads_the_schema_version_that_python_writes() -> None:
    source = (JS_SOURCE / "core" / "generated.ts").read_text("utf-8")
    assert re.findall(r"SCHEMA = (\d+);", source) == [str(pack(small_explanation())[0]["schema"])]
