"""HTML whose text stays text: every string that is put into an element is escaped, unless an element made it."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable

EMPTY = ("meta", "link", "br")


class Markup(str):
    """HTML made here, which is not escaped again."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: str | None) -> Markup:
    """Write an element.

    Parameters
    ----------
    tag
        Its name.
    *children
        `Markup` as it is, other strings as text; ``None`` is left out.
    **attributes
        ``class_`` for ``class``, ``data_x`` for ``data-x``; ``None`` is left out.
    """
    said = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{said}>" if tag in EMPTY else f"<{tag}{said}>{join_markup(*children)}</{tag}>")


def join_markup(*children: str | None) -> Markup:
    """Write children one after another."""
    return Markup("".join(c if isinstance(c, Markup) else html.escape(c, quote=False) for c in children if c))


def comma_list(names: Iterable[str]) -> Markup:
    """Write names with commas between them."""
    return join_markup(*(part for i, name in enumerate(names) for part in (", " if i else "", name)))


def header_row(*names: str) -> Markup:
    """Write the names of columns as a row."""
    return element("tr", *(element("th", name, scope="col") for name in names))


def scrolling_table(top: Markup, rows: Iterable[Markup], class_: str | None = None) -> Markup:
    """Write a table that scrolls where it is too wide."""
    # To be scrolled by key too, what scrolls must be able to take the focus.
    whole = element("table", element("thead", top), element("tbody", *rows), class_=class_)
    return element("div", whole, class_="wide", tabindex="0")


def source_hash(text: str) -> str:
    """Return the hash by which a Content-Security-Policy allows a script or style with this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
