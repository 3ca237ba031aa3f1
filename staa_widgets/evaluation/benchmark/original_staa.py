"""The published evaluation of STAA as its authors' code computes it, to show its limits.

From the notebooks beside "STAA: Spatio-Temporal Attention Attribution" (arXiv 2411.00630). None of these is a metric of
this package. The faithfulness uses indices into the flattened attention map as indices into the flattened frames,
although the two arrays are not aligned, and is greatest if hiding those bytes changes nothing. The monotonicity of
segment SHAP is the same number for every clip.
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
    """Return frames in which the bytes that the published code takes for the most relevant are set to 0.

    The index of a value in the flattened map is used as the index of a byte in the flattened frames. The map is the
    last layer's spatial attention from every token to every token, ``(T, 1 + P, 1 + P)``, so a byte and its score are
    unrelated.

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
        raise ParameterError(
            f"The map has {scores.size} values, but the frames have {frames.size} bytes.", "Use larger frames."
        )
    hidden = frames.copy()
    hidden.flat[np.argsort(scores, axis=None)[-int(share * scores.size) :]] = 0
    return hidden


def faithfulness(logits: ArrayLike, hidden_logits: ArrayLike) -> float:
    """Return ``1 - mean |difference|`` between the logits of all classes for the clip and with a part hidden.

    Greatest if hiding the most relevant part of a map changes nothing. Not bounded below.
    """
    return float(1 - np.abs(np.asarray(logits, np.float64) - np.asarray(hidden_logits, np.float64)).mean())


def monotonicity(shares: ArrayLike, changes: ArrayLike) -> float:
    """Return Kendall's tau-b between the share that is hidden, or kept, and the change of the prediction."""
    first, second = (np.sign(np.subtract.outer(x, x)) for x in (np.asarray(shares, float), np.asarray(changes, float)))
    pairs = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / pairs) if pairs else float("nan")


def segment_shapley(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the published "exact Shapley values" of a clip's segments, ``(n,)``.

    A value is the mean gain that a segment brings to the mean probability of a coalition, although the model never sees
    a coalition. All coalitions have the same weight, unlike in Shapley values. The values have the order of the
    probabilities.

    Parameters
    ----------
    probabilities
        ``(n,)``, probability of the class for each segment alone.
    """
    values = np.asarray(probabilities, np.float64)
    shapley = np.zeros(len(values))
    for index, value in enumerate(values):
        others = np.delete(values, index)
        gains = []
        for size in range(len(values)):
            for coalition in combinations(others, size):
                coalition_mean = float(np.mean(coalition)) if coalition else 0.0
                gains.append((coalition_mean * size + value) / (size + 1) - coalition_mean)
        shapley[index] = np.mean(gains)
    return shapley


def segment_faithfulness(probabilities: ArrayLike) -> float:
    """Return the published faithfulness of segment SHAP: ``1 - |mean of all - mean of the greater half|``."""
    values = np.asarray(probabilities, np.float64)
    greater_half = values[np.argsort(segment_shapley(values))[-(len(values) // 2) :]]
    return float(1 - abs(values.mean() - greater_half.mean()))


def segment_monotonicity(probabilities: ArrayLike) -> float:
    """Return the published monotonicity of segment SHAP, which for 8 different probabilities is always -0.5353.

    It keeps the greatest 10 % to 90 % of the segments and correlates this share with the distance between the mean
    probability of the segments kept and that of all. The distance falls as more segments are kept, whatever the
    probabilities are. With 8 segments 10 % is none, which the code takes for all of them, and 50 % and 60 % are the
    same four: of the 36 pairs 8 agree, 27 disagree and one is tied, ``(8 - 27) / sqrt(36 * 35) = -0.5353``.

    Parameters
    ----------
    probabilities
        ``(n,)``, probability of the class for each segment alone.
    """
    values = np.asarray(probabilities, np.float64)
    order = np.argsort(segment_shapley(values))
    kept_means = [values[order[-int(share * len(values)) :]].mean() for share in SHARES]
    changes = np.abs(values.mean() - np.array(kept_means))
    # Rounded, because means of the same segments in another order differ in their last digits and would not be tied.
    return monotonicity(SHARES, changes.round(12))
