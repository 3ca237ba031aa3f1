"""Notebooks on the site: a stored player becomes the page that `to_html` writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from ipywidgets import VBox, Widget
from nbformat import NotebookNode

import staa_widgets as staa
from docs.site.notebooks import FALLBACK, PLOTLY, STATE, VIEW, convert
from staa_widgets.widget.page import page_text
from tests.helpers.barcodes import barcode_explanation


def notebook_of(widget: Any, *outputs: dict[str, Any]) -> NotebookNode:
    """Return a notebook whose second cell shows a widget, as nbclient stores it."""
    view = {VIEW: {"model_id": widget.model_id}, "text/plain": "Player"}
    cell = nbformat.v4.new_code_cell("player")
    cell.outputs = [nbformat.v4.new_output("display_data", data) for data in (view, *outputs)]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title\n[x](../docs/usage.md)"), cell])
    notebook.metadata["widgets"] = {STATE: Widget.get_manager_state()}
    return notebook


def elements(page: str) -> dict[str, str]:
    """Return the payload of an exported page."""
    return dict(re.findall(r'data-staa="(\w+)">(.*?)</script>', page, re.DOTALL))


def shown_pages(notebook: NotebookNode, folder: Path) -> list[str]:
    """Return the exported pages in the frames of a notebook's last cell."""
    html = "".join(output["data"].get("text/html", "") for output in notebook.cells[-1].outputs)
    return [(folder / name).read_text("utf-8") for name in re.findall(r'<iframe src="\.\./players/([^"]+)"', html)]


def test_a_player_becomes_its_exported_page(tmp_path: Path):
    e = barcode_explanation()
    player = staa.Player(e, opacity=0.5)
    player.frame = 120
    fallback = {"text/html": f'<div class="{FALLBACK}">needs a kernel</div>'}
    notebook = convert(notebook_of(player, fallback), "01_name", tmp_path)
    [page] = shown_pages(notebook, tmp_path)
    expected = elements(page_text(e, opacity=0.5, frame=120))
    assert {name: text for name, text in elements(page).items() if name != "state"} == {
        name: text for name, text in expected.items() if name != "state"
    }
    assert '"opacity":0.5' in elements(page)["state"]
    assert '"frame":120' in elements(page)["state"]
    assert "needs a kernel" not in str(notebook)
    assert "widgets" not in notebook.metadata
    player.close()


def test_players_in_a_box_are_all_shown(tmp_path: Path):
    box = VBox([staa.Player(barcode_explanation(method=name)) for name in ("a", "b")])
    notebook = convert(notebook_of(box), "01_name", tmp_path)
    assert len(set(shown_pages(notebook, tmp_path))) == 2
    box.close_all()


def test_figures_load_the_script_of_the_site(tmp_path: Path):
    figure = {PLOTLY: {"data": [{"type": "bar", "y": [1, 2]}], "layout": {}}}
    player = staa.Player(barcode_explanation())
    notebook = convert(notebook_of(player, figure), "01_name", tmp_path)
    assert re.findall(r'<script src="([^"]+)"', notebook.cells[1].source) == ["../plotly.min.js"]
    html = notebook.cells[-1].outputs[1]["data"]["text/html"]
    assert " src=" not in html
    assert '"y":[1,2]' in html.replace(" ", "")
    player.close()


def test_links_and_download(tmp_path: Path):
    player = staa.Player(barcode_explanation())
    notebook = convert(notebook_of(player), "01_name", tmp_path)
    assert notebook.cells[0].source == "# Title\n[x](../usage.md)"
    assert '<a href="../notebooks/01_name.ipynb" download>' in notebook.cells[1].source
    assert "<script" not in notebook.cells[1].source
    player.close()


def test_other_outputs_stay(tmp_path: Path):
    player = staa.Player(barcode_explanation())
    notebook = notebook_of(player)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="hello")]
    assert convert(notebook, "01_name", tmp_path).cells[-1].outputs[0]["text"] == "hello"
    player.close()
