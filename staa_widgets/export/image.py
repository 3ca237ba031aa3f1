"""Still pictures of explanations, for viewers that run no widgets: GitHub, nbviewer, a printed page."""

from __future__ import annotations

import base64
import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.render.canvas import Sheet
from staa_widgets.render.compositor import Painter, peak_frame, plain, position_of, times_of
from staa_widgets.render.style import USUAL, Look
from staa_widgets.render.summary import MARGIN, Overview, about, alt, foot, headline, playhead
from staa_widgets.render.theme import QUIET
from staa_widgets.utils.files import export

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL.Image import Image

    from staa_widgets.explanation.explanation import Explanation

BUDGET = 400_000
"""Bytes of a picture, at most; it has fewer colours, then fewer pixels, to keep to them."""


@dataclass(frozen=True, repr=False)
class StaticPicture:
    """A picture that shows itself in any notebook.

    Parameters
    ----------
    png
        The PNG file.
    alt
        What it shows, in words.
    width, height
        Size on a page in pixels; the file has up to twice as many each way.
    """

    png: bytes
    alt: str
    width: int
    height: int

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the PNG file, in one step, and return its path; raises `ExportError` if that fails."""
        return export(path, self.png, "picture")

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        return self.png, {"width": self.width, "height": self.height, "alt": self.alt}

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        png, about = self._repr_png_()
        return {"image/png": base64.b64encode(png).decode(), "text/plain": self.alt}, {"image/png": about}

    def __repr__(self) -> str:
        return f"<StaticPicture of {self.width} × {self.height}: {self.alt}>"


def render_static(
    shown: Explanation | Mapping[str, Explanation], look: Look = USUAL, *, pictures: int | None = None, width: int = 960
) -> StaticPicture:
    """Draw an explanation as one picture: frames under heat with their seconds, over the bars of time.

    Parameters
    ----------
    shown
        An explanation, or a comparison: then a row of frames and bars for each.
    look
        How the heat is drawn.
    pictures
        Frames in a row, at most; by default as many as there is room for. Of each equal part of the clip the strongest
        slice is shown, by the middle one of the frames that the model saw of it.
    width
        Pixels on a page.

    Returns
    -------
    StaticPicture
        As the last value of a cell it shows itself; at most some 400 KB.

    Raises
    ------
    ParameterError
        If there is nothing to draw, or no such layer or head.
    """
    if not isinstance(shown, Mapping):
        rows: dict[str, Explanation] = {"": shown}
    else:
        rows = dict(shown)
        if not rows:
            raise ParameterError("There is nothing to draw.", "Give an explanation, or a Comparison.")
    if not (
        isinstance(width, Integral)
        and 320 <= width <= 4000
        and (pictures is None or (isinstance(pictures, Integral) and 1 <= pictures <= 40))
    ):
        raise ParameterError(f"width={width!r}, pictures={pictures!r}.", "Give 320 to 4000 pixels, 1 to 40 pictures.")
    painters = {name: Painter(e, look) for name, e in rows.items()}

    def drawn(scale: float) -> Sheet:
        return Overview(painters, width, pictures).draw(scale)

    return _finished(drawn, painters, alt(painters))


def snapshot(explanation: Explanation, frame: int | None = None, look: Look = USUAL) -> StaticPicture:
    """Draw one frame under heat, its colour bar, and the bars of time with the moment marked.

    Parameters
    ----------
    explanation
        What to draw.
    frame
        Source frame; by default that of the greatest attribution.
    look
        How the heat is drawn.

    Returns
    -------
    StaticPicture
        As the last value of a cell it shows itself.

    Raises
    ------
    ParameterError
        If there is no such frame, layer or head.
    """
    e = explanation
    position = position_of(e, peak_frame(e) if frame is None else frame)
    painter = Painter(e, look)
    found, time = (values[position] for values in times_of(e))
    painted = painter.paint(plain(e, position), float(time))
    at = int(e.slice_of_frame[int(found) - e.first_frame])
    share = painter.heat.temporal[at]

    def drawn(scale: float) -> Sheet:
        width = min(max(480.0, painter.size[0]), 720.0)
        tall = min(width * painter.size[1] / painter.size[0], 720.0)
        broad = tall * painter.size[0] / painter.size[1]
        sheet = Sheet(width + 2 * MARGIN, tall + 238, scale)
        sheet.text(MARGIN, 40, headline(e), 20, width=width)
        sheet.text(MARGIN, 62, f"frame {found} · {time:.2f} s · {about(e, look)}", 13, QUIET, width=width)
        sheet.picture(painted, MARGIN + (width - broad) / 2, 78, broad, tall)
        playhead(sheet, foot(sheet, painter, MARGIN, MARGIN + width, tall + 96, at), float(time))
        return sheet

    told = f"Frame {found} at {time:.2f} s, {share:.0%} of the attribution in its slice. {alt({'': painter})}"
    return _finished(drawn, {"": painter}, told)


def _finished(drawn: Callable[[float], Sheet], painters: Mapping[str, Painter], told: str) -> StaticPicture:
    """Make the PNG file, with the best of the steps that keeps to the budget."""
    from PIL import PngImagePlugin

    every = [painter.explanation for painter in painters.values()]
    table = np.concatenate([painter.table for painter in painters.values()])
    held = PngImagePlugin.PngInfo()
    held.add_itxt("Title", " / ".join(dict.fromkeys(e.clip_name or "clip" for e in every)))
    held.add_itxt("Description", told)
    held.add_itxt("Source", " / ".join(dict.fromkeys(f"{e.method}, {e.model_id}" for e in every)))
    held.add_text("Software", "staa_widgets")
    data, sheet = b"", None
    for scale, colours in ((2, 0), (2, 256), (1.5, 256), (1, 256), (1, 96)):
        sheet = drawn(scale) if sheet is None or sheet.scale != scale else sheet
        stream = io.BytesIO()
        image = _reduced(sheet.image, colours, table) if colours else sheet.image
        image.save(stream, "PNG", pnginfo=held)
        data = stream.getvalue()
        if len(data) <= BUDGET:
            break
    assert sheet is not None
    return StaticPicture(data, told, round(sheet.width), round(sheet.height))


def _reduced(image: Image, colours: int, table: NDArray[np.uint8]) -> Image:
    """Choose fewer colours, the heat's among them however little of the picture it takes."""
    from PIL import Image as Pillow

    seen = np.asarray(image)[::4, ::4].reshape(-1, 3)
    seen = seen[(seen < 250).any(axis=1)]
    sample = np.concatenate([seen, np.repeat(table, len(seen) // 2000 + 1, axis=0)])
    side = math.isqrt(len(sample))
    found = Pillow.fromarray(sample[-side * side :].reshape(side, side, 3)).quantize(colours - 1)
    palette = Pillow.new("P", (1, 1))
    palette.putpalette([*(found.getpalette() or [])[: 3 * colours - 3], 255, 255, 255])  # the ground stays white
    return image.quantize(palette=palette, dither=Pillow.Dither.FLOYDSTEINBERG)
