"""Files as somebody else could write them, with sound checksums."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from staa_widgets.storage.format import Seal, pack


def pack_anything(kind: str, values: Any, arrays: dict[str, Any], seal: Seal | None = None) -> bytes:
    """Return the bytes of a file as `pack` does, but with values that `pack` refuses, such as invalid text."""
    with patch("staa_widgets.storage.format.canonical_json", json.dumps):
        return pack(kind, values, arrays, seal)
