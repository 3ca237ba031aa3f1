"""Occlusion: what the model loses when a part of the clip is taken away (Zeiler & Fergus 2014, arXiv 1311.2901)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.methods import validation as checks
from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import Cost, method
from staa_widgets.methods.segmentation import label_blocks, masked_logit_function, spread_over_cells
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs


def _needs(filler: str, cells: Sequence[int]) -> Needs:
    checks.check_hiding_filler(filler)
    checks.check_three_whole_numbers(
        "cells", cells, "Give how many slices, rows and columns to hide at once: (1, 1, 1)."
    )
    return Needs()


def _cost(geometry: Geometry, *, cells: Sequence[int], **_: Any) -> Cost:
    shape = (geometry.slices, geometry.height, geometry.width)
    return Cost(1 + int(label_blocks(shape, cells).max()) + 1)


@method("occlusion", group="perturbation", needs_model=True, class_specific=True, signed=True, needs=_needs, cost=_cost)
def occlusion(inputs: MethodInputs, *, filler: str = "blur", cells: Sequence[int] = (1, 1, 1)) -> NDArray[np.float32]:
    """Hide one tubelet cell after the other and see by how much the target's logit falls.

    The logit and not the probability, which for a model that is sure hardly falls whatever is hidden; the methods by
    gradients speak of the logit too.

    Parameters
    ----------
    inputs
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

    parts = label_blocks(inputs.shape, cells)
    count = int(parts.max()) + 1
    logits = masked_logit_function(inputs, parts, filler, count)(torch.eye(count, dtype=torch.bool))
    return spread_over_cells(inputs.record.logits[inputs.target] - logits.numpy(), parts)
