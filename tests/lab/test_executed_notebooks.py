"""The notebooks as their readers see them: JupyterLab shows every output of a run, and none of them is empty."""

from __future__ import annotations

import ast
import shutil

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.jupyterlab import PATIENCE, Lab, Notebook
from tests.helpers.notebooks import OUT, PATHS, read_cells

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]

PLOTLY = "application/vnd.plotly.v1+json"
VIEW = "application/vnd.jupyter.widget-view+json"
EMPTY = {"text/html": "", "text/plain": ""}
"""What a progress bar leaves behind."""


@pytest.mark.parametrize("name", PATHS)
def test_no_output_is_empty(lab: Lab, page: Page, name: str) -> None:
    cells = [cell for cell in read_cells(name).values() if cell["cell_type"] == "code"]
    shutil.copy(OUT / f"{name}.ipynb", lab.books)
    lab.set_preferences("@jupyterlab/notebook-extension", "tracker", windowingMode="none")
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page.set_viewport_size({"width": 1280, "height": 1000})
    book = Notebook(page, lab, f"{name}.ipynb")
    expect(book.cells).to_have_count(len(cells))
    for number, cell in enumerate(cells):
        contents = [output.get("data", output.get("text")) for output in cell["outputs"]]
        contents = [content for content in contents if content and content != EMPTY]
        assert contents or not isinstance(ast.parse(cell["source"]).body[-1], ast.Expr), cell["id"]
        if not contents:
            continue
        area = book.cells.nth(number).locator(".jp-OutputArea").first
        area.scroll_into_view_if_needed()
        expect(area.locator(".jp-mod-error, [data-mime-type='application/vnd.jupyter.stderr']")).to_have_count(0)
        box = area.bounding_box()
        assert box is not None, cell["id"]
        assert box["height"] > 10, cell["id"]
        for content in contents:
            if isinstance(content, str):
                expect(area).to_contain_text(content.split()[0])
            elif VIEW in content and "Player" in content["text/plain"]:
                shown = area.locator(".staa-root canvas[data-frame], .staa-fallback img").locator("visible=true")
                expect(shown.first).to_be_visible()
            elif PLOTLY in content:
                expect(area.locator(".js-plotly-plot .trace path").first).to_be_attached()
            elif "image/png" in content:
                expect(area.locator("img").first).to_be_visible()
                assert area.locator("img").first.evaluate("image => image.naturalWidth") > 0
    lab.end_kernels()
    lab.forget_settings()
