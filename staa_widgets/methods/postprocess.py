"""Postprocessing of maps: pure, deterministic functions on arrays ``(S, h, w)``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError

LEAST_HIDDEN, MOST_HIDDEN = 0.20, 0.99
"""Range of the share of cells that `dynamic_threshold` sets to zero."""

ROUNDING_ERROR = 1e-6
"""Change over time, as a share of the largest value, below which `focus` takes maps as constant."""


def contrast(maps: NDArray[np.floating]) -> NDArray[np.float32]:
    """Subtract each patch's minimum over time, ``M(s, p) - min_s M(·, p)``, to remove attention sinks and background.

    The minimum is used, not the median, because an action may last half of the clip.

    Parameters
    ----------
    maps
        ``(S, h, w)``.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative; all zero if there is only one slice.
    """
    return np.asarray(maps - np.min(maps, axis=0), np.float32)


def divide_by_profile(maps: NDArray[np.floating], profile: Sequence[float]) -> NDArray[np.float32]:
    """Divide each slice of the maps by its share in a profile over time; places within a slice keep their proportions.

    Parameters
    ----------
    maps
        ``(S, h, w)``.
    profile
        ``S`` positive numbers, such as the shares of a method's map on still clips.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``; an even profile leaves the maps as they are.

    Raises
    ------
    ParameterError
        If the profile has another number of slices.
    """
    if len(profile) != len(maps):
        raise ParameterError(
            f"profile has {len(profile)} numbers, but the maps have {len(maps)} slices.", "Give one number per slice."
        )
    shares = np.asarray(profile, np.float64)
    return np.asarray(maps / (shares / shares.mean())[:, None, None], np.float32)


def normalize(maps: NDArray[np.floating]) -> NDArray[np.float32]:
    """Divide maps by their largest magnitude in the whole clip, never slice by slice; zero maps stay zero.

    Parameters
    ----------
    maps
        ``(S, h, w)``.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)`` within ±1.
    """
    peak = np.abs(maps).max(initial=0)
    return np.asarray(maps / peak if peak > 0 else maps, np.float32)


def smooth(maps: NDArray[np.floating], sigma: float = 0.7) -> NDArray[np.float32]:
    """Blur maps over slices, rows and columns with a Gaussian; edges are repeated, so that constant maps stay constant.

    Parameters
    ----------
    maps
        ``(S, h, w)``.
    sigma
        Standard deviation in slices and patches; 0 leaves the maps as they are.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``.

    Raises
    ------
    ParameterError
        If `sigma` is negative.
    """
    if not sigma >= 0:
        raise ParameterError(f"sigma must be at least 0, got {sigma}.", "Use sigma=0 to leave the maps unchanged.")
    blurred = np.asarray(maps, np.float64)
    reach = int(np.ceil(3 * sigma))
    if reach:
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        kernel /= kernel.sum()
        for axis in range(blurred.ndim):
            padded = np.pad(blurred, [(reach, reach) if a == axis else (0, 0) for a in range(blurred.ndim)], "edge")
            blurred = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis) @ kernel
    return blurred.astype(np.float32)


def hidden_magnitude(maps: NDArray[np.floating], hidden_share: float) -> float:
    """Return the threshold that hides a share of the cells: the largest magnitude that is hidden; 0 if none is.

    The weakest cells are hidden. Cells of equal magnitude are all kept or all hidden, and the strongest are always
    kept: if the share falls between equal cells, fewer cells are hidden. Maps are therefore never emptied.

    Parameters
    ----------
    maps
        Any shape; magnitudes count.
    hidden_share
        Share of the cells, from 0 to 1.

    Returns
    -------
    float
        A cell is kept if its magnitude is greater than this value.
    """
    ranked = np.sort(np.abs(maps), axis=None)
    weakest_kept = ranked[int(np.ceil(hidden_share * (ranked.size - 1)))]
    hidden_cells = int(np.searchsorted(ranked, weakest_kept))
    return float(ranked[hidden_cells - 1]) if hidden_cells else 0.0


def dynamic_threshold(
    maps: NDArray[np.floating], low: float = LEAST_HIDDEN, high: float = MOST_HIDDEN
) -> NDArray[np.float32]:
    """Set all but the strongest cells of the clip to zero; the more concentrated the maps, the fewer cells are kept.

    The share of the ``N`` cells that is set to zero is ``clip(1 - exp(H) / N, low, high)``, where ``H`` is the entropy
    of ``|maps|`` over the clip in nats: ``exp(H)`` is the number of equally strong cells that would be as concentrated.
    The whole clip has one threshold. Cells with the same magnitude are all kept or all set to zero, and the strongest
    cells are always kept, see `hidden_magnitude`. (The STAA paper calls its threshold dynamic; the authors' code
    chooses the percentile at random.)

    Parameters
    ----------
    maps
        ``(S, h, w)``.
    low, high
        Least and greatest share of cells that are set to zero.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``; only zero maps come back empty.

    Raises
    ------
    ParameterError
        If not ``0 ≤ low ≤ high ≤ 1``.
    """
    if not 0 <= low <= high <= 1:
        raise ParameterError(
            f"low={low} and high={high} must satisfy 0 <= low <= high <= 1.",
            f"The defaults are low={LEAST_HIDDEN} and high={MOST_HIDDEN}.",
        )
    strength = np.abs(np.asarray(maps, np.float64))
    total = strength.sum()
    if total == 0:
        return np.asarray(maps, np.float32)
    share = strength[strength > 0] / total
    effective_cells = np.exp(-(share * np.log(share)).sum())
    hidden_share = float(np.clip(1 - effective_cells / strength.size, low, high))
    return np.where(strength > hidden_magnitude(strength, hidden_share), maps, 0).astype(np.float32)


def focus(
    maps: NDArray[np.floating],
    gamma: float = 2.0,
    *,
    sigma: float = 0.7,
    low: float = LEAST_HIDDEN,
    high: float = MOST_HIDDEN,
) -> NDArray[np.float32]:
    """Sharpen maps for display: smooth, contrast, threshold, raise to `gamma`, divide by the global maximum.

    Contrast is left out where it has no meaning: for maps with negative values, and for maps that do not change over
    time, of which it would leave nothing.

    Parameters
    ----------
    maps
        ``(S, h, w)``.
    gamma
        Exponent of the magnitudes, above 0; a greater exponent gives sharper maps.
    sigma
        See `smooth`.
    low, high
        See `dynamic_threshold`.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)`` from 0 to 1, or from -1 to 1 if the maps have negative values; only zero maps come back empty.

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    """
    if not gamma > 0:
        raise ParameterError(f"gamma must be greater than 0, got {gamma}.", "Use a value above 1 to sharpen the maps.")
    smoothed = smooth(normalize(maps), sigma)
    if smoothed.min(initial=0) >= 0:
        changes = contrast(smoothed)
        # What is left of maps that do not change are rounding errors.
        if changes.max(initial=0) > ROUNDING_ERROR * smoothed.max(initial=0):
            smoothed = changes
    sharpened = normalize(dynamic_threshold(smoothed, low, high))
    return normalize(np.sign(sharpened) * np.abs(sharpened) ** gamma)


def signal_to_noise(maps: NDArray[np.floating], where: NDArray[np.bool_]) -> float:
    """Return the signal-to-noise ratio of a region: ``10·log10(mean inside / max(mean outside, 1e-6·max))`` decibels.

    Sharpening alone raises this ratio without bound. Never quote it without the average precision, the recall of the
    ground truth, and the ratio of random and motion controls after the same postprocessing.

    Parameters
    ----------
    maps
        ``(S, h, w)``; magnitudes count.
    where
        bool ``(S, h, w)``, the region.

    Returns
    -------
    float
        Decibels; ``-inf`` if all values inside are zero, ``nan`` if all values are zero.

    Raises
    ------
    ParameterError
        If the shapes differ, or the region holds no cell or all cells.
    """
    where = np.asarray(where, bool)
    if where.shape != maps.shape:
        raise ParameterError(
            f"maps and where must have the same shape, got {maps.shape} and {where.shape}.",
            "Give one value of where for each cell of the maps.",
        )
    if not where.any() or where.all():
        raise ParameterError(
            "The region must cover some cells, but not all of them.", "Give a region with an inside and an outside."
        )
    strength = np.abs(np.asarray(maps, np.float64))
    if not strength.any():
        return float("nan")
    inside, outside = strength[where].mean(), max(strength[~where].mean(), 1e-6 * strength.max())
    return float(10 * np.log10(inside / outside)) if inside > 0 else float("-inf")
