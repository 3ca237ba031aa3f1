"""The reference of the API is fresh, and has every public name."""

from __future__ import annotations

import re

import staa_widgets
from docs import reference


def test_the_page_is_fresh():
    text = reference.PAGE.read_text("utf-8")
    assert text == reference.reference_text(), "docs/reference.md is out of date: run `make reference`"


def test_every_public_name_has_an_entry_in_one_chapter():
    names = [name for chapter in reference.CHAPTERS.values() for name in chapter]
    assert sorted(names) == sorted({*staa_widgets.__all__} - {"__version__"})
    assert re.findall(r"^### (\w+)$", reference.reference_text(), re.MULTILINE) == names


def test_every_entry_says_something():
    entries = re.split(r"^#{3,4} ", reference.reference_text(), flags=re.MULTILINE)[1:]
    prose = [re.sub(r"```.*?```", "", entry.split("\n", 1)[1], flags=re.DOTALL).strip() for entry in entries]
    assert [entry.split("\n")[0] for entry, words in zip(entries, prose, strict=True) if not words] == []


DOCSTRING = """Add ``a`` to
`Clip`.

More.

Parameters
----------
a, *b
    A
    number.

Returns
-------
int
    The sum.
"""
MARKDOWN = """Add `a` to [`Clip`](#clip).

More.

**Parameters**

- `a`, `*b`: A number.

**Returns**

- `int`: The sum.
"""


def test_a_docstring_becomes_markdown():
    assert reference.to_markdown(DOCSTRING) == MARKDOWN


def test_a_signature_has_defaults_and_no_types():
    def function(self: object, a: int, *, b: str = "x", _c: int = 1) -> None: ...

    assert reference.signature(function, bound=True) == "(a, *, b='x')"
