"""Complexity metrics: how concentrated a map is. They do not show that a map is right: sharpening changes them all.

The functions on tensors take maps ``(B, …)``, use the magnitudes of the maps, and return float64 ``(B,)``, NaN for a
map that is zero everywhere.
"""

from __future__ import annotations

from math import inf, log
from typing import TYPE_CHECKING

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metric import Case, metric
from staa_widgets.methods import postprocess as refine

if TYPE_CHECKING:
    from torch import Tensor


def gini(maps: Tensor) -> Tensor:
    """Return the Gini index: 0 for a constant map, ``1 - 1/N`` for one cell (Hurley 2009, arXiv 0811.4706)."""
    import torch

    values = maps.double().abs().flatten(1).sort(dim=1).values
    count = values.shape[1]
    weights = 2 * torch.arange(1, count + 1, device=values.device) - count - 1
    return (values * weights).sum(1) / (count * values.sum(1))


def entropy(maps: Tensor) -> Tensor:
    """Return the entropy of the cells' shares, divided by the maximum: 1 for a constant map, 0 for a single cell."""
    import torch

    values = maps.double().abs().flatten(1)
    if values.shape[1] < 2:
        return torch.full((len(values),), float("nan"), dtype=torch.float64)
    shares = values / values.sum(1, keepdim=True)
    return -torch.special.xlogy(shares, shares).sum(1) / log(values.shape[1])


def _maps_tensor(case: Case) -> Tensor:
    import torch

    return torch.as_tensor(case.maps.copy())[None]


@metric("sparseness", category="complexity", higher_is_better=None, range=(0.0, 1.0), chance="0 for a constant map")
def sparseness(case: Case) -> float:
    """Gini index of the attribution over the clip: 0 for a constant map, near 1 for a single cell.

    Defined as in Chalasani et al. 2020, arXiv 1810.06583.
    """
    return float(gini(_maps_tensor(case)))


@metric("entropy", category="complexity", higher_is_better=None, range=(0.0, 1.0), chance="1 for a constant map")
def _entropy(case: Case) -> float:
    """Entropy of the attribution over the cells of the clip, relative to a constant map.

    Like the complexity of Bhatt et al. 2020, arXiv 2005.00631, but comparable between grids.
    """
    return float(entropy(_maps_tensor(case)))


@metric(
    "signal_to_noise",
    title="Signal-to-noise",
    category="complexity",
    higher_is_better=True,
    range=(-inf, inf),
    chance="0 dB",
    chance_level=0.0,
    needs="ground_truth",
)
def signal_to_noise(case: Case) -> float:
    """Ratio of the mean attribution in the ground truth to the mean elsewhere, in decibels.

    Sharpening alone raises this ratio without bound: never quote it without average precision and the ratio of the
    controls after the same postprocessing. See `staa_widgets.methods.postprocess.signal_to_noise`.
    """
    assert case.ground_truth is not None
    where = case.ground_truth.where
    if where.shape != case.maps.shape:
        raise ParameterError(
            f"The map has shape {case.maps.shape}, but the ground truth has {where.shape}.",
            "Use the same grid for both.",
        )
    return refine.signal_to_noise(case.maps, where) if where.any() and not where.all() else float("nan")
