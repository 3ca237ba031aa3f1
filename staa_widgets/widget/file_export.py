"""What is taken away of a player: files for its pages, still pictures for its user."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ExportError, ParameterError, PlayerError
from staa_widgets.render.style import Look
from staa_widgets.widget.page import to_page
from staa_widgets.widget.panes import frame_in
from staa_widgets.widget.service import Answer
from staa_widgets.widget.settings_check import checked

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.export.image import StaticPicture
    from staa_widgets.utils.progress import Progress
    from staa_widgets.video.clip import Clip
    from staa_widgets.widget.player import Player

TYPES = {"gif": "image/gif", "mp4": "video/mp4", "html": "text/html"}
"""Kinds of files that a page can ask for, with their media types."""

LARGEST = 100_000_000
"""Bytes of a file, at most: it reaches the page in one message."""

POSTER = 40_000
"""Bytes of the picture that a saved notebook keeps of a player, at most, but for what no picture can do without."""

MOST_PIXELS = 1_000_000_000
"""Pixels of source frames, all together, up to which a film shows every frame at full size."""


@dataclass(frozen=True)
class Export:
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

    def ask(self, report: Progress) -> bytes:
        """Make the file and return its content."""
        report(self.kind, 0, 1)
        found = self._page() if self.kind == "html" else self._movie(report)
        if len(found) > LARGEST:
            raise ExportError(
                f"The file has {len(found) / 1e6:.0f} MB, too many for a page to save.",
                f"Select a shorter range, or write it in Python: explanation.to_{_IN_PYTHON[self.kind]}(path).",
            )
        return found

    def settle(self, found: bytes) -> Answer:
        """Hand it over under a name."""
        e = self.explanations[self.pane]
        return {"name": f"{stem(e.clip_name)}_{stem(e.method)}.{self.kind}", "type": TYPES[self.kind]}, [found]

    def _page(self) -> bytes:
        return to_page(self.explanations, **self.state).encode()

    def _movie(self, report: Progress) -> bytes:
        from staa_widgets.export.movie import movie_bytes

        e = self.explanations[self.pane]
        start, end = self.state.get("selection") or (None, None)
        options: dict[str, Any] = {"start": start, "end": end, "progress": report}
        if self.kind == "mp4" and self.clip is not None:
            low, high = (e.times[0] if start is None else start), (e.duration if end is None else end)
            frames = int(((e.times >= low) & (e.times < high)).sum())
            if frames * self.clip.width * self.clip.height <= MOST_PIXELS:
                options["video"] = self.clip
        return movie_bytes(e, self.kind, look_of(self.state, e), **options)


_IN_PYTHON = {"gif": "gif", "mp4": "video", "html": "html"}


def export(player: Player, args: Mapping[str, Any]) -> Export:
    """Make an errand of an `export` request.

    Raises
    ------
    ParameterError
        If there is no such kind of file, or a setting cannot have its value.
    """
    kind = args.get("kind")
    if kind not in TYPES:
        raise ParameterError(f"A player makes no {kind!r}.", f"Choose from {', '.join(TYPES)}.")
    pane, shown = player.pane_of(args), player.explanations
    state = checked(shown, args.get("look", {}), "export")
    try:
        clip = player.clip_of(pane)
    except PlayerError:
        clip = None
    return Export(shown, kind, state, pane, clip)


def look_of(state: Mapping[str, Any], *explanations: Explanation) -> Look:
    """Read a look out of settings; a layer or head that is not there is the joint map or the mean, as in the player."""
    look = {field.name: state[field.name] for field in fields(Look) if field.name in state}
    kept = [(0, 0) if e.attention is None else e.attention.shape[:2] for e in explanations]
    for axis, name in enumerate(("layer", "head")):
        if look.get(name, -1) >= min(counts[axis] for counts in kept):
            look[name] = -1
    return Look(**look)


def stem(name: str) -> str:
    """Return a name without its ending, of letters that any disk takes; `stem` in save.ts is its twin."""
    return re.sub(r"[^\w-]+", "_", re.sub(r"\.[^.]*$", "", name)) or "clip"


def snapshot(player: Player, path: str | os.PathLike[str] | None) -> StaticPicture:
    """Draw what the active pane shows now; see `Player.snapshot`."""
    from staa_widgets.export.image import snapshot

    e = player.explanation
    picture = snapshot(e, frame_in(e, player.explanations[0], player.frame), _look(player, e))
    if path is not None:
        picture.save(path)
    return picture


def poster(player: Player) -> bytes:
    """Draw the frame on show, small: a JPEG file of some 40 KB at most."""
    from PIL import Image

    from staa_widgets.render.compositor import draw

    e = player.explanation
    picture = Image.fromarray(draw(e, frame_in(e, player.explanations[0], player.frame), _look(player, e)))
    picture.thumbnail((480, 480))
    for quality in (80, 60, 40, 20):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= POSTER:
            break
    return file.getvalue()


def render_static(player: Player, **options: Any) -> StaticPicture:
    """Draw all that is on show as one picture; see `Player.render_static`."""
    from staa_widgets.explanation.comparison import Comparison
    from staa_widgets.export.image import render_static

    first, *rest = player.explanations
    shown = Comparison.of(first, *rest) if rest else first
    return render_static(shown, **{"look": _look(player, first, *rest), **options})


def _look(player: Player, *explanations: Explanation) -> Look:
    return look_of({field.name: getattr(player, field.name) for field in fields(Look)}, *explanations)
