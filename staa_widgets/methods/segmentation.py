"""Parts of the token grid that are taken away together, and what the model says of the clip without them."""

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
    """Divide the grid into blocks of so many slices, rows and columns; the last ones of an axis may be smaller.

    Returns
    -------
    NDArray[np.int64]
        ``shape``, the number of each cell's block, from 0 without gaps.
    """
    return _label_cells([np.arange(length) // step for length, step in zip(shape, size, strict=True)])


def label_segments(shape: Shape, counts: Sequence[int]) -> NDArray[np.int64]:
    """Divide each axis of the grid into so many runs, equal to within one cell, at most as many as it has cells.

    Returns
    -------
    NDArray[np.int64]
        As `label_blocks`.
    """
    places = [np.arange(length) * min(count, length) // length for length, count in zip(shape, counts, strict=True)]
    return _label_cells(places)


def spread_over_cells(values: NDArray[np.floating], parts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Share the value of each part, ``(n,)``, evenly among its cells, so that they sum to it: the shape of `parts`."""
    return (values / np.bincount(parts.ravel()))[parts].astype(np.float32)


def masked_logit_function(
    inputs: MethodInputs, parts: NDArray[np.int64], filler: str, total: int
) -> Callable[[Tensor], Tensor]:
    """Give a function that asks for the target's logit once parts are taken away.

    Parameters
    ----------
    inputs
        The window and its model.
    parts
        ``(S, h, w)``, from `label_blocks` or `label_segments`.
    filler
        Name in `FILLERS`, of what is shown in their place.
    total
        How many questions there will be; after each batch it is reported how many were answered.

    Returns
    -------
    Callable[[Tensor], Tensor]
        From bool ``(m, n)``, which of the n parts to take away in each of m questions, to float32 ``(m,)`` on the CPU.
    """
    import torch

    filled, numbers = prepare_fill(inputs.pixels, filler), torch.from_numpy(parts)
    done = 0
    inputs.report(0, total)

    def ask(removed: Tensor) -> Tensor:
        nonlocal done
        found = []
        for batch in removed.split(inputs.batch_size):
            with torch.no_grad():
                logits = inputs.forward(filled(cell_mask(inputs.geometry, batch[:, numbers])))
            found.append(logits[:, inputs.target].float().cpu())
            done += len(batch)
            inputs.report(done, total)
        return torch.cat(found)

    return ask


def _label_cells(places: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    slices, rows, columns = places
    height, width = int(rows[-1]) + 1, int(columns[-1]) + 1
    return (slices[:, None, None] * height + rows[:, None]) * width + columns
