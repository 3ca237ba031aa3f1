"""Divide the token grid into parts, and compute the target's logit while some of the parts are hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from staa_widgets.methods.fillers import cell_mask, prepare_fill
from staa_widgets.methods.inputs import MethodInputs

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, int, int]


def label_blocks(shape: Shape, size: Sequence[int]) -> NDArray[np.int64]:
    """Return a block number for each cell: blocks of `size` slices, rows and columns, smaller at the ends of the axes.

    Returns
    -------
    NDArray[np.int64]
        ``(S, h, w)``, the block number of each cell; the numbers start at 0 and have no gaps.
    """
    return _label_cells([np.arange(length) // step for length, step in zip(shape, size, strict=True)])


def label_segments(shape: Shape, counts: Sequence[int]) -> NDArray[np.int64]:
    """Return a segment number for each cell: each axis is divided into `counts` runs, equal to within one cell.

    An axis with fewer cells than runs has one run per cell.

    Returns
    -------
    NDArray[np.int64]
        As `label_blocks`.
    """
    runs = [np.arange(length) * min(count, length) // length for length, count in zip(shape, counts, strict=True)]
    return _label_cells(runs)


def spread_over_cells(values: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return maps ``(S, h, w)`` in which the value of each part, ``(n,)``, is shared evenly among the part's cells."""
    return (values / np.bincount(labels.ravel()))[labels].astype(np.float32)


def masked_logit_function(
    inputs: MethodInputs, labels: NDArray[np.int64], filler: str, total: int
) -> Callable[[Tensor], Tensor]:
    """Return a function that computes the target's logit while some parts of the clip are hidden.

    Parameters
    ----------
    inputs
        The window and its model.
    labels
        ``(S, h, w)``, from `label_blocks` or `label_segments`.
    filler
        Name in `FILLERS` of the filler that replaces hidden parts.
    total
        Number of logits that will be computed in all, for progress reports after each batch.

    Returns
    -------
    Callable[[Tensor], Tensor]
        Function from bool ``(m, n)``, which of the n parts to hide in each of m clips, to logits, float32 ``(m,)`` on
        the CPU.
    """
    import torch

    fill = prepare_fill(inputs.pixels, filler)
    cell_labels = torch.from_numpy(labels)
    done = 0
    inputs.report(0, total)

    def compute_logits(hidden: Tensor) -> Tensor:
        nonlocal done
        logits = []
        for batch in hidden.split(inputs.batch_size):
            clips = fill(cell_mask(inputs.geometry, batch[:, cell_labels]))
            with torch.no_grad():
                logits.append(inputs.target_logits(clips).float().cpu())
            done += len(batch)
            inputs.report(done, total)
        return torch.cat(logits)

    return compute_logits


def _label_cells(runs: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the part number of each cell, ``(S, h, w)``, from runs along the axes, ``(S,)``, ``(h,)``, ``(w,)``."""
    slices, rows, columns = runs
    height, width = int(rows[-1]) + 1, int(columns[-1]) + 1
    return (slices[:, None, None] * height + rows[:, None]) * width + columns
