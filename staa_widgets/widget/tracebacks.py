"""Tracebacks of unexpected errors, kept in the kernel until a page requests them.

They contain paths and code of the kernel's machine, which not every page may show.
"""

from __future__ import annotations

import secrets
import traceback
from collections import OrderedDict

from staa_widgets.errors import PlayerError

MAX_TRACEBACKS = 16
MAX_CHARACTERS = 20_000


class Tracebacks:
    """The latest `MAX_TRACEBACKS` tracebacks, by a key that cannot be guessed."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, str] = OrderedDict()

    def keep(self, error: BaseException) -> str:
        """Keep the traceback of an error, and return its key."""
        key = secrets.token_hex(8)
        self._texts[key] = "".join(traceback.format_exception(error))[-MAX_CHARACTERS:]
        while len(self._texts) > MAX_TRACEBACKS:
            self._texts.popitem(last=False)
        return key

    def text(self, key: str) -> str:
        """Return a traceback; raises `PlayerError` if it is no longer kept."""
        try:
            return self._texts[key]
        except KeyError:
            raise PlayerError("The kernel no longer has this traceback.", "Repeat the request that failed.") from None


TRACEBACKS = Tracebacks()
"""The tracebacks of this process."""
