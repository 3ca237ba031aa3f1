"""Layout and text of the summary image of one or several explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.explanation.peak import describe_total
from staa_widgets.explanation.sentence import summarize
from staa_widgets.render.canvas import (
    LINE_SPACING,
    Canvas,
    TimeAxis,
    describe_scale,
    draw_bars,
    draw_colorbar,
    draw_time_axis,
    wrap_text,
)
from staa_widgets.render.compositor import Compositor, display_frames, display_index, frame_image
from staa_widgets.render.ground_truth import (
    describe_ground_truth,
    draw_bands,
    draw_outline_on_canvas,
    outline_lines,
    visible_ground_truth,
)
from staa_widgets.render.heat import describe_map, map_name
from staa_widgets.render.style import DEFAULT_STYLE, HeatStyle
from staa_widgets.render.theme import GROUND_TRUTH_COLOR, HIGHLIGHT_COLOR, MUTED_COLOR, TEXT_COLOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation

MARGIN, LABEL_WIDTH, EVEN_LABEL_WIDTH = 28, 44, 34
"""Page pixels of the outer margin, of the numbers left of the bars, and of the label right of the bars."""

MIN_IMAGE_WIDTH = 24
"""Smallest width of an image in page pixels, with the gap beside it."""

SIGN_COLORS = "orange: for the class, blue: against it"
"""What the colors of the bars mean if maps have negative values."""

LEGEND_ROW = 16
"""Height of a line of the legend under a colorbar in page pixels."""

LEGEND_WIDTH = 420
"""Least room beside a colorbar for the legend, in page pixels; with less room, it stands below."""

SENTENCE_SIZE = 13
"""Size of the sentence under the title in page pixels."""

THIN = 0.6
"""Factor of the widths of outlines in the small images of a row."""

PLAYHEAD_COLOR = "#c01f2e"


def draw_footer(
    canvas: Canvas, compositor: Compositor, left: float, right: float, top: float, highlighted: int
) -> TimeAxis:
    """Draw a time chart with one bar highlighted, a colorbar and the legend, and return the time axis.

    The height is 130 pixels, and `LEGEND_ROW` more for each line of `legend_lines`.
    """
    e, heat = compositor.explanation, compositor.heat
    axis = TimeAxis(
        left + LABEL_WIDTH, right - EVEN_LABEL_WIDTH, top, top + 56, float(e.spans[0, 0]), float(e.spans[-1, 1])
    )
    truth = visible_ground_truth(e, compositor.style)
    if truth is not None:
        draw_bands(canvas, axis, e, truth)
    draw_bars(canvas, axis, e, heat.temporal, heat.temporal_signed, [highlighted])
    draw_time_axis(canvas, axis)
    bar_width = min(240, right - left - LABEL_WIDTH)
    draw_colorbar(canvas, left + LABEL_WIDTH, top + 86, bar_width, compositor, describe_scale(compositor))
    for i, (text, color) in enumerate(legend_lines(compositor), 1):
        x, y = left + LABEL_WIDTH, top + 127 + LEGEND_ROW * i
        canvas.text(x, y, text, 12, color, width=max(right - x, 1))
    return axis


def legend_lines(compositor: Compositor) -> list[tuple[str, str]]:
    """Return the lines of the legend under a colorbar, each with its color."""
    e, lines = compositor.explanation, []
    if compositor.heat.is_signed:
        lines = [(f"share of the {describe_total(signed=True)}", MUTED_COLOR), (SIGN_COLORS, MUTED_COLOR)]
    if (truth := visible_ground_truth(e, compositor.style)) is not None:
        lines.append((describe_ground_truth(e, truth), GROUND_TRUTH_COLOR))
    return lines


def draw_playhead(canvas: Canvas, axis: TimeAxis, time: float) -> None:
    """Draw a marker at a time in seconds on the time chart."""
    canvas.rectangle(axis.x(time) - 1, axis.top - 6, axis.x(time) + 1, axis.bottom, PLAYHEAD_COLOR)
    canvas.disc(axis.x(time), axis.top - 6, 3.5, PLAYHEAD_COLOR)


def describe_clip(e: Explanation) -> str:
    """Return the name of the clip, or a word for a clip without a name."""
    return e.clip_name or "clip"


def describe_source(e: Explanation, style: HeatStyle = DEFAULT_STYLE) -> str:
    """Return the names of the method, or of the layer and head, and of the model."""
    return " · ".join(filter(None, (map_name(e, style), e.model_id)))


def with_heat_maps(compositor: Compositor) -> Explanation:
    """Return the explanation with the maps that are drawn, so that its peak is the visible peak of the image."""
    e, style = compositor.explanation, compositor.style
    if style.layer < 0 and style.mask < 0 and not style.smooth:
        return e
    return replace(e, maps=compositor.heat.values, preview=None, attention=None)


def describe_heat(compositor: Compositor) -> str:
    """Return the sentence of `summarize` about the maps that are drawn."""
    return summarize(with_heat_maps(compositor), describe_map(compositor.explanation, compositor.style))


def alt_text(compositors: Mapping[str, Compositor]) -> str:
    """Return the alternative text of an image of explanations: for each, its clip, its method and its sentence."""
    texts = []
    for name, compositor in compositors.items():
        e = compositor.explanation
        title = f"{name}: " if name else ""
        texts.append(f"{title}{describe_clip(e)}, {e.method}. {describe_heat(compositor)}")
    return " ".join(texts)


class SummaryLayout:
    """Layout of the summary image: for each explanation a row of frames over a time chart."""

    def __init__(self, compositors: Mapping[str, Compositor], width: int, images: int | None) -> None:
        self.compositors, self.width = compositors, width
        (self.style,) = {compositor.style for compositor in compositors.values()}
        self.left, self.right = MARGIN + LABEL_WIDTH, width - MARGIN - EVEN_LABEL_WIDTH
        room, gap = self.right - self.left, 8
        aspect = max(compositor.size[0] / compositor.size[1] for compositor in compositors.values())
        slices = max(len(compositor.explanation.spans) for compositor in compositors.values())
        max_images = int(np.clip(round(room / (116 * aspect + gap)), 2, 10)) if images is None else images
        self.count = min(max_images, slices, int(room // MIN_IMAGE_WIDTH))
        self.cell = (room + gap) / self.count
        self.image_width = min(self.cell - gap, 300 * aspect)
        self.image_height = self.image_width / aspect
        spans = [compositor.explanation.spans for compositor in compositors.values()]
        same_slices = all(np.array_equal(other, spans[0]) for other in spans)
        # Explanations with the same slices show the same frames: those of the slices with the largest mean share.
        shares = [compositor.heat.temporal for compositor in compositors.values()]
        mean = np.mean(shares, axis=0) if same_slices else None
        self.slices = {
            name: strongest_slices(compositor.heat.temporal if mean is None else mean, self.count)
            for name, compositor in compositors.items()
        }
        self.lines = {
            name: wrap_text(describe_heat(compositor), SENTENCE_SIZE, width - 2 * MARGIN)
            for name, compositor in compositors.items()
        }

    def draw(self, scale: float) -> Canvas:
        """Draw the summary image with `scale` image pixels per page pixel."""
        several = len(self.compositors) > 1
        chart = 56 if several else 84
        row = self.image_height + 40 + 30 + chart
        text = {name: sentence_height(lines) + (34 if several else 0) for name, lines in self.lines.items()}
        legend = self._legend()
        first = next(iter(self.compositors.values()))
        caption, *further_lines = wrap_text(describe_scale(first, several=several), 12, self.width - MARGIN - self.left)
        beside = self.right - self.left - 260 >= LEGEND_WIDTH
        if not beside:
            legend = [*((line, MUTED_COLOR) for line in further_lines), *legend]
        height = 84 + sum(text.values()) + row * len(self.compositors) + 98
        canvas = Canvas(self.width, height + (0 if beside else 18 * len(legend)), scale)
        top = self._draw_title(canvas)
        for name, compositor in self.compositors.items():
            if several:
                self._draw_name(canvas, name, top)
                top += text[name]
            self._draw_row(canvas, compositor, self.slices[name], top, chart)
            top += row
        draw_colorbar(canvas, self.left, top + 26, 240, first, caption)
        for i, (line, color) in enumerate(legend):
            if beside:
                canvas.text(self.right, top + 36 + 18 * i, line, 12, color, "rs", width=self.right - self.left - 260)
            else:
                canvas.text(self.left, top + 86 + 18 * i, line, 12, color, width=self.width - MARGIN - self.left)
        return canvas

    def _legend(self) -> list[tuple[str, str]]:
        """Return the lines that say what bars and green marks mean, each with its color."""
        compositors = self.compositors.values()
        signs = dict.fromkeys(compositor.heat.is_signed for compositor in compositors)
        text = f"bars: share of the {' or '.join(describe_total(signed=sign) for sign in signs)} in each time slice"
        lines = [(f"{text}; {SIGN_COLORS}" if True in signs else text, MUTED_COLOR)]
        truths = {
            describe_ground_truth(compositor.explanation, truth)
            for compositor in compositors
            if (truth := visible_ground_truth(compositor.explanation, self.style)) is not None
        }
        if truths:
            lines.append((truths.pop() if len(truths) == 1 else "ground truth (green)", GROUND_TRUTH_COLOR))
        return lines

    def _draw_title(self, canvas: Canvas) -> float:
        """Draw the names of clips, methods and models, and a single explanation's sentence; return their bottom."""
        explanations = [compositor.explanation for compositor in self.compositors.values()]
        room = self.width - 2 * MARGIN
        canvas.text(MARGIN, 42, " / ".join(dict.fromkeys(map(describe_clip, explanations))), 22, width=room)
        y = 66.0
        if len(explanations) == 1:
            (lines,) = self.lines.values()
            canvas.text_lines(MARGIN, y, lines, SENTENCE_SIZE, TEXT_COLOR, room)
            y += sentence_height(lines)
            source = describe_source(explanations[0], self.style)
        else:
            sources = [(e.method, e.model_id, describe_map(e, self.style)) for e in explanations]
            common_names = [names[0] for names in zip(*sources, strict=True) if len(set(names)) == 1]
            source = " · ".join(filter(None, common_names))
        canvas.text(MARGIN, y, source, 13, MUTED_COLOR, width=room)
        return y + 18

    def _draw_name(self, canvas: Canvas, name: str, top: float) -> None:
        room = self.width - 2 * MARGIN
        canvas.rectangle(MARGIN, top - 2, self.width - MARGIN, top - 1, "#e4e7ec")
        canvas.text(MARGIN, top + 22, name, 15, width=room)
        canvas.text_lines(MARGIN, top + 44, self.lines[name], SENTENCE_SIZE, TEXT_COLOR, room)

    def _draw_row(self, canvas: Canvas, compositor: Compositor, slices: list[int], top: float, chart: float) -> None:
        e, heat = compositor.explanation, compositor.heat
        bottom = top + self.image_height
        start, end = float(e.spans[0, 0]), float(e.spans[-1, 1])
        axis = TimeAxis(self.left, self.right, bottom + 40, bottom + 40 + chart, start, end)
        truth, (frames, times) = visible_ground_truth(e, self.style), display_frames(e)
        for i, s in enumerate(slices):
            middle = self.left + (i + 0.5) * self.cell - 4
            slice_frames = e.sampled_frames[s]
            position = display_index(e, int(slice_frames[len(slice_frames) // 2]))
            time = float(times[position])
            painted = compositor.paint(frame_image(e, position), time)
            full_height = self.image_width * compositor.size[1] / compositor.size[0]
            image_width = self.image_width * min(1, self.image_height / full_height)
            image_height = min(full_height, self.image_height)
            left = middle - image_width / 2
            place = (left, top + (self.image_height - image_height) / 2, image_width, image_height)
            canvas.paste_image(painted, *place)
            if truth is not None:
                draw_outline_on_canvas(canvas, outline_lines(e, truth, int(frames[position])), place, THIN)
            text_end = canvas.text(left, bottom + 18, f"{time:.2f} s", 13)
            canvas.text(text_end + 8, bottom + 18, f"{heat.temporal[s]:.0%}", 13, HIGHLIGHT_COLOR)
            # A line from the image to its bar.
            x = axis.x((e.spans[s, 0] + e.spans[s, 1]) / 2)
            canvas.line([(middle, bottom + 24), (x, axis.top)], "#aab1bd", 1)
        if truth is not None:
            draw_bands(canvas, axis, e, truth)
        draw_bars(canvas, axis, e, heat.temporal, heat.temporal_signed, slices)
        draw_time_axis(canvas, axis)


def sentence_height(lines: Sequence[str]) -> float:
    """Return the height of a sentence in page pixels, from its first baseline to that of the text below it."""
    return LINE_SPACING * SENTENCE_SIZE * (len(lines) - 1) + 22


def strongest_slices(temporal: NDArray[np.float64], count: int) -> list[int]:
    """Return the strongest slice of each of `count` equal parts of the clip, in order."""
    parts = np.array_split(np.arange(len(temporal)), min(count, len(temporal)))
    return [int(part[temporal[part].argmax()]) for part in parts]
