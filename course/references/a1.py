"""Reference answers of A1, read a map."""

import numpy as np


def temporal_shares(maps):
    """Return the share of each slice of a map: the sum of its magnitudes over the sum of all."""
    sums = np.abs(maps).sum((1, 2))
    total = sums.sum()
    return sums / total if total > 0 else np.full(len(maps), 1 / len(maps))


def pointing(maps, truth):
    """Return 1 if the largest value lies in the truth, else 0; of several largest values, the share inside."""
    if truth.all() or not truth.any():
        return np.nan
    return truth[maps == maps.max()].mean()


def temporal_auc(shares, when):
    """Return the probability that a slice with the action has a larger share than one without; ties count half."""
    if when.all() or not when.any():
        return np.nan
    inside, outside = shares[when][:, None], shares[~when][None, :]
    return ((inside > outside) + 0.5 * (inside == outside)).mean()


def interval(scores):
    """Return the mean of scores and its 95 % bootstrap interval over clips."""
    rng = np.random.default_rng(0)
    means = scores[rng.integers(0, len(scores), (5000, len(scores)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return scores.mean(), low, high


def verdict(first, second):
    """Return whether the first of two methods is better on the same clips: better, worse or undecided."""
    _, low, high = interval(first - second)
    return "better" if low > 0 else "worse" if high < 0 else "undecided"
