"""A long clip in JupyterLab: every frame can be sought, even while a cell runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.helpers.chromium import read_canvas
from tests.helpers.jupyterlab import Lab, Notebook
from tests.helpers.lab_view import picture_canvas
from tests.helpers.video_files import read_barcode, write_video

pytestmark = [pytest.mark.browser, pytest.mark.lab]

COUNT, SECONDS = 500, 300

LOAD = """
import json, pathlib, sys, time
import staa_widgets as staa
assert staa.__file__.startswith(sys.prefix), staa.__file__
e = staa.explain("long.mp4", window=60, progress=False)
preview_frames = e.preview.indices.tolist()
assert len(preview_frames) == 300, len(preview_frames)
chosen = []
"""
SHOW = "p = staa.Player(e)\np.on_select(chosen.append)\np"
WAIT = "while not pathlib.Path('go').exists(): time.sleep(0.02)"
PRINT_STATE = "print(json.dumps([p.frame, [[s.frames.start, s.frames.stop] for s in chosen if s]]))"


@pytest.fixture(autouse=True)
def files(lab: Lab) -> None:
    write_video(
        lab.books / "long.mp4", COUNT, size=(144, 96), times=(np.arange(COUNT) * SECONDS / COUNT).tolist(), gop=50
    )
    (lab.books / "go").unlink(missing_ok=True)


def check_frame(root: Locator, frame: int) -> None:
    """Wait until a frame is shown, and read its number from the picture without its heat."""
    root.locator(f"canvas[data-frame='{frame}']").wait_for()
    root.focus()
    root.page.keyboard.down("o")
    assert read_barcode(read_canvas(picture_canvas(root))) == frame
    root.page.keyboard.up("o")


def test_every_frame_of_five_minutes_can_be_sought_while_a_cell_runs(
    notebook: Callable[..., Notebook], lab: Lab
) -> None:
    book = notebook(LOAD, SHOW, WAIT, PRINT_STATE, "print(json.dumps(preview_frames))")
    book.run(0)
    root = book.run_player(1)
    preview_frames = set(book.run_json(4))
    book.start(2)
    expect(root.locator(".staa-chip")).to_have_text("kernel busy")
    bar = root.locator(".staa-seek")
    bar.scroll_into_view_if_needed()
    shuffled = np.random.default_rng(0).permutation(COUNT).tolist()
    others = [frame for frame in shuffled if frame not in preview_frames][:12]
    shown_frame = -1
    for frame in others:
        box = bar.bounding_box()
        assert box
        book.page.mouse.click(box["x"] + (frame + 0.5) / COUNT * box["width"], box["y"] + box["height"] / 2)
        shown_frame = int(bar.get_attribute("aria-valuenow") or -1)
        # A pixel of the bar is about one frame.
        assert abs(shown_frame - frame) <= 2
        check_frame(root, shown_frame)
    root.press("[")
    root.press("End")
    check_frame(root, COUNT - 1)
    expect(book.cells.nth(2).locator(".jp-InputPrompt")).to_have_text("[*]:")
    (lab.books / "go").touch()
    book.wait_for_end(2)
    frame, ranges = book.run_json(3)
    assert frame == COUNT - 1
    # The selection counts all frames of the video, not only those of the preview.
    assert ranges[-1] == [shown_frame, COUNT]
