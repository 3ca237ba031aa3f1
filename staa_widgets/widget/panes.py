"""Several explanations side by side: what the player is given of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from staa_widgets.errors import ParameterError
from staa_widgets.explanation import Explanation
from staa_widgets.widget.payload import pack, same_clip

MOST = 4
"""Panes that a player shows at once."""

_SHARED = ("frames", "times", "truth")
_ONCE = ("colours",)


def as_panes(explanations: Explanation | Iterable[Explanation]) -> tuple[Explanation, ...]:
    """Take one explanation or some for panes.

    Raises
    ------
    ParameterError
        If there are none or more than `MOST`, or something else is among them.
    """
    found = (explanations,) if isinstance(explanations, Explanation) else tuple(explanations)
    wrong = [type(one).__name__ for one in found if not isinstance(one, Explanation)]
    if wrong:
        raise ParameterError(f"A player shows explanations, not {wrong[0]}.", "Make one with staa.explain(video).")
    if not 1 <= len(found) <= MOST:
        raise ParameterError(
            f"A player shows 1 to {MOST} explanations side by side, not {len(found)}.", "Choose some of them."
        )
    return found


def pack_panes(explanations: Sequence[Explanation]) -> dict[str, Any]:
    """Lay explanations out for the player.

    Parameters
    ----------
    explanations
        1 to `MOST`. The first one's clip is what is played.

    Returns
    -------
    dict
        ``meta`` and the buffers of the first as `pack` gives them; ``others``, the metas of the others, each with
        ``parts``, where its buffers lie in ``more`` by name; ``more``, those buffers one after the other. A pane of
        the first one's clip brings no pictures and no truth of its own where they are the same.
    """
    first, *rest = explanations
    meta, buffers = pack(first)
    others: list[dict[str, Any]] = []
    more = bytearray()
    for other in rest:
        own, data = pack(other)
        parts: dict[str, tuple[int, int]] = {}
        for name, content in data.items():
            shared = name in _SHARED and same_clip(first, other) and content == buffers[name]
            if not shared and name not in _ONCE:
                parts[name] = (len(more), len(more) + len(content))
                more += content
        others.append({**own, "parts": parts})
    return {"meta": meta, **buffers, "others": others, "more": bytes(more)}
