"""LIME, KernelSHAP and exact Shapley values of space-time segments.

All three show the model clips in which some segments are hidden. A *coalition* is the set of segments that stay
visible; coalitions are rows of a bool array ``(m, n)`` for n segments. Each coalition takes one forward pass, in
batches, and gives one logit of the target; the value of each segment is computed from these logits in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import Cost, method
from staa_widgets.methods.result import MethodResult, completeness_gap
from staa_widgets.methods.segmentation import label_segments, masked_logit_function, spread_over_cells
from staa_widgets.methods.validation import (
    SEGMENTS_HINT,
    check_hiding_filler,
    check_segments,
    check_three_whole_numbers,
    check_whole_number,
)
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs

KERNEL_WIDTH = 0.25
"""Width of the kernel that weights the samples of LIME, in cosine distance."""

RIDGE_PENALTY = 1.0
"""Penalty of the ridge regression of LIME."""

MAX_EXACT_SEGMENTS = 8
"""Maximum number of segments for exact Shapley values, which then take 256 coalitions."""


def _needs(segments: Sequence[int], filler: str, samples: int) -> Needs:
    check_hiding_filler(filler)
    check_segments(segments)
    check_whole_number("samples", samples, 2)
    return Needs()


def _cost(_: Geometry, *, samples: int, **__: Any) -> Cost:
    return Cost(1 + samples)


def _kernel_cost(geometry: Geometry, *, samples: int, segments: Sequence[int], **_: Any) -> Cost:
    exact = _exact_cost(geometry, segments=segments)
    return exact if exact.forwards <= samples else Cost(1 + samples)


def _exact_needs(segments: Sequence[int], filler: str) -> Needs:
    check_hiding_filler(filler)
    check_three_whole_numbers("segments", segments, SEGMENTS_HINT)
    if prod(segments) > MAX_EXACT_SEGMENTS:
        raise ParameterError(
            f"Exact Shapley values of {prod(segments)} segments need 2^{prod(segments)} passes through the model.",
            f"Use at most {MAX_EXACT_SEGMENTS} segments, or estimate the values with method='kernel_shap'.",
        )
    return Needs()


def _exact_cost(geometry: Geometry, *, segments: Sequence[int], **_: Any) -> Cost:
    labels = label_segments((geometry.slices, geometry.height, geometry.width), segments)
    return Cost(2 ** (int(labels.max()) + 1))


@method(
    "lime",
    title="LIME",
    group="perturbation",
    needs_model=True,
    class_specific=True,
    signed=True,
    needs=_needs,
    cost=_cost,
)
def lime(
    inputs: MethodInputs, *, samples: int = 1000, segments: Sequence[int] = (4, 4, 4), filler: str = "blur"
) -> NDArray[np.float32]:
    """LIME: linear model fitted to the target's logit over clips with random segments hidden.

    Ribeiro, Singh & Guestrin, "Why Should I Trust You?", arXiv 1602.04938, with the settings of the authors' package
    for images: 1000 samples, of which the first is the whole clip; in the others each segment is hidden with
    probability 1/2; ridge regression with a penalty of 1, and samples weighted by ``exp(-d² / (2 · 0.25²))``, where
    ``d`` is the cosine distance to the whole clip.

    Parameters
    ----------
    inputs
        The window and its model.
    samples
        Number of perturbed clips, each one forward pass.
    segments
        Number of parts along time, rows and columns; parts are as equal as the token grid allows, with at most one part
        per cell.
    filler
        Filler that replaces hidden segments, as for `occlusion`.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, in logits; the coefficient of each segment is shared evenly among its cells.
    """
    labels = label_segments(inputs.shape, segments)
    coalitions = draw_lime_coalitions(int(labels.max()) + 1, samples, inputs.seed)
    logits = _coalition_logits(inputs, labels, filler, coalitions)
    coefficients = ridge_coefficients(coalitions, logits, lime_weights(coalitions), RIDGE_PENALTY)
    return spread_over_cells(coefficients, labels)


@method(
    "kernel_shap",
    title="KernelSHAP",
    group="perturbation",
    needs_model=True,
    class_specific=True,
    signed=True,
    needs=_needs,
    cost=_kernel_cost,
    version=2,
)
def kernel_shap(
    inputs: MethodInputs, *, samples: int = 2048, segments: Sequence[int] = (4, 4, 4), filler: str = "blur"
) -> MethodResult:
    """KernelSHAP: Shapley value of each segment, estimated from random coalitions of segments.

    If there are no more than `samples` coalitions in all, each of them is shown once, and the values are exact, as by
    `shapley`.

    Lundberg & Lee, "A Unified Approach to Interpreting Model Predictions", arXiv 1705.07874. Coalitions are sampled
    with the probabilities of the Shapley kernel, in pairs of a coalition and its complement, because pairs make the
    estimate less noisy (Covert & Lee, arXiv 2012.01536). The kernel's weight is infinite for the full and for the empty
    coalition, so that the fit must agree with the model for these two. Lundberg and Lee's package samples 2048
    coalitions plus two per segment.

    Parameters
    ----------
    inputs
        The window and its model.
    samples
        Number of coalitions, including the full and the empty coalition; fewer if there are fewer in all.
    segments, filler
        As for `lime`.

    Returns
    -------
    MethodResult
        Maps ``(S, h, w)``, in logits; the value of each segment is shared evenly among its cells. The sum over cells is
        the clip's logit minus the logit of the clip with everything hidden, as the completeness gap confirms.
    """
    labels = label_segments(inputs.shape, segments)
    count = int(labels.max()) + 1
    if 2**count <= samples:
        return _exact_values(inputs, labels, filler)
    coalitions = draw_shapley_coalitions(count, samples, inputs.seed)
    logits = _coalition_logits(inputs, labels, filler, coalitions)
    clip_logit, hidden_logit = logits[:2]
    values = constrained_coefficients(coalitions[2:], logits[2:] - hidden_logit, clip_logit - hidden_logit)
    return _shared_among_cells(values, labels, clip_logit - hidden_logit)


@method(
    "shapley",
    title="Shapley values",
    group="perturbation",
    needs_model=True,
    class_specific=True,
    signed=True,
    needs=_exact_needs,
    cost=_exact_cost,
    version=2,
)
def shapley(inputs: MethodInputs, *, segments: Sequence[int] = (8, 1, 1), filler: str = "blur") -> MethodResult:
    """Exact Shapley value of each segment from all coalitions: up to 8 segments, along time by default.

    Shapley, "A Value for n-Person Games", 1953: what a segment adds to the target's logit, averaged over all orders in
    which segments can be added to the clip with everything hidden. Each coalition takes one forward pass.

    Parameters
    ----------
    inputs
        The window and its model.
    segments, filler
        As for `lime`; at most 8 segments.

    Returns
    -------
    MethodResult
        Maps ``(S, h, w)``, in logits; the value of each segment is shared evenly among its cells. The sum over cells is
        the clip's logit minus the logit of the clip with everything hidden, as the completeness gap confirms.
    """
    return _exact_values(inputs, label_segments(inputs.shape, segments), filler)


def _exact_values(inputs: MethodInputs, labels: NDArray[np.int64], filler: str) -> MethodResult:
    """Return exact Shapley values; the clip's logit is known from the recorded pass."""
    coalitions = all_coalitions(int(labels.max()) + 1)
    logits = _coalition_logits(inputs, labels, filler, coalitions[:-1])
    values = exact_shapley_values(np.append(logits, inputs.clip_logit))
    return _shared_among_cells(values, labels, inputs.clip_logit - logits[0])


