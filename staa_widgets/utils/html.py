"""Write HTML: every string is escaped, except `Markup`, which `element` returns."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable

from staa_widgets.utils.text import drop_direction_controls

EMPTY = ("meta", "link", "br", "img")
"""Elements without children and end tag."""


class Markup(str):
    """A string of HTML, which `element` inserts without escaping it."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: str | None) -> Markup:
    """Return an HTML element.

    Parameters
    ----------
    tag
        Name of the element.
    *children
        `Markup` unchanged, other strings escaped; ``None`` is left out.
    **attributes
        ``class_`` for ``class``, ``data_x`` for ``data-x``; ``None`` is left out.
    """
    attribute_text = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape_text(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    start = f"<{tag}{attribute_text}>"
    return Markup(start if tag in EMPTY else f"{start}{join_markup(*children)}</{tag}>")


def join_markup(*children: str | None) -> Markup:
    """Return children joined into one `Markup`; a child is escaped unless it is `Markup` already."""
    return Markup(
        "".join(child if isinstance(child, Markup) else escape_text(child, quote=False) for child in children if child)
    )


def escape_text(text: str, *, quote: bool = True) -> str:
    """Return a text for HTML, escaped and without characters that change the direction of other text."""
    return html.escape(drop_direction_controls(text), quote=quote)


def comma_list(names: Iterable[str]) -> Markup:
    """Return names joined by commas."""
    parts: list[str] = []
    for name in names:
        if parts:
            parts.append(", ")
        parts.append(name)
    return join_markup(*parts)


def header_row(*names: str) -> Markup:
    """Return the header row of a table."""
    return element("tr", *(element("th", name, scope="col") for name in names))


def scrolling_table(top: Markup, rows: Iterable[Markup], class_: str | None = None) -> Markup:
    """Return a table that scrolls if it is too wide."""
    content = element("table", element("thead", top), element("tbody", *rows), class_=class_)
    # The keyboard scrolls only an element that can have the focus.
    return element("div", content, class_="wide", tabindex="0")


def source_hash(text: str) -> str:
    """Return the hash by which a Content-Security-Policy allows a script or style with this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
