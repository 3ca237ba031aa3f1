"""Records of a tiny model, and one small enough to answer by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from staa_widgets.models.capture import record
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Record
from tests.helpers.timesformers import TYPES, tiny_timesformer_model
from tests.helpers.tiny import ALL_NEEDS, random_pixels


@cache
def tiny_record(attention_type: str = TYPES[0], seed: int = 1) -> Any:
    return record(tiny_timesformer_model(attention_type), random_pixels(1, seed=seed), ALL_NEEDS, [2])[0]


def small_record(**arrays: Any) -> Record:
    """Return a record of two frames of two patches, one layer, one head; CLS keeps half of its attention."""
    values: dict[str, Any] = {
        "rows": [[[[0.4, 0.1], [0.3, 0.2]]]],
        "temporal": [[[[0.9, 0.1], [0.5, 0.5]], [[0.2, 0.8], [0.0, 1.0]]]],
        "contributions": [[[[2.0, -4.0], [0.0, 1.0]]]],
        **arrays,
    }
    fields: dict[str, Any] = {name: np.asarray(value, np.float32) for name, value in values.items()}
    return Record(Geometry(2, 1, 1, 2, "patch_major", 1, (8, 16)), "divided", np.zeros(3, np.float32), **fields)


def scale_to_sum_one(maps: Any) -> np.ndarray:
    return np.asarray(maps) / np.sum(maps)
