"""Static images: their metadata, what is drawn where, and the limit of the file size."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import staa_widgets as staa
from staa_widgets import Comparison, render_image
from staa_widgets.errors import ExportError, ParameterError
from staa_widgets.export.image import MAX_BYTES, StaticImage, snapshot
from staa_widgets.render.canvas import (
    Canvas,
    TimeAxis,
    _choose_font,
    describe_scale,
    draw_bars,
    draw_colorbar,
    nice_step,
    wrap_text,
)
from staa_widgets.render.colormaps import COLORMAPS
from staa_widgets.render.compositor import Compositor, draw_frame
from staa_widgets.render.style import HeatStyle
from staa_widgets.render.summary import strongest_slices
from staa_widgets.widget.payload import pack
from tests.helpers.barcodes import FIRST, barcode_explanation

E, SIGNED = barcode_explanation(), barcode_explanation(signed=True)


def open_image(picture: StaticImage) -> Any:
    return Image.open(io.BytesIO(picture.png))


def read_pixels(picture: StaticImage) -> NDArray[np.int64]:
    return np.asarray(open_image(picture).convert("RGB")).astype(int)


@pytest.mark.parametrize(
    "content",
    [
        E,
        Comparison.of(E, barcode_explanation(signed=True, method="saliency")),
        barcode_explanation(preview=None),
        barcode_explanation(portrait=True),
    ],
)
def test_an_image_carries_its_description(content: Any):
    picture = render_image(content)
    image = open_image(picture)
    assert len(picture.png) <= MAX_BYTES
    assert image.format == "PNG"
    assert image.text["Title"] == "bars.mp4"
    assert image.text["Software"] == "staa_widgets"
    assert image.text["Description"] == picture.alt
    assert "The model says jump (81%)" in picture.alt
    assert "staa" in image.text["Source"]
    assert image.width in (picture.width, 1.5 * picture.width, 2 * picture.width)
    ground = np.asarray(image.convert("RGB"))[[0, -1], [0, -1]]
    assert (ground == 255).all()


def test_notebooks_get_image_and_alternative_text():
    picture = render_image(E)
    bundle, metadata = picture._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == picture.png == picture._repr_png_()[0]
    assert bundle["text/plain"] == picture.alt
    assert metadata["image/png"] == {"width": 960, "height": picture.height, "alt": picture.alt}
    peak = E.peak
    assert f"from {peak.start:.2f} to {peak.end:.2f} s ({E.temporal[peak.slice]:.0%} of the attribution)" in picture.alt


def test_the_image_says_what_the_shares_of_signed_maps_are_shares_of(monkeypatch: pytest.MonkeyPatch):
    texts: list[str] = []
    original = Canvas.text

    def note(canvas: Canvas, x: float, y: float, text: str, *rest: Any, **options: Any) -> float:
        texts.append(text)
        return original(canvas, x, y, text, *rest, **options)

    monkeypatch.setattr(Canvas, "text", note)
    assert "% of the sum of magnitudes" in render_image(SIGNED).alt
    assert "bars: share of the sum of magnitudes in each time slice; orange: for the class, blue: against it" in texts
    texts.clear()
    picture = snapshot(SIGNED, FIRST)
    assert "of the sum of magnitudes in its slice" in picture.alt
    assert {"share of the sum of magnitudes", "orange: for the class, blue: against it"} <= {*texts}
    texts.clear()
    snapshot(E, FIRST)
    assert not any("magnitudes" in text for text in texts)


def test_the_image_shows_the_sentence_of_the_player(monkeypatch: pytest.MonkeyPatch):
    texts: list[str] = []
    original = Canvas.text

    def note(canvas: Canvas, x: float, y: float, text: str, *rest: Any, **options: Any) -> float:
        texts.append(text)
        return original(canvas, x, y, text, *rest, **options)

    monkeypatch.setattr(Canvas, "text", note)
    other = barcode_explanation(method="occlusion", labels=("wave", "clap", "jump_up", "kick"))
    assert "jump up" in pack(other)[0]["summary"]
    for width in (320, 960):
        for e in (E, SIGNED, other):
            texts.clear()
            render_image(e, width=width)
            assert pack(e)[0]["summary"] in " ".join(texts)
        texts.clear()
        render_image(Comparison.of(E, other), width=width)
        assert all(pack(e)[0]["summary"] in " ".join(texts) for e in (E, other))
    texts.clear()
    snapshot(E)
    assert pack(E)[0]["summary"] in " ".join(texts)


def test_text_is_broken_between_words_where_it_fills_the_width():
    text = "The model says jump (81%) and looked most from 2.53 to 2.81 s, at the top left."
    for width in (120, 200, 900):
        lines = wrap_text(text, 14, width)
        assert " ".join(lines) == text
        for scale in (1, 1.5, 2):
            canvas = Canvas(1000, 20, scale)
            ends = [canvas.text(0, 15, line, 14) for line in lines]
            assert max(ends) <= width
            nexts = [canvas.text(0, 15, f"{line} {other.split()[0]}", 14) for line, other in pairwise(lines)]
            assert all(end > 0.9 * width for end in nexts)
    assert len(wrap_text("word " * 400, 14, 100, most=3)) == 3


def test_each_description_begins_with_its_name():
    comparison = Comparison.of(E, barcode_explanation(method="saliency"))
    assert render_image(comparison).alt.count("The model says jump (81%)") == 2
    assert render_image(comparison).alt.startswith("STAA: ")
    assert " Saliency: " in render_image(comparison).alt


def mean_difference(picture: StaticImage, expected: NDArray[np.uint8], width: float, x: float, y: float) -> float:
    """Return the mean difference between a part of the image and the pixels expected there."""
    image = open_image(picture).convert("RGB")
    scale = image.width / picture.width
    tall = width * expected.shape[0] / expected.shape[1]
    part = image.crop([round(v * scale) for v in (x, y, x + width, y + tall)]).resize(expected.shape[1::-1])
    return float(np.abs(np.asarray(part).astype(int) - expected).mean())


def test_the_alternative_text_of_a_head_is_about_that_head():
    style = HeatStyle(layer=2, head=1)
    shares = E.attention[2, 1].astype(float).sum(axis=(1, 2)) if E.attention is not None else np.empty(0)
    s = int(shares.argmax())
    text = f"; the attention of layer 3, head 2 is strongest from {E.spans[s, 0]:.2f} to {E.spans[s, 1]:.2f} s ("
    text += f"{shares[s] / shares.sum():.0%} of the attribution"
    assert text in render_image(E, style).alt
    assert text in snapshot(E, 120, style).alt


def test_a_snapshot_holds_the_frame_under_its_heat():
    for frame, style in ((FIRST + 5, HeatStyle()), (FIRST + 40, HeatStyle(gamma=0.5, colormap="viridis"))):
        picture = snapshot(E, frame, style)
        top = picture.height - 430  # The image has 270 pixels, and the chart below it 160.
        assert mean_difference(picture, draw_frame(E, frame, style), 480, 28, top) < 4
        assert mean_difference(picture, draw_frame(E, frame - 3, style), 480, 28, top) > 6
        assert picture.alt.startswith(f"Frame {frame} at {E.times[frame - FIRST]:.2f} s")
    assert snapshot(E).alt.startswith(f"Frame {E.sampled_frames[E.temporal.argmax(), 1]} ")
    with pytest.raises(ParameterError, match="from 100 to 147"):
        snapshot(E, 99)


def test_the_strongest_slice_of_each_part_is_chosen():
    assert strongest_slices(np.array([1, 5, 2, 2, 9, 1, 0, 1.0]), 4) == [1, 2, 4, 7]
    assert strongest_slices(np.array([1.0, 2]), 6) == [0, 1]
    assert strongest_slices(np.array([1.0, 2]), 1) == [1]


def test_pictures_of_slices_stand_in_order():
    """A map that is lit in the third slice alone."""
    maps = np.full((6, 5, 7), 1e-6, np.float32)
    maps[2] = 1
    e = barcode_explanation(maps=maps)
    picture = render_image(e, HeatStyle(opacity=1), images=6)
    scale = open_image(picture).width / picture.width
    room = 960 - 28 - 34 - 72
    middles = 72 + (np.arange(6) + 0.5) * (room + 8) / 6 - 4
    row = read_pixels(picture)[round(120 * scale), np.round(middles * scale).astype(int)]
    lit = np.abs(row - [252, 255, 164]).max(axis=1) < 12
    assert lit.tolist() == [False, False, True, False, False, False]


def test_bars_are_as_high_as_their_share():
    e = barcode_explanation(maps=np.ones((6, 5, 7), np.float32) * np.array([1, 2, 3, 4, 5, 5])[:, None, None])
    canvas = Canvas(400, 120)
    axis = TimeAxis(50, 350, 10, 110, float(e.spans[0, 0]), float(e.spans[-1, 1]))
    draw_bars(canvas, axis, e, e.temporal, None, [3])
    drawn = np.asarray(canvas.image).astype(int)
    blue = (drawn[..., 2] - drawn[..., 0]) > 60
    middles = [round((axis.x(start) + axis.x(end)) / 2) for start, end in e.spans]
    heights = blue[:, middles].sum(axis=0)
    # 25 % is the greatest share, so the axis goes to 30 %; the dashed line takes a pixel or two.
    np.testing.assert_allclose(heights, e.temporal / 0.3 * 100, atol=2.5)
    assert drawn[100, middles[3]].tolist() == [29, 95, 209]
    assert drawn[100, middles[2]].tolist() == [126, 166, 234]


def test_the_color_bar_states_its_normalization():
    assert describe_scale(Compositor(E)).startswith("per clip: 1 stands for the clip's maximum, ")
    assert describe_scale(Compositor(E, HeatStyle(normalize="frame"))).startswith("per frame: ")


def test_the_color_bar_runs_from_least_to_greatest_without_hidden_values():
    for e, style, name in (
        (E, HeatStyle(colormap="viridis", threshold=0.9), "viridis"),
        (SIGNED, HeatStyle(), "diverging"),
    ):
        canvas, compositor = Canvas(300, 60), Compositor(e, style)
        draw_colorbar(canvas, 10, 5, 256, compositor, describe_scale(compositor))
        row, table = np.asarray(canvas.image)[10, 10:266].astype(int), COLORMAPS[name].astype(int)
        assert np.abs(row[255] - table[255]).max() <= 2
        assert np.abs(row[200] - table[200]).max() <= 2
        hidden = np.flatnonzero((row == 255).all(axis=1))
        assert len(hidden) == pytest.approx(256 * compositor.cutoff, abs=1)
        assert np.abs(row[0] - (table[0] if name == "diverging" else 255)).max() <= 2


def test_characters_missing_in_the_font_are_replaced():
    assert _choose_font(13, "1.0–2.0 s × 3…")[1] == "1.0-2.0 s x 3..."
    assert _choose_font(13, "plain · words")[1] == "plain · words"
    assert _choose_font(13, "hop \U0010fffe")[1] == "hop ?"
    canvas = Canvas(100, 30)
    assert canvas.text(0, 20, "a very long name of a class", width=60) <= 61


def test_steps_are_round():
    assert [nice_step(span, 3) for span in (1, 0.3, 0.19, 7, 0)] == [0.5, pytest.approx(0.1), pytest.approx(0.1), 5, 1]


def test_an_image_is_reduced_to_the_size_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("staa_widgets.export.image.MAX_BYTES", 60_000)
    assert len(render_image(E).png) <= 60_000


def test_pictures_are_written_in_one_step(tmp_path: Path):
    path = E.to_png(tmp_path / "e.png", images=2)
    assert path.read_bytes() == render_image(E, images=2).png
    assert Comparison.of(E, E).to_png(tmp_path / "c.png").is_file()
    with pytest.raises(ExportError, match="cannot be written"):
        E.to_png(tmp_path / "missing" / "e.png")


@pytest.mark.parametrize("options", [{}, {"images": 40}])
def test_the_narrowest_image_can_be_drawn(options: dict[str, Any]):
    edges = np.arange(61) / 10
    spans, sampled = np.stack([edges[:-1], edges[1:]], axis=1), FIRST + np.arange(60)[:, None]
    changes: dict[str, Any] = {
        "maps": np.ones((60, 2, 2)),
        "spans": spans,
        "sampled_frames": sampled,
        "times": edges[:-1],
    }
    e = barcode_explanation(**changes, end=6.0, preview=None, attention=None)
    assert render_image(e, width=320, **options).width == 320
    assert render_image(Comparison.of(e, replace(e, method="x" * 99)), width=320, **options).width == 320


def test_a_word_without_room_is_left_out():
    canvas = Canvas(100, 20)
    assert canvas.text(3, 15, "word", width=-1) == 3
    assert np.asarray(canvas.image).min() == 255
    assert 3 < canvas.text(3, 15, "a word that is far too long", width=40) <= 43


@pytest.mark.parametrize("wrong", [{"width": 10}, {"width": "400"}, {"images": 0}, {"images": 2.5}])
def test_wrong_sizes_are_refused(wrong: dict[str, Any]):
    with pytest.raises(ParameterError):
        render_image(E, **wrong)
    with pytest.raises(ParameterError, match="no explanation to draw"):
        render_image({})
    with pytest.raises(ParameterError, match="no attention of layer"):
        render_image(E, HeatStyle(layer=9))


def test_the_package_exports_render_image():
    assert staa.render_image is render_image


def test_a_text_with_breaks_is_drawn_in_one_line():
    """Pillow's layout fails at some of them."""
    labels = ('$HOMEé＝1＝1"\u2029', "a\r\nb", "x" * 10**6)
    for name in labels:
        e = replace(E, clip_name=name, labels=(name, *E.labels[1:]), target=0)
        assert open_image(render_image(e)).size == open_image(render_image(replace(e, clip_name=""))).size
