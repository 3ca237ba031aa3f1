"""LIME and Shapley values of space-time segments: the model is asked again and again with some of them hidden.

LIME and KernelSHAP go through captum, which is given the segments and not the pixels: what is hidden is filled as
`occlusion` does it, and a sample takes no more memory than its list of segments. captum draws from the generator of
the whole process and fits with scikit-learn; both are replaced here, by a generator of one's own and by least squares
in closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import exp, factorial, prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.methods import segmentation as parts
from staa_widgets.methods import validation as checks
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.optional import import_captum
from staa_widgets.methods.registry import Cost, method
from staa_widgets.records.record import Geometry, Needs

if TYPE_CHECKING:
    from torch import Tensor

KERNEL_WIDTH = 0.25
"""Of the kernel by which LIME weights its samples."""

MAX_EXACT_SEGMENTS = 8
"""Segments of exact Shapley values at most: 256 coalitions."""

_HINT = "Give into how many runs to divide time, rows and columns: (4, 4, 4)."


def _needs(segments: Sequence[int], filler: str, samples: int) -> Needs:
    checks.check_hiding_filler(filler)
    checks.check_three_whole_numbers("segments", segments, _HINT)
    if prod(segments) < 2:
        raise ParameterError("One segment has nothing to be compared with.", _HINT)
    checks.check_whole_number("samples", samples, 2)
    return Needs()


def _cost(_: Geometry, *, samples: int, **__: Any) -> Cost:
    return Cost(1 + samples)


def _exact_needs(segments: Sequence[int], filler: str) -> Needs:
    checks.check_hiding_filler(filler)
    checks.check_three_whole_numbers("segments", segments, _HINT)
    if prod(segments) > MAX_EXACT_SEGMENTS:
        raise ParameterError(
            f"{prod(segments)} segments have 2^{prod(segments)} coalitions, each a pass through the model.",
            f"Choose at most {MAX_EXACT_SEGMENTS} segments for exact values, or method='kernel_shap'.",
        )
    return Needs()


def _exact_cost(geometry: Geometry, *, segments: Sequence[int], **_: Any) -> Cost:
    grid = parts.label_segments((geometry.slices, geometry.height, geometry.width), segments)
    return Cost(2 ** (int(grid.max()) + 1))


@method("lime", group="perturbation", needs_model=True, class_specific=True, signed=True, needs=_needs, cost=_cost)
def lime(
    query: MethodInputs, *, samples: int = 1000, segments: Sequence[int] = (4, 4, 4), filler: str = "blur"
) -> NDArray[np.float32]:
    """Fit a linear model to the target's logit over clips with random segments hidden.

    Ribeiro, Singh & Guestrin, "Why Should I Trust You?", arXiv 1602.04938, with what its authors' package does for
    images: 1000 samples, the clip itself the first; each segment hidden in half of them; ridge regression with a
    penalty of 1, samples weighted by ``exp(-d² / (2 · 0.25²))``, d being the cosine distance to the whole clip.

    Parameters
    ----------
    query
        The window and its model.
    samples
        Clips that the model is asked about.
    segments
        Into how many runs time, rows and columns are divided, as equal as the token grid allows; no more than it has.
    filler
        What is shown in place of what is hidden, as for `occlusion`.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, in logits; the coefficient of each segment is shared evenly among its cells.
    """
    import torch

    def draw(whole: Tensor, **_: Any) -> Iterator[Tensor]:
        random = np.random.default_rng(query.seed)
        yield whole.long()
        while True:
            yield torch.from_numpy(random.integers(2, size=whole.shape))

    def closeness(_: Tensor, __: Tensor, kept: Tensor, **___: Any) -> float:
        distance = 1 - float(kept.float().mean().sqrt())
        return exp(-(distance**2) / (2 * KERNEL_WIDTH**2))

    grid = parts.label_segments(query.shape, segments)
    explainer = import_captum().Lime(
        _hiding(query, grid, filler, samples),
        interpretable_model=_Ridge(1),
        similarity_func=closeness,
        perturb_func=draw,
    )
    return _fitted(query, explainer, grid, samples)


@method(
    "kernel_shap", group="perturbation", needs_model=True, class_specific=True, signed=True, needs=_needs, cost=_cost
)
def kernel_shap(
    query: MethodInputs, *, samples: int = 2048, segments: Sequence[int] = (4, 4, 4), filler: str = "blur"
) -> NDArray[np.float32]:
    """Estimate the Shapley value of each segment by a linear model fitted to random coalitions.

    Lundberg & Lee, "A Unified Approach to Interpreting Model Predictions", arXiv 1705.07874. Coalitions are drawn by
    the Shapley kernel, in pairs of one and what it leaves out, which makes the estimate less noisy (Covert & Lee, arXiv
    2012.01536). Their package takes 2048 of them, and two more a segment.

    Parameters
    ----------
    query
        The window and its model.
    samples
        Coalitions that the model is asked about, all segments and none among them.
    segments, filler
        As for `lime`.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, in logits; the value of each segment is shared evenly among its cells. The sum over cells is the
        clip's logit less that of the clip with everything hidden.
    """

    def draw(whole: Tensor, *, num_select_distribution: Any, **_: Any) -> Iterator[Tensor]:
        random = np.random.default_rng(query.seed)
        sizes = num_select_distribution.probs.double().numpy()
        yield whole.long()
        yield 0 * whole.long()
        while True:
            size = random.choice(len(sizes), p=sizes / sizes.sum())
            kept = 0 * whole.long()
            kept[0, random.permutation(whole.numel())[:size]] = 1
            yield kept
            yield 1 - kept

    grid = parts.label_segments(query.shape, segments)
    explainer = import_captum().KernelShap(_hiding(query, grid, filler, samples))
    explainer.interpretable_model, explainer.perturb_func = _Ridge(0), draw
    # All and none stand for weights without bound, whatever the number of the others.
    explainer.inf_weight *= samples
    return _fitted(query, explainer, grid, samples)


@method(
    "shapley",
    group="perturbation",
    needs_model=True,
    class_specific=True,
    signed=True,
    needs=_exact_needs,
    cost=_exact_cost,
)
def shapley(query: MethodInputs, *, segments: Sequence[int] = (8, 1, 1), filler: str = "blur") -> NDArray[np.float32]:
    """Compute the exact Shapley value of each of at most 8 segments, of time by default, from all their coalitions.

    Shapley, "A Value for n-Person Games", 1953: what a segment adds to the target's logit, averaged over all orders in
    which segments can be added to the clip with everything hidden. Each coalition is one pass through the model.

    Parameters
    ----------
    query
        The window and its model.
    segments, filler
        As for `lime`; at most 8 segments.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, in logits; the value of each segment is shared evenly among its cells. The sum over cells is the
        clip's logit less that of the clip with everything hidden.
    """
    import torch

    grid = parts.label_segments(query.shape, segments)
    count = int(grid.max()) + 1
    kept = (torch.arange(2**count)[:, None] >> torch.arange(count)) & 1
    ask = parts.masked_logit_function(query, grid, filler, len(kept) - 1)
    logits = np.append(ask(kept[:-1] == 0).double().numpy(), query.record.logits[query.target])
    return parts.spread_over_cells(_exact_values(logits), grid)


def _exact_values(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the worth of each coalition, ``(2^n,)``, bit i of its number for player i, to their values, ``(n,)``."""
    count = len(worth).bit_length() - 1
    coalitions = np.arange(len(worth))
    values = np.empty(count)
    for player in range(count):
        without = coalitions[coalitions >> player & 1 == 0]
        orders = [factorial(size) * factorial(count - size - 1) for size in map(int.bit_count, without.tolist())]
        values[player] = np.dot(orders, worth[without | 1 << player] - worth[without]) / factorial(count)
    return values


