"""The surface between the centers of patches: hand-computed values, sums, range and shape."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from staa_widgets.render.interpolation import interpolate, make_taps
from tests.helpers.barcodes import reference_surface
from tests.helpers.paths import PROTOCOL

# js/tests/render/interpolate.test.ts compares the player with the same file.
CASES = json.loads((PROTOCOL / "interpolation.json").read_text("utf-8"))

GRIDS = [(1, 1), (1, 9), (2, 3), (7, 7), (8, 8), (14, 14), (16, 9)]


def surface(field: NDArray[np.floating], pixels: int, *, nearest: bool = False) -> NDArray[np.float64]:
    """Return the values of a map at `pixels` times `pixels` pixels for each patch."""
    rows, columns = (make_taps(pixels * n, 0, pixels * n, n, nearest=nearest) for n in field.shape)
    return interpolate(field.astype(np.float64), rows, columns)


def sparse_map(grid: tuple[int, int], *, signed: bool = False) -> NDArray[np.float64]:
    random = np.random.default_rng(sum(grid))
    values = random.gamma(0.3, size=grid) * (random.random(grid) < 0.6)
    return values * random.choice([-1, 1], grid) if signed else values


def test_a_single_patch_fades_as_computed_by_hand():
    # Four pixels a patch lie at 1/8, 3/8, 5/8 and 7/8 between two centers. The slopes of a peak are 0: 3t² - 2t³.
    line = np.array([0, 0, 22, 162, 350, 490, 490, 350, 162, 22, 0, 0]) / 512
    peak = np.array([[0.0, 1, 0]])
    np.testing.assert_allclose(surface(peak, 4), np.tile(line, (4, 1)), rtol=0, atol=1e-15)
    np.testing.assert_allclose(surface(peak.T, 4), np.tile(line, (4, 1)).T, rtol=0, atol=1e-15)
    np.testing.assert_allclose(surface(-peak, 4), np.tile(-line, (4, 1)), rtol=0, atol=1e-15)
    # The peak is in a corner here: a patch at the edge of the frame keeps its value up to the edge.
    corner = np.array([1, 1, 490, 350, 162, 22, 0, 0]) / np.array([1, 1, *[512] * 6])
    np.testing.assert_allclose(surface(np.array([[1.0, 0], [0, 0]]), 4), np.outer(corner, corner), rtol=0, atol=1e-15)


def test_a_slope_is_limited_as_computed_by_hand():
    # Between 0, 1 and 9 the differences are 1 and 8, so the slope at 1 is 1.5. From 0 to 1: 3t² - 2t³ + 1.5 (t³ - t²).
    middle = surface(np.array([[0.0, 1, 9]]), 2)[0]
    expected = [0, 0, *(1.5 * t**2 - 0.5 * t**3 for t in (0.25, 0.75))]
    # From 1 to 9: 1 + 8 (3t² - 2t³) + 1.5 (t - 2t² + t³).
    expected += [1 + 8 * (3 * t**2 - 2 * t**3) + 1.5 * (t - 2 * t**2 + t**3) for t in (0.25, 0.75)]
    np.testing.assert_allclose(middle[:5], expected[1:], rtol=0, atol=1e-14)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("pixels", [1, 4, 7])
@pytest.mark.parametrize("grid", GRIDS)
def test_sum_range_and_centers_of_the_map_are_kept(grid: tuple[int, int], pixels: int, signed: bool):
    field = sparse_map(grid, signed=signed)
    values = surface(field, pixels)
    assert values.sum() == pytest.approx(pixels**2 * field.sum(), rel=1e-12, abs=1e-9)
    tolerance = 1e-14 * max(1, np.abs(field).max())
    assert field.min() - tolerance <= values.min() <= values.max() <= field.max() + tolerance
    if pixels % 2:
        np.testing.assert_allclose(values[pixels // 2 :: pixels, pixels // 2 :: pixels], field, atol=1e-14)
    np.testing.assert_allclose(surface(-field, pixels), -values, atol=1e-14)
    np.testing.assert_allclose(surface(field.T, pixels), values.T, atol=1e-14)
    np.testing.assert_array_equal(surface(field, pixels, nearest=True), np.kron(field, np.ones((pixels, pixels))))


def test_a_patch_keeps_two_thirds_of_its_own_value():
    peak = np.zeros((3, 3))
    peak[1, 1] = 1
    # In one direction the integral of 1 - 3x² + 2|x|³ from -1/2 to 1/2 is 13/16.
    assert surface(peak, 64)[64:128, 64:128].mean() == pytest.approx((13 / 16) ** 2, abs=1e-4)


def test_a_peak_is_round_and_an_even_slope_stays_even():
    peak = np.zeros((3, 3))
    peak[1, 1] = 1
    values = surface(peak, 101)
    along = np.flatnonzero(values[151] > 0.5).max() - 151
    diagonal = np.sqrt(2) * (np.flatnonzero(np.diagonal(values) > 0.5).max() - 151)
    assert diagonal == pytest.approx(along, rel=0.03)  # Bilinear: 17 % less, which is a star.
    ramp = np.add.outer(2.0 * np.arange(8), 3.0 * np.arange(8))
    rows, columns = (np.arange(8 * 5) + 0.5) / 5 - 0.5, (np.arange(8 * 5) + 0.5) / 5 - 0.5
    inner = slice(8, -8)
    np.testing.assert_allclose(
        surface(ramp, 5)[inner, inner], np.add.outer(2 * rows, 3 * columns)[inner, inner], atol=1e-12
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_values_equal_those_of_bezier_patches_and_of_the_player(case: dict):
    field = np.array(case["map"])
    (width, height), (x0, y0, x1, y1) = case["size"], case["box"]
    rows = make_taps(height, y0, y1, field.shape[0], nearest=False)
    columns = make_taps(width, x0, x1, field.shape[1], nearest=False)
    assert [rows.start, rows.stop, columns.start, columns.stop] == case["range"]
    values = interpolate(field, rows, columns)
    np.testing.assert_allclose(values, case["values"], atol=1e-6)
    down = (np.arange(rows.start, rows.stop) + 0.5 - y0) / (y1 - y0) * field.shape[0]
    across = (np.arange(columns.start, columns.stop) + 0.5 - x0) / (x1 - x0) * field.shape[1]
    np.testing.assert_allclose(values, reference_surface(field, down, across), atol=1e-13)
