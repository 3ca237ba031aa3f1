"""LOCO: drop of the target's logit when one segment of the clip is left out (Lei et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.methods.inputs import MethodInputs
from staa_widgets.methods.registry import Cost, method
from staa_widgets.methods.segmentation import label_segments, masked_logit_function, spread_over_cells
from staa_widgets.methods.validation import check_hiding_filler, check_segments
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs


def _needs(segments: Sequence[int], filler: str) -> Needs:
    check_hiding_filler(filler)
    check_segments(segments)
    return Needs()


def _cost(geometry: Geometry, *, segments: Sequence[int], **_: Any) -> Cost:
    labels = label_segments((geometry.slices, geometry.height, geometry.width), segments)
    return Cost(1 + int(labels.max()) + 1)


@method(
    "loco",
    title="LOCO",
    group="perturbation",
    needs_model=True,
    class_specific=True,
    signed=True,
    needs=_needs,
    cost=_cost,
)
def loco(inputs: MethodInputs, *, segments: Sequence[int] = (4, 4, 4), filler: str = "blur") -> NDArray[np.float32]:
    """LOCO: drop of the target's logit when each space-time segment of the clip is left out in turn.

    "Leave one covariate out", after Lei et al., "Distribution-Free Predictive Inference for Regression", arXiv
    1604.04173; but the segment is hidden, and the model is not trained again without it. The segments are those of
    `lime` and `kernel_shap`, which hide several of them at once. `occlusion` does the same with blocks of a given size.

    Parameters
    ----------
    inputs
        The window and its model.
    segments, filler
        As for `lime`.

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, in logits; negative where hiding raises the target's logit. The drop of each segment is shared
        evenly among its cells. One pass for each segment.
    """
    import torch

    labels = label_segments(inputs.shape, segments)
    count = int(labels.max()) + 1
    logits = masked_logit_function(inputs, labels, filler, count)(torch.eye(count, dtype=torch.bool))
    return spread_over_cells(inputs.clip_logit - logits.numpy(), labels)
