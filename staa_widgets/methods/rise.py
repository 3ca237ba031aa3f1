"""RISE in space and time: the target's logit over random soft masks (Petsiuk, Das & Saenko 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.methods.fillers import cell_means, get_filler
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import Cost, method
from staa_widgets.methods.result import MethodResult
from staa_widgets.methods.validation import (
    SEGMENTS_HINT,
    check_hiding_filler,
    check_three_whole_numbers,
    check_whole_number,
)
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs

if TYPE_CHECKING:
    from torch import Tensor


def _needs(masks: int, parts: Sequence[int], visible: float, filler: str) -> Needs:
    check_hiding_filler(filler)
    check_whole_number("masks", masks, 4)
    check_three_whole_numbers("parts", parts, SEGMENTS_HINT)
    if isinstance(visible, bool) or not isinstance(visible, int | float) or not 0 < visible < 1:
        raise ParameterError(
            f"visible must be a number between 0 and 1, got {visible!r}.", "Give a probability, such as 0.25."
        )
    return Needs()


def _cost(_: Geometry, *, masks: int, **__: Any) -> Cost:
    return Cost(1 + masks)


@method(
    "rise",
    title="RISE",
    group="perturbation",
    needs_model=True,
    class_specific=True,
    signed=True,
    needs=_needs,
    cost=_cost,
)
def rise(
    inputs: MethodInputs,
    *,
    masks: int = 300,
    parts: Sequence[int] = (4, 4, 4),
    visible: float = 0.25,
    filler: str = "blur",
) -> MethodResult:
    """RISE in space and time: how the target's logit changes with the visibility of each cell, over random soft masks.

    Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", arXiv 1806.07421, with
    masks over time too. The parts of a coarse grid are visible or hidden at random; the grid is shifted at random along
    each axis and interpolated linearly. The value of a cell is the slope of the straight line that predicts the logit
    from the cell's visibility: the covariance of the two, divided by the variance of the visibility. No gradient is
    needed.

    Parameters
    ----------
    inputs
        The window and its model.
    masks
        Number of random masks, each one forward pass.
    parts
        Number of parts of a mask along time, rows and columns.
    visible
        Probability that a part is visible.
    filler
        Filler that replaces hidden parts, as for `occlusion`.

    Returns
    -------
    MethodResult
        Maps ``(S, h, w)``, in logits; negative where a visible cell goes with a lower logit. The standard error,
        ``"rise"``, comes from two halves of the masks, as a share of the root mean square of the maps.
    """
    import torch

    pixels = inputs.pixels.to(inputs.device)
    filled = get_filler(filler)(inputs.pixels).to(inputs.device)
    visibility: list[Tensor] = []
    logits: list[Tensor] = []
    inputs.report(0, masks)
    for soft_masks in _draw_masks(inputs, masks, parts, visible):
        clips = torch.lerp(filled, pixels, soft_masks[:, :, None].to(inputs.device))
        with torch.no_grad():
            logits.append(inputs.target_logits(clips).cpu())
        visibility.append(cell_means(inputs.geometry, soft_masks))
        inputs.report(sum(map(len, logits)), masks)
    cells, scores = torch.cat(visibility).double().numpy(), torch.cat(logits).double().numpy()
    maps = slopes(cells, scores)
    halves = [slopes(cells[first::2], scores[first::2]) for first in (0, 1)]
    size = np.sqrt(np.square(maps).mean())
    error = np.sqrt(np.square(halves[0] - halves[1]).mean()) / 2
    return MethodResult(maps.astype(np.float32), standard_errors={"rise": float(error / size)} if size else {})


def slopes(cells: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slope of scores ``(n,)`` over each column of `cells` ``(n, …)``; 0 for a column that is constant."""
    centered = cells - cells.mean(0)
    covariance = np.tensordot(scores - scores.mean(), centered, axes=1)
    variance = np.square(centered).sum(0)
    return np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > 0)


def _draw_masks(inputs: MethodInputs, count: int, parts: Sequence[int], visible: float) -> Iterator[Tensor]:
    """Yield batches of random soft masks, ``(n, T, H, W)``, values from 0 to 1."""
    import torch
    from torch.nn.functional import interpolate

    generator = np.random.default_rng(inputs.seed)
    size = inputs.pixels.shape[0], *inputs.pixels.shape[2:]
    # One part more than requested lies along each axis, so that a shifted mask still covers the whole clip.
    counts = [number + 1 for number in parts]
    lengths = [ceil(length / number) for length, number in zip(size, parts, strict=True)]
    upsampled = [number * length for number, length in zip(counts, lengths, strict=True)]
    for first in range(0, count, inputs.batch_size):
        batch: list[Tensor] = []
        for _ in range(min(inputs.batch_size, count - first)):
            coarse = torch.from_numpy(generator.random(counts) < visible).float()
            mask = interpolate(coarse[None, None], upsampled, mode="trilinear")[0, 0]
            time, top, left = (int(shift) for shift in generator.integers(0, lengths))
            batch.append(mask[time : time + size[0], top : top + size[1], left : left + size[2]])
        yield torch.stack(batch)
