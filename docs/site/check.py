"""Check the built site: links lead somewhere, nothing is loaded from elsewhere, and sizes are within limits."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

SITE_BYTES = 60_000_000
PAGE_BYTES = 6_000_000

_LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("link", "href"), ("source", "src"), ("video", "src")}
"""Attributes whose address a browser loads with the page."""

_CSS_ADDRESS = re.compile(r"(?:url\(|@import\s+)[\"']?(https?:|//)")


class Link(NamedTuple):
    """A link of a page, or a file that it loads."""

    address: str
    is_loaded: bool


class Page(HTMLParser):
    """The links and anchors of an HTML page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the links and anchors of an element."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value is not None:
                is_loaded = (tag, name) in _LOADED and dict(attrs).get("rel") not in ("canonical", "next", "prev")
                self.links.append(Link(value, is_loaded))


def find_faults(site: Path) -> list[str]:
    """Return what is wrong with a built site, one sentence for each fault.

    Parameters
    ----------
    site
        Folder with the HTML pages.
    """
    faults: list[str] = []
    read = cache(lambda file: Page(file.read_text("utf-8")))
    for file in sorted(site.rglob("*.html")):
        name = file.relative_to(site).as_posix()
        if file.stat().st_size > PAGE_BYTES:
            faults.append(f"{name} has {file.stat().st_size} bytes; at most {PAGE_BYTES} are allowed")
        if name.startswith("players/"):
            continue  # Exported pages load nothing, by their Content-Security-Policy.
        for link in read(file).links:
            faults += [f"{name}: {fault}" for fault in _link_faults(link, file, site, read)]
    for file in sorted(site.rglob("*.css")):
        if _CSS_ADDRESS.search(file.read_text("utf-8")):
            faults.append(f"{file.relative_to(site)} loads a file from elsewhere")
    size = site_size(site)
    if size > SITE_BYTES:
        faults.append(f"the site has {size} bytes; at most {SITE_BYTES} are allowed")
    return faults


def site_size(site: Path) -> int:
    """Return the number of bytes of all files."""
    return sum(file.stat().st_size for file in site.rglob("*") if file.is_file())


def _link_faults(link: Link, file: Path, site: Path, read: Callable[[Path], Page]) -> Iterator[str]:
    parts = urlsplit(link.address)
    if parts.scheme == "data" or link.address in ("", "#"):
        return
    if parts.scheme or parts.netloc:
        if link.is_loaded:
            yield f"loads {link.address} from elsewhere"
        return
    path = posixpath.normpath(posixpath.join(file.parent.relative_to(site).as_posix(), unquote(parts.path)))
    target = site / path if parts.path else file
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        yield f"there is no {link.address}"
    elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).anchors:
        yield f"there is no anchor {link.address}"
