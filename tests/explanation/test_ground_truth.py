"""Ground truth of synthetic clips on a token grid."""

from __future__ import annotations

import numpy as np

from staa_widgets.datasets.drawn_actions import ActionClip, action_clip
from staa_widgets.explanation.ground_truth import ground_truth_on_grid


def test_ground_truth_on_grid_counts_cells_from_ten_percent_inside_the_box():
    where = np.zeros((2, 20, 40), bool)
    where[0, 0, 10:20] = True  # one row of ten pixels, the top left cell of the box: 10 of 100
    where[1, 0:9, 20] = True  # nine of 100 pixels: too few
    where[1, 15, 5] = True  # outside the box
    clip = ActionClip(np.zeros((2, 20, 40, 3), np.uint8), np.arange(2.0), "wave", where, np.array([True, False]), 0)
    truth = ground_truth_on_grid(clip, np.array([[0], [1]]), (10, 0, 30, 20), (2, 2))
    np.testing.assert_array_equal(truth.where[0], [[True, False], [False, False]])
    assert not truth.where[1].any()
    np.testing.assert_array_equal(truth.when, [True, False])


def test_ground_truth_of_cells_smaller_than_a_pixel_is_that_of_their_pixel():
    where = np.zeros((1, 3, 4), bool)
    where[0, 1, 2] = True
    clip = ActionClip(np.zeros((1, 3, 4, 3), np.uint8), np.arange(1.0), "wave", where, np.array([True]), 0)
    truth = ground_truth_on_grid(clip, np.array([[0]]), (2.0, 1.0, 3.4, 1.2), (2, 2))
    np.testing.assert_array_equal(truth.where[0], [[True, False], [True, False]])


def test_ground_truth_beyond_the_frame_is_empty():
    where = np.ones((1, 4, 4), bool)
    clip = ActionClip(np.zeros((1, 4, 4, 3), np.uint8), np.arange(1.0), "wave", where, np.array([True]), 0)
    truth = ground_truth_on_grid(clip, np.array([[0]]), (-4, -4, 8, 8), (3, 3))
    np.testing.assert_array_equal(truth.where[0], np.pad([[True]], 1))


def test_truth_of_a_drawn_clip_lies_where_it_is_drawn():
    clip = action_clip(0, size=128, fps=2)
    truth = ground_truth_on_grid(clip, np.arange(8)[:, None], (0, 0, 128, 128), (8, 8))
    assert truth.where[truth.when].any(axis=(1, 2)).all()
    assert 0.005 < truth.where.mean() < 0.15
