"""What is taken away of a player: files for its pages, still pictures for its user."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ExportError, ParameterError, PlayerError
from staa_widgets.explanation.exports import EXPORT_FORMATS
from staa_widgets.render.style import HeatStyle
from staa_widgets.widget.page import page_text
from staa_widgets.widget.panes import frame_in_pane
from staa_widgets.widget.player_protocol import PlayerView
from staa_widgets.widget.settings import check_settings
from staa_widgets.widget.worker import Answer

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.export.image import StaticImage
    from staa_widgets.utils.progress import Progress
    from staa_widgets.video.clip import Clip

TYPES = {"gif": "image/gif", "mp4": "video/mp4", "html": "text/html"}
"""Kinds of files that a page can ask for, with their media types."""

MAX_FILE_BYTES = 100_000_000
"""Bytes of a file, at most: it reaches the page in one message."""

POSTER_BYTES = 40_000
"""Bytes of the picture that a saved notebook keeps of a player, at most, but for what no picture can do without."""

MAX_PIXELS = 1_000_000_000
"""Pixels of source frames, all together, up to which a film shows every frame at full size."""


@dataclass(frozen=True)
class ExportOperation:
    """Make a file of what a page shows.

    Parameters
    ----------
    explanations
        What is on show, pane by pane.
    kind
        One of `TYPES`.
    state
        Settings of the page that are not at their defaults, checked.
    pane
        Which of the explanations a film is of; a page shows all.
    clip
        The video of that one, where it is at hand.
    """

    explanations: tuple[Explanation, ...]
    kind: str
    state: Mapping[str, Any]
    pane: int
    clip: Clip | None

    def compute(self, report: Progress) -> bytes:
        """Make the file and return its content."""
        report(self.kind, 0, 1)
        found = self._page() if self.kind == "html" else self._movie(report)
        if len(found) > MAX_FILE_BYTES:
            raise ExportError(
                f"The file has {len(found) / 1e6:.0f} MB, too many for a page to save.",
                f"Select a shorter range, or write it in Python: explanation.to_{_IN_PYTHON[self.kind]}(path).",
            )
        return found

    def finish(self, result: bytes) -> Answer:
        """Hand it over under a name."""
        e = self.explanations[self.pane]
        return {"name": f"{file_stem(e.clip_name)}_{file_stem(e.method)}.{self.kind}", "type": TYPES[self.kind]}, [
            result
        ]

    def _page(self) -> bytes:
        return page_text(self.explanations, **self.state).encode()

    def _movie(self, report: Progress) -> bytes:
        e = self.explanations[self.pane]
        start, end = self.state.get("selection") or (None, None)
        options: dict[str, Any] = {"start": start, "end": end, "progress": report}
        if self.kind == "mp4" and self.clip is not None:
            low, high = (e.times[0] if start is None else start), (e.end if end is None else end)
            frames = int(((e.times >= low) & (e.times < high)).sum())
            if frames * self.clip.width * self.clip.height <= MAX_PIXELS:
                options["video"] = self.clip
        return EXPORT_FORMATS[self.kind].to_bytes(e, style_from_settings(self.state, e), **options)


_IN_PYTHON = {"gif": "gif", "mp4": "video", "html": "html"}


def make_export_operation(player: PlayerView, args: Mapping[str, Any]) -> ExportOperation:
    """Make the operation of an `export` request.

    Raises
    ------
    ParameterError
        If there is no such kind of file, or a setting cannot have its value.
    """
    kind = args.get("format")
    if kind not in TYPES:
        raise ParameterError(f"A player makes no {kind!r}.", f"Choose from {', '.join(TYPES)}.")
    pane, shown = player.pane_of(args), player.explanations
    state = check_settings(shown, args.get("settings", {}), "export")
    try:
        clip = player.clip_of(pane)
    except PlayerError:
        clip = None
    return ExportOperation(shown, kind, state, pane, clip)


def style_from_settings(state: Mapping[str, Any], *explanations: Explanation) -> HeatStyle:
    """Read a look out of settings; a layer or head that is not there is the joint map or the mean, as in the player."""
    look = {field.name: state[field.name] for field in fields(HeatStyle) if field.name in state}
    kept = [(0, 0) if e.attention is None else e.attention.shape[:2] for e in explanations]
    for axis, name in enumerate(("layer", "head")):
        if look.get(name, -1) >= min(counts[axis] for counts in kept):
            look[name] = -1
    return HeatStyle(**look)


def file_stem(name: str) -> str:
    """Return a name without its ending, of letters that any disk takes; `file_stem` in save.ts is its twin."""
    return re.sub(r"[^\w-]+", "_", re.sub(r"\.[^.]*$", "", name)) or "clip"


def draw_snapshot(player: PlayerView, path: str | os.PathLike[str] | None) -> StaticImage:
    """Draw what the active pane shows now; see `Player.draw_snapshot`."""
    from staa_widgets.export.image import snapshot

    e = player.explanation
    picture = snapshot(e, frame_in_pane(e, player.explanations[0], player.frame), _player_style(player, e))
    if path is not None:
        picture.save(path)
    return picture


def draw_poster(player: PlayerView) -> bytes:
    """Draw the frame on show, small: a JPEG file of some 40 KB at most."""
    from PIL import Image

    from staa_widgets.render.compositor import draw_frame

    e = player.explanation
    picture = Image.fromarray(
        draw_frame(e, frame_in_pane(e, player.explanations[0], player.frame), _player_style(player, e))
    )
    picture.thumbnail((480, 480))
    for quality in (80, 60, 40, 20):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= POSTER_BYTES:
            break
    return file.getvalue()


def render_image(player: PlayerView, **options: Any) -> StaticImage:
    """Draw all that is on show as one picture; see `Player.render_image`."""
    from staa_widgets.explanation.comparison import Comparison
    from staa_widgets.export.image import render_image

    first, *rest = player.explanations
    shown = Comparison.of(first, *rest) if rest else first
    return render_image(shown, **{"style": _player_style(player, first, *rest), **options})


def _player_style(player: PlayerView, *explanations: Explanation) -> HeatStyle:
    return style_from_settings({field.name: getattr(player, field.name) for field in fields(HeatStyle)}, *explanations)