def _hiding(query: MethodInputs, grid: NDArray[np.int64], filler: str, total: int) -> Callable[[Tensor], Tensor]:
    """Give captum the model as a function of which segments are there, 1 or 0."""
    ask = parts.masked_logit_function(query, grid, filler, total)
    return lambda kept: ask(kept == 0)


def _fitted(query: MethodInputs, explainer: Any, grid: NDArray[np.int64], samples: int) -> NDArray[np.float32]:
    import torch

    values = explainer.attribute(
        torch.ones(1, int(grid.max()) + 1),
        n_samples=samples,
        perturbations_per_eval=query.batch_size,
        return_input_shape=False,
    )
    return parts.spread_over_cells(values.numpy(), grid)


class _Ridge:
    """Weighted ridge regression with an intercept, in closed form; captum calls `fit` and then `representation`."""

    def __init__(self, penalty: float) -> None:
        self.penalty = penalty
        self.coefficients: Any = None

    def fit(self, train_data: Any) -> None:
        import torch

        # Not by way of the loader, which would draw from the process's generator.
        kept, logits, weights = (part.double() for part in train_data.dataset.tensors)
        shares = weights / weights.sum()
        centred = torch.column_stack([kept - shares @ kept, logits - shares @ logits]) * weights.sqrt()[:, None]
        rows, outputs = centred[:, :-1], centred[:, -1]
        pulled = torch.eye(rows.shape[1], dtype=rows.dtype) * self.penalty**0.5
        system, aims = torch.cat([rows, pulled]), torch.cat([outputs, outputs.new_zeros(len(pulled))])
        self.coefficients = torch.linalg.lstsq(system, aims[:, None], driver="gelsd").solution[:, 0]

    def representation(self) -> Tensor:
        return self.coefficients
