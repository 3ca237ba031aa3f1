"""Check text that users give, such as names and labels, and quote values in messages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from staa_widgets.errors import ParameterError

_BREAKS_AND_CONTROLS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def check_text(what: str, text: object) -> str:
    """Return a text that can be written to files and pages.

    Parameters
    ----------
    what
        What the text is, for the error.
    text
        The text.

    Raises
    ------
    ParameterError
        If it is not a string, or holds half of a surrogate pair, which no file can hold.
    """
    if not isinstance(text, str):
        raise ParameterError(f"{what} must be text, got {type(text).__name__}.", "Give a string.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ParameterError(
            f"{what} is {text[:60]!r}, which is not valid Unicode text: character {error.start} is half of a pair.",
            "Remove or replace this character.",
        ) from error
    return text


def quote_value(value: object, length: int = 80) -> str:
    """Return the `repr` of a value for a message, cut to a length; of a number with too many digits, its type."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write whole numbers of more than 4300 digits.
        return f"a {type(value).__name__} of too many digits"
    return text if len(text) <= length else f"{text[:length]}…"


def list_names(names: Iterable[str], *, most: int = 5, length: int = 60) -> str:
    """Return the first names for a message, separated by commas and each cut to a length; then how many others."""
    texts = [name if len(name) <= length else f"{name[:length]}…" for name in names]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def replace_surrogates(text: str) -> str:
    """Return a text in which each half of a surrogate pair is replaced by U+FFFD.

    Python reads a file name that is not UTF-8 as a string with such halves, which cannot be written to any file.
    """
    return _SURROGATES.sub("\ufffd", text)


def printable_text(value: object, length: int = 300) -> str:
    """Return the text of a value, such as of an error about damaged data, for a message.

    It is cut to a length; characters that cannot be printed are escaped.
    """
    text = "".join(character if character.isprintable() else repr(character)[1:-1] for character in str(value)[:length])
    return text if len(str(value)) <= length else f"{text}…"


def drop_direction_controls(text: str) -> str:
    """Return a text without the characters that change the direction of other text around it.

    With them, a name can make a title or a row of a table look like another one.
    """
    return _DIRECTION_CONTROLS.sub("", text)


def readable_name(text: str) -> str:
    """Return a name as readers see it: with spaces in place of underscores between letters or digits."""
    return re.sub(r"(?<=\w)_(?=\w)", " ", text)


def single_line(text: str) -> str:
    """Return a text to draw in one line: a space for each break or control character, and no direction controls."""
    return _BREAKS_AND_CONTROLS.sub(" ", drop_direction_controls(text))
