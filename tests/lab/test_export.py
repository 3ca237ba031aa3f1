"""Export in JupyterLab: a file made by the kernel is downloaded; a saved notebook keeps pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.helpers.barcodes import barcode_explanation
from tests.helpers.jupyterlab import Lab, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.lab]

SHOW = """
import staa_widgets as staa
p = staa.Player(staa.Explanation.load("bars.safetensors"), selection=(2.5, 3.0))
p
"""


def test_a_gif_is_downloaded_and_a_picture_is_saved(notebook: Callable[..., Notebook], lab: Lab) -> None:
    barcode_explanation().save(lab.books / "bars.safetensors")
    book = notebook(SHOW, "p.snapshot()")
    root = book.run_player(0)
    root.get_by_role("button", name="Save / share").click()
    with book.page.expect_download() as download:
        root.get_by_role("dialog").get_by_role("button", name="Animation").click()
    assert download.value.suggested_filename == "bars_staa.gif"
    with Image.open(Path(download.value.path())) as gif:
        assert gif.format == "GIF"
        gif.seek(5)
    # Escape closes the dialog only, and keys go to the player again.
    book.page.keyboard.press("Escape")
    root.press("End")
    assert book.sources()[1] == "p.snapshot()"
    expect(book.run(1).locator("img")).to_be_visible()
    book.save()
    first, second = (cell["outputs"] for cell in lab.read(book.name)["cells"])
    html = "".join(first[-1]["data"]["text/html"])
    assert 'src="data:image/jpeg;base64,' in html
    assert len(html) < 60_000
    assert "image/png" in second[-1]["data"]
