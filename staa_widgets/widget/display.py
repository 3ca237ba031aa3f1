"""How a player stands in a cell's output: its view, and words for where no view can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staa_widgets.host import in_kernel

if TYPE_CHECKING:
    from staa_widgets.widget.player import Player

_TEXT = "A player of staa_widgets stands here while its kernel runs. To see it, run this cell again in Jupyter."

FALLBACK = {"text/html": f'<div class="staa-fallback">{_TEXT}</div>', "text/plain": _TEXT}
"""Kept in saved notebooks; the player's styles hide it while a player is in the same output."""


def display_player(player: Player) -> None:
    """Put a player into the output of the running cell.

    Raises
    ------
    NotImplementedError
        Where there is no kernel, or the player is closed; IPython then shows the plain representation.
    """
    bundle = player._repr_mimebundle_() if in_kernel() and player.comm is not None else None
    if bundle is None:
        raise NotImplementedError
    from IPython.display import display

    data, metadata = bundle
    display(data, metadata=metadata, raw=True)
    display(FALLBACK, raw=True)
