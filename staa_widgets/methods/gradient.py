"""Gradient methods: gradients of the target's logit with respect to the pixels, computed by captum.

Pixel values are summed over each cell of the token grid: over the channels, the pixels of a patch and the frames of a
slice. captum would generate noise for all samples at once, from the process's global random generators. The two methods
with noise therefore generate the noise here, from their own generator, and let captum differentiate batch by batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.methods.fillers import cell_sums, get_filler
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.optional import import_captum
from staa_widgets.methods.registry import Cost, method
from staa_widgets.methods.result import MethodResult, completeness_gap
from staa_widgets.methods.validation import check_whole_number
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

_ONE_GRADIENT = Cost(2, 1)


def _needs(*, baseline: str = "blur", steps: int = 1, samples: int = 1, noise: float = 0.0) -> Needs:
    get_filler(baseline)
    for name, count in (("steps", steps), ("samples", samples)):
        check_whole_number(name, count)
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise < np.inf:
        raise ParameterError(
            f"noise must be a number of at least 0, got {noise!r}.", "Give a share of the pixels' range, such as 0.15."
        )
    return Needs()


def _cost(_: Geometry, *, samples: int, **__: Any) -> Cost:
    return Cost(1 + samples, samples)


def _path_cost(_: Geometry, *, steps: int, **__: Any) -> Cost:
    return Cost(1 + steps + 1, steps)  # the recorded pass, the points of the path, and the baseline


@method("saliency", group="gradient", needs_model=True, class_specific=True, cost=_ONE_GRADIENT)
def saliency(inputs: MethodInputs) -> NDArray[np.float32]:
    """Saliency: magnitude of the pixel gradient (Simonyan, Vedaldi & Zisserman 2013, arXiv 1312.6034).

    The magnitudes are summed over each cell.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative.
    """
    return _sum_over_cells(inputs, _pixel_gradient(inputs).abs())


@method(
    "input_x_gradient",
    title="Input × gradient",
    group="gradient",
    needs_model=True,
    class_specific=True,
    signed=True,
    cost=_ONE_GRADIENT,
)
def input_x_gradient(inputs: MethodInputs) -> NDArray[np.float32]:
    """Input × gradient: each pixel times its gradient (Shrikumar, Greenside & Kundaje 2017, arXiv 1704.02685).

    The pixels are the model's normalized input: zero is the mean color of the model's training data.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, signed.
    """
    explainer = import_captum().InputXGradient(_forward_with_progress(inputs, 1))
    products = explainer.attribute(_as_leaf(inputs.pixels[None]))
    return _sum_over_cells(inputs, products[0])


@method(
    "integrated_gradients",
    group="gradient",
    needs_model=True,
    class_specific=True,
    signed=True,
    needs=_needs,
    cost=_path_cost,
    version=2,
)
def integrated_gradients(inputs: MethodInputs, *, steps: int = 20, baseline: str = "blur") -> MethodResult:
    """Integrated gradients from a baseline to the clip (Sundararajan, Taly & Yan 2017, arXiv 1703.01365).

    Parameters
    ----------
    inputs
        The window and its model.
    steps
        Number of points of the Gauss-Legendre quadrature between baseline and clip.
    baseline
        Name in `FILLERS` of the filler that makes the baseline from the clip.

    Returns
    -------
    MethodResult
        Maps ``(S, h, w)``, signed. With enough steps the sum over cells is the clip's logit minus the baseline's logit;
        the completeness gap says how far the sum is from this difference.
    """
    import torch

    forward = _forward_with_progress(inputs, steps + 1)
    start = get_filler(baseline)(inputs.pixels)[None]
    integrals = (
        import_captum()
        .IntegratedGradients(forward)
        .attribute(
            _as_leaf(inputs.pixels[None]),
            start,
            n_steps=steps,
            internal_batch_size=inputs.batch_size,
        )
    )
    with torch.no_grad():
        baseline_logit = float(forward(start)[0])
    maps = _sum_over_cells(inputs, integrals[0])
    return MethodResult(maps, completeness_gap=completeness_gap(maps, inputs.clip_logit - baseline_logit))


@method(
    "smooth_grad", title="SmoothGrad", group="gradient", needs_model=True, class_specific=True, needs=_needs, cost=_cost
)
def smooth_grad(inputs: MethodInputs, *, samples: int = 16, noise: float = 0.15) -> NDArray[np.float32]:
    """SmoothGrad: gradients averaged over noisy copies of the clip (Smilkov et al. 2017, arXiv 1706.03825).

    Parameters
    ----------
    inputs
        The window and its model.
    samples
        Number of noisy copies.
    noise
        Standard deviation of the noise, as a share of the range of the clip's pixels.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, the magnitude of the average gradient, summed over each cell; non-negative.
    """
    import torch

    total = torch.zeros_like(inputs.pixels)
    for _, gradients in _noisy_gradients(inputs, samples, noise):
        total += gradients.sum(0)
    return _sum_over_cells(inputs, (total / samples).abs())


@method(
    "gradient_shap",
    title="GradientSHAP",
    group="gradient",
    needs_model=True,
    class_specific=True,
    signed=True,
    needs=_needs,
    cost=_cost,
    version=2,
)
def gradient_shap(
    inputs: MethodInputs, *, samples: int = 16, noise: float = 0.05, baseline: str = "blur"
) -> NDArray[np.float32]:
    """GradientSHAP: gradients averaged between a baseline and noisy copies (Lundberg & Lee 2017, arXiv 1705.07874).

    The points are stratified: the way from the baseline to a copy is divided into as many parts as there are samples,
    and each sample lies at a random place in a part of its own. The mean is the same as that of points drawn
    independently, and the estimate varies less.

    Parameters
    ----------
    inputs
        The window and its model.
    samples
        Number of points at which gradients are computed.
    noise
        Standard deviation of the noise, as a share of the range of the clip's pixels.
    baseline
        Name in `FILLERS` of the filler that makes the baseline from the clip.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, signed. On average over the points, the sum over cells is the clip's logit minus the baseline's
        logit.
    """
    start = get_filler(baseline)(inputs.pixels)
    total = 0 * start
    for copies, gradients in _noisy_gradients(inputs, samples, noise, start):
        total += (gradients * (copies - start)).sum(0)
    return _sum_over_cells(inputs, total / samples)


def _noisy_gradients(
    inputs: MethodInputs, samples: int, noise: float, start: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of noisy copies of the clip and gradients, both ``(n, T, 3, H, W)``.

    Gradients are computed at the copies or, with `start`, at a random point between `start` and each copy. The way from
    `start` to the i-th copy is divided into `samples` equal parts, and the point lies in the i-th part.
    """
    import torch

    generator = torch.Generator().manual_seed(inputs.seed)
    scale = noise * float(inputs.pixels.max() - inputs.pixels.min())
    saliency = import_captum().Saliency(_forward_with_progress(inputs, samples))
    for first in range(0, samples, inputs.batch_size):
        copies, points = [], []
        for i in range(first, min(first + inputs.batch_size, samples)):
            copy = inputs.pixels + scale * torch.randn(inputs.pixels.shape, generator=generator)
            copies.append(copy)
            share = 1.0 if start is None else (i + float(torch.rand((), generator=generator))) / samples
            points.append(copy if start is None else start + share * (copy - start))
        yield torch.stack(copies), saliency.attribute(_as_leaf(torch.stack(points)), abs=False)


def _pixel_gradient(inputs: MethodInputs) -> Tensor:
    """Return the gradient of the target's logit with respect to the clip, ``(T, 3, H, W)``."""
    pixels = _as_leaf(inputs.pixels[None])
    return import_captum().Saliency(_forward_with_progress(inputs, 1)).attribute(pixels, abs=False)[0]


def _forward_with_progress(inputs: MethodInputs, total: int) -> Callable[[Tensor], Tensor]:
    """Return the target's logit as a function that reports progress after each pass, so that it can be cancelled there.

    The function takes ``(n, T, 3, H, W)`` and returns ``(n,)``.
    """
    done = 0
    inputs.report(0, total)

    def forward(pixels: Tensor) -> Tensor:
        nonlocal done
        logits = inputs.target_logits(pixels)
        done += len(pixels)
        inputs.report(done, total)
        return logits

    return forward


def _as_leaf(pixels: Tensor) -> Tensor:
    return pixels.detach().clone().requires_grad_()


def _sum_over_cells(inputs: MethodInputs, values: Tensor) -> NDArray[np.float32]:
    return cell_sums(inputs.geometry, values.detach()).float().numpy()
