"""Export formats of explanations: the table of formats by name, and the export methods of `Exportable`.

`EXPORT_FORMATS` is the only list of formats: `Explanation.export`, ``staa explain --out`` and the export dialog of the
player read it. To add a format, write its function in `staa_widgets.export` and add a row here; a method of
`Exportable` is not needed.

This is also the only module of this layer that refers to higher layers. It gives the names of their functions as
strings, and `import_by_name` imports a function when it is used.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from staa_widgets.errors import ExportError, ParameterError
from staa_widgets.utils.by_name import import_by_name

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class ExportFormat:
    """An export format: a kind of file that an explanation can be written to.

    Parameters
    ----------
    name
        Name in `EXPORT_FORMATS`; the player requests the format by this name.
    suffixes
        Endings of file names, in lower case; the first is the usual one.
    label
        Noun shown to users, such as ``"movie"``.
    description
        Content of the file, as shown in a menu.
    writer
        ``"package.module:function"`` inside `staa_widgets`, for `import_by_name`. The function takes an explanation or
        a comparison, a path and options, writes the file in one step and returns its path.
    media_type
        Media type of the file if the kernel makes it for the player; empty if the player makes the file itself.
    single
        Whether the file needs exactly one explanation.
    takes_range
        Whether the writer takes ``start=``, ``end=`` and ``progress=``, to write the selected seconds only.
    takes_settings
        Whether the writer takes the settings of a player as options.
    shows_video
        Whether the writer takes ``video=`` and ``audio=``, to show the video itself in place of the preview.
    """

    name: str
    suffixes: tuple[str, ...]
    label: str
    description: str
    writer: str
    media_type: str = ""
    single: bool = False
    takes_range: bool = False
    takes_settings: bool = False
    shows_video: bool = False

    def write(self, explanations: Exportable, path: str | os.PathLike[str], style: Any = None, **options: Any) -> Path:
        """Write a file of this format and return its path.

        Parameters
        ----------
        explanations
            An explanation or a comparison.
        path
            File to write; replaced in one step.
        style
            A `HeatStyle`; default: the style of a new player.
        **options
            Options of the writer.

        Raises
        ------
        ExportError
            If the file cannot be written.
        ParameterError
            If this format needs one explanation and there are several, or the value of an option is invalid.
        """
        subject: Any = explanations
        if self.single:
            subject, *others = explanations.panes()
            if others:
                raise ParameterError(
                    f"A file of type {self.suffixes[0]} holds one explanation, not {len(others) + 1}.",
                    f"Export one of them: comparison[name].export('clip{self.suffixes[0]}').",
                )
        if style is not None:
            options["style"] = style
        return import_by_name(self.writer)(subject, path, **options)

    def to_bytes(self, explanations: Exportable, style: Any = None, **options: Any) -> bytes:
        """Return the content of the file that `write` writes; parameters and errors are the same."""
        with TemporaryDirectory() as folder:
            return self.write(explanations, Path(folder) / f"file{self.suffixes[0]}", style, **options).read_bytes()


EXPORT_FORMATS = MappingProxyType(
    {
        row.name: row
        for row in (
            ExportFormat(
                name="html",
                suffixes=(".html", ".htm"),
                label="page",
                description="interactive player in one HTML file that works offline",
                writer="widget.page:to_html",
                media_type="text/html",
                takes_settings=True,
            ),
            ExportFormat(
                name="mp4",
                suffixes=(".mp4",),
                label="movie",
                description="the clip or the selected seconds with the heat map",
                writer="export.movie:to_video",
                media_type="video/mp4",
                single=True,
                takes_range=True,
                shows_video=True,
            ),
            ExportFormat(
                name="gif",
                suffixes=(".gif",),
                label="animation",
                description="the same without sound, in a smaller file",
                writer="export.gif:to_gif",
                media_type="image/gif",
                single=True,
                takes_range=True,
            ),
            ExportFormat(
                name="png",
                suffixes=(".png",),
                label="image",
                description="frames with the heat map, above the chart of attribution over time",
                writer="export.image:to_png",
            ),
            ExportFormat(
                name="csv",
                suffixes=(".csv",),
                label="table",
                description="the share of the attribution in each time slice",
                writer="export.table:to_csv",
            ),
        )
    }
)
"""`ExportFormat` by name."""

FORMATS_BY_SUFFIX = MappingProxyType({suffix: row for row in EXPORT_FORMATS.values() for suffix in row.suffixes})
"""`ExportFormat` by file name suffix."""

FIGURE = "figures:draw_figure"
PLAYER = "widget.player:Player"


def find_format(path: str | os.PathLike[str]) -> ExportFormat:
    """Return the format for the suffix of a file name; raises `ExportError` if no format has this suffix."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS_BY_SUFFIX:
        raise ExportError(
            f"Cannot export to {Path(path).name!r}: its suffix is not that of an export format.",
            f"End the file name in one of {', '.join(FORMATS_BY_SUFFIX)}.",
        )
    return FORMATS_BY_SUFFIX[suffix]


