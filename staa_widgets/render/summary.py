"""How the picture of one or several explanations is laid out, and the words in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.explanation.peak import place
from staa_widgets.render.canvas import Plot, Sheet, bars, colour_bar, seconds, words
from staa_widgets.render.compositor import Painter, plain, position_of, times_of
from staa_widgets.render.style import USUAL, Look
from staa_widgets.render.theme import INK, MARKED, QUIET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation

MARGIN, LABELS, EVEN = 28, 44, 34
"""Around everything, left of bars for their numbers, right of them for a word."""

THINNEST = 24
"""Room for a picture and the gap beside it, at least."""

PLAYHEAD = "#c01f2e"


def foot(sheet: Sheet, painter: Painter, left: float, right: float, top: float, marked: int) -> Plot:
    """Draw bars of time, one of them marked, and the colour bar under it, 130 high; return where the bars stand."""
    e, heat = painter.explanation, painter.heat
    plot = Plot(left + LABELS, right - EVEN, top, top + 56, float(e.spans[0, 0]), float(e.spans[-1, 1]))
    bars(sheet, plot, e, heat.temporal, heat.temporal_signed, [marked])
    seconds(sheet, plot)
    colour_bar(sheet, left + LABELS, top + 86, min(240, right - left - LABELS), painter)
    return plot


def playhead(sheet: Sheet, plot: Plot, time: float) -> None:
    """Mark a second in bars of time."""
    sheet.rectangle(plot.x(time) - 1, plot.top - 6, plot.x(time) + 1, plot.bottom, PLAYHEAD)
    sheet.disc(plot.x(time), plot.top - 6, 3.5, PLAYHEAD)


def headline(e: Explanation) -> str:
    """Say what was predicted, and of what it is explained."""
    label, probability = e.predictions(1)[0]
    other = "" if label == e.labels[e.target] else f", explained: {e.labels[e.target]}"
    return f"{label}, {probability:.0%}{other}"


def about(e: Explanation, look: Look = USUAL) -> str:
    """Name clip, method or what else is drawn, and model."""
    return " · ".join(filter(None, (e.clip_name, about_map(look) or e.method, e.model_id)))


def about_map(look: Look) -> str:
    """Say which layer is drawn, if one is."""
    if look.layer < 0:
        return ""
    return f"attention of layer {look.layer + 1}, " + (f"head {look.head + 1}" if look.head >= 0 else "mean of heads")


def drawn_as(painter: Painter) -> Explanation:
    """Return the explanation whose maps are those drawn, so that its peak is the picture's."""
    e, look = painter.explanation, painter.look
    if look.layer < 0 and not look.smooth:
        return e
    return replace(e, maps=painter.heat.values, preview=None, attention=None)


def most(painter: Painter) -> str:
    """Say when and where the greatest part is."""
    e = drawn_as(painter)
    return f"most at {e.peak.start:.2f}–{e.peak.end:.2f} s ({e.temporal[e.peak.slice]:.0%}), at the {place(e)}"


def alt(painters: Mapping[str, Painter]) -> str:
    """Say in words what a picture of explanations shows."""
    told = []
    for name, painter in painters.items():
        e, what = drawn_as(painter), about_map(painter.look)
        share = f"{e.temporal[e.peak.slice]:.0%} of the {what or 'attribution'}"
        by = f"{name}: {headline(e)}" if name else headline(e)
        told.append(
            f"{by}, in {e.clip_name or 'a clip'} by {e.method}: {share} from {e.peak.start:.2f} to {e.peak.end:.2f} s, "
            f"there at the {place(e)}."
        )
    return " ".join(told)


