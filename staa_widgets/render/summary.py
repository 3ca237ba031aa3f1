"""Layout and text of the summary image of one or several explanations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.explanation.peak import describe_position, describe_total
from staa_widgets.records.problem import format_score
from staa_widgets.render.canvas import Canvas, TimeAxis, describe_scale, draw_bars, draw_colorbar, draw_time_axis
from staa_widgets.render.compositor import Compositor, display_frames, display_index, frame_image
from staa_widgets.render.heat import describe_map, map_name
from staa_widgets.render.style import DEFAULT_STYLE, HeatStyle
from staa_widgets.render.theme import HIGHLIGHT_COLOR, MUTED_COLOR, TEXT_COLOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation

MARGIN, LABEL_WIDTH, EVEN_LABEL_WIDTH = 28, 44, 34
"""Page pixels of the outer margin, of the numbers left of the bars, and of the label right of the bars."""

MIN_IMAGE_WIDTH = 24
"""Smallest width of an image in page pixels, with the gap beside it."""

SIGN_COLORS = "orange: for the class, blue: against it"
"""What the colors of the bars mean if maps have negative values."""

PLAYHEAD_COLOR = "#c01f2e"


def draw_footer(
    canvas: Canvas, compositor: Compositor, left: float, right: float, top: float, highlighted: int
) -> TimeAxis:
    """Draw a time chart with one bar highlighted and a colorbar below, 130 pixels in all; return the time axis."""
    e, heat = compositor.explanation, compositor.heat
    axis = TimeAxis(
        left + LABEL_WIDTH, right - EVEN_LABEL_WIDTH, top, top + 56, float(e.spans[0, 0]), float(e.spans[-1, 1])
    )
    draw_bars(canvas, axis, e, heat.temporal, heat.temporal_signed, [highlighted])
    draw_time_axis(canvas, axis)
    bar_width = min(240, right - left - LABEL_WIDTH)
    draw_colorbar(canvas, left + LABEL_WIDTH, top + 86, bar_width, compositor)
    if heat.is_signed:
        room = right - left - LABEL_WIDTH - bar_width - 12
        for line, text in enumerate((f"share of the {describe_total(signed=True)}", SIGN_COLORS)):
            canvas.text(right, top + 96 + 16 * line, text, 11, MUTED_COLOR, "rs", width=max(room, 1))
    return axis


def draw_playhead(canvas: Canvas, axis: TimeAxis, time: float) -> None:
    """Draw a marker at a time in seconds on the time chart."""
    canvas.rectangle(axis.x(time) - 1, axis.top - 6, axis.x(time) + 1, axis.bottom, PLAYHEAD_COLOR)
    canvas.disc(axis.x(time), axis.top - 6, 3.5, PLAYHEAD_COLOR)


def headline(e: Explanation) -> str:
    """Return the predicted class and its probability or value, and the explained class if it differs."""
    label, score = e.predictions(1)[0]
    score_text = format_score(score, e.problem_type)
    if not score_text:
        return e.target_name
    target = "" if label == e.target_name else f", explained: {e.target_name}"
    return f"{label}, {score_text}{target}"


def describe_source(e: Explanation, style: HeatStyle = DEFAULT_STYLE) -> str:
    """Return the names of clip, method or layer, and model."""
    return " · ".join(filter(None, (e.clip_name, map_name(e, style), e.model_id)))


def with_heat_maps(compositor: Compositor) -> Explanation:
    """Return the explanation with the maps that are drawn, so that its peak is the visible peak of the image."""
    e, style = compositor.explanation, compositor.style
    if style.layer < 0 and style.mask < 0 and not style.smooth:
        return e
    return replace(e, maps=compositor.heat.values, preview=None, attention=None)


def describe_peak(compositor: Compositor) -> str:
    """Return the time and position of the peak in words."""
    e = with_heat_maps(compositor)
    share, position = e.temporal[e.peak.slice], describe_position(e.peak, e.frame_size)
    return f"peak: {e.peak.start:.2f}–{e.peak.end:.2f} s ({share:.0%}), {position}"


def alt_text(compositors: Mapping[str, Compositor]) -> str:
    """Return the alternative text of an image of explanations."""
    sentences = []
    for name, compositor in compositors.items():
        e, map_name = with_heat_maps(compositor), describe_map(compositor.explanation, compositor.style)
        total = map_name or describe_total(signed=compositor.heat.is_signed)
        share = f"{e.temporal[e.peak.slice]:.0%} of the {total}"
        title = f"{name}: {headline(e)}" if name else headline(e)
        sentences.append(
            f"{title}; {e.clip_name or 'clip'}, {e.method}: {share} from {e.peak.start:.2f} to {e.peak.end:.2f} "
            f"s, strongest at the {describe_position(e.peak, e.frame_size)}."
        )
    return " ".join(sentences)


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

    def draw(self, scale: float) -> Canvas:
        """Draw the summary image with `scale` image pixels per page pixel."""
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
        signs = dict.fromkeys(compositor.heat.is_signed for compositor in self.compositors.values())
        text = f"bars: share of the {' or '.join(describe_total(signed=sign) for sign in signs)} in each time slice"
        if True in signs:
            text += f"; {SIGN_COLORS}"
        canvas.text(self.right, top + 36, text, 12, MUTED_COLOR, "rs", width=self.right - self.left - 260)
        return canvas

    def _draw_title(self, canvas: Canvas) -> None:
        explanations = [compositor.explanation for compositor in self.compositors.values()]
        room = self.width - 2 * MARGIN
        headlines = dict.fromkeys(map(headline, explanations))
        clip_names = dict.fromkeys(e.clip_name for e in explanations)
        title = next(iter(headlines)) if len(headlines) == 1 else " / ".join(clip_names)
        canvas.text(MARGIN, 42, title, 22, width=room)
        if len(explanations) == 1:
            (e,) = explanations
            (compositor,) = self.compositors.values()
            canvas.text(self.width - MARGIN, 66, describe_peak(compositor), 13, TEXT_COLOR, "rs", width=room * 0.4)
            canvas.text(MARGIN, 66, describe_source(e, self.style), 13, MUTED_COLOR, width=room * 0.58)
        else:
            sources = [(e.clip_name, e.method, e.model_id, describe_map(e, self.style)) for e in explanations]
            common_names = [names[0] for names in zip(*sources, strict=True) if len(set(names)) == 1]
            canvas.text(MARGIN, 66, " · ".join(filter(None, common_names)), 13, MUTED_COLOR, width=room)

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
            slice_frames = e.sampled_frames[s]
            position = display_index(e, int(slice_frames[len(slice_frames) // 2]))
            time = float(display_frames(e)[1][position])
            painted = compositor.paint(frame_image(e, position), time)
            full_height = self.image_width * compositor.size[1] / compositor.size[0]
            image_width = self.image_width * min(1, self.image_height / full_height)
            image_height = min(full_height, self.image_height)
            left = middle - image_width / 2
            canvas.paste_image(painted, left, top + (self.image_height - image_height) / 2, image_width, image_height)
            text_end = canvas.text(left, bottom + 18, f"{time:.2f} s", 13)
            canvas.text(text_end + 8, bottom + 18, f"{heat.temporal[s]:.0%}", 13, HIGHLIGHT_COLOR)
            # A line from the image to its bar.
            x = axis.x((e.spans[s, 0] + e.spans[s, 1]) / 2)
            canvas.line([(middle, bottom + 24), (x, axis.top)], "#aab1bd", 1)
        draw_bars(canvas, axis, e, heat.temporal, heat.temporal_signed, slices)
        draw_time_axis(canvas, axis)


def strongest_slices(temporal: NDArray[np.float64], count: int) -> list[int]:
    """Return the strongest slice of each of `count` equal parts of the clip, in order."""
    parts = np.array_split(np.arange(len(temporal)), min(count, len(temporal)))
    return [int(part[temporal[part].argmax()]) for part in parts]
