"""Text that users give: checked, quoted and shown without turning other text around."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from staa_widgets.errors import FileWriteError, ParameterError
from staa_widgets.render.theme import escape_plotly_text
from staa_widgets.utils.html import element
from staa_widgets.utils.text import (
    check_text,
    drop_direction_controls,
    list_names,
    printable_text,
    quote_value,
    replace_surrogates,
    single_line,
)

TURNED = "clip\u202e4pm.\u2066exe\u2069"


def test_text_that_no_file_can_hold_is_refused() -> None:
    assert check_text("The name", "straße 𝄞") == "straße 𝄞"
    others: list[Any] = ["\ud83d", "a\udce9.mp4", 3, None, b"x"]
    for text in others:
        with pytest.raises(ParameterError, match="The name "):
            check_text("The name", text)


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "'x'"), ("x" * 100, "'" + "x" * 79 + "…"), (10**5000, "a int of too many digits"), ([1], "[1]")],
    ids=["short", "long", "digits", "list"],
)
def test_values_are_quoted_in_few_characters(value: Any, text: str) -> None:
    assert quote_value(value) == text


def test_names_do_not_turn_the_text_around_them() -> None:
    shown = "clip4pm.exe"
    assert drop_direction_controls(TURNED) == shown
    assert element("title", TURNED, title=TURNED) == f'<title title="{shown}">{shown}</title>'
    assert escape_plotly_text(TURNED) == shown
    assert drop_direction_controls("\u200fעברית") == "\u200fעברית"


def test_texts_are_made_fit_for_a_message_a_line_and_a_file() -> None:
    assert printable_text("a\n\u202eb\ud83d") == "a\\n\\u202eb\\ud83d"
    assert printable_text(ValueError("x" * 400)) == "x" * 300 + "…"
    assert single_line("a\n\u2029b\x1b\u202e 👩‍👩‍👧") == "a  b  👩‍👩‍👧"
    assert replace_surrogates("caf\udce9 é") == "caf\ufffd é"


def test_an_error_shows_no_characters_that_control_a_terminal() -> None:
    error = FileWriteError("It cannot be written to a\r\n\x1b[31m\u202eb\ud83d/é.", "Choose\x00 another.")
    assert str(error) == "It cannot be written to a\\r\n\\x1b[31m\\u202eb\\ud83d/é. Choose\\x00 another."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["b", "a"], "b, a"), (["a", "b", "c"], "a, b and 1 more"), (["abcde"], "abcd…")],
)
def test_a_list_of_names_is_short(names: list[str], text: str) -> None:
    assert list_names(names, most=2, length=4) == text