class Overview:
    """Where everything stands in the picture of one or several explanations."""

    def __init__(self, painters: Mapping[str, Painter], width: int, pictures: int | None) -> None:
        self.painters, self.width = painters, width
        (self.look,) = {painter.look for painter in painters.values()}
        self.left, self.right = MARGIN + LABELS, width - MARGIN - EVEN
        room, gap = self.right - self.left, 8
        aspect = max(p.size[0] / p.size[1] for p in painters.values())
        slices = max(len(p.explanation.spans) for p in painters.values())
        fitting = int(np.clip(round(room / (116 * aspect + gap)), 2, 10)) if pictures is None else pictures
        self.count = min(fitting, slices, int(room // THINNEST))
        self.cell = (room + gap) / self.count
        self.broad = min(self.cell - gap, 300 * aspect)
        self.tall = self.broad / aspect
        spans = [painter.explanation.spans for painter in painters.values()]
        together = all(np.array_equal(other, spans[0]) for other in spans)
        mean = np.mean([painter.heat.temporal for painter in painters.values()], axis=0) if together else None
        self.shown = {
            name: chosen(painter.heat.temporal if mean is None else mean, self.count)
            for name, painter in painters.items()
        }

    def draw(self, scale: float) -> Sheet:
        """Draw it all, `scale` pixels for each of the page."""
        several = len(self.painters) > 1
        chart = 56 if several else 84
        row = self.tall + 40 + 30 + chart + (34 if several else 0)
        sheet = Sheet(self.width, 84 + row * len(self.painters) + 98, scale)
        self._title(sheet)
        top = 84.0
        for name, painter in self.painters.items():
            if several:
                self._name(sheet, name, painter, top)
                top += 34
            self._row(sheet, painter, self.shown[name], top, chart)
            top += row - (34 if several else 0)
        first = next(iter(self.painters.values()))
        colour_bar(sheet, self.left, top + 26, 240, first)
        if several and first.look.normalize == "clip":
            sheet.rectangle(self.left, top + 26 + 28, self.right, top + 26 + 50, "white")
            sheet.text(self.left, top + 26 + 41, words(first, several=True), 12, QUIET)
        told = "bars: share of the attribution in each slice of time"
        if any(painter.heat.signed for painter in self.painters.values()):
            told += "; orange for the class, blue against it"
        sheet.text(self.right, top + 36, told, 12, QUIET, "rs", width=self.right - self.left - 260)
        return sheet

    def _title(self, sheet: Sheet) -> None:
        every = [painter.explanation for painter in self.painters.values()]
        room = self.width - 2 * MARGIN
        heads = dict.fromkeys(map(headline, every))
        title = next(iter(heads)) if len(heads) == 1 else " / ".join(dict.fromkeys(e.clip_name for e in every))
        sheet.text(MARGIN, 42, title, 22, width=room)
        if len(every) == 1:
            (e,) = every
            (painter,) = self.painters.values()
            sheet.text(self.width - MARGIN, 66, most(painter), 13, INK, "rs", width=room * 0.4)
            sheet.text(MARGIN, 66, about(e, self.look), 13, QUIET, width=room * 0.58)
        else:
            parts = zip(*((e.clip_name, e.method, e.model_id, about_map(self.look)) for e in every), strict=True)
            shared = [part[0] for part in parts if len(set(part)) == 1]
            sheet.text(MARGIN, 66, " · ".join(filter(None, shared)), 13, QUIET, width=room)

    def _name(self, sheet: Sheet, name: str, painter: Painter, top: float) -> None:
        e = painter.explanation
        sheet.rectangle(MARGIN, top - 2, self.width - MARGIN, top - 1, "#e4e7ec")
        end = sheet.text(MARGIN, top + 22, name, 15, width=self.width * 0.5)
        told = f"{headline(e)} · {most(painter)}"
        sheet.text(end + 14, top + 22, told, 13, QUIET, width=self.width - MARGIN - end - 14)

    def _row(self, sheet: Sheet, painter: Painter, shown: list[int], top: float, chart: float) -> None:
        e, heat = painter.explanation, painter.heat
        bottom = top + self.tall
        start, end = float(e.spans[0, 0]), float(e.spans[-1, 1])
        plot = Plot(self.left, self.right, bottom + 40, bottom + 40 + chart, start, end)
        for i, s in enumerate(shown):
            middle = self.left + (i + 0.5) * self.cell - 4
            seen = e.sampled[s]
            position = position_of(e, int(seen[len(seen) // 2]))
            time = float(times_of(e)[1][position])
            painted = painter.paint(plain(e, position), time)
            tall = self.broad * painter.size[1] / painter.size[0]
            broad = self.broad * min(1, self.tall / tall)
            tall = min(tall, self.tall)
            sheet.picture(painted, middle - broad / 2, top + (self.tall - tall) / 2, broad, tall)
            end_of = sheet.text(middle - broad / 2, bottom + 18, f"{time:.2f} s", 13)
            sheet.text(end_of + 8, bottom + 18, f"{heat.temporal[s]:.0%}", 13, MARKED)
            # From the picture to its bar.
            x = plot.x((e.spans[s, 0] + e.spans[s, 1]) / 2)
            sheet.line([(middle, bottom + 24), (x, plot.top)], "#aab1bd", 1)
        bars(sheet, plot, e, heat.temporal, heat.temporal_signed, shown)
        seconds(sheet, plot)


def chosen(temporal: NDArray[np.float64], count: int) -> list[int]:
    """Return the strongest slice of each of `count` equal parts of the clip, in order."""
    parts = np.array_split(np.arange(len(temporal)), min(count, len(temporal)))
    return [int(part[temporal[part].argmax()]) for part in parts]
