"""Messages between a page and the kernel: requests, and the answers to them.

The Python tests and the TypeScript tests both check the examples in `tests/protocol/messages.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from staa_widgets.errors import ProtocolError, StaaError
from staa_widgets.utils.text import printable_text, quote_value
from staa_widgets.widget.tracebacks import TRACEBACKS

MESSAGE_VERSION = 2
"""Version of the messages; a page with another version is refused."""

ARGUMENTS: Mapping[str, Mapping[str, type]] = {
    "hello": {},
    "compute": {"method": str, "params": dict, "target": int, "pane": int},
    "close_pane": {"pane": int},
    "frames": {"first": int, "count": int, "pane": int},
    "export": {"format": str, "settings": dict, "pane": int},
    "traceback": {"key": str},
}
"""Arguments of each op with their types; all arguments are optional."""

MAX_ID_LENGTH = 100
"""Maximum number of characters in the id of a request."""

MAX_TEXT_LENGTH = 2000
"""Maximum number of characters in the message and in the hint of an error: both may quote what the page has sent."""

_NAMES = {str: "a string", dict: "an object", int: "a whole number"}
_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")


@dataclass(frozen=True)
class Request:
    """A request of a page to the kernel.

    Parameters
    ----------
    id
        Id of the request, which is copied into the answers.
    op
        One of `ARGUMENTS`.
    args
        Arguments of the op.
    """

    id: str
    op: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cancel:
    """A message that cancels a request."""

    id: str


def parse_message(content: Mapping[str, Any]) -> Request | Cancel:
    """Read a message from the player.

    Raises
    ------
    ProtocolError
        If this version does not know the message.
    """
    if not isinstance(content.get("id"), str):
        raise ProtocolError(
            f"The request id must be a string, got {quote_value(content.get('id'))}.", "Reload the page."
        )
    if len(content["id"]) > MAX_ID_LENGTH:
        raise ProtocolError(f"The request id has more than {MAX_ID_LENGTH} characters.", "Reload the page.")
    if not _can_be_sent(content["id"]):
        raise ProtocolError("The request id is not valid Unicode text.", "Reload the page.")
    if content.get("v") != MESSAGE_VERSION:
        version = quote_value(content.get("v"))
        raise ProtocolError(
            f"The page uses protocol version {version}, but the kernel uses version {MESSAGE_VERSION}.",
            "Restart the kernel, reload the page and run the cell again.",
        )
    op, args = content.get("op"), content.get("args", {})
    if op == "cancel":
        return Cancel(content["id"])
    if not isinstance(op, str) or op not in ARGUMENTS:
        raise ProtocolError(
            f"The kernel has no operation {quote_value(op)}.", f"It has {', '.join(ARGUMENTS)} and cancel."
        )
    if not isinstance(args, Mapping):
        raise ProtocolError(f"The arguments of {op} are {quote_value(args)}.", "Send an object.")
    types = ARGUMENTS[op]
    for name, value in args.items():
        if name not in types:
            raise ProtocolError(f"{op} has no argument {quote_value(name)}.", f"It has {', '.join(types) or 'none'}.")
        if not isinstance(value, types[name]) or isinstance(value, bool):
            raise ProtocolError(
                f"The argument {name!r} of {op} is {quote_value(value)}.", f"Send {_NAMES[types[name]]}."
            )
    return Request(content["id"], op, args)


def result_message(id: str, result: Mapping[str, Any]) -> dict[str, Any]:  # noqa: A002
    """Return the message with the result of a request."""
    return {"v": MESSAGE_VERSION, "id": id, "ok": True, "result": dict(result)}


def error_message(id: Any, error: BaseException) -> dict[str, Any]:  # noqa: A002
    """Return the message with the error of a request.

    For an unexpected error, ``traceback`` is the key under which the page can request the traceback.
    """
    name = type(error).__name__
    if isinstance(error, StaaError):
        message, hint = (printable_text(text, MAX_TEXT_LENGTH) for text in (error.message, error.hint))
        details = {"type": name, "message": message, "hint": hint, "traceback": ""}
    else:
        lines = str(error).strip().splitlines()
        details = {
            "type": name,
            "message": f"{name}: {printable_text(lines[0], 500)}" if lines else name,
            "hint": "Use a smaller model, a shorter clip or batch_size=1."
            if name in _OUT_OF_MEMORY
            else "This is unexpected; see the traceback for where it happened.",
            "traceback": TRACEBACKS.keep(error),
        }
    return {"v": MESSAGE_VERSION, "id": _id_to_answer(id), "ok": False, "error": details}


def _id_to_answer(id: Any) -> Any:  # noqa: A002
    """Return the id of an answer: that of the request, or the start of its `repr` if it is long or cannot be sent."""
    quoted = quote_value(id, MAX_ID_LENGTH)
    is_short = len(id) <= MAX_ID_LENGTH if isinstance(id, str) else not quoted.endswith("…")
    return id if is_short and _can_be_sent(id) else quoted


def _can_be_sent(value: Any) -> bool:
    """Return whether a value can be sent as JSON: it has no number that is not finite, and no half of a surrogate pair.

    A page sends neither, but another program that speaks the protocol can.
    """
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def progress_message(id: str, step: str, done: int, total: int) -> dict[str, Any]:  # noqa: A002
    """Return the message with the progress of a request."""
    return {"v": MESSAGE_VERSION, "id": id, "progress": {"done": done, "total": total, "label": step}}
