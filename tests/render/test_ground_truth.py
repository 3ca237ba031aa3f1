"""Ground truth in images, movies and figures: outlines in the frames, bands in the time charts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from staa_widgets import Comparison, Explanation, render_image
from staa_widgets.export.image import StaticImage, snapshot
from staa_widgets.render.frames import RenderedFrames
from staa_widgets.render.ground_truth import OUTLINE_STROKES, describe_ground_truth, outline_lines, trace_outline
from staa_widgets.render.style import HeatStyle
from staa_widgets.render.theme import GROUND_TRUTH_COLOR
from staa_widgets.video.ground_truth import GroundTruth
from tests.helpers.barcodes import FIRST, barcode_explanation
from tests.helpers.ground_truth import LabeledFrames

GREEN = np.array(OUTLINE_STROKES[-1][0])
BAND = np.array([int(GROUND_TRUTH_COLOR[i : i + 2], 16) for i in (1, 3, 5)])
HIDDEN = HeatStyle(show_ground_truth=False)


def explanation_of_rectangle(**changes: Any) -> Explanation:
    """The action fills columns 100 … 219 and rows 60 … 119 in the frames 12 … 29 of 48."""
    where = np.zeros((48, 180, 320), bool)
    when = np.zeros(48, bool)
    when[12:30] = True
    where[12:30, 60:120, 100:220] = True
    return barcode_explanation(ground_truth=GroundTruth.from_clip(LabeledFrames("jump_up", where, when)), **changes)


E = explanation_of_rectangle()


def pixels_of(picture: StaticImage) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)


def area_of(line: NDArray[np.float64]) -> float:
    following = np.roll(line, -1, axis=0)
    return abs(float((line[:, 0] * following[:, 1] - following[:, 0] * line[:, 1]).sum()) / 2)


def test_an_outline_follows_the_edges_of_the_pixels():
    mask = np.zeros((16, 20), bool)
    mask[2:10, 3:15] = True
    (line,) = trace_outline(mask)
    assert (line.min(axis=0).tolist(), line.max(axis=0).tolist()) == ([3, 2], [15, 10])
    assert 96 - 6 < area_of(line) < 96


def test_parts_holes_and_corners_have_lines_of_their_own():
    mask = np.zeros((12, 30), bool)
    mask[0:10, 0:10] = True
    mask[3:7, 3:7] = False
    mask[10:12, 10:12] = True  # Touches the first part at a corner.
    mask[5:9, 20:30] = True
    lines = trace_outline(mask)
    assert len(lines) in (3, 4)
    assert sum(area_of(line) for line in lines) == pytest.approx(100 + 16 + 4 + 40, rel=0.15)
    assert trace_outline(np.zeros((4, 4), bool)) == []


def test_frames_of_a_movie_show_the_outline_while_the_action_lasts():
    frames = RenderedFrames(E, HeatStyle(), chart=False)
    plain = RenderedFrames(E, HIDDEN, chart=False)
    edges = np.zeros((180, 320), bool)
    edges[55:125, 95:225] = True
    edges[65:115, 105:215] = False
    for i, (drawn, heat) in enumerate(zip(frames, plain, strict=True)):
        changed = (drawn != heat).any(axis=2)
        assert changed.any() == (12 <= i < 30)
        assert not changed[~edges].any()
        if changed.any():
            # Each side of the rectangle is green somewhere along its whole length.
            near = np.abs(drawn.astype(int) - GREEN).max(axis=2) < 60
            assert near[58:63, 106:214].any(axis=0).all()
            assert near[66:114, 218:223].any(axis=1).all()


def test_images_show_the_outline_and_the_band_in_place_of_neither():
    for draw in (render_image, lambda e, style: snapshot(e, FIRST + 20, style)):
        shown, hidden = pixels_of(draw(E, HeatStyle())), pixels_of(draw(E, HIDDEN))
        for color in (GREEN, BAND):
            assert (np.abs(shown - color).max(axis=2) < 30).any()
            assert not (np.abs(hidden - color).max(axis=2) < 30).any()


def test_the_band_covers_the_seconds_of_the_action():
    pixels = pixels_of(snapshot(E, FIRST, HeatStyle()))
    rows = (np.abs(pixels - BAND).max(axis=2) < 4).sum(axis=1)
    marked = np.flatnonzero(np.abs(pixels[rows.argmax()] - BAND).max(axis=1) < 4)
    scale = pixels.shape[1] / (480 + 56)
    left, right = 28 + 44, 28 + 480 - 34
    seconds = E.times[0] + (marked[[0, -1]] / scale - left) / (right - left) * (E.end - E.times[0])
    np.testing.assert_allclose(seconds, [E.times[12], E.times[30]], atol=0.02)
    assert describe_ground_truth(
        E, GroundTruth.from_clip(LabeledFrames("a", np.zeros((48, 2, 2), bool), np.zeros(48, bool)))
    ) == ("ground truth (green): a, at no time")


def test_the_legend_names_the_action_and_its_seconds():
    assert E.ground_truth is not None
    text = f"ground truth (green): jump up, {E.times[12]:.2f}–{E.times[30]:.2f} s"
    assert describe_ground_truth(E, E.ground_truth) == text
    for figure in (E.to_plotly(), Comparison({"a": E, "b": E}).to_plotly()):
        layout: Any = figure.layout
        assert text in layout.title.text


def test_figures_mark_the_seconds_of_the_action_in_every_row():
    for figure, rows in ((E.to_plotly(), 1), (Comparison({"a": E, "b": barcode_explanation()}).to_plotly(), 1)):
        layout: Any = figure.layout
        bands = [shape for shape in layout.shapes if shape.type == "rect"]
        assert len(bands) == 2 * rows
        assert {(band.x0, band.x1) for band in bands} == {(E.times[12], E.times[30])}
        assert {band.fillcolor for band in bands} == {GROUND_TRUTH_COLOR}


def test_a_gif_shows_the_outline(tmp_path: Path):
    with Image.open(E.to_gif(tmp_path / "a.gif", chart=False, progress=False)) as gif:
        greens = []
        for i in range(getattr(gif, "n_frames", 1)):
            gif.seek(i)
            pixels = np.asarray(gif.convert("RGB")).astype(int)
            greens.append(int((np.abs(pixels - GREEN).max(axis=2) < 70).sum()))
    assert min(greens) < 20 < 200 < max(greens)


def test_the_outline_lies_on_the_action_at_any_size():
    assert E.ground_truth is not None
    lines = outline_lines(E, E.ground_truth, FIRST + 20)
    np.testing.assert_allclose(np.concatenate(lines).min(axis=0), [100 / 320, 60 / 180], atol=1e-6)
    np.testing.assert_allclose(np.concatenate(lines).max(axis=0), [220 / 320, 120 / 180], atol=1e-6)
    assert outline_lines(E, E.ground_truth, FIRST) == []
