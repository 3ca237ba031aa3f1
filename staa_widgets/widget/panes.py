"""Pack several explanations side by side for the player."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.explanation.comparison import MAX_PANES, Comparison
from staa_widgets.explanation.explanation import Explanation, same_clip
from staa_widgets.explanation.exports import Exportable
from staa_widgets.widget.payload import pack, pane_names

PaneInput = Explanation | Iterable[Explanation] | Mapping[str, Explanation]
"""Content of a player or a page: one explanation, several explanations, or a mapping of names to explanations."""

_PER_CLIP = ("frames", "times", "ground_truth")
_FIRST_ONLY = ("colors",)


def as_panes(explanations: PaneInput) -> tuple[Explanation, ...]:
    """Return the explanations of a player or a page as a tuple, one for each pane.

    Raises
    ------
    ParameterError
        If there are no explanations or more than `MAX_PANES`, or a value is not an `Explanation`.
    """
    if isinstance(explanations, Exportable):
        explanations = explanations.panes()
    elif isinstance(explanations, Mapping):
        explanations = explanations.values()
    panes = tuple(explanations)
    other_types = [type(pane).__name__ for pane in panes if not isinstance(pane, Explanation)]
    if other_types:
        raise ParameterError(
            f"Cannot show {other_types[0]} in a player.", "Pass explanations, such as staa.explain(video)."
        )
    if not 1 <= len(panes) <= MAX_PANES:
        raise ParameterError(f"Cannot show {len(panes)} explanations in a player.", f"Pass 1 to {MAX_PANES}.")
    return panes


def own_names(explanations: PaneInput, count: int) -> list[str]:
    """Return the names that a user gave the `count` panes in a mapping; ``""`` for a pane without one."""
    if not isinstance(explanations, Mapping):
        return [""] * count
    return Comparison(cast("Mapping[str, Explanation]", explanations)).own_names()


def frame_in_pane(explanation: Explanation, first: Explanation, frame: int) -> int:
    """Return the source frame that a pane shows for a frame of the first pane; in another clip, at the same time."""
    if same_clip(first, explanation):
        return frame
    second = first.times[frame - first.first_frame]
    return explanation.first_frame + max(int(np.searchsorted(explanation.times, second, side="right")) - 1, 0)


def pack_panes(explanations: Sequence[Explanation], own_names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the payload of explanations for the player.

    Parameters
    ----------
    explanations
        1 to `MAX_PANES` explanations. The player plays the clip of the first.
    own_names
        As for `pane_names`.

    Returns
    -------
    dict
        ``meta`` and the buffers of the first explanation, as returned by `pack`, with the names of all panes;
        ``others``, the ``meta`` of each other explanation, with ``parts``, the start and end of each of its buffers in
        ``more``; and ``more``, all these buffers in one. If a pane has the same clip as the first, its frames, times
        and ground truth are omitted where they are equal.
    """
    first, *rest = explanations
    meta, buffers = pack(first)
    names = pane_names(explanations, own_names)
    others: list[dict[str, Any]] = []
    more = bytearray()
    for other in rest:
        other_meta, other_buffers = pack(other)
        parts: dict[str, tuple[int, int]] = {}
        for name, content in other_buffers.items():
            shared = name in _PER_CLIP and same_clip(first, other) and content == buffers[name]
            if not shared and name not in _FIRST_ONLY:
                parts[name] = (len(more), len(more) + len(content))
                more += content
        others.append({**other_meta, "parts": parts, "names": names})
    return {"meta": {**meta, "names": names}, **buffers, "others": others, "more": bytes(more)}


def pack_traits(
    explanations: Sequence[Explanation],
    live: Sequence[bool],
    cards: dict[Any, Any],
    own_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the payload of explanations for a player with a kernel, by trait.

    Parameters
    ----------
    explanations
        As for `pack_panes`.
    live
        For each explanation, whether the kernel has the video, and therefore the frames that are not in the preview.
    cards
        Score cards of the explanations shown so far, by clip and key. New cards are added to this dict; a card shown
        again keeps its position.
    own_names
        As for `pane_names`.
    """
    payload = pack_panes(explanations, own_names)
    metas = (payload["meta"], *payload["others"])
    for meta, has_video in zip(metas, live, strict=True):
        frames = meta["frames"]
        meta["frames"] = {**frames, "live": has_video and frames["kept"] is not None}
    clips = [(e.clip_sha256, e.first_frame, len(e.times)) for e in explanations]
    for clip, meta in zip(clips, metas, strict=True):
        cards |= {(clip, card["key"]): card for card in meta["cards"]}
    for clip, meta in zip(clips, metas, strict=True):
        meta["cards"] = [card for (card_clip, _), card in cards.items() if card_clip == clip]
    return {f"_{name}": value for name, value in payload.items()}
