"""Records of a tiny model, and one small enough to answer by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from staa_widgets.models.attention.divided_rollout import roll_out_divided, route_over_time
from staa_widgets.models.capture import record
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Record
from tests.helpers.timesformers import TYPES, tiny_timesformer_model
from tests.helpers.tiny import ALL_NEEDS, random_pixels


@cache
def tiny_record(attention_type: str = TYPES[0], seed: int = 1) -> Any:
    return record(tiny_timesformer_model(attention_type), random_pixels(1, seed=seed), ALL_NEEDS, [2])[0]


def small_record(**arrays: Any) -> Record:
    """Return a record of two frames of two patches, one layer, one head; CLS keeps half of its attention.

    It is made as a reader makes it from the attention, of which parts may be given.
    """
    values: dict[str, Any] = {
        "rows": [[[[0.4, 0.1], [0.3, 0.2]]]],
        "temporal": [[[[0.9, 0.1], [0.5, 0.5]], [[0.2, 0.8], [0.0, 1.0]]]],
        "contributions": [[[2.0, -4.0], [0.0, 1.0]]],
        **arrays,
    }
    tensors = {name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in values.items()}
    rows, temporal, spatial = tensors["rows"], tensors["temporal"], tensors.pop("spatial", None)
    tensors["mean_rows"] = rows.mean(1)
    tensors["heads"] = route_over_time(rows / rows.shape[2], temporal[:, None])
    tensors["time_rows"] = route_over_time(rows.mean(1), temporal)
    tensors["contribution_time_rows"] = route_over_time(tensors["contributions"].relu(), temporal)
    if spatial is not None:
        tensors["first_frame"] = spatial[-1, 0]
    if spatial is not None and spatial.shape == (len(rows), 2, 3, 3):
        no_reads = torch.zeros(1, 0, len(rows), *rows.shape[2:])
        terms = roll_out_divided(list(spatial[:, None]), list(temporal[:, None]), no_reads, one_readout=True)
        tensors["rollout"] = terms[0, 0]
    fields: dict[str, Any] = {name: tensor.numpy() for name, tensor in tensors.items()}
    return Record(Geometry(2, 1, 1, 2, "patch_major", 1, (8, 16)), "divided", np.zeros(3, np.float32), **fields)


def scale_to_sum_one(maps: Any) -> np.ndarray:
    return np.asarray(maps) / np.sum(maps)
