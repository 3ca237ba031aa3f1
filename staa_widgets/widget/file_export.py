"""Export the content of a player: files that pages request, and still images."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ExportError, ParameterError, PlayerError
from staa_widgets.explanation.comparison import Comparison
from staa_widgets.explanation.exports import EXPORT_FORMATS, ExportFormat
from staa_widgets.render.heat import count_choices
from staa_widgets.render.style import HeatStyle
from staa_widgets.utils.files import file_stem
from staa_widgets.widget.panes import frame_in_pane
from staa_widgets.widget.player_protocol import PlayerView
from staa_widgets.widget.settings import check_settings
from staa_widgets.widget.worker import Answer

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.export.image import StaticImage
    from staa_widgets.utils.progress import Progress
    from staa_widgets.video.clip import Clip

KERNEL_FORMATS = {name: row for name, row in EXPORT_FORMATS.items() if row.media_type}
"""Export formats that a page requests from the kernel; pages make files of the other formats themselves."""

MAX_FILE_BYTES = 100_000_000
"""Maximum bytes of a file that is sent to a page; the page holds the whole file in memory."""

POSTER_BYTES = 40_000
"""Target size in bytes of the image that a saved notebook keeps of a player; the lowest quality may exceed it."""

MAX_PIXELS = 1_000_000_000
"""Total pixels of source frames up to which a movie shows every frame at full size."""


@dataclass(frozen=True)
class ExportOperation:
    """Operation that exports the content of a page to a file.

    Parameters
    ----------
    explanations
        Shown explanations, one for each pane.
    format
        One of `KERNEL_FORMATS`.
    settings
        Checked settings of the page that are not at their defaults.
    pane
        Index of the explanation, for a format of a single explanation.
    clip
        Video of the explanation in this pane, if available.
    """

    explanations: tuple[Explanation, ...]
    format: ExportFormat
    settings: Mapping[str, Any]
    pane: int
    clip: Clip | None

    def compute(self, report: Progress) -> bytes:
        """Return the content of the file."""
        report(f"writing the {self.format.label}", 0, 1)
        subject = self.explanations[self.pane] if self.format.single else _as_exportable(self.explanations)
        content = self.format.to_bytes(subject, **self._options(report))
        if len(content) > MAX_FILE_BYTES:
            raise ExportError(
                f"The file has {len(content) / 1e6:.0f} MB, which is too large to save from the browser.",
                f"Select a shorter range, or export it in Python: explanation.export('clip{self.format.suffixes[0]}').",
            )
        return content

    def finish(self, result: bytes) -> Answer:
        """Return the name and media type of the file, and its content."""
        e = self.explanations[self.pane]
        name = f"{file_stem(e.clip_name)}_{file_stem(e.method)}{self.format.suffixes[0]}"
        return {"name": name, "type": self.format.media_type}, [result]

    def _options(self, report: Progress) -> dict[str, Any]:
        """Return the options of the format's writer."""
        if self.format.takes_settings:
            return dict(self.settings)
        e = self.explanations[self.pane]
        explanations = [e] if self.format.single else self.explanations
        options: dict[str, Any] = {"style": style_from_settings(self.settings, *explanations)}
        start, end = self.settings.get("selection") or (None, None)
        if self.format.takes_range:
            options |= {"start": start, "end": end, "progress": report}
        if self.format.shows_video and self.clip is not None:
            low, high = (e.times[0] if start is None else start), (e.end if end is None else end)
            frames = int(((e.times >= low) & (e.times < high)).sum())
            if frames * self.clip.width * self.clip.height <= MAX_PIXELS:
                options["video"] = self.clip
        return options


def make_export_operation(player: PlayerView, args: Mapping[str, Any]) -> ExportOperation:
    """Return the operation of an `export` request.

    Raises
    ------
    ParameterError
        If there is no such format, or a setting has an invalid value.
    """
    name = args.get("format")
    if name not in KERNEL_FORMATS:
        raise ParameterError(f"The kernel has no export format {name!r}.", f"Choose from {', '.join(KERNEL_FORMATS)}.")
    pane, explanations = player.pane_of(args), player.explanations
    try:
        settings = check_settings(explanations, args.get("settings", {}), "export")
    except TypeError as error:  # An unknown name, as for a keyword in Python.
        raise ParameterError(str(error), "Reload the page.") from error
    try:
        clip = player.clip_of(pane)
    except PlayerError:
        clip = None
    return ExportOperation(explanations, KERNEL_FORMATS[name], settings, pane, clip)


def style_from_settings(settings: Mapping[str, Any], *explanations: Explanation) -> HeatStyle:
    """Return the `HeatStyle` of settings; a layer, head or mask that an explanation does not have is replaced by -1."""
    values = {field.name: settings[field.name] for field in fields(HeatStyle) if field.name in settings}
    counts = [count_choices(e) for e in explanations]
    for name in ("layer", "head", "mask"):
        if values.get(name, -1) >= min(count[name] for count in counts):
            values[name] = -1
    return HeatStyle(**values)


def draw_snapshot(player: PlayerView, path: str | os.PathLike[str] | None) -> StaticImage:
    """Return an image of the current content of the active pane; see `Player.snapshot`."""
    from staa_widgets.export.image import snapshot

    e = player.explanation
    picture = snapshot(e, frame_in_pane(e, player.explanations[0], player.frame), _player_style(player, e))
    if path is not None:
        picture.save(path)
    return picture


def draw_poster(player: PlayerView) -> bytes:
    """Return the shown frame as a small JPEG file of about 40 KB at most."""
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
    """Return one image of all shown explanations; see `Player.render_image`."""
    from staa_widgets.export.image import render_image

    style = _player_style(player, *player.explanations)
    return render_image(_as_exportable(player.explanations), **{"style": style, **options})


def _as_exportable(explanations: tuple[Explanation, ...]) -> Explanation | Comparison:
    first, *others = explanations
    return Comparison.of(first, *others) if others else first


def _player_style(player: PlayerView, *explanations: Explanation) -> HeatStyle:
    return style_from_settings({field.name: getattr(player, field.name) for field in fields(HeatStyle)}, *explanations)
