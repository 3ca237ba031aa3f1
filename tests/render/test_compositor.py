"""The compositor against pixels computed by hand and an independent one; the browser tests hold the canvas to it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.errors import ParameterError
from staa_widgets.render.colormaps import COLOUR_TABLES
from staa_widgets.render.compositor import GROUND, Painter, draw, palette, plain
from staa_widgets.render.style import Look, heat_of
from staa_widgets.widget.settings import SETTINGS
from tests.helpers.barcodes import FIRST, explanation, preview, reference
from tests.helpers.paths import JS_SOURCE

STATE = JS_SOURCE / "state.ts"


def two_cells(**changes: Any) -> staa.Explanation:
    """Two slices of a second on a grid of 1 × 2, over a frame of 4 × 2 pixels; the model saw all of it."""
    parts = {
        "maps": np.array([[[0, 1]], [[0.5, 0.25]]], np.float32),
        "spans": [[0, 1], [1, 2]],
        "sampled": [[0], [2]],
        "times": [0, 0.5, 1, 1.5],
        "first_frame": 0,
        "duration": 2,
        "box": (0, 0, 4, 2),
        "frame_size": (4, 2),
        "attention": np.array([[[[[1, 0]], [[0, 0]]], [[[0, 0]], [[1, 3]]]]], np.float16),
        "preview": None,
    }
    return explanation(**{**parts, **changes})


def test_pixels_are_those_computed_by_hand():
    grey = np.full((2, 4, 3), 100, np.uint8)
    found = draw(two_cells(), 0, Look(interpolation="nearest"), grey)
    # Value 1 has the table's last colour at 255 · 0.75 = 191.25, so 191 of 255; value 0 is not drawn.
    last = COLOUR_TABLES["inferno"][255].astype(int)
    strong = (100 * (255 - 191) + last * 191 + 127) // 255
    assert found.tolist() == np.broadcast_to([[100] * 3, [100] * 3, strong, strong], (2, 4, 3)).tolist()
    # Smoothly, pixel centres lie at cells -0.25, 0.25, 0.75 and 1.25, thus at values 0, 0.25, 0.75 and 1.
    smooth = draw(two_cells(), 0, Look(opacity=1), grey)[0].astype(int)
    cover = [0, int(255 * (256 / 1023) / 0.45 + 0.5), 255, 255]
    colours = [COLOUR_TABLES["inferno"][k].astype(int) for k in (0, 64, 191, 255)]
    wanted = [(100 * (255 - a) + c * a + 127) // 255 for a, c in zip(cover, colours, strict=True)]
    np.testing.assert_array_equal(smooth, wanted)


def test_a_slice_holds_or_passes_into_the_next():
    e = two_cells()
    assert [Painter(e).map_at(t).tolist() for t in (0, 0.99, 1, 9)] == [[[0, 1]]] * 2 + [[[0.5, 0.25]]] * 2
    blended = Painter(e, Look(between="blended"))
    # The slices saw seconds 0 and 1.
    assert [blended.map_at(t).tolist() for t in (0, 0.5, 1, 1.5)] == [
        [[0, 1]],
        [[0.25, 0.625]],
        [[0.5, 0.25]],
        [[0.5, 0.25]],
    ]


def test_layer_and_head_choose_the_attention():
    e = two_cells()
    assert heat_of(e, Look(layer=0, head=0)).values.tolist() == [[[1, 0]], [[0, 0]]]
    assert heat_of(e, Look(layer=0, head=0)).temporal.tolist() == [1, 0]
    mean = heat_of(e, Look(layer=0))
    assert mean.scale == 1.5
    np.testing.assert_allclose(mean.values, np.array([[[1, 0]], [[1, 3]]]) / 3, atol=1e-6)
    np.testing.assert_allclose(mean.temporal, [0.2, 0.8])
    for wrong in (Look(layer=1), Look(layer=0, head=2)):
        with pytest.raises(ParameterError, match="keeps no"):
            heat_of(e, wrong)
    with pytest.raises(ParameterError, match="attention=True"):
        heat_of(two_cells(attention=None), Look(layer=0))


LOOKS = {
    "smooth": Look(),
    "blocks": Look(interpolation="nearest"),
    "sharp": Look(threshold=0.8, gamma=1.75, opacity=1, colormap="viridis"),
    "own scale": Look(normalize="frame", threshold=0.3),
    "dark outside": Look(interpolation="nearest", dim=True),
    "blended": Look(between="blended", opacity=0.3),
    "head": Look(layer=1, head=1, gamma=0.5),
}


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("kind", ["plain", "portrait", "signed", "padded"])
def test_an_independent_compositor_draws_the_same(kind: str, name: str):
    look = LOOKS[name]
    changes = {"box": (0.0, -70.0, 320.0, 250.0)} if kind == "padded" else {}
    e = explanation(portrait=kind == "portrait", signed=kind == "signed", **changes)
    i = 21
    heat = heat_of(e, look)
    field = Painter(e, look).map_at(e.times[i])
    wanted = reference(
        plain(e, i),
        field,
        e.box,
        table="diverging" if heat.signed else look.colormap,
        opacity=look.opacity,
        cut=float(np.quantile(np.abs(heat.values.astype(float)), look.threshold)) if look.threshold else 0.0,
        gamma=look.gamma,
        signed=heat.signed,
        linear=look.interpolation == "linear",
        top=float(np.abs(field).max()) if look.normalize == "frame" else 1.0,
        dim=look.dim,
    )
    found = draw(e, FIRST + i, look)
    assert np.abs(found.astype(int) - wanted).max() <= (0 if look.interpolation == "nearest" else 2)
    assert (found != plain(e, i)).mean() > 0.02


def test_each_frame_of_a_run_is_painted_as_if_alone():
    e = explanation()
    painter = Painter(e, Look(between="blended"))
    for i in (*range(48), *range(0, 48, 7)):
        np.testing.assert_array_equal(
            painter.paint(plain(e, i), e.times[i]), draw(e, FIRST + i, Look(between="blended"))
        )


def test_without_pictures_the_ground_is_the_players():
    e = two_cells(maps=np.array([[[0, 1]], [[0, 1]]], np.float32))
    assert draw(e, 3, Look(interpolation="nearest"))[0, 0].tolist() == list(GROUND)
    assert draw(explanation(preview=None, frame_size=(1280, 719)), FIRST).shape == (360, 640, 3)


def test_a_thinned_preview_shows_the_nearest_frame():
    e = explanation()
    assert e.preview is not None
    thin = explanation(preview=preview(e.preview.indices[::10], e.times[::10], 320, 180))
    np.testing.assert_array_equal(draw(thin, FIRST + 14), draw(thin, FIRST + 10))
    np.testing.assert_array_equal(draw(thin, FIRST + 15), draw(thin, FIRST + 10))
    np.testing.assert_array_equal(draw(thin, FIRST + 16), draw(thin, FIRST + 20))


def test_the_whole_frame_can_be_given():
    e = explanation()
    big = np.zeros((720, 1280, 3), np.uint8)
    found = draw(e, FIRST + 21, pixels=big)
    assert found.shape == big.shape
    lit = np.flatnonzero(found.any(axis=(0, 2)))
    assert 4 * e.box[0] - 1 <= lit[0] <= lit[-1] <= 4 * e.box[2] + 1
    with pytest.raises(ParameterError, match="no RGB picture"):
        draw(e, FIRST, pixels=np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("frame", [99, 148, True, 100.5])
def test_a_frame_outside_the_clip_is_refused(frame: Any):
    with pytest.raises(ParameterError, match="frames 100 to 147"):
        draw(explanation(), frame)


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
def test_a_look_of_no_use_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        Look(**wrong)


def test_defaults_are_those_of_the_player_and_of_the_page():
    given = asdict(Look())
    assert {name: SETTINGS[name].default_value for name in given} == given
    listed = re.search(r"DEFAULTS: Traits = \{(.*?)\};", STATE.read_text("utf-8"), re.DOTALL)
    assert listed is not None
    page = dict(re.findall(r"(\w+): (.+),", listed[1]))
    assert {name: json.loads(page[name]) for name in given} == given


def test_a_players_look_can_be_taken():
    player = staa.Player(explanation(), opacity=0.5, layer=1, between="blended")
    assert Look.of(player) == Look(opacity=0.5, layer=1, between="blended")
    assert {field.name for field in fields(Look)} <= set(SETTINGS)


def test_nothing_is_drawn_where_everything_is_cut():
    assert not palette(Look(), 1.0, COLOUR_TABLES["inferno"], signed=False)[:, 3].any()
