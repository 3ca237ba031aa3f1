"""Figures: bars where and as wide as the spans, strings that stay strings, and no Plotly before it is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from barcodes import explanation
from chromium import PATIENCE
from playwright.sync_api import Page

from staa_widgets.explanation import Explanation
from staa_widgets.figures import plain_text

HOSTILE = "</b><b>bold</b> &lt; <a href='javascript:1'>link</a> $x^2$ {y} %{y}"


def bars_of(e: Explanation) -> Any:
    """Draw; Plotly's own types say nothing of what a figure holds."""
    return e.to_plotly()


def test_bars_stand_where_and_as_wide_as_the_spans():
    e = explanation()
    (bars,) = bars_of(e).data
    assert isinstance(bars, go.Bar)
    x, width = np.asarray(bars.x), np.asarray(bars.width)
    np.testing.assert_allclose(np.stack([x - width / 2, x + width / 2], axis=1), e.spans)
    np.testing.assert_allclose(np.asarray(bars.y), e.temporal)
    assert len(set(np.diff(e.spans).ravel().round(6))) > 1


def test_even_share_is_drawn():
    (line,) = bars_of(explanation()).layout.shapes
    assert line.y0 == line.y1 == pytest.approx(1 / 6)


def test_signed_bars_together_are_the_share():
    e = explanation(signed=True)
    up, down = bars_of(e).data
    assert (np.asarray(up.y) >= 0).all()
    assert (np.asarray(down.y) <= 0).all()
    np.testing.assert_allclose(np.asarray(up.y) - np.asarray(down.y), e.temporal)
    assert e.temporal_signed is not None
    np.testing.assert_allclose(np.asarray(up.y) + np.asarray(down.y), e.temporal_signed)


def test_axis_is_the_clip():
    e = explanation()
    assert bars_of(e).layout.xaxis.range == (e.spans[0, 0], e.spans[-1, 1])


def test_title_names_target_method_clip_and_model():
    text = bars_of(explanation()).layout.title.text
    assert re.sub("<[^>]*>", "|", text) == "When: staa, class jump||bars.mp4 · barcodes|"


def test_text_is_cut_and_spelled():
    assert plain_text("a\n b\t<i>") == "a b &#60;i&#62;"
    assert plain_text("x" * 61) == "x" * 59 + "…"
    assert plain_text("<" * 61).count("&#60;") == 59


def test_figure_can_be_copied_and_written():
    figure = bars_of(explanation())
    assert go.Figure(figure.to_dict()) == figure
    assert "bars.mp4" in figure.to_json()


def test_plotly_is_loaded_by_the_figure_alone():
    code = "import sys, staa_widgets.figures; from staa_widgets import Explanation; print('plotly' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.fixture
def draw(page: Page, tmp_path) -> Callable[[go.Figure], Page]:
    """Open a figure in Chromium."""

    def drawn(figure: go.Figure) -> Page:
        path = tmp_path / "figure.html"
        figure.write_html(path)
        page.set_default_timeout(PATIENCE)
        page.goto(path.as_uri())
        page.wait_for_selector(".bars path")
        return page

    return drawn


@pytest.mark.browser
def test_strings_are_shown_letter_by_letter(draw):
    labels = ("wave", "clap", HOSTILE, "kick")
    page = draw(bars_of(explanation(labels=labels, clip_name=HOSTILE, model_id=HOSTILE, method=HOSTILE)))
    cut = HOSTILE[:59] + "…"
    lines = page.locator(".gtitle > tspan.line")
    assert lines.all_text_contents() == [f"When: {cut}, class {cut}", f"{cut} · {cut}"]
    assert page.locator(".infolayer a, .infolayer [style*='bold']").count() == 0


@pytest.mark.browser
def test_hovering_says_share_slice_and_seconds(draw):
    e = explanation()
    page = draw(bars_of(e))
    page.locator(".bars path").nth(2).hover(position={"x": 30, "y": 30}, force=True)
    told = page.locator(".hoverlayer .hovertext").first.text_content() or ""
    start, end = e.spans[2]
    assert f"{e.temporal[2]:.1%}" in told
    assert f"slice 3: {start:.2f} – {end:.2f} s" in told
    assert "118, 122" in told