def _shared_among_cells(values: NDArray[np.float64], labels: NDArray[np.int64], difference: float) -> MethodResult:
    """Return maps of the values of segments, which add up to a difference in logits."""
    maps = spread_over_cells(values, labels)
    return MethodResult(maps, completeness_gap=completeness_gap(maps, difference))


def _coalition_logits(
    inputs: MethodInputs, labels: NDArray[np.int64], filler: str, coalitions: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the target's logit for each coalition: ``(m,)``."""
    import torch

    logits = masked_logit_function(inputs, labels, filler, len(coalitions))
    return logits(torch.from_numpy(~coalitions)).double().numpy()


def draw_lime_coalitions(count: int, samples: int, seed: int) -> NDArray[np.bool_]:
    """Return the samples of LIME, bool ``(samples, count)``: first all segments, then each with probability 1/2."""
    coalitions = np.ones((samples, count), bool)
    coalitions[1:] = np.random.default_rng(seed).integers(2, size=(samples - 1, count))
    return coalitions


def draw_shapley_coalitions(count: int, samples: int, seed: int) -> NDArray[np.bool_]:
    """Sample coalitions by the Shapley kernel, bool ``(samples, count)``: full, empty, then complementary pairs.

    All coalitions of k segments together have the weight ``1 / (k (n - k))``, up to a factor.
    """
    generator = np.random.default_rng(seed)
    sizes = np.arange(1, count)
    weights = 1 / (sizes * (count - sizes))
    coalitions = np.zeros((samples, count), bool)
    coalitions[0] = True
    for first in range(2, samples, 2):
        size = generator.choice(sizes, p=weights / weights.sum())
        coalitions[first, generator.permutation(count)[:size]] = True
        coalitions[first + 1 : first + 2] = ~coalitions[first]
    return coalitions


def all_coalitions(count: int) -> NDArray[np.bool_]:
    """Return all coalitions, bool ``(2^count, count)``; bit i of a row's index says whether segment i is visible."""
    return (np.arange(2**count)[:, None] >> np.arange(count)) & 1 == 1


def lime_weights(coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weight of each sample of LIME, ``(m,)``, a Gaussian of its cosine distance to the whole clip."""
    distance = 1 - np.sqrt(coalitions.mean(1))
    return np.exp(-(distance**2) / (2 * KERNEL_WIDTH**2))


def ridge_coefficients(
    coalitions: NDArray[np.bool_], logits: NDArray[np.float64], weights: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    """Return the coefficients ``(n,)`` of a weighted ridge regression with an intercept that is not penalized."""
    normalized_weights = weights / weights.sum()
    features = coalitions - normalized_weights @ coalitions
    outputs = logits - normalized_weights @ logits
    weighted_features = features.T * weights
    penalties = penalty * np.eye(features.shape[1])
    return np.linalg.solve(weighted_features @ features + penalties, weighted_features @ outputs)


def constrained_coefficients(
    coalitions: NDArray[np.bool_], gains: NDArray[np.float64], total: float
) -> NDArray[np.float64]:
    """Return the values ``(n,)`` with sum `total` that solve ``coalitions @ values ≈ gains`` by least squares.

    Values with this sum are ``total / n`` plus corrections that sum to zero. Because the rows are centered, the
    least-squares solution of smallest norm is such a correction.
    """
    sizes = coalitions.mean(1)
    correction, *_ = np.linalg.lstsq(coalitions - sizes[:, None], gains - sizes * total, rcond=None)
    return total / coalitions.shape[1] + correction


def exact_shapley_values(worths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Shapley value of each segment, ``(n,)``, from the worth of each coalition, ``(2^n,)``.

    Coalitions are numbered as by `all_coalitions`.
    """
    count = len(worths).bit_length() - 1
    coalitions = np.arange(len(worths))
    values = np.empty(count)
    for player in range(count):
        coalitions_without = coalitions[coalitions >> player & 1 == 0]
        sizes = [coalition.bit_count() for coalition in coalitions_without.tolist()]
        order_counts = [factorial(size) * factorial(count - size - 1) for size in sizes]
        gains = worths[coalitions_without | 1 << player] - worths[coalitions_without]
        values[player] = np.dot(order_counts, gains) / factorial(count)
    return values
