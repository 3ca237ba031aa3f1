"""axe checks the player in each of its states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.barcodes import barcode_explanation
from tests.helpers.chromium import PATIENCE
from tests.helpers.notebook_model import ANSWER, HOST, host_arguments
from tests.helpers.paths import AXE, STATIC

pytestmark = pytest.mark.browser


def serious_findings(page: Page) -> list[Any]:
    """Serious and critical accessibility violations in the page."""
    # During a fade-in, text does not have its final color yet.
    page.evaluate("() => Promise.all(document.getAnimations().map((animation) => animation.finished))")
    report = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        (violation["id"], [node["html"][:200] for node in violation["nodes"]])
        for violation in report["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: Callable[..., Page], page: Page, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    e, others = barcode_explanation(), [barcode_explanation(signed=True, method=name) for name in ("a", "b", "c")]
    findings = {}
    open_page(e)
    page.evaluate(AXE.read_text("utf-8"))
    findings["plain"] = serious_findings(page)
    for summary in page.locator("summary:visible").all():
        summary.click()
    expect(page.locator("details[open]")).to_have_count(4)
    findings["heads and facts"] = serious_findings(page)
    root = page.locator(".staa-root")
    for key in ("?", "e"):
        root.press(key)
        expect(page.locator("dialog[open]")).to_have_count(1)
        findings[f"dialog {key}"] = serious_findings(page)
        page.keyboard.press("Escape")
    for view in ("grid", "wipe", "difference", "side"):
        open_page([e, *others] if view == "grid" else others[:2], view=view)
        page.evaluate(AXE.read_text("utf-8"))
        findings[view] = serious_findings(page)
    assert {state: violations for state, violations in findings.items() if violations} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_beside_an_error(page: Page, scheme: Any) -> None:
    page.set_default_timeout(PATIENCE)
    page.emulate_media(color_scheme=scheme)
    page.set_content(
        f"<!doctype html><html lang=en><title>Player</title><style>{(STATIC / 'widget.css').read_text('utf-8')}</style>"
        "<main id=place></main>"
    )
    page.evaluate("window.place = document.getElementById('place')")
    page.evaluate(HOST, host_arguments(barcode_explanation(), method="staa", target=0))
    page.evaluate(ANSWER)
    page.evaluate(AXE.read_text("utf-8"))
    expect(page.get_by_role("combobox", name="Method", exact=True)).to_be_enabled()
    assert serious_findings(page) == []
    page.locator(".staa-root").press("m")
    alert = page.get_by_role("alert").filter(has_text="No luck.")
    expect(alert).to_be_visible()
    alert.locator("summary").click()
    assert serious_findings(page) == []
