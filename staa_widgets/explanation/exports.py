"""What an explanation and a comparison can be made into, alike."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.render.style import HeatStyle


KINDS = {".html": "page", ".htm": "page", ".mp4": "movie", ".gif": "movie", ".png": "picture", ".csv": "table"}
"""What a file is, by how its name ends."""


def write_as(explanation: Explanation, path: Path, video: Path) -> Path:
    """Write the kind of file that a name ends with; a movie shows the video itself at full size, with its sound."""
    suffix = path.suffix.lower()
    if suffix == ".mp4":
        from staa_widgets.video.audio import has_audio

        return explanation.to_video(path, video=video, audio=video if has_audio(video) else None)
    return {".gif": explanation.to_gif, ".png": explanation.to_png, ".csv": explanation.to_csv}.get(
        suffix, explanation.to_html
    )(path)


class Exportable(ABC):
    """Files to take away; each is written in one step, and its path returned."""

    __slots__ = ()

    @abstractmethod
    def panes(self) -> list[Explanation]:
        """Return what a player or a page shows side by side."""

    def to_html(self, path: str | os.PathLike[str], **settings: Any) -> Path:
        """Write a page that plays the clip under its heat map, offline; see `staa_widgets.widget.page.to_html`."""
        from staa_widgets.widget.page import to_html

        return to_html(self.panes(), path, **settings)

    def to_png(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Write one picture: frames under heat over the bars of time; options as for `staa_widgets.render_image`."""
        from staa_widgets.export.image import render_image

        return render_image(self, **options).save(path)  # pyright: ignore[reportArgumentType]

    def to_csv(self, path: str | os.PathLike[str], look: HeatStyle | None = None) -> Path:
        """Write the shares of the slices of time as a table; see `staa_widgets.export.table.to_csv`."""
        from staa_widgets.export.table import to_csv
        from staa_widgets.render.style import DEFAULT_STYLE

        return to_csv(self, path, look or DEFAULT_STYLE)  # pyright: ignore[reportArgumentType]

    def _ipython_display_(self) -> None:
        from staa_widgets.utils.environment import in_kernel

        if not in_kernel():
            raise NotImplementedError  # IPython then shows the plain representation.
        from staa_widgets.widget.player import Player

        Player(self.panes())._ipython_display_()
