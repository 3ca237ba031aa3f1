"""The live widget in JupyterLab with Chromium's fake camera: it runs, it is freed, and no frame enters the notebook."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.helpers.fake_camera import NOTE_TRACKS
from tests.helpers.jupyterlab import LOAD, PATIENCE, Lab, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.lab]

SHOW = "live = staa.live(window=1.0, stride=0.1)\nlive"
STATE = "print(json.dumps([live.status.state, live.status.text, live.stats.windows > 0]))"
LOOP = """
def camera():
    frames = staa.action_clip(3, size=64, fps=8).frames
    while True:
        for frame in frames:
            time.sleep(0.05)
            yield frame

source = staa.live(camera(), window=1.0)
for e in source.windows():
    pathlib.Path('explained').touch()
    wait_for('never')
"""
LOOP_STATE = "print(json.dumps([source.is_running, source.status.state]))"


def start(book: Notebook, cell: int) -> Locator:
    """Show the widget, start the camera and wait for a heat map."""
    root = book.run(cell).locator(".staa-live")
    root.get_by_role("button", name="Start").click()
    expect(root.locator(".staa-live-chart")).to_have_attribute("data-bars", re.compile("[1-9]"), timeout=PATIENCE)
    return root


def wait_until_free(page: Page) -> None:
    page.wait_for_function("tracks.length > 0 && tracks.every(track => track.readyState === 'ended')")


def test_the_camera_runs_is_stopped_and_leaves_nothing_in_the_notebook(
    notebook: Callable[..., Notebook], lab: Lab, page: Page
) -> None:
    page.add_init_script(NOTE_TRACKS)
    book = notebook(LOAD, SHOW, STATE, "live.stop()")
    book.run(0)
    root = start(book, 1)
    assert book.run_json(2) == ["running", "", True]
    assert not page.evaluate("tracks.every(track => track.readyState === 'ended')")
    book.run(3)
    wait_until_free(page)
    expect(root).to_have_attribute("data-state", "stopped")
    book.save()
    assert len(str(lab.read(book.name))) < 20_000


def test_a_restarted_kernel_frees_the_camera(notebook: Callable[..., Notebook], page: Page) -> None:
    page.add_init_script(NOTE_TRACKS)
    book = notebook(LOAD, SHOW)
    book.run(0)
    start(book, 1)
    book.restart()
    wait_until_free(page)


def test_an_interrupted_cell_stops_its_source(notebook: Callable[..., Notebook], lab: Lab) -> None:
    book = notebook(LOAD, LOOP, LOOP_STATE)
    book.run(0)
    book.start(1)
    until = time.monotonic() + 60
    while not (lab.books / "explained").exists():
        assert time.monotonic() < until
        book.page.wait_for_timeout(50)
    book.choose("Kernel", "Interrupt Kernel")
    book.wait_for_end(1)
    assert book.run_json(2) == [False, "stopped"]
