"""The player in Jupyter Notebook 7: display, scrubbing, keys and the state of the kernel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.barcodes import FIRST, LAST, barcode_explanation
from tests.helpers.chromium import read_canvas
from tests.helpers.jupyterlab import PATIENCE, TOKEN, Lab, Notebook, run_jupyterlab
from tests.helpers.lab_view import picture_canvas, wait_for_frame

pytestmark = [pytest.mark.browser, pytest.mark.lab]
pytest.importorskip("notebook")

LOAD = """
import json, pathlib, sys, time
import staa_widgets as staa
assert staa.__file__.startswith(sys.prefix), staa.__file__
p = staa.Player(staa.Explanation.load("bars.safetensors"))
p
"""
WAIT = "while not pathlib.Path('go').exists():\n    time.sleep(0.02)"


class Notebook7(Notebook):
    """A notebook open in Notebook 7, which has no status bar."""

    def open(self) -> None:
        self.page.goto(f"{self.lab.url}notebooks/{self.name}?token={TOKEN}")
        self.wait_for_idle()

    def wait_for_idle(self) -> None:
        # The page shows "idle" before there is a kernel.
        until = time.monotonic() + PATIENCE / 1000
        while self.lab.kernel_states() != ["idle"]:
            assert time.monotonic() < until, "no kernel"
            self.page.wait_for_timeout(50)
        self.page.locator(".jp-Toolbar-kernelName", has_text="Python 3").wait_for()
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()


@pytest.fixture
def lab7(clean_environment: Path, tmp_path: Path) -> Iterator[Lab]:
    """A server for Notebook 7, whose pages JupyterLab does not serve."""
    with run_jupyterlab(clean_environment / "bin" / "python", tmp_path, app="notebook") as lab:
        yield lab


def test_player_in_notebook_7(lab7: Lab, page: Page) -> None:
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page.set_viewport_size({"width": 1280, "height": 1000})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(error.stack or str(error)))
    barcode_explanation().save(lab7.books / "bars.safetensors")
    lab7.write("seven.ipynb", [LOAD, "print(json.dumps([p.frame, p.slice]))", WAIT])
    book = Notebook7(page, lab7, "seven.ipynb")
    root = book.run_player(0)
    before = read_canvas(picture_canvas(root))
    root.press("End")
    wait_for_frame(root, LAST)
    assert book.run_json(1)[0] == LAST
    root.press("Home")
    wait_for_frame(root, FIRST)
    assert (read_canvas(picture_canvas(root)) != before).any()
    # None of its keys reaches the notebook.
    cells = book.cells.count()
    for key in ("b", "a", "d", "d", "x", "Enter", "Space", "Space"):
        page.keyboard.press(key)
    assert book.cells.count() == cells
    # Seeking works while a cell runs, and the header says that the kernel is busy.
    chip = root.locator(".staa-chip")
    book.start(2)
    expect(chip).to_have_text("kernel busy")
    root.press("End")
    wait_for_frame(root, LAST)
    (lab7.books / "go").touch()
    expect(chip).to_have_text("")
    # Ignore errors of Notebook 7 itself.
    assert [stack for stack in errors if f"{lab7.url}static/" not in stack] == []
