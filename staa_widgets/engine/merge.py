"""Merge the maps of windows, which may overlap, into one sequence of slices.

The weight of each window in the mean comes from `merge_clip` in `staa_widgets.engine.assemble`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def slice_layout(sampled: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct slices of all windows, and for each window the indices of its slices.

    Parameters
    ----------
    sampled
        int64 ``(W, S, k)``, the source frames of each slice; slices with the same frames are the same slice.

    Returns
    -------
    sampled
        int64 ``(S', k)``, the source frames of each distinct slice, in order of time.
    slice_index
        int64 ``(W, S)``, for every slice of every window its index in the returned `sampled`.
    """
    frames, slice_index = np.unique(sampled.reshape(-1, sampled.shape[-1]), axis=0, return_inverse=True)
    return frames, slice_index.reshape(sampled.shape[:2])


def merge_windows(
    parts: Sequence[NDArray[np.floating]], slice_index: NDArray[np.int64], weights: Sequence[float], slices: int
) -> NDArray[np.float32]:
    """Return the weighted maps of all windows in one array; a slice that several windows contain gets their mean.

    Parameters
    ----------
    parts
        ``W`` arrays ``(S, …)``.
    slice_index
        int64 ``(W, S)``, from `slice_layout`.
    weights
        Factor for the maps of each window.
    slices
        Number of slices ``S'``; a slice that no window contains is zero.

    Returns
    -------
    NDArray[np.float32]
        ``(S', …)``, slices in order of time.
    """
    merged = np.zeros((slices, *parts[0].shape[1:]), np.float32)
    for values, weight, index in zip(parts, weights, slice_index, strict=True):
        merged[index] += np.float32(weight) * values
    counts = np.bincount(slice_index.ravel(), minlength=slices).clip(1).astype(np.float32)
    merged /= counts.reshape(-1, *[1] * (merged.ndim - 1))
    return merged
