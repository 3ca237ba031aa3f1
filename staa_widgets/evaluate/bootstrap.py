"""Bootstrap intervals over clips."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Interval(NamedTuple):
    """A mean with the bounds of its 95 % percentile bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def interval(values: ArrayLike, *, draws: int = 5000, seed: int = 0) -> Interval:
    """Mean of one value a clip, clips redrawn with replacement.

    Parameters
    ----------
    values
        ``(n,)``.
    draws
        Number of bootstrap samples.
    seed
        The same seed gives the same interval.
    """
    array = np.asarray(values, np.float64)
    chosen = np.random.default_rng(seed).integers(0, len(array), (draws, len(array)))
    low, high = np.quantile(array[chosen].mean(axis=1), [0.025, 0.975])
    return Interval(float(array.mean()), float(low), float(high))


def difference(values: ArrayLike, others: ArrayLike, *, draws: int = 5000, seed: int = 0) -> Interval:
    """Mean of ``values - others`` over the same clips (paired).

    Parameters
    ----------
    values, others
        ``(n,)`` each, in the same order of clips.
    draws, seed
        As for `interval`.
    """
    return interval(np.asarray(values, np.float64) - np.asarray(others, np.float64), draws=draws, seed=seed)
