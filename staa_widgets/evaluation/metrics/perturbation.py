"""Perturb a clip, run the model, and memoize the logits."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Literal

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.methods.fillers import cell_mask, fill
from staa_widgets.methods.segmentation import label_blocks
from staa_widgets.records.problem import class_probabilities
from staa_widgets.records.target import target_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.evaluation.metric import Case
    from staa_widgets.methods.inputs import MethodInputs
    from staa_widgets.records.geometry import Geometry

Units = str | Sequence[int]
Output = Literal["probability", "logit"]

MAX_COARSE_UNITS = 128
"""Maximum number of units of the division "coarse", and of units for which the oracle is computed."""


def require_inputs(case: Case) -> MethodInputs:
    """Return the inputs of a case; raises `ParameterError` if it has none."""
    if case.inputs is None:
        raise ParameterError("The case has no inputs for the model.", "Pass inputs= to Case.")
    return case.inputs


def divide_into_units(geometry: Geometry, units: Units) -> NDArray[np.int64]:
    """Return a unit number for each cell of the token grid; the cells of a unit are removed together.

    Parameters
    ----------
    geometry
        Geometry of the model.
    units
        ``"cells"``: single cells; ``"frames"``: whole slices; ``"coarse"``: the smallest square blocks within a slice
        with at most 128 units per clip; or the size of a block in slices, rows and columns.

    Returns
    -------
    NDArray[np.int64]
        ``(S, h, w)``, the unit number of each cell; the numbers start at 0 and have no gaps.
    """
    shape = (geometry.slices, geometry.height, geometry.width)
    if units == "cells":
        block = (1, 1, 1)
    elif units == "frames":
        block = (1, *shape[1:])
    elif units == "coarse":
        side = 1
        while shape[0] * ceil(shape[1] / side) * ceil(shape[2] / side) > MAX_COARSE_UNITS and side < max(shape[1:]):
            side *= 2
        block = (1, side, side)
    elif not isinstance(units, str) and len(units) == 3 and all(int(n) == n and n >= 1 for n in units):
        block = tuple(int(n) for n in units)
    else:
        raise ParameterError(
            f"units is {units!r}.", "Choose 'cells', 'coarse', 'frames', or a block such as (1, 2, 2)."
        )
    return label_blocks(shape, block)


def unit_saliency(maps: NDArray[np.floating], units: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the sum of the maps ``(S, h, w)`` over each unit, ``(n,)``."""
    if maps.shape != units.shape:
        raise ParameterError(
            f"The map has shape {maps.shape}, but the model's grid has {units.shape}.", "Use maps of this model."
        )
    return np.bincount(units.ravel(), maps.ravel().astype(np.float64), minlength=int(units.max()) + 1).astype(
        np.float64
    )


def scores_without(
    case: Case, units: NDArray[np.int64], removed: NDArray[np.bool_], *, filler: str, output: Output
) -> NDArray[np.float64]:
    """Return the target's score for clips with some units removed.

    Parameters
    ----------
    case
        Case with inputs; the logits are stored in its `memo` for other metrics and methods.
    units
        ``(S, h, w)``, from `divide_into_units`.
    removed
        bool ``(m, n)``, which of the n units to remove in each of m perturbed clips.
    filler
        Name in `staa_widgets.methods.fillers.FILLERS` of the filler that replaces the units.
    output
        ``"probability"`` or ``"logit"`` of the target; the logit does not saturate. A regression, a difference of
        classes and a function of the logits have only their value.

    Returns
    -------
    NDArray[np.float64]
        ``(m,)``.
    """
    if output not in ("probability", "logit"):
        raise ParameterError(f"output is {output!r}.", "Choose 'probability' or 'logit'.")
    inputs = require_inputs(case)
    cells = removed[:, units]
    keys = [("logits", filler, np.packbits(mask).tobytes()) for mask in cells]
    missing = list({key: n for n, key in enumerate(keys) if key not in case.memo}.values())
    for start in range(0, len(missing), inputs.batch_size):
        inputs.report(start, len(missing))
        batch = missing[start : start + inputs.batch_size]
        for n, logits in zip(batch, _perturbed_logits(inputs, cells[batch], filler), strict=True):
            case.memo[keys[n]] = logits
    if missing:
        inputs.report(len(missing), len(missing))
    logits = np.stack([case.memo[key] for key in keys])
    target = inputs.target
    if output == "logit" or inputs.problem_type == "regression" or not isinstance(target, int):
        return target_values(logits, target)
    return class_probabilities(logits, inputs.problem_type)[:, target]


def score_drops(case: Case, units: NDArray[np.int64], *, filler: str, output: Output) -> NDArray[np.float64]:
    """Return the drop of the target's score when each unit is removed alone, ``(n,)``."""
    count = int(units.max()) + 1
    removed = np.concatenate([np.zeros((1, count), bool), np.eye(count, dtype=bool)])
    unperturbed, *perturbed = scores_without(case, units, removed, filler=filler, output=output)
    return unperturbed - np.array(perturbed)


def _perturbed_logits(inputs: MethodInputs, cells: NDArray[np.bool_], filler: str) -> NDArray[np.float64]:
    import torch

    mask = cell_mask(inputs.geometry, torch.from_numpy(cells))
    with torch.no_grad():
        return inputs.forward(fill(inputs.pixels, mask, filler)).double().cpu().numpy()
