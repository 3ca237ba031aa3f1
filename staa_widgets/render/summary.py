"""Layout and text of the summary image of one or several explanations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.explanation.peak import describe_position
from staa_widgets.render.canvas import Canvas, TimeAxis, describe_scale, draw_bars, draw_colorbar, draw_time_axis
from staa_widgets.render.compositor import Compositor, display_frames, display_index, frame_image
from staa_widgets.render.style import DEFAULT_STYLE, HeatStyle
from staa_widgets.render.theme import HIGHLIGHT_COLOR, MUTED_COLOR, TEXT_COLOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation

MARGIN, LABEL_WIDTH, EVEN_LABEL_WIDTH = 28, 44, 34
"""Pixels around everything, left of the bars for their numbers, and right of them for a label."""

MIN_IMAGE_WIDTH = 24
"""Smallest width of an image with the gap beside it."""

PLAYHEAD_COLOR = "#c01f2e"


def draw_footer(
    canvas: Canvas, compositor: Compositor, left: float, right: float, top: float, highlighted: int
) -> TimeAxis:
    """Draw bars of time, one of them highlighted, over the colorbar; return the axis. Both are 130 pixels high."""
    e, heat = compositor.explanation, compositor.heat
    axis = TimeAxis(
        left + LABEL_WIDTH, right - EVEN_LABEL_WIDTH, top, top + 56, float(e.spans[0, 0]), float(e.spans[-1, 1])
    )
    draw_bars(canvas, axis, e, heat.temporal, heat.temporal_signed, [highlighted])
    draw_time_axis(canvas, axis)
    draw_colorbar(canvas, left + LABEL_WIDTH, top + 86, min(240, right - left - LABEL_WIDTH), compositor)
    return axis


def draw_playhead(canvas: Canvas, axis: TimeAxis, time: float) -> None:
    """Draw a marker at a second of the bars of time."""
    canvas.rectangle(axis.x(time) - 1, axis.top - 6, axis.x(time) + 1, axis.bottom, PLAYHEAD_COLOR)
    canvas.disc(axis.x(time), axis.top - 6, 3.5, PLAYHEAD_COLOR)


def headline(e: Explanation) -> str:
    """Return the predicted class, and the explained one if it is another."""
    label, probability = e.predictions(1)[0]
    other = "" if label == e.labels[e.target] else f", explained: {e.labels[e.target]}"
    return f"{label}, {probability:.0%}{other}"


def describe_source(e: Explanation, style: HeatStyle = DEFAULT_STYLE) -> str:
    """Return the names of clip, method or layer, and model."""
    return " · ".join(filter(None, (e.clip_name, describe_map(style) or e.method, e.model_id)))


def describe_map(style: HeatStyle) -> str:
    """Return the name of the layer and head that are drawn, or an empty string."""
    if style.layer < 0:
        return ""
    return f"attention of layer {style.layer + 1}, " + (
        f"head {style.head + 1}" if style.head >= 0 else "mean of heads"
    )


def with_heat_maps(compositor: Compositor) -> Explanation:
    """Return the explanation with the drawn maps in place of its own, so that its peak is that of the image."""
    e, style = compositor.explanation, compositor.style
    if style.layer < 0 and not style.smooth:
        return e
    return replace(e, maps=compositor.heat.values, preview=None, attention=None)


def describe_peak(compositor: Compositor) -> str:
    """Return the time and position of the peak in words."""
    e = with_heat_maps(compositor)
    share, position = e.temporal[e.peak.slice], describe_position(e.peak, e.frame_size)
    return f"most at {e.peak.start:.2f}–{e.peak.end:.2f} s ({share:.0%}), at the {position}"


def alt_text(compositors: Mapping[str, Compositor]) -> str:
    """Return the alternative text of an image of explanations."""
    sentences = []
    for name, compositor in compositors.items():
        e, what = with_heat_maps(compositor), describe_map(compositor.style)
        share = f"{e.temporal[e.peak.slice]:.0%} of the {what or 'attribution'}"
        by = f"{name}: {headline(e)}" if name else headline(e)
        sentences.append(
            f"{by}, in {e.clip_name or 'a clip'} by {e.method}: {share} from {e.peak.start:.2f} to {e.peak.end:.2f} s, "
            f"there at the {describe_position(e.peak, e.frame_size)}."
        )
    return " ".join(sentences)


class SummaryLayout:
    """Layout of the summary image: a row of frames over bars of time for each explanation."""

    def __init__(self, compositors: Mapping[str, Compositor], width: int, images: int | None) -> None:
        self.compositors, self.width = compositors, width
        (self.style,) = {compositor.style for compositor in compositors.values()}
        self.left, self.right = MARGIN + LABEL_WIDTH, width - MARGIN - EVEN_LABEL_WIDTH
        room, gap = self.right - self.left, 8
        aspect = max(p.size[0] / p.size[1] for p in compositors.values())
        slices = max(len(p.explanation.spans) for p in compositors.values())
        fitting = int(np.clip(round(room / (116 * aspect + gap)), 2, 10)) if images is None else images
        self.count = min(fitting, slices, int(room // MIN_IMAGE_WIDTH))
        self.cell = (room + gap) / self.count
        self.image_width = min(self.cell - gap, 300 * aspect)
        self.image_height = self.image_width / aspect
        spans = [compositor.explanation.spans for compositor in compositors.values()]
        together = all(np.array_equal(other, spans[0]) for other in spans)
        mean = np.mean([compositor.heat.temporal for compositor in compositors.values()], axis=0) if together else None
        self.slices = {
            name: strongest_slices(compositor.heat.temporal if mean is None else mean, self.count)
            for name, compositor in compositors.items()
        }

    def draw(self, scale: float) -> Canvas:
        """Draw the summary image with `scale` pixels for each one of the page."""
        several = len(self.compositors) > 1
        chart = 56 if several else 84
        row = self.image_height + 40 + 30 + chart + (34 if several else 0)
        canvas = Canvas(self.width, 84 + row * len(self.compositors) + 98, scale)
        self._draw_title(canvas)
        top = 84.0
        for name, compositor in self.compositors.items():
            if several:
                self._draw_name(canvas, name, compositor, top)
                top += 34
            self._draw_row(canvas, compositor, self.slices[name], top, chart)
            top += row - (34 if several else 0)
        first = next(iter(self.compositors.values()))
        draw_colorbar(canvas, self.left, top + 26, 240, first)
        if several and first.style.normalize == "clip":
            canvas.rectangle(self.left, top + 26 + 28, self.right, top + 26 + 50, "white")
            canvas.text(self.left, top + 26 + 41, describe_scale(first, several=True), 12, MUTED_COLOR)
        text = "bars: share of the attribution in each slice of time"
        if any(compositor.heat.is_signed for compositor in self.compositors.values()):
            text += "; orange for the class, blue against it"
        canvas.text(self.right, top + 36, text, 12, MUTED_COLOR, "rs", width=self.right - self.left - 260)
        return canvas

    def _draw_title(self, canvas: Canvas) -> None:
        every = [compositor.explanation for compositor in self.compositors.values()]
        room = self.width - 2 * MARGIN
        heads = dict.fromkeys(map(headline, every))
        title = next(iter(heads)) if len(heads) == 1 else " / ".join(dict.fromkeys(e.clip_name for e in every))
        canvas.text(MARGIN, 42, title, 22, width=room)
        if len(every) == 1:
            (e,) = every
            (compositor,) = self.compositors.values()
            canvas.text(self.width - MARGIN, 66, describe_peak(compositor), 13, TEXT_COLOR, "rs", width=room * 0.4)
            canvas.text(MARGIN, 66, describe_source(e, self.style), 13, MUTED_COLOR, width=room * 0.58)
        else:
            parts = zip(*((e.clip_name, e.method, e.model_id, describe_map(self.style)) for e in every), strict=True)
            shared = [part[0] for part in parts if len(set(part)) == 1]
            canvas.text(MARGIN, 66, " · ".join(filter(None, shared)), 13, MUTED_COLOR, width=room)

    def _draw_name(self, canvas: Canvas, name: str, compositor: Compositor, top: float) -> None:
        e = compositor.explanation
        canvas.rectangle(MARGIN, top - 2, self.width - MARGIN, top - 1, "#e4e7ec")
        end = canvas.text(MARGIN, top + 22, name, 15, width=self.width * 0.5)
        text = f"{headline(e)} · {describe_peak(compositor)}"
        canvas.text(end + 14, top + 22, text, 13, MUTED_COLOR, width=self.width - MARGIN - end - 14)

    def _draw_row(self, canvas: Canvas, compositor: Compositor, slices: list[int], top: float, chart: float) -> None:
        e, heat = compositor.explanation, compositor.heat
        bottom = top + self.image_height
        start, end = float(e.spans[0, 0]), float(e.spans[-1, 1])
        axis = TimeAxis(self.left, self.right, bottom + 40, bottom + 40 + chart, start, end)
        for i, s in enumerate(slices):
            middle = self.left + (i + 0.5) * self.cell - 4
            seen = e.sampled_frames[s]
            position = display_index(e, int(seen[len(seen) // 2]))
            time = float(display_frames(e)[1][position])
            painted = compositor.paint(frame_image(e, position), time)
            tall = self.image_width * compositor.size[1] / compositor.size[0]
            broad = self.image_width * min(1, self.image_height / tall)
            tall = min(tall, self.image_height)
            canvas.paste_image(painted, middle - broad / 2, top + (self.image_height - tall) / 2, broad, tall)
            end_of = canvas.text(middle - broad / 2, bottom + 18, f"{time:.2f} s", 13)
            canvas.text(end_of + 8, bottom + 18, f"{heat.temporal[s]:.0%}", 13, HIGHLIGHT_COLOR)
            # From the picture to its bar.
            x = axis.x((e.spans[s, 0] + e.spans[s, 1]) / 2)
            canvas.line([(middle, bottom + 24), (x, axis.top)], "#aab1bd", 1)
        draw_bars(canvas, axis, e, heat.temporal, heat.temporal_signed, slices)
        draw_time_axis(canvas, axis)


def strongest_slices(temporal: NDArray[np.float64], count: int) -> list[int]:
    """Return the strongest slice of each of `count` equal parts of the clip, in order."""
    parts = np.array_split(np.arange(len(temporal)), min(count, len(temporal)))
    return [int(part[temporal[part].argmax()]) for part in parts]
