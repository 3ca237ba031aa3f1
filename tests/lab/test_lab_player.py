"""The player in JupyterLab: seen, moved, read and set from cells, among other widgets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from barcodes import FIRST, LAST, explanation
from chromium import drawn, pixels, seek
from laboratory import Lab, Notebook

pytestmark = pytest.mark.browser

LOAD = """
import json, pathlib, time
import ipywidgets, staa_widgets as staa
assert "site-packages" in staa.__file__, staa.__file__
e = staa.Explanation.load("bars.safetensors")
p = staa.Player(e)
"""


@pytest.fixture(autouse=True)
def bars(lab: Lab) -> None:
    explanation().save(lab.books / "bars.safetensors")


def test_player_is_there_after_the_cell_and_scrubs(notebook: Callable[..., Notebook]) -> None:
    book = notebook(LOAD, "p")
    book.run(0)
    root = book.player(1)
    assert root.is_visible()
    book.page.screenshot(path="/tmp/exp/10.png")
