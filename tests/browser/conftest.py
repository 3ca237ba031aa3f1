"""Fixtures of the browser tests."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from staa_widgets.explanation.explanation import Explanation
from tests.helpers.paths import STATIC

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.helpers.page_kernel import PageKernel


@pytest.fixture
def open_player(page: Page) -> Iterator[Callable[..., PageKernel]]:
    """Open players on a notebook's model; fail when the browser console printed something."""
    from tests.helpers.chromium import PATIENCE
    from tests.helpers.page_kernel import HOST, PageKernel, payload_traits

    complaints: list[str] = []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def show(e: Explanation, *, computes: bool = True, views: int = 1, **changes: Any) -> PageKernel:
        page.set_content(
            f"<!doctype html><html lang=en><title>x</title><style>{(STATIC / 'widget.css').read_text('utf-8')}</style>"
        )
        code = base64.b64encode((STATIC / "widget.js").read_bytes()).decode()
        page.evaluate(HOST, [code, payload_traits(e, **changes), views])
        page.wait_for_selector("canvas[data-frame]")
        kernel = PageKernel(page)
        for hello in kernel.sent_requests("hello"):
            result = {"kernel": True, "computes": computes, "why": "" if computes else "It was loaded from a file."}
            page.evaluate(
                "message => host.emit('msg:custom', message)", {"v": 2, "id": hello["id"], "ok": True, "result": result}
            )
        return kernel

    yield show
    assert complaints == []