class Exportable(ABC):
    """The exports of an explanation or a comparison. Each file is written in one step, and its path is returned."""

    __slots__ = ()

    @abstractmethod
    def panes(self) -> Sequence[Any]:
        """Return the explanations that a player or a page shows side by side."""

    def export(self, path: str | os.PathLike[str], style: Any = None, *, video: Any = None, **options: Any) -> Path:
        """Write a file in the format that its suffix selects; see `EXPORT_FORMATS`.

        Parameters
        ----------
        path
            File to write, such as ``"clip.mp4"``; replaced in one step.
        style
            A `HeatStyle`; default: the style of a new player.
        video
            Path of the video that was explained. A movie then shows all its frames at full size, with its sound;
            other formats do not need it.
        **options
            Options of the format, as for `to_html`, `to_video`, `to_gif`, `to_png` or `to_csv`.

        Raises
        ------
        ExportError
            If no format has this suffix, or the file cannot be written.
        ParameterError
            If the format needs one explanation and there are several, or the value of an option is invalid.
        """
        export_format = find_format(path)
        if video is not None and export_format.shows_video:
            options = {"video": video, "audio": True, **options}
        return export_format.write(self, path, style, **options)

    def to_html(
        self, path: str | os.PathLike[str], style: Any = None, *, max_mb: float | None = None, **settings: Any
    ) -> Path:
        """Write a page that plays the clip under its heat map offline; settings as for `staa_widgets.Player`.

        With `max_mb`, frames of less quality keep the page within so many megabytes; a `ReducedQualityWarning` says
        what was lowered, and an `ExportError` how small the page can be; see `staa_widgets.widget.page.to_html`.
        """
        return EXPORT_FORMATS["html"].write(self, path, style, max_mb=max_mb, **settings)

    def to_video(self, path: str | os.PathLike[str], style: Any = None, **options: Any) -> Path:
        """Write an mp4 file of the clip under its heat map; options as for `staa_widgets.export.movie.to_video`."""
        return EXPORT_FORMATS["mp4"].write(self, path, style, **options)

    def to_gif(self, path: str | os.PathLike[str], style: Any = None, **options: Any) -> Path:
        """Write a GIF of the clip under its heat map; options as for `staa_widgets.export.gif.to_gif`."""
        return EXPORT_FORMATS["gif"].write(self, path, style, **options)

    def to_png(self, path: str | os.PathLike[str], style: Any = None, **options: Any) -> Path:
        """Write an image of frames over the time chart; options as for `staa_widgets.render_image`."""
        return EXPORT_FORMATS["png"].write(self, path, style, **options)

    def to_csv(self, path: str | os.PathLike[str], style: Any = None) -> Path:
        """Write the share of each slice as a table; see `staa_widgets.export.table.to_csv`."""
        return EXPORT_FORMATS["csv"].write(self, path, style)

    def to_plotly(self, kind: str = "time", **options: Any) -> go.Figure:
        """Draw a Plotly figure; see `staa_widgets.figures`.

        Parameters
        ----------
        kind
            ``"time"``: the time chart, with one row for each explanation of a comparison; ``"heads"``: the attention of
            every layer and head of one explanation.
        **options
            Options of the figure.
        """
        return import_by_name(FIGURE)(self, kind, **options)

    def _ipython_display_(self) -> None:
        from staa_widgets.utils.environment import in_kernel

        if not in_kernel():
            raise NotImplementedError  # IPython then shows the plain representation.
        import_by_name(PLAYER)(self)._ipython_display_()
