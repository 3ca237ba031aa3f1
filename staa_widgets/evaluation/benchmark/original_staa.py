"""Compute the published evaluation of STAA as the authors' code does, to show the limits of this evaluation.

From the notebooks published with "STAA: Spatio-Temporal Attention Attribution" (arXiv 2411.00630). None of these
functions is a metric of this package. The published faithfulness uses indices into the flattened attention map as
indices into the flattened frames, although the two arrays are not aligned; it is greatest if hiding the bytes at these
indices changes nothing. The published monotonicity of segment SHAP is the same number for every clip.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SHARES = np.arange(0.1, 1.0, 0.1)
"""Shares of a map, or of the segments, at which the published code evaluates."""


def hide_top_bytes(frames: NDArray[np.uint8], scores: NDArray[np.floating], share: float = 0.5) -> NDArray[np.uint8]:
    """Return frames in which the bytes that the published code considers most relevant are set to 0.

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
        Share of the map's values to hide, largest values first.

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
    """Return ``1 - mean |difference|`` of the logits of all classes for the clip and for the clip with a part hidden.

    This faithfulness is greatest if hiding the most relevant part changes nothing. It has no lower bound.
    """
    return float(1 - np.abs(np.asarray(logits, np.float64) - np.asarray(hidden_logits, np.float64)).mean())


def monotonicity(shares: ArrayLike, changes: ArrayLike) -> float:
    """Return Kendall's tau-b between the share that is hidden (or kept) and the change of the prediction."""
    first, second = (np.sign(np.subtract.outer(x, x)) for x in (np.asarray(shares, float), np.asarray(changes, float)))
    pairs = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / pairs) if pairs else float("nan")


def segment_shapley(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the published "exact Shapley values" of a clip's segments, ``(n,)``.

    A segment's value is its mean effect on the mean probability of a coalition; the model never sees a coalition. All
    coalitions have the same weight, unlike in Shapley values. The values therefore have the same order as the
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

    The published code keeps the most probable 10 % to 90 % of the segments, and correlates this share with the distance
    between the mean probability of the kept segments and the mean probability of all segments. The distance falls as
    more segments are kept, whatever the probabilities are. With 8 segments, 10 % is no segment, for which the code
    takes all segments, and 50 % and 60 % are the same four segments. Therefore, of the 36 pairs of shares, 8 agree, 27
    disagree and one is tied: ``(8 - 27) / sqrt(36 * 35) = -0.5353``.

    Parameters
    ----------
    probabilities
        ``(n,)``, probability of the class for each segment alone.
    """
    values = np.asarray(probabilities, np.float64)
    order = np.argsort(segment_shapley(values))
    kept_means = [values[order[-int(share * len(values)) :]].mean() for share in SHARES]
    changes = np.abs(values.mean() - np.array(kept_means))
    # Rounded, because means of the same segments, added in another order, differ in the last digits and would not be
    # tied.
    return monotonicity(SHARES, changes.round(12))
