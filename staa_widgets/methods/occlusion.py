"""Occlusion: what the model loses when a part of the clip is taken away (Zeiler & Fergus 2014, arXiv 1311.2901)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.methods.base import Cost, method
from staa_widgets.methods.fillers import FILLERS, cell_mask, fill, get_filler
from staa_widgets.methods.query import Query
from staa_widgets.record import Geometry, Needs


def _needs(filler: str, cells: Sequence[int]) -> Needs:
    get_filler(filler)
    if filler == "fade":
        raise ParameterError(
            "Occlusion by 'fade' puts a constant into the clip, which stands out of it.",
            f"Choose from {', '.join(name for name in FILLERS if name != 'fade')}.",
        )
    whole = isinstance(cells, Sequence) and len(cells) == 3 and not isinstance(cells, str)
    if not (whole and all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in cells)):
        raise ParameterError(
            f"cells is {cells!r}.", "Give how many slices, rows and columns to hide at once: (1, 1, 1)."
        )
    return Needs()


def _cost(geometry: Geometry, *, cells: Sequence[int], **_: Any) -> Cost:
    return Cost(1 + len(_tiles((geometry.slices, geometry.height, geometry.width), cells)))


@method("occlusion", group="perturbation", asks=True, class_specific=True, signed=True, needs=_needs, cost=_cost)
def occlusion(query: Query, *, filler: str = "blur", cells: Sequence[int] = (1, 1, 1)) -> NDArray[np.float32]:
    """Hide one tubelet cell after the other and see by how much the target's logit falls.

    The logit and not the probability, which for a model that is sure hardly falls whatever is hidden; the methods by
    gradients speak of the logit too.

    Parameters
    ----------
    query
        The window and its model.
    filler
        What is shown in place of what is hidden: ``"blur"``, ``"median"`` or ``"darkest"`` over time, or ``"freeze"``;
        see `staa_widgets.methods.fillers`.
    cells
        How many slices, rows and columns of cells are hidden at once; beside each other, without overlap. What is lost
        is shared evenly among them.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, in logits; negative where the target gains by the hiding. One pass a part that is hidden.
    """
    import torch

    tiles = _tiles(query.shape, cells)
    maps = np.zeros(query.shape, np.float32)
    query.report(0, len(tiles))
    for first in range(0, len(tiles), query.batch_size):
        batch = tiles[first : first + query.batch_size]
        hidden = torch.zeros(len(batch), *query.shape, dtype=torch.bool)
        for one, tile in zip(hidden, batch, strict=True):
            one[tile] = True
        with torch.no_grad():
            logits = query.classify(fill(query.pixels, cell_mask(query.geometry, hidden), filler))[:, query.target]
        for tile, logit in zip(batch, logits.tolist(), strict=True):
            maps[tile] = (query.record.logits[query.target] - logit) / maps[tile].size
        query.report(first + len(batch), len(tiles))
    return maps


def _tiles(shape: tuple[int, int, int], cells: Sequence[int]) -> list[tuple[slice, ...]]:
    """Divide the grid into parts; the last ones of an axis may be smaller."""
    spans = [
        [slice(n * size, (n + 1) * size) for n in range(ceil(length / size))]
        for length, size in zip(shape, cells, strict=True)
    ]
    return list(product(*spans))
