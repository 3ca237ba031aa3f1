"""The published evaluation of STAA as its authors' code computes it, to show its limits.

From the notebooks beside "STAA: Spatio-Temporal Attention Attribution" (arXiv 2411.00630). None of these is a metric of
this package: the faithfulness hides whatever lies at the same places of two arrays that have nothing to do with each
other and calls it good when that changes nothing; the monotonicity of segment SHAP is the same number for every clip.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SHARES = np.arange(0.1, 1.0, 0.1)
"""Shares of a map, or of the segments, that are evaluated."""


def hide_top_bytes(frames: NDArray[np.uint8], scores: NDArray[np.floating], share: float = 0.5) -> NDArray[np.uint8]:
    """Return frames with the bytes blackened that the published code takes for the most relevant ones.

    The place of a value in the flattened map is taken for the place of a byte in the flattened frames. The map was the
    last layer's spatial attention from every token to every token, ``(T, 1 + P, 1 + P)``, so that a byte's place has no
    relation to what its score speaks of.

    Parameters
    ----------
    frames
        uint8 ``(T, H, W, 3)``.
    scores
        Map of any shape, with no more values than the frames have bytes.
    share
        Share of the map to blacken, largest values first.

    Raises
    ------
    ParameterError
        If there are more scores than bytes.
    """
    if scores.size > frames.size:
        raise ParameterError(f"{scores.size} scores for {frames.size} bytes.", "Give larger frames.")
    hidden = frames.copy()
    hidden.flat[np.argsort(scores, axis=None)[-int(share * scores.size) :]] = 0
    return hidden


def faithfulness(logits: ArrayLike, hidden_logits: ArrayLike) -> float:
    """Return ``1 - mean |difference|`` between the logits of all classes for the clip and with a part hidden.

    Greatest where hiding what a map calls important changes nothing. Not bounded below.
    """
    return float(1 - np.abs(np.asarray(logits, np.float64) - np.asarray(hidden_logits, np.float64)).mean())


def monotonicity(shares: ArrayLike, changes: ArrayLike) -> float:
    """Return Kendall's tau-b between the share that is hidden, or kept, and the change of the prediction."""
    first, second = (np.sign(np.subtract.outer(x, x)) for x in (np.asarray(shares, float), np.asarray(changes, float)))
    pairs = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / pairs) if pairs else float("nan")


def segment_shapley(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the published "exact Shapley values" of a clip's segments, ``(n,)``.

    They are gains of a coalition's mean probability, although the model never sees a coalition, averaged over
    coalitions with equal weights, which are not Shapley's. The order of the values is that of the probabilities.

    Parameters
    ----------
    probabilities
        ``(n,)``, probability of the class for each segment alone.
    """
    held = np.asarray(probabilities, np.float64)
    found = np.zeros(len(held))
    for n, own in enumerate(held):
        others = np.delete(held, n)
        gains = []
        for size in range(len(held)):
            for chosen in combinations(others, size):
                before = float(np.mean(chosen)) if chosen else 0.0
                gains.append((before * size + own) / (size + 1) - before)
        found[n] = np.mean(gains)
    return found


def segment_faithfulness(probabilities: ArrayLike) -> float:
    """Return the published faithfulness of segment SHAP: ``1 - |mean of all - mean of the greater half|``."""
    held = np.asarray(probabilities, np.float64)
    kept = held[np.argsort(segment_shapley(held))[-(len(held) // 2) :]]
    return float(1 - abs(held.mean() - kept.mean()))


def segment_monotonicity(probabilities: ArrayLike) -> float:
    """Return the published monotonicity of segment SHAP, which for 8 different probabilities is always -0.5353.

    It keeps the greatest 10 % to 90 % of the segments and correlates the share with how far the mean probability of
    what is kept lies from that of all. That distance falls as more is kept, whatever the probabilities are. With 8
    segments 10 % is none, which the code takes for all of them, and 50 % and 60 % are the same four: of the 36 pairs 8
    agree, 27 disagree and one is tied, ``(8 - 27) / sqrt(36 * 35) = -0.5353``.

    Parameters
    ----------
    probabilities
        ``(n,)``, probability of the class for each segment alone.
    """
    held = np.asarray(probabilities, np.float64)
    order = np.argsort(segment_shapley(held))
    kept = [held[order[-int(share * len(held)) :]].mean() for share in SHARES]
    changes = np.abs(held.mean() - np.array(kept))
    # Means of the same segments differ in their last digits with the order of the sum.
    return monotonicity(SHARES, changes.round(12))
