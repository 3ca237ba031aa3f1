"""The built site in Chromium: it loads nothing from elsewhere, players play, and axe finds nothing serious.

`make docs` builds it first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.chromium import PATIENCE
from tests.helpers.paths import AXE, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

SITE = ROOT / "out" / "docs" / "html"
FIRST_NOTEBOOK = f"learn/{min((ROOT / 'notebooks').glob('*.ipynb')).stem}"
PAGES = (
    "index",
    "look",
    FIRST_NOTEBOOK,
    "gallery",
    "methods/index",
    "methods/staa",
    "api/explaining-videos",
    "teach",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not SITE.exists(), reason="`make docs` builds the site"),
]


@pytest.fixture
def site(page: Page) -> Iterator[Page]:
    """A page in which requests to elsewhere and errors are noted, and must not happen."""
    complaints: list[str] = []
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: complaints.append(f"{request.url} failed"))
    page.on(
        "request",
        lambda request: (
            complaints.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None
        ),
    )
    yield page
    assert complaints == []


def open_site(page: Page, name: str, *, scheme: Any = "light", width: int = 1280) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto((SITE / f"{name}.html").as_uri())


def first_player(page: Page) -> Frame:
    """Return the frame of the first player of a page, after it has drawn its picture."""
    element = page.locator(".staa-frame iframe").first
    element.scroll_into_view_if_needed()
    handle = element.element_handle()
    assert handle
    frame = handle.content_frame()
    assert frame
    frame.wait_for_selector("canvas[data-frame]")
    return frame


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(site: Page, name: str, scheme: Any, width: int) -> None:
    open_site(site, name, scheme=scheme, width=width)
    site.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
    site.evaluate(AXE.read_text("utf-8"))
    report = site.evaluate("axe.run(document, { iframes: false, preload: false, resultTypes: ['violations'] })")
    serious = [
        (violation["id"], [node["html"][:150] for node in violation["nodes"][:4]])
        for violation in report["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert serious == []
    # The page itself does not scroll sideways; wide tables and formulas scroll in their boxes.
    assert site.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["index", FIRST_NOTEBOOK, "methods/occlusion", "gallery"])
def test_a_player_shows_frame_20(site: Page, name: str) -> None:
    open_site(site, name)
    player = first_player(site)
    player.locator(".staa-root").press("Home")
    player.wait_for_selector("canvas[data-frame='0']")
    for _ in range(20):
        player.locator(".staa-root").press("ArrowRight")
    player.wait_for_selector("canvas[data-frame='20']")


def test_a_player_plays(site: Page) -> None:
    open_site(site, "look")
    player = first_player(site)
    player.locator(".staa-root").press("Home")
    player.wait_for_selector("canvas[data-frame='0']")
    player.locator(".staa-root").press("Space")
    player.wait_for_selector("canvas:not([data-frame='0'])[data-frame]")


def test_figures_of_a_notebook_are_drawn(site: Page) -> None:
    open_site(site, FIRST_NOTEBOOK)
    site.wait_for_selector(".plotly-graph-div .main-svg")


def test_search_finds_a_page(site: Page) -> None:
    open_site(site, "search")
    site.goto(f"{(SITE / 'search.html').as_uri()}?q=occlusion")
    site.wait_for_selector("ul.search a[href*='occlusion']")


def test_a_page_without_javascript_says_so(browser: Any) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((SITE / "players" / "look" / "first.html").as_uri())
    assert "needs JavaScript" in page.inner_text("body")
    page.context.close()


def test_all_players_are_whole_pages() -> None:
    pages: list[Path] = sorted((SITE / "players").rglob("*.html"))
    assert len(pages) > 30
    assert [page.name for page in pages if "default-src 'none'" not in page.read_text("utf-8")] == []
