"""The built scripts and styles of the player, as files of the package."""

from __future__ import annotations

from importlib import resources

from staa_widgets.errors import ExportError


def read_bundle(name: str) -> str:
    """Return the text of a built file, such as ``"widget.js"``; raises `ExportError` if it was not built."""
    try:
        return resources.files("staa_widgets.widget").joinpath("static", name).read_text("utf-8")
    except FileNotFoundError as error:
        raise ExportError(
            f"The player is incomplete: {name} was not built.",
            "Run `npm install && npm run build` in js/, or reinstall staa_widgets.",
        ) from error
