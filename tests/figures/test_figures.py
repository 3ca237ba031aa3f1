"""Figures: bars over their spans, names shown as text, and Plotly imported only when needed."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from playwright.sync_api import Page

from staa_widgets import action_clip, explain
from staa_widgets.errors import ParameterError
from staa_widgets.explanation.comparison import Comparison
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.render.compositor import display_index, frame_image
from staa_widgets.render.theme import GROUND_TRUTH_COLOR, escape_plotly_text
from tests.helpers.barcodes import barcode_explanation
from tests.helpers.chromium import PATIENCE

HOSTILE = "</b><b>bold</b> &lt; <a href='javascript:1'>link</a> $x^2$ {y} %{y}"


def draw_temporal(e: Explanation | Comparison) -> Any:
    """Return the figure of the temporal curve, untyped, because Plotly's types do not describe it."""
    return e.to_plotly()


def test_bars_cover_their_spans():
    e = barcode_explanation()
    (bars,) = draw_temporal(e).data
    assert isinstance(bars, go.Bar)
    x, width = np.asarray(bars.x), np.asarray(bars.width)
    np.testing.assert_allclose(np.stack([x - width / 2, x + width / 2], axis=1), e.spans)
    np.testing.assert_allclose(np.asarray(bars.y), e.temporal)
    assert len(set(np.diff(e.spans).ravel().round(6))) > 1


def test_the_even_share_is_drawn_as_a_line():
    (line,) = draw_temporal(barcode_explanation()).layout.shapes
    assert line.y0 == line.y1 == pytest.approx(1 / 6)


def test_signed_bars_together_are_the_share():
    e = barcode_explanation(signed=True)
    up, down = draw_temporal(e).data
    assert (np.asarray(up.y) >= 0).all()
    assert (np.asarray(down.y) <= 0).all()
    np.testing.assert_allclose(np.asarray(up.y) - np.asarray(down.y), e.temporal)
    assert e.temporal_signed is not None
    np.testing.assert_allclose(np.asarray(up.y) + np.asarray(down.y), e.temporal_signed)


def test_the_axis_says_what_shares_are_shares_of():
    plain, signed = barcode_explanation(), barcode_explanation(signed=True)
    assert draw_temporal(plain).layout.yaxis.title.text == "share of the attribution"
    assert draw_temporal(signed).layout.yaxis.title.text == "share of the sum of magnitudes"
    rows = draw_temporal(Comparison({"one": plain, "two": signed})).layout
    assert "share of the attribution or sum of magnitudes" in [rows[name].title.text for name in ("yaxis", "yaxis2")]


def test_the_axis_covers_the_clip():
    e = barcode_explanation()
    assert draw_temporal(e).layout.xaxis.range == (e.spans[0, 0], e.spans[-1, 1])


def test_title_names_target_method_clip_and_model():
    text = draw_temporal(barcode_explanation()).layout.title.text
    assert re.sub("<[^>]*>", "|", text) == "Attribution over time: staa, class jump||bars.mp4 · barcodes|"


def axis_ranges(figure: Any) -> list[tuple[float, ...]]:
    return [figure.layout[name].range for name in figure.layout if re.fullmatch(r"yaxis\d*", name)]


def test_methods_stand_under_each_other_on_one_axis_and_scale():
    comparison = Comparison(
        {
            "one": barcode_explanation(),
            HOSTILE: barcode_explanation(signed=True, target=0),
            "three": barcode_explanation(),
        }
    )
    figure = draw_temporal(comparison)
    assert [(bar.xaxis, len(bar.x)) for bar in figure.data] == [("x", 6), ("x2", 6), ("x2", 6), ("x3", 6)]
    np.testing.assert_allclose(np.asarray(figure.data[0].y), comparison["one"].temporal)
    heights = np.concatenate([np.asarray(bar.y) for bar in figure.data])
    ((low, high),) = set(axis_ranges(figure))
    assert low < heights.min() < heights.max() < high
    names = [re.sub("<[^>]*>", "|", note.text) for note in figure.layout.annotations]
    assert names[0] == "one |jump 81%|"
    assert names[1].startswith("&#60;/b&#62;")
    assert names[1].endswith("|jump 81%, explained: wave|")
    axes = [figure.layout[name] for name in ("xaxis", "xaxis2", "xaxis3")]
    assert {axis.range for axis in axes} == {(2.0, comparison["one"].end)}
    assert [axis.matches for axis in axes] == ["x3", "x3", None]
    assert [bar.showlegend for bar in figure.data] == [False, True, True, False]


