"""The player in JupyterLab: scrubbing, traits in both directions, keys, and linked widgets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.helpers.barcodes import FIRST, LAST, barcode_explanation
from tests.helpers.chromium import read_canvas
from tests.helpers.jupyterlab import PATIENCE, Lab, Notebook
from tests.helpers.lab_view import (
    expected_position,
    picture_canvas,
    playhead_position,
    read_frame_number,
    wait_for_frame,
)

pytestmark = [pytest.mark.browser, pytest.mark.lab]

LOAD = """
import json, sys
import ipywidgets, staa_widgets as staa
assert staa.__file__.startswith(sys.prefix), staa.__file__
e = staa.Explanation.load("bars.safetensors")
p = staa.Player(e)
"""
PRINT_STATE = "print(json.dumps([p.frame, p.slice, p.selection]))"


@pytest.fixture(autouse=True)
def bars(lab: Lab) -> None:
    barcode_explanation().save(lab.books / "bars.safetensors")


def test_explanation_in_a_cell_is_the_player_and_scrubs(notebook: Callable[..., Notebook]) -> None:
    e = barcode_explanation()
    book = notebook(LOAD, "e")
    book.run(0)
    root = book.run_player(1)
    area = root.locator(".staa-seek").bounding_box()
    assert area
    before = read_canvas(picture_canvas(root))
    mouse = book.page.mouse
    for frame in (FIRST + 3, LAST - 2, FIRST + 20):
        mouse.move(area["x"] + (expected_position(e, frame) + 1e-3) * area["width"], area["y"] + area["height"] / 2)
        mouse.down()
        wait_for_frame(root, frame)
        assert playhead_position(root) == pytest.approx(expected_position(e, frame), abs=0.005)
    mouse.up()
    assert (read_canvas(picture_canvas(root)) != before).any()
    # The fallback text of a reopened notebook is hidden beside a live player.
    expect(book.cells.nth(1).locator(".staa-fallback")).to_be_hidden()


def test_frame_and_selection_reach_python_and_come_back(notebook: Callable[..., Notebook]) -> None:
    e = barcode_explanation()
    record_selections = (
        "chosen = []\np.on_select(lambda s: chosen.append(s and [s.start, s.end, list(s.frames), s.share]))\np"
    )
    book = notebook(
        LOAD,
        record_selections,
        PRINT_STATE,
        "print(json.dumps(chosen[-1]))",
        f"p.frame = {FIRST + 7}\np.selection = (2.5, 3.0)",
        "p.frame = 4000",
        "p.selection = None",
    )
    book.run(0)
    root = book.run_player(1)
    root.press("End")
    wait_for_frame(root, LAST)
    assert book.run_json(2) == [LAST, len(e.spans) - 1, None]
    root.press("[")
    root.press("Shift+ArrowLeft")
    root.press("Home")
    root.press("[")
    for _ in range(10):
        root.press("ArrowRight")
    root.press("]")
    wait_for_frame(root, FIRST + 10)
    frame, index, selection = book.run_json(2)
    assert (frame, index) == (FIRST + 10, e.slice_of_frame[10])
    assert selection == pytest.approx([e.times[0], e.times[11]], abs=1e-6)
    start, end, frames, part = book.run_json(3)
    assert [start, end] == selection
    assert frames == list(range(FIRST, FIRST + 11))
    parts = (e.spans.clip(start, end)[:, 1] - e.spans.clip(start, end)[:, 0]) / (e.spans[:, 1] - e.spans[:, 0])
    assert part == pytest.approx(float(parts @ e.temporal), abs=1e-6)
    book.run(4)
    wait_for_frame(root, FIRST + 7)
    band = root.locator(".staa-band")
    width = float((band.get_attribute("width") or "").rstrip("%"))
    assert width == pytest.approx(100 * (3.0 - 2.5) / (e.end - e.times[0]), abs=1e-3)
    assert book.run_json(3)[:2] == [2.5, 3.0]
    expect(book.run(5)).to_contain_text(f"Choose from {FIRST} to {LAST}, the frames of the clip")
    wait_for_frame(root, FIRST + 7)
    book.run(6)
    expect(band).to_be_hidden()
    assert book.run_json(3) is None


def test_keys_stay_in_the_player(notebook: Callable[..., Notebook]) -> None:
    book = notebook(LOAD, "p", "'below'")
    book.run(0)
    root = book.run_player(1)
    before = book.sources()
    assert len(before) == 3
    root.focus()
    for key in ("b", "a", "d", "d", "Enter", "x", "z", "m", "y", "v", "0", "0", "i", "i", "Space", "Space", "Delete"):
        book.page.keyboard.press(key)
        assert root.evaluate("root => root.contains(document.activeElement)"), key
    for control in (root.get_by_role("slider", name="Opacity"), root.get_by_role("button", name="side by side")):
        control.focus()
        for key in ("b", "d", "d", "ArrowDown", "Enter"):
            book.page.keyboard.press(key)
    assert book.sources() == before
    expect(book.page.locator(".jp-Dialog")).to_have_count(0)
    expect(book.page.locator(".jp-Notebook")).not_to_have_class("jp-mod-editMode")
    expect(book.cells.nth(1).locator(".jp-InputPrompt")).to_have_text("[2]:")
    # The notebook handles keys when the player does not have the focus.
    book.cells.nth(2).locator(".jp-InputPrompt").click()
    book.page.keyboard.press("b")
    expect(book.cells).to_have_count(4)


def test_thirty_players_are_drawn_without_a_blank_one(notebook: Callable[..., Notebook]) -> None:
    # Two cells: JupyterLab folds outputs beyond the fiftieth of a cell, and a player has two outputs.
    many = "from IPython.display import display\nfor i in range({}, {}):\n    display(staa.Player(e, frame=i))"
    book = notebook(LOAD, many.format(FIRST, FIRST + 15), many.format(FIRST + 15, FIRST + 30))
    for cell in range(3):
        book.run(cell)
    roots = book.page.locator(".staa-root")
    expect(roots).to_have_count(30, timeout=PATIENCE)
    for i in range(30):
        wait_for_frame(roots.nth(i), FIRST + i)
    heat = [read_canvas(picture_canvas(roots.nth(i)))[:, 80:].std() for i in range(30)]
    assert min(heat) > 10
    roots.nth(29).press("Home")
    wait_for_frame(roots.nth(29), FIRST)
    assert [read_frame_number(roots.nth(i)) for i in range(29)] == list(range(FIRST, FIRST + 29))


def test_slider_of_ipywidgets_is_linked_beside_the_player(notebook: Callable[..., Notebook]) -> None:
    box = (
        f"slider = ipywidgets.IntSlider({FIRST}, {FIRST}, {LAST}, orientation='vertical')\n"
        "link = ipywidgets.jslink((p, 'frame'), (slider, 'value'))\nipywidgets.HBox([p, slider])"
    )
    book = notebook(LOAD, box, "print(json.dumps([p.frame, slider.value]))", "p")
    book.run(0)
    root = book.run_player(1)
    wait_for_frame(root, int(root.locator("canvas[data-frame]").get_attribute("data-frame") or 0))
    readout = book.page.locator(".widget-readout")
    root.press("End")
    expect(readout).to_have_text(str(LAST))
    handle = book.page.locator(".noUi-handle")
    handle.focus()
    handle.press("Home")
    wait_for_frame(root, FIRST)
    expect(readout).to_have_text(str(FIRST))
    assert book.run_json(2) == [FIRST, FIRST]
    # A second view of the same player follows the first, and the first follows it.
    second = book.run_player(3)
    wait_for_frame(second, FIRST)
    second.press("End")
    wait_for_frame(root, LAST)
    expect(readout).to_have_text(str(LAST))


def test_bars_of_a_figure_move_the_player_and_back(notebook: Callable[..., Notebook]) -> None:
    e = barcode_explanation()
    book = notebook(
        LOAD + "import plotly.graph_objects as go\nfigure = go.FigureWidget(e.to_plotly())\nl = staa.link(p, figure)",
        "ipywidgets.VBox([p, figure])",
        "print(json.dumps([p.slice, [b.selectedpoints for b in figure.data]]))",
        "print(json.dumps(p.selection))",
    )
    book.run(0)
    root = book.run_player(1)
    plot = book.page.locator(".js-plotly-plot .nsewdrag").first
    plot.wait_for()
    plot.scroll_into_view_if_needed()
    area = plot.bounding_box()
    assert area
    last = len(e.spans) - 1
    x = (e.spans[last].mean() - e.spans[0, 0]) / (e.end - e.spans[0, 0])
    book.page.mouse.click(area["x"] + x * area["width"], area["y"] + area["height"] - 3)
    expect(root.locator(".staa-slice").nth(last)).to_have_class("staa-slice staa-current")
    book.page.mouse.move(0, 0)  # A bar that is redrawn under the pointer is hovered again.
    root.press("Home")
    wait_for_frame(root, FIRST)
    assert book.run_json(2) == [0, [[0]]]
    # A drag across the figure selects in the player; a band in the figure shows the selection of the player.
    plot.scroll_into_view_if_needed()
    area = plot.bounding_box()
    assert area
    middle = area["y"] + area["height"] / 2
    book.page.mouse.move(area["x"] + 0.25 * area["width"], middle)
    book.page.mouse.down()
    book.page.mouse.move(area["x"] + 0.75 * area["width"], middle, steps=5)
    book.page.mouse.up()
    band = book.page.locator(".js-plotly-plot .shapelayer path[style*='rgb(29, 95, 209)']")
    expect(band).to_have_count(1)
    expect(book.page.locator(".js-plotly-plot .selectionlayer path")).to_have_count(0)
    start, end = book.run_json(3)
    length = e.end - e.spans[0, 0]
    assert [start, end] == pytest.approx([e.spans[0, 0] + share * length for share in (0.25, 0.75)], abs=0.02)
    root.press("Escape")
    expect(band).to_have_count(0)
