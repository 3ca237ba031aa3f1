"""Attention of one patch to all patches: a method to explore a model, not to explain its decisions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.methods.maps import require_array, scale_to_sum_one, to_grid
from staa_widgets.methods.registry import method
from staa_widgets.methods.staa import Layers, is_indices, layer_indices
from staa_widgets.records.record import Needs, Record


def _patch_needs(patch: Sequence[int] | None, layers: Layers) -> Needs:
    is_valid = layers in ("mean", "last") if isinstance(layers, str) else is_indices(layers)
    if not is_valid:
        raise ParameterError(
            f"layers must be 'mean', 'last' or a list of layers, got {layers!r}.", "For example, layers=[0, -1]."
        )
    if patch is None:
        return Needs(patch="middle")
    if not (is_indices(patch) and len(patch) == 3 and min(patch) >= 0):
        raise ParameterError(
            f"patch must be three whole numbers of at least 0, got {patch!r}.",
            "Give a patch of the token grid as (slice, row, column), each counted from 0.",
        )
    slice_number, row, column = (int(value) for value in patch)
    return Needs(patch=(slice_number, row, column))


@method("patch_attention", title="Attention of a patch", needs=_patch_needs, class_specific=False, exploratory=True)
def patch_attention(
    record: Record,
    *,
    patch: Sequence[int] | None = None,  # noqa: ARG001  the record is of this patch
    layers: Layers = "mean",
) -> NDArray[np.float32]:
    """Attention of one selected patch to all patches, in space and time.

    The patch takes the place of the readout, so that the maps show how tokens work together, not why a class was
    predicted. Joint attention: the maps are the patch's own row, averaged over heads. Divided attention: ``M(t', p') =
    S[t, p, p'] · U[p', t, t']`` for patch ``p`` of frame ``t``, as `staa` combines spatial attention ``S`` and temporal
    attention ``U`` for the readout: in each layer a patch attends to the patches of its frame, after each of these has
    attended over time at its own position. ``U`` is the mean over heads, because the heads of the two modules do not
    correspond. Models that attend within frames only: the patch's row in its frame, and zero in all other frames.

    In models with a pooler, the layers in which patches attend to each other are read: for V-JEPA 2 the layers of the
    encoder, then the self-attention layers of the pooler. VideoPrism attends within frames in some layers, over time in
    others; the map of a layer is zero where the layer does not attend.

    If there are several windows, only the window in which the patch's slice is nearest to the middle is used; the maps
    of the other windows are zero, because attention does not cross windows. `Explanation.attention` holds the attention
    of the same patch by layer and head.

    Parameters
    ----------
    record
        Record of the forward pass for this patch.
    patch
        ``(slice, row, column)`` of the token grid, counted from 0; default: the middle patch of the middle slice.
    layers
        ``"mean"``, ``"last"``, or a list of layers (their mean; negative ones count from the end).

    Returns
    -------
    NDArray[np.float32]
        ``(S, h, w)``, non-negative, sum 1; attention to CLS is left out.

    Raises
    ------
    ParameterError
        If the grid has no such patch, or the model no such layer.
    """
    rows = require_array(record.patch_rows).mean(1)
    return scale_to_sum_one(to_grid(record.geometry, rows[layer_indices(layers, len(rows))].mean(0)))
