"""Fixtures that every test may use."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page

    from staa_widgets.explanation import Explanation

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what pytest-base-url, which pytest-playwright needs, is warned of by pytest 9."""
    config.addinivalue_line("filterwarnings", "ignore:Session-scoped fixtures defined as instance methods")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Drive the machine's own Chromium; without its sandbox, because containers run tests as root."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.fail(f"none of {', '.join(BROWSERS)} is installed; leave browser tests out with -m 'not browser'")
    return {**browser_type_launch_args, "executable_path": found, "args": ["--no-sandbox"]}


@pytest.fixture
def open_page(page: Page, tmp_path: Path) -> Iterator[Callable[[Explanation], Page]]:
    """Open an explanation's page from disk; at the end, nothing else was asked for and nothing complained."""
    from chromium import PATIENCE

    from staa_widgets.export import to_html

    asked: list[str] = []
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def opened(e: Explanation) -> Page:
        page.goto(to_html(e, tmp_path / "page.html").as_uri())
        page.wait_for_selector("canvas[data-frame]")
        return page

    yield opened
    assert asked == [(tmp_path / "page.html").as_uri()]
    assert complaints == []
