"""Compute bootstrap intervals over clips."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Interval(NamedTuple):
    """A mean with the bounds of its 95 % percentile bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def bootstrap_interval(values: ArrayLike, *, draws: int = 5000, seed: int = 0) -> Interval:
    """Return the mean over clips with its 95 % interval, from clips resampled with replacement.

    Parameters
    ----------
    values
        ``(n,)``, one value per clip.
    draws
        Number of bootstrap samples.
    seed
        The same seed gives the same interval.
    """
    array = np.asarray(values, np.float64)
    low, high = np.quantile(bootstrap_means(array, draws=draws, seed=seed), [0.025, 0.975])
    return Interval(float(array.mean()), float(low), float(high))


def bootstrap_means(values: ArrayLike, *, draws: int = 5000, seed: int = 0) -> NDArray[np.float64]:
    """Return the mean of each bootstrap sample, float64 ``(draws,)``.

    For the same number of values, the same seed gives the same samples.
    """
    array = np.asarray(values, np.float64)
    return _resample_counts(len(array), draws, seed) @ array / len(array)


@lru_cache(maxsize=4)
def _resample_counts(count: int, draws: int, seed: int) -> NDArray[np.float64]:
    """Return how often each sample takes each clip, ``(draws, n)``; cached for the many intervals of one report."""
    clip_indices = np.random.default_rng(seed).integers(0, count, (draws, count))
    row_offsets = np.arange(draws)[:, None] * count
    counts = np.bincount((row_offsets + clip_indices).ravel(), minlength=draws * count)
    return counts.reshape(draws, count).astype(np.float64)
