"""Patch attention in JupyterLab: chosen by a click and from a cell, and left again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.helpers.jupyterlab import Notebook

pytestmark = [pytest.mark.browser, pytest.mark.lab]

SHOW = """
import json
import staa_widgets as staa
e = staa.explain(staa.action_clip(3, fps=8), progress=False)
rows, columns = e.maps.shape[1:]
player = staa.Player(e, frame=int(e.sampled_frames[2, 0]))
player
"""
PRINT_STATE = "print(json.dumps([player.patch, player.method, player.explanation is e, rows, columns]))"


def click_picture(root: Locator, across: float, down: float) -> None:
    picture = root.locator(".staa-picture:not(.staa-plain):visible")
    box = picture.bounding_box()
    assert box
    picture.click(position={"x": across * box["width"], "y": down * box["height"]})


def test_a_patch_is_chosen_by_a_click_and_from_a_cell_and_left_again(notebook: Callable[..., Notebook]) -> None:
    book = notebook(SHOW, PRINT_STATE, "player.patch = (1, 0, 3)", "player.patch = None")
    root = book.run_player(0)
    mark, head = root.locator(".staa-patch-mark"), root.locator(".staa-head")
    expect(mark).to_be_hidden()
    click_picture(root, 0.4, 0.6)
    expect(mark).to_be_visible()
    *player_state, rows, columns = book.run_json(1)
    patch = [2, int(0.6 * rows), int(0.4 * columns)]
    assert player_state == [patch, "patch_attention", False]
    expect(head).to_contain_text(f"attention of the patch at row {patch[1] + 1}, column {patch[2] + 1}, slice 3")
    book.run(2)
    expect(head).to_contain_text("attention of the patch at row 1, column 4, slice 2")
    root.press("Escape")
    expect(mark).to_be_hidden()
    assert book.run_json(1)[:3] == [None, "staa", True]
    click_picture(root, 0.4, 0.6)
    expect(mark).to_be_visible()
    book.run(3)
    expect(mark).to_be_hidden()
    assert book.run_json(1)[:3] == [None, "staa", True]
