"""Occlusion: drop of the target's logit when a part of the clip is hidden (Zeiler & Fergus 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import Cost, method
from staa_widgets.methods.segmentation import label_blocks, masked_logit_function, spread_over_cells
from staa_widgets.methods.validation import check_hiding_filler, check_three_whole_numbers
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs


def _needs(filler: str, cells: Sequence[int]) -> Needs:
    check_hiding_filler(filler)
    hint = "Give the number of slices, rows and columns to hide at once, such as (1, 1, 1)."
    check_three_whole_numbers("cells", cells, hint)
    return Needs()


def _cost(geometry: Geometry, *, cells: Sequence[int], **_: Any) -> Cost:
    shape = (geometry.slices, geometry.height, geometry.width)
    return Cost(1 + int(label_blocks(shape, cells).max()) + 1)


@method("occlusion", group="perturbation", needs_model=True, class_specific=True, signed=True, needs=_needs, cost=_cost)
def occlusion(inputs: MethodInputs, *, filler: str = "blur", cells: Sequence[int] = (1, 1, 1)) -> NDArray[np.float32]:
    """Occlusion: drop of the target's logit when each part of the clip is hidden in turn.

    Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901. The drop of the logit is
    measured, not of the probability, because the probability of a confident prediction hardly drops, whatever is
    hidden. Gradient methods explain the logit too.

    Parameters
    ----------
    inputs
        The window and its model.
    filler
        Filler that replaces the hidden part: ``"blur"``, ``"median"`` or ``"darkest"`` over time, or ``"freeze"``;
        see `staa_widgets.methods.fillers`.
    cells
        Size of a hidden block in slices, rows and columns of cells. Blocks do not overlap; the drop of the logit is
        shared evenly among the cells of a block.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, in logits; negative where hiding raises the target's logit. One pass for each block.
    """
    import torch

    labels = label_blocks(inputs.shape, cells)
    count = int(labels.max()) + 1
    one_at_a_time = torch.eye(count, dtype=torch.bool)
    logits = masked_logit_function(inputs, labels, filler, count)(one_at_a_time)
    return spread_over_cells(inputs.clip_logit - logits.numpy(), labels)