def test_clips_of_other_times_share_the_axis():
    e = barcode_explanation()
    later = barcode_explanation(times=e.times + 1, spans=e.spans + 1, end=e.end + 1, preview=None, clip_name="b.mp4")
    figure = draw_temporal(Comparison.of(e, later))
    assert figure.layout.xaxis.range == (2.0, e.end + 1)
    assert "bars.mp4 · b.mp4" in figure.layout.title.text


def test_every_layer_and_head_has_its_map_in_its_place():
    e = barcode_explanation()
    assert e.attention is not None
    where, when = draw_heads(e).data
    maps = np.asarray(where.z, float)
    assert maps.shape == (3 * 6 - 1, 2 * 8 - 1)
    mean = e.attention.astype(float).mean(axis=2)
    for layer, head in np.ndindex(3, 2):
        block = np.s_[layer * 6 : layer * 6 + 5, head * 8 : head * 8 + 7]
        np.testing.assert_allclose(maps[block], mean[layer, head] / mean[layer, head].max(), atol=1e-3)
        hover_data = np.asarray(where.customdata)[block]
        assert set(map(tuple, hover_data[..., :2].reshape(-1, 2))) == {(layer + 1, head + 1)}
        np.testing.assert_allclose(hover_data[..., 4], mean[layer, head], atol=1e-3)
        assert hover_data[4, 6, 2:4].tolist() == [5, 7]
    assert np.isnan(maps[5]).all()
    assert np.isnan(maps[:, 7]).all()
    shares = e.attention.astype(float).sum(axis=(3, 4)).reshape(6, 6)
    np.testing.assert_allclose(np.asarray(when.x), [*e.spans[:, 0], e.spans[-1, 1]])
    np.testing.assert_allclose(np.asarray(when.z), shares / shares.max(axis=1, keepdims=True), atol=1e-3)
    hover_data = np.asarray(when.customdata)
    np.testing.assert_allclose(hover_data[..., 4], shares / shares.sum(axis=1, keepdims=True), atol=1e-3)
    assert hover_data[3, 0, :2].tolist() == [2, 2]


def test_heads_have_the_seconds_of_the_action():
    e = explain(action_clip(3, size=64, fps=8), cache=False, preview=False, progress=False)
    assert e.ground_truth is not None
    figure = draw_heads(e)
    (line,) = figure.layout.shapes
    assert [(line.x0, line.x1)] == e.ground_truth.spans(e.times, e.end)
    assert (line.xref, line.yref, line.fillcolor) == ("x2", "y2 domain", GROUND_TRUTH_COLOR)
    assert "ground truth (green): wave" in figure.layout.title.text
    assert draw_heads(barcode_explanation()).layout.shapes == ()


def test_heads_of_one_slice():
    e = barcode_explanation()
    assert e.attention is not None
    figure = draw_heads(e, slice=4)
    head_maps = e.attention[1, 0, 4].astype(float)
    np.testing.assert_allclose(np.asarray(figure.data[0].z)[6:11, :7], head_maps / head_maps.max(), atol=1e-3)
    assert f"{e.spans[4, 0]:.2f} – {e.spans[4, 1]:.2f} s" in figure.layout.title.text
    for wrong in (6, -1, "first"):
        with pytest.raises(ParameterError, match="slice is"):
            draw_heads(e, slice=wrong)
    with pytest.raises(ParameterError, match="attention=True"):
        draw_heads(barcode_explanation(attention=None))


