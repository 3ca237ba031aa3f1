"""Versions of a clip from hidden to original, and clips shown through soft masks that choose between the versions."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from staa_widgets.methods.fillers import get_filler

LEVELS = 8
"""Number of versions of a clip."""

Edge = Literal["replicate", "zero"]


def make_levels(pixels: Tensor, filler: str, sigma: float, edge: Edge = "replicate") -> Tensor:
    """Return versions of a clip from hidden to the clip itself, ``(8, T, 3, H, W)``.

    Parameters
    ----------
    pixels
        ``(T, 3, H, W)``.
    filler
        ``"blur"``: the versions are blurred less and less, by `sigma` times 1, 6/7, … 0. Any other name in `FILLERS`:
        they go from the filler to the clip in equal steps.
    sigma
        Standard deviation of the strongest blur in pixels.
    edge
        What lies beyond the edges of a frame: its outermost pixels, or zeros as in the code of STEP's authors.
    """
    shares = [level / (LEVELS - 1) for level in range(LEVELS)]
    if filler == "blur":
        return torch.stack([blur_frames(pixels, sigma * (1 - share), edge) for share in shares])
    return fade_levels(pixels, get_filler(filler)(pixels))


def fade_levels(pixels: Tensor, filled: Tensor) -> Tensor:
    """Return versions from a filled clip to the clip itself in equal steps, ``(8, T, 3, H, W)``."""
    return torch.stack([torch.lerp(filled, pixels, level / (LEVELS - 1)) for level in range(LEVELS)])


def show_through(levels: Tensor, masks: Tensor) -> Tensor:
    """Return the clip as it is shown through soft masks, ``(n, T, 3, H, W)``.

    Parameters
    ----------
    levels
        ``(8, T, 3, H, W)``, from `make_levels`.
    masks
        ``(n, T, H, W)`` from 0 (the first level) to 1 (the last); between two levels pixels are interpolated. Gradients
        reach the masks. Where a mask is exactly 1 its gradient is 0.
    """
    position = (len(levels) - 1) * masks[:, :, None]
    lower = position.detach().floor().long()
    index = lower.expand(-1, -1, levels.shape[2], -1, -1)
    start = levels.gather(0, index)
    return start + (position - lower) * (levels.gather(0, (index + 1).clamp(max=len(levels) - 1)) - start)


def blur_frames(frames: Tensor, sigma: float, edge: Edge = "replicate") -> Tensor:
    """Return frames ``(…, H, W)``, each blurred by a Gaussian that is cut off at four standard deviations."""
    if sigma == 0:
        return frames.clone()
    # The type is changed first, because some devices have no float64.
    matrices = (_blur_matrix(length, sigma, edge).to(frames.dtype) for length in frames.shape[-2:])
    rows, columns = (matrix.to(frames.device) for matrix in matrices)
    return rows @ frames @ columns.T


def _blur_matrix(length: int, sigma: float, edge: Edge) -> Tensor:
    """Return the matrix ``(length, length)`` that blurs a row of pixels."""
    reach = int(-(-4 * sigma // 1))
    positions = torch.arange(-reach, length + reach, dtype=torch.float64)
    offsets = positions - torch.arange(length, dtype=torch.float64)[:, None]
    weights = (-0.5 * (offsets / sigma) ** 2).exp() * (offsets.abs() <= reach)
    weights /= weights.sum(1, keepdim=True)
    matrix = weights[:, reach : reach + length].clone()
    if edge == "replicate":
        matrix[:, 0] += weights[:, :reach].sum(1)
        matrix[:, -1] += weights[:, reach + length :].sum(1)
    return matrix
