"""Postprocessing of maps: pure, deterministic functions on arrays ``(S, h, w)``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError


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


def dynamic_threshold(maps: NDArray[np.floating], low: float = 0.70, high: float = 0.90) -> NDArray[np.float32]:
    """Set all but the strongest cells of the clip to zero; the more concentrated the maps, the fewer cells are kept.

    The share of cells that are kept is ``f = clip(exp(H) / N, 1 - high, 1 - low)`` of the ``N`` cells, where ``H`` is
    the entropy of ``|maps|`` over the clip in nats. The whole clip has one threshold, the quantile ``1 - f`` of
    ``|maps|``; cells with a larger magnitude are kept. (The STAA paper calls its threshold dynamic; the authors' code
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
        ``(S, h, w)``; zero maps come back unchanged.

    Raises
    ------
    ParameterError
        If not ``0 ≤ low ≤ high ≤ 1``.
    """
    if not 0 <= low <= high <= 1:
        raise ParameterError(
            f"low={low} and high={high} must satisfy 0 <= low <= high <= 1.", "For example, low=0.7 and high=0.9."
        )
    strength = np.abs(np.asarray(maps, np.float64))
    total = strength.sum()
    if total == 0:
        return np.asarray(maps, np.float32)
    share = strength[strength > 0] / total
    effective_cells = np.exp(-(share * np.log(share)).sum())
    kept_share = np.clip(effective_cells / strength.size, 1 - high, 1 - low)
    return np.where(strength > np.quantile(strength, 1 - kept_share), maps, 0).astype(np.float32)


def focus(
    maps: NDArray[np.floating], gamma: float = 2.0, *, sigma: float = 0.7, low: float = 0.70, high: float = 0.90
) -> NDArray[np.float32]:
    """Sharpen maps for display: smooth, contrast, threshold, raise to `gamma`, divide by the global maximum.

    Parameters
    ----------
    maps
        ``(S, h, w)``.
    gamma
        Exponent, above 0; a greater exponent gives sharper maps.
    sigma
        See `smooth`.
    low, high
        See `dynamic_threshold`.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)`` from 0 to 1.

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    """
    if not gamma > 0:
        raise ParameterError(f"gamma must be greater than 0, got {gamma}.", "Use a value above 1 to sharpen the maps.")
    return normalize(normalize(dynamic_threshold(contrast(smooth(maps, sigma)), low, high)) ** gamma)


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
