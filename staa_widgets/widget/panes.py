"""Several explanations side by side, laid out for the player."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.explanation.explanation import Explanation, same_clip
from staa_widgets.explanation.exports import Exportable
from staa_widgets.widget.payload import pack

PaneInput = Explanation | Iterable[Explanation] | Mapping[str, Explanation]
"""What a player or a page shows: an explanation, or some, by name or not."""

MAX_PANES = 4
"""Most panes that a player shows at once."""

_PER_CLIP = ("frames", "times", "ground_truth")
_FIRST_ONLY = ("colors",)


def as_panes(explanations: PaneInput) -> tuple[Explanation, ...]:
    """Return one explanation or some as a tuple of panes.

    Raises
    ------
    ParameterError
        If there are none or more than `MAX_PANES`, or something else is among them.
    """
    if isinstance(explanations, Exportable):
        explanations = explanations.panes()
    elif isinstance(explanations, Mapping):
        explanations = explanations.values()
    found = tuple(explanations)
    wrong = [type(one).__name__ for one in found if not isinstance(one, Explanation)]
    if wrong:
        raise ParameterError(f"A player shows explanations, not {wrong[0]}.", "Make one with staa.explain(video).")
    if not 1 <= len(found) <= MAX_PANES:
        raise ParameterError(
            f"A player shows 1 to {MAX_PANES} explanations side by side, not {len(found)}.", "Choose some of them."
        )
    return found


def frame_in_pane(explanation: Explanation, first: Explanation, frame: int) -> int:
    """Return the source frame that a pane shows with a frame of the first pane; of another clip, at that time."""
    if same_clip(first, explanation):
        return frame
    second = first.times[frame - first.first_frame]
    return explanation.first_frame + max(int(np.searchsorted(explanation.times, second, side="right")) - 1, 0)


def pack_panes(explanations: Sequence[Explanation]) -> dict[str, Any]:
    """Return the payload of explanations for the player.

    Parameters
    ----------
    explanations
        1 to `MAX_PANES`. The first one's clip is what is played.

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
            shared = name in _PER_CLIP and same_clip(first, other) and content == buffers[name]
            if not shared and name not in _FIRST_ONLY:
                parts[name] = (len(more), len(more) + len(content))
                more += content
        others.append({**own, "parts": parts})
    return {"meta": meta, **buffers, "others": others, "more": bytes(more)}


def pack_traits(explanations: Sequence[Explanation], live: Sequence[bool], cards: dict[Any, Any]) -> dict[str, Any]:
    """Return the payload of explanations for a player with a kernel, by trait.

    Parameters
    ----------
    explanations
        As for `pack_panes`.
    live
        Whether the kernel has each one's video, and so the frames that its preview lacks.
    cards
        What was shown before, by key, which stays beside it; what is new is added, what is shown again keeps its place.
    """
    laid = pack_panes(explanations)
    metas = (laid["meta"], *laid["others"])
    for meta, there in zip(metas, live, strict=True):
        frames = meta["frames"]
        meta["frames"] = {**frames, "live": there and frames["kept"] is not None}
    clips = [(e.clip_sha256, e.first_frame, len(e.times)) for e in explanations]
    for clip, meta in zip(clips, metas, strict=True):
        cards |= {(clip, card["key"]): card for card in meta["cards"]}
    for clip, meta in zip(clips, metas, strict=True):
        meta["cards"] = [card for (of, _), card in cards.items() if of == clip]
    return {f"_{name}": value for name, value in laid.items()}
