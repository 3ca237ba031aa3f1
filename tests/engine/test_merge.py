"""Windows joined to one row of slices."""

from __future__ import annotations

import numpy as np

from staa_widgets.engine.merge import merge_windows, slice_layout


def test_merged_windows_keep_order_and_average_overlaps():
    parts = [np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]])]
    sampled = np.array([[[0], [4]], [[4], [8]]])
    frames, slice_index = slice_layout(sampled)
    np.testing.assert_array_equal(frames, [[0], [4], [8]])
    np.testing.assert_array_equal(slice_index, [[0, 1], [1, 2]])
    np.testing.assert_array_equal(merge_windows(parts, slice_index, [1.0, 0.5], 3), [[1.0], [(2.0 + 1.5) / 2], [2.5]])
