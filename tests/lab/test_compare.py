"""Several panes in JupyterLab: a new explanation replaces the active pane and no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.helpers.jupyterlab import LOAD, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.lab]

COMPARE = """
c = staa.compare(staa.action_clip(3, fps=8), methods=["staa", "rollout"])
p = staa.Player(c.values())
p
"""
PRINT_STATE = "print(json.dumps([p.pane, p.method, [e.method for e in p.explanations]]))"


def test_computed_explanation_replaces_the_active_pane(notebook: Callable[..., Notebook]) -> None:
    book = notebook(LOAD, COMPARE, PRINT_STATE, "p.show(c['staa'])")
    book.run(0)
    root = book.run_player(1)
    tabs = root.locator(".staa-tab")
    expect(tabs).to_have_text(["STAA", "Attention rollout"])
    expect(root.locator("canvas[data-frame]")).to_have_count(2)
    root.evaluate("root => { root.id = 'first' }")
    root.press("p")
    assert book.run_json(2) == [1, "rollout", ["staa", "rollout"]]
    root.get_by_role("combobox", name="Method", exact=True).select_option("staa_logit")
    expect(tabs).to_have_text(["STAA", "Class-specific STAA"])
    assert book.run_json(2) == [1, "staa_logit", ["staa", "staa_logit"]]
    book.run(3)
    expect(tabs).to_have_text(["STAA", "STAA (2)"])
    expect(tabs.nth(1)).to_have_attribute("aria-pressed", "true")
    assert book.page.locator("#first").count() == 1, "the player was not rebuilt"
