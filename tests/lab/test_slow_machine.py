"""Plotly figures in JupyterLab on a slow machine: the bars are on the page, not an empty frame."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.barcodes import barcode_explanation
from tests.helpers.jupyterlab import Lab, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.lab]

SLOWDOWN = 6
LOAD = """
import sys
import ipywidgets, plotly.io
import plotly.graph_objects as go
import staa_widgets as staa
assert staa.__file__.startswith(sys.prefix), staa.__file__
plotly.io.renderers.default = "plotly_mimetype"
e = staa.Explanation.load("bars.safetensors")
p = staa.Player(e)
def lose_updates(make_figure):
    # What a browser does that still loads Plotly's JavaScript: updates after a figure's creation are lost.
    send_state, go.FigureWidget.send_state = go.FigureWidget.send_state, lambda *_, **options: None
    try:
        return make_figure()
    finally:
        go.FigureWidget.send_state = send_state
"""
FIGURES = """
unlinked, linked = lose_updates(lambda: [go.FigureWidget(e.to_plotly()), staa.linked_figure(p)])
ipywidgets.VBox([unlinked, linked, p])
"""
COMPARISON = "staa.Comparison({'first': e, 'second': e}).to_plotly()"
BARS = ".barlayer .point path"
PLAYHEAD = ".shapelayer path[style*='rgb(192, 31, 46)']"


def test_figures_show_their_traces_on_a_slow_machine(lab: Lab, page: Page, notebook: Callable[..., Notebook]) -> None:
    e = barcode_explanation()
    e.save(lab.books / "bars.safetensors")
    book = notebook(LOAD, FIGURES, COMPARISON)
    book.run(0)
    browser = page.context.new_cdp_session(page)
    browser.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    widgets = book.run(1).locator(".js-plotly-plot")
    expect(widgets.nth(1).locator(BARS)).to_have_count(len(e.spans))
    expect(widgets.nth(1).locator(PLAYHEAD)).to_have_count(1)
    # The figure without a link stays empty, so the updates were lost indeed.
    expect(widgets).to_have_count(2)
    expect(widgets.nth(0).locator(BARS)).to_have_count(0)
    # A figure that is no widget is shown with its traces.
    expect(book.run(2).locator(f".js-plotly-plot {BARS}")).to_have_count(2 * len(e.spans))
    browser.send("Emulation.setCPUThrottlingRate", {"rate": 1})
