"""The compositor against pixels computed by hand and an independent one; browser tests compare the canvas with it."""

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
from staa_widgets.render.summary import describe_source
from staa_widgets.widget.settings import SETTINGS
from tests.helpers.barcodes import FIRST, barcode_explanation, barcode_preview, reference_overlay
from tests.helpers.explanations import small_explanation
from tests.helpers.paths import JS_SOURCE

GENERATED = JS_SOURCE / "core" / "generated.ts"


def two_cells(**changes: Any) -> staa.Explanation:
    """An explanation of two slices of 1 s on a grid of 1 × 2; the box is the whole frame of 4 × 2 pixels."""
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


def test_pixels_equal_those_computed_by_hand():
    gray = np.full((2, 4, 3), 100, np.uint8)
    picture = draw_frame(two_cells(), 0, HeatStyle(interpolation="nearest"), gray)
    # Value 1 has the last color of the table with alpha 255 · 0.75 = 191.25, rounded to 191; value 0 is not drawn.
    last = COLORMAPS["inferno"][255].astype(int)
    strong = (100 * (255 - 191) + last * 191 + 127) // 255
    assert picture.tolist() == np.broadcast_to([[100] * 3, [100] * 3, strong, strong], (2, 4, 3)).tolist()
    # Pixel centers lie at cells -0.25, 0.25, 0.75, 1.25: between them 3t² - 2t³, so 0, 0.15625, 0.84375, 1.
    smooth = draw_frame(two_cells(), 0, HeatStyle(opacity=1), gray)[0].astype(int)
    alphas = [0, int(255 * (160 / 1023) / 0.45 + 0.5), 255, 255]
    colors = [COLORMAPS["inferno"][k].astype(int) for k in (0, 40, 215, 255)]
    expected = [(100 * (255 - a) + c * a + 127) // 255 for a, c in zip(alphas, colors, strict=True)]
    np.testing.assert_array_equal(smooth, expected)


def test_slices_are_held_or_interpolated_over_time():
    e = two_cells()
    assert [Compositor(e).map_at(t).tolist() for t in (0, 0.99, 1, 9)] == [[[0, 1]]] * 2 + [[[0.5, 0.25]]] * 2
    blended = Compositor(e, HeatStyle(time_interpolation="linear"))
    # The sampled frames of the slices are at seconds 0 and 1.
    assert [blended.map_at(t).tolist() for t in (0, 0.5, 1, 1.5)] == [
        [[0, 1]],
        [[0.25, 0.625]],
        [[0.5, 0.25]],
        [[0.5, 0.25]],
    ]


def test_a_mask_is_drawn_in_place_of_the_maps():
    e = small_explanation()
    heat = compute_heat(e, HeatStyle(mask=1))
    assert heat.values.tolist() == [[[0, 0], [0.5, 0.25]], [[1, 0], [0, 0]]]
    assert heat.temporal.tolist() == [0.75 / 1.75, 1 / 1.75]
    assert not heat.is_signed
    np.testing.assert_array_equal(
        compute_heat(e, HeatStyle(layer=1, mask=1)).values, compute_heat(e, HeatStyle(layer=1)).values
    )
    assert "mask of 25% of the clip" in describe_source(e, HeatStyle(mask=1))
    with pytest.raises(ParameterError, match="no mask 2"):
        compute_heat(e, HeatStyle(mask=2))


def test_layer_and_head_select_the_attention():
    e = two_cells()
    assert compute_heat(e, HeatStyle(layer=0, head=0)).values.tolist() == [[[1, 0]], [[0, 0]]]
    assert compute_heat(e, HeatStyle(layer=0, head=0)).temporal.tolist() == [1, 0]
    mean = compute_heat(e, HeatStyle(layer=0))
    assert mean.scale == 1.5
    np.testing.assert_allclose(mean.values, np.array([[[1, 0]], [[1, 3]]]) / 3, atol=1e-6)
    np.testing.assert_allclose(mean.temporal, [0.2, 0.8])
    for style in (HeatStyle(layer=1), HeatStyle(layer=0, head=2)):
        with pytest.raises(ParameterError, match="has no attention of"):
            compute_heat(e, style)
    with pytest.raises(ParameterError, match="attention=True"):
        compute_heat(two_cells(attention=None), HeatStyle(layer=0))


def reference_cut(values: np.ndarray, hidden_share: float) -> float:
    """The strongest cell that is hidden: the strongest below numpy's next higher quantile."""
    strength = np.abs(values.astype(float))
    weaker = strength[strength < np.quantile(strength, hidden_share, method="higher")]
    return float(weaker.max(initial=0))


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
def test_pictures_equal_those_of_an_independent_compositor(kind: str, name: str):
    style = STYLES[name]
    changes = {"box": (0.0, -70.0, 320.0, 250.0)} if kind == "padded" else {}
    e = barcode_explanation(portrait=kind == "portrait", signed=kind == "signed", **changes)
    i = 21
    heat = compute_heat(e, style)
    field = Compositor(e, style).map_at(e.times[i])
    expected = reference_overlay(
        frame_image(e, i),
        field,
        e.box,
        table="diverging" if heat.is_signed else style.colormap,
        opacity=style.opacity,
        cut=reference_cut(heat.values, style.threshold),
        gamma=style.gamma,
        signed=heat.is_signed,
        nearest=style.interpolation == "nearest",
        top=float(np.abs(field).max()) if style.normalize == "frame" else 1.0,
        dim=style.dim_outside,
    )
    picture = draw_frame(e, FIRST + i, style)
    assert np.abs(picture.astype(int) - expected).max() <= (0 if style.interpolation == "nearest" else 2)
    assert (picture != frame_image(e, i)).mean() > 0.02


def test_a_reused_compositor_paints_each_frame_like_a_new_one():
    e = barcode_explanation()
    compositor = Compositor(e, HeatStyle(time_interpolation="linear"))
    for i in (*range(48), *range(0, 48, 7)):
        np.testing.assert_array_equal(
            compositor.paint(frame_image(e, i), e.times[i]),
            draw_frame(e, FIRST + i, HeatStyle(time_interpolation="linear")),
        )


def test_without_a_preview_the_background_is_that_of_the_player():
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


def test_a_frame_of_another_size_can_be_given():
    e = barcode_explanation()
    big = np.zeros((720, 1280, 3), np.uint8)
    picture = draw_frame(e, FIRST + 21, pixels=big)
    assert picture.shape == big.shape
    colored_columns = np.flatnonzero(picture.any(axis=(0, 2)))
    assert 4 * e.box[0] - 1 <= colored_columns[0] <= colored_columns[-1] <= 4 * e.box[2] + 1
    with pytest.raises(ParameterError, match="not an RGB image"):
        draw_frame(e, FIRST, pixels=np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("frame", [99, 148, True, 100.5])
def test_a_frame_outside_the_clip_is_refused(frame: Any):
    with pytest.raises(ParameterError, match="from 100 to 147"):
        draw_frame(barcode_explanation(), frame)


@pytest.mark.parametrize(
    "settings",
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
def test_invalid_style_settings_are_refused(settings: dict[str, Any]):
    with pytest.raises(ParameterError, match=next(iter(settings))):
        HeatStyle(**settings)


def test_defaults_equal_those_of_the_player_and_of_the_page():
    defaults = asdict(HeatStyle())
    assert {name: SETTINGS[name].default_value for name in defaults} == defaults
    listed = re.search(r"DEFAULTS: Settings = \{(.*?)\};", GENERATED.read_text("utf-8"), re.DOTALL)
    assert listed is not None
    page = dict(re.findall(r"(\w+): (.+),", listed[1]))
    assert {name: json.loads(page[name]) for name in defaults} == defaults


def test_at_the_highest_threshold_nothing_is_drawn():
    assert not palette(HeatStyle(), 1.0, COLORMAPS["inferno"], signed=False)[:, 3].any()