def test_the_frame_lies_under_each_map_of_a_head():
    e = barcode_explanation()
    (under,) = draw_heads(e, slice=4).layout.images
    assert (under.x, under.y, under.sizex, under.sizey, under.layer) == (-0.5, -0.5, 2 * 8, 3 * 6, "below")
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(under.source.split(",")[1]))), float)
    pixels = picture.shape[1] // (2 * 8)
    assert picture.shape == (3 * 6 * pixels, 2 * 8 * pixels, 3)
    position = display_index(e, int(e.sampled_frames[4, 1]))
    frame = Image.fromarray(frame_image(e, position)).crop(e.box)
    tile = np.asarray(frame.resize((7 * pixels, 5 * pixels)), float) / 2
    for layer, head in np.ndindex(3, 2):
        shown = picture[layer * 6 * pixels :, head * 8 * pixels :][: 5 * pixels, : 7 * pixels]
        assert np.abs(shown - tile).mean() < 3
    # White between the maps.
    assert picture[5 * pixels + 4 : 6 * pixels - 4].min() > 240
    assert not draw_heads(barcode_explanation(preview=None)).layout.images


def test_long_names_have_a_line_each_in_the_title_of_the_heads():
    figure = draw_heads(barcode_explanation(clip_name="c" * 50, model_id="m" * 50))
    lines = figure.layout.title.text.split("<br>")
    assert len(lines) == 3
    assert "c" * 50 in lines[1]
    assert "m" * 50 in lines[2]


def test_an_unknown_figure_is_refused():
    with pytest.raises(ParameterError, match="no figure 'haeds'") as caught:
        barcode_explanation().to_plotly("haeds")
    assert "'heads'" in caught.value.hint


def draw_heads(e: Explanation, **options: Any) -> Any:
    return e.to_plotly("heads", **options)


def test_text_is_shortened_and_escaped():
    assert escape_plotly_text("a\n b\t<i>") == "a b &#60;i&#62;"
    assert escape_plotly_text("x" * 61) == "x" * 59 + "…"
    assert escape_plotly_text("<" * 61).count("&#60;") == 59


def test_figure_can_be_copied_and_written():
    figure = draw_temporal(barcode_explanation())
    assert go.Figure(figure.to_dict()) == figure
    assert "bars.mp4" in figure.to_json()


def test_importing_figures_does_not_import_plotly():
    code = "import sys, staa_widgets.figures; from staa_widgets import Explanation; print('plotly' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.fixture
def draw(page: Page, tmp_path) -> Callable[[go.Figure], Page]:
    """Open a figure in Chromium."""

    def draw_page(figure: go.Figure) -> Page:
        path = tmp_path / "figure.html"
        figure.write_html(path)
        page.set_default_timeout(PATIENCE)
        page.goto(path.as_uri())
        page.wait_for_selector(".bars path")
        return page

    return draw_page


@pytest.mark.browser
def test_names_are_shown_as_text(draw):
    labels = ("wave", "clap", HOSTILE, "kick")
    page = draw(draw_temporal(barcode_explanation(labels=labels, clip_name=HOSTILE, model_id=HOSTILE, method=HOSTILE)))
    shortened = HOSTILE[:59] + "…"
    lines = page.locator(".gtitle > tspan.line")
    assert lines.all_text_contents() == [
        f"Attribution over time: {shortened}, class {shortened}",
        f"{shortened} · {shortened}",
    ]
    assert page.locator(".infolayer a, .infolayer [style*='bold']").count() == 0


@pytest.mark.browser
def test_hovering_shows_share_slice_and_seconds(draw):
    e = barcode_explanation()
    page = draw(draw_temporal(e))
    page.locator(".bars path").nth(2).hover(position={"x": 30, "y": 30}, force=True)
    text = page.locator(".hoverlayer .hovertext").first.text_content() or ""
    start, end = e.spans[2]
    assert f"{e.temporal[2]:.1%}" in text
    assert f"slice 3: {start:.2f} – {end:.2f} s" in text
    assert "118, 122" in text
