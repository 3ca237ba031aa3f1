"""The compositor against pixels computed by hand and an independent one; the browser tests hold the canvas to it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.errors import ParameterError
from staa_widgets.render.colormaps import COLORMAPS
from staa_widgets.render.compositor import BACKGROUND, Compositor, draw_frame, frame_image, palette
from staa_widgets.render.heat import compute_heat
from staa_widgets.render.style import HeatStyle
from staa_widgets.widget.settings import SETTINGS
from tests.helpers.barcodes import FIRST, barcode_explanation, barcode_preview, reference_overlay
from tests.helpers.paths import JS_SOURCE

GENERATED = JS_SOURCE / "core" / "generated.ts"


def two_cells(**changes: Any) -> staa.Explanation:
    """Two slices of a second on a grid of 1 × 2, over a frame of 4 × 2 pixels; the model saw all of it."""
    parts = {
        "maps": np.array([[[0, 1]], [[0.5, 0.25]]], np.float32),
        "spans": [[0, 1], [1, 2]],
        "sampled_frames": [[0], [2]],
        "times": [0, 0.5, 1, 1.5],
        "first_frame": 0,
        "end": 2,
        "box": (0, 0, 4, 2),
        "frame_size": (4, 2),
        "attention": np.array([[[[[1, 0]], [[0, 0]]], [[[0, 0]], [[1, 3]]]]], np.float16),
        "preview": None,
    }
    return barcode_explanation(**{**parts, **changes})


def test_pixels_are_those_computed_by_hand():
    gray = np.full((2, 4, 3), 100, np.uint8)
    found = draw_frame(two_cells(), 0, HeatStyle(interpolation="nearest"), gray)
    # Value 1 has the table's last color at 255 · 0.75 = 191.25, so 191 of 255; value 0 is not drawn.
    last = COLORMAPS["inferno"][255].astype(int)
    strong = (100 * (255 - 191) + last * 191 + 127) // 255
    assert found.tolist() == np.broadcast_to([[100] * 3, [100] * 3, strong, strong], (2, 4, 3)).tolist()
    # Smoothly, pixel centers lie at cells -0.25, 0.25, 0.75 and 1.25, thus at values 0, 0.25, 0.75 and 1.
    smooth = draw_frame(two_cells(), 0, HeatStyle(opacity=1), gray)[0].astype(int)
    cover = [0, int(255 * (256 / 1023) / 0.45 + 0.5), 255, 255]
    colors = [COLORMAPS["inferno"][k].astype(int) for k in (0, 64, 191, 255)]
    wanted = [(100 * (255 - a) + c * a + 127) // 255 for a, c in zip(cover, colors, strict=True)]
    np.testing.assert_array_equal(smooth, wanted)


def test_a_slice_holds_or_passes_into_the_next():
    e = two_cells()
    assert [Compositor(e).map_at(t).tolist() for t in (0, 0.99, 1, 9)] == [[[0, 1]]] * 2 + [[[0.5, 0.25]]] * 2
    blended = Compositor(e, HeatStyle(time_interpolation="linear"))
    # The slices saw seconds 0 and 1.
    assert [blended.map_at(t).tolist() for t in (0, 0.5, 1, 1.5)] == [
        [[0, 1]],
        [[0.25, 0.625]],
        [[0.5, 0.25]],
        [[0.5, 0.25]],
    ]


def test_layer_and_head_choose_the_attention():
    e = two_cells()
    assert compute_heat(e, HeatStyle(layer=0, head=0)).values.tolist() == [[[1, 0]], [[0, 0]]]
    assert compute_heat(e, HeatStyle(layer=0, head=0)).temporal.tolist() == [1, 0]
    mean = compute_heat(e, HeatStyle(layer=0))
    assert mean.scale == 1.5
    np.testing.assert_allclose(mean.values, np.array([[[1, 0]], [[1, 3]]]) / 3, atol=1e-6)
    np.testing.assert_allclose(mean.temporal, [0.2, 0.8])
    for wrong in (HeatStyle(layer=1), HeatStyle(layer=0, head=2)):
        with pytest.raises(ParameterError, match="has no attention of"):
            compute_heat(e, wrong)
    with pytest.raises(ParameterError, match="attention=True"):
        compute_heat(two_cells(attention=None), HeatStyle(layer=0))


STYLES = {
    "smooth": HeatStyle(),
    "blocks": HeatStyle(interpolation="nearest"),
    "sharp": HeatStyle(threshold=0.8, gamma=1.75, opacity=1, colormap="viridis"),
    "own scale": HeatStyle(normalize="frame", threshold=0.3),
    "dark outside": HeatStyle(interpolation="nearest", dim_outside=True),
    "blended": HeatStyle(time_interpolation="linear", opacity=0.3),
    "head": HeatStyle(layer=1, head=1, gamma=0.5),
}


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("kind", ["plain", "portrait", "signed", "padded"])
def test_an_independent_compositor_draws_the_same(kind: str, name: str):
    style = STYLES[name]
    changes = {"box": (0.0, -70.0, 320.0, 250.0)} if kind == "padded" else {}
    e = barcode_explanation(portrait=kind == "portrait", signed=kind == "signed", **changes)
    i = 21
    heat = compute_heat(e, style)
    field = Compositor(e, style).map_at(e.times[i])
    wanted = reference_overlay(
        frame_image(e, i),
        field,
        e.box,
        table="diverging" if heat.is_signed else style.colormap,
        opacity=style.opacity,
        cut=float(np.quantile(np.abs(heat.values.astype(float)), style.threshold)) if style.threshold else 0.0,
        gamma=style.gamma,
        signed=heat.is_signed,
        linear=style.interpolation == "linear",
        top=float(np.abs(field).max()) if style.normalize == "frame" else 1.0,
        dim=style.dim_outside,
    )
    found = draw_frame(e, FIRST + i, style)
    assert np.abs(found.astype(int) - wanted).max() <= (0 if style.interpolation == "nearest" else 2)
    assert (found != frame_image(e, i)).mean() > 0.02


def test_each_frame_of_a_run_is_painted_as_if_alone():
    e = barcode_explanation()
    painter = Compositor(e, HeatStyle(time_interpolation="linear"))
    for i in (*range(48), *range(0, 48, 7)):
        np.testing.assert_array_equal(
            painter.paint(frame_image(e, i), e.times[i]),
            draw_frame(e, FIRST + i, HeatStyle(time_interpolation="linear")),
        )


def test_without_pictures_the_ground_is_the_players():
    e = two_cells(maps=np.array([[[0, 1]], [[0, 1]]], np.float32))
    assert draw_frame(e, 3, HeatStyle(interpolation="nearest"))[0, 0].tolist() == list(BACKGROUND)
    assert draw_frame(barcode_explanation(preview=None, frame_size=(1280, 719)), FIRST).shape == (360, 640, 3)


def test_a_thinned_preview_shows_the_nearest_frame():
    e = barcode_explanation()
    assert e.preview is not None
    thin = barcode_explanation(preview=barcode_preview(e.preview.indices[::10], e.times[::10], 320, 180))
    np.testing.assert_array_equal(draw_frame(thin, FIRST + 14), draw_frame(thin, FIRST + 10))
    np.testing.assert_array_equal(draw_frame(thin, FIRST + 15), draw_frame(thin, FIRST + 10))
    np.testing.assert_array_equal(draw_frame(thin, FIRST + 16), draw_frame(thin, FIRST + 20))


def test_the_whole_frame_can_be_given():
    e = barcode_explanation()
    big = np.zeros((720, 1280, 3), np.uint8)
    found = draw_frame(e, FIRST + 21, pixels=big)
    assert found.shape == big.shape
    lit = np.flatnonzero(found.any(axis=(0, 2)))
    assert 4 * e.box[0] - 1 <= lit[0] <= lit[-1] <= 4 * e.box[2] + 1
    with pytest.raises(ParameterError, match="not an RGB image"):
        draw_frame(e, FIRST, pixels=np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("frame", [99, 148, True, 100.5])
def test_a_frame_outside_the_clip_is_refused(frame: Any):
    with pytest.raises(ParameterError, match="from 100 to 147"):
        draw_frame(barcode_explanation(), frame)


@pytest.mark.parametrize(
    "wrong",
    [
        {"colormap": "jet"},
        {"normalize": "slice"},
        {"opacity": 1.1},
        {"gamma": 0},
        {"threshold": float("nan")},
        {"layer": -2},
        {"opacity": True},
    ],
)
def test_a_style_of_no_use_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        HeatStyle(**wrong)


def test_defaults_are_those_of_the_player_and_of_the_page():
    given = asdict(HeatStyle())
    assert {name: SETTINGS[name].default_value for name in given} == given
    listed = re.search(r"DEFAULTS: Settings = \{(.*?)\};", GENERATED.read_text("utf-8"), re.DOTALL)
    assert listed is not None
    page = dict(re.findall(r"(\w+): (.+),", listed[1]))
    assert {name: json.loads(page[name]) for name in given} == given


def test_nothing_is_drawn_where_everything_is_cut():
    assert not palette(HeatStyle(), 1.0, COLORMAPS["inferno"], signed=False)[:, 3].any()
