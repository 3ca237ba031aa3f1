"""Show a player as cell output: the widget, and a captioned image for viewers without widgets."""

from __future__ import annotations

import base64
from typing import Any

from staa_widgets.utils.environment import in_kernel
from staa_widgets.widget.file_export import draw_poster
from staa_widgets.widget.player_protocol import PlayerView

_TEXT = "The staa_widgets player needs a running kernel. Run this cell again in Jupyter to show it."


def static_fallback(player: PlayerView) -> dict[str, str]:
    """Return a captioned image of the current content of a player, by media type.

    Saved notebooks keep this image for sites that display notebooks without running them. The player's CSS hides the
    image while a live player is in the same output.
    """
    try:
        frame = base64.b64encode(draw_poster(player)).decode()
    except OSError:  # The preview cannot be decoded; the player in the browser reports this.
        return {"text/html": f'<div class="staa-fallback">{_TEXT}</div>', "text/plain": _TEXT}
    image = f'<p><img alt="A frame of the video with the heat map" src="data:image/jpeg;base64,{frame}"></p>'
    return {"text/html": f'<div class="staa-fallback">{image}{_TEXT}</div>', "text/plain": _TEXT}


def display_widget(widget: Any, text: str | None = None) -> None:
    """Put a widget into the output of the running cell.

    Parameters
    ----------
    widget
        An `ipywidgets.Widget`.
    text
        Plain text for programs that show no widgets; default: that of ipywidgets.

    Raises
    ------
    NotImplementedError
        If there is no kernel, or the widget is closed; IPython then shows the plain representation.
    """
    bundle = widget._repr_mimebundle_() if in_kernel() and widget.comm is not None else None
    if bundle is None:
        raise NotImplementedError
    from IPython.display import display

    data, metadata = bundle
    display(data if text is None else {**data, "text/plain": text}, metadata=metadata, raw=True)


def display_player(player: PlayerView) -> None:
    """Put a player and its image for viewers without widgets into the cell's output; errors as `display_widget`."""
    display_widget(player)
    from IPython.display import display

    display(static_fallback(player), raw=True)
