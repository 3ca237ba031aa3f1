"""The types of cache entries, and whether a cached value answers the question of a run.

A key already holds everything that a value depends on, and the cache checks that an entry belongs to its key. Here the
content itself is compared with the question, so that an error in a key cannot give the answer to another question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.methods.result import MethodResult
from staa_widgets.records.masks import Masks
from staa_widgets.records.record import Record
from staa_widgets.records.record_io import record_from_parts, record_to_parts
from staa_widgets.records.target import Target
from staa_widgets.storage.cache import EntryType
from staa_widgets.storage.format import Parts, split_fields
from staa_widgets.utils.canonical import canonical_json, to_json_value
from staa_widgets.utils.frozen import require
from staa_widgets.video.preview import MAX_FRAMES, MAX_SIDE, Preview, even_indices

if TYPE_CHECKING:
    from staa_widgets.engine.layout import SliceLayout
    from staa_widgets.engine.run import ExplainRun
    from staa_widgets.video.clip import Clip


def _result_to_parts(result: MethodResult) -> Parts:
    mask_arrays = {} if result.masks is None else split_fields(result.masks)[1]
    values = {"standard_errors": dict(result.standard_errors), "completeness_gap": result.completeness_gap}
    return values, {"maps": result.maps, **mask_arrays}


def _result_from_parts(values: dict[str, Any], arrays: dict[str, Any]) -> MethodResult:
    maps = arrays.pop("maps")
    gap = values.get("completeness_gap")
    numbers = [*values["standard_errors"].values(), *([] if gap is None else [gap])]
    require(all(0 <= number < np.inf for number in numbers), "An error of the maps is no number.")
    return MethodResult(maps, Masks(**arrays) if arrays else None, **values)


EXPLANATION = EntryType("explanation", Explanation.to_parts, Explanation.from_parts)
RECORD = EntryType("record", record_to_parts, record_from_parts)
MAPS = EntryType("maps", _result_to_parts, _result_from_parts)
CHECKPOINT = EntryType[Mapping[str, NDArray[Any]]](
    "checkpoint", lambda arrays: ({}, dict(arrays)), lambda _, arrays: arrays
)
PROFILE = EntryType[tuple[float, ...]](
    "profile", lambda shares: ({"shares": list(shares)}, {}), lambda values, _: tuple(map(float, values["shares"]))
)
PREVIEW = EntryType("preview", split_fields, Preview.from_parts)


def explanation_fits(run: ExplainRun, layout: SliceLayout, e: Explanation) -> bool:
    """Return whether an explanation has the clip, grid, labels, class and parameters of a run."""
    clip, geometry, method = run.request.clip, run.model.geometry, run.method
    target = int(e.logits.argmax()) if run.target is None else run.target
    facts = (
        (e.clip_sha256, clip.sha256),
        ((e.first_frame, e.end, e.frame_size), (clip.first_frame, clip.end, (clip.width, clip.height))),
        (e.box, run.model.transform.box(clip.width, clip.height)),
        (e.maps.shape, (len(layout.sampled_frames), geometry.height, geometry.width)),
        (len(e.labels), len(run.model.labels)),
        ((e.method, canonical_json(e.params), e.explained_target), (method.name, canonical_json(run.params), target)),
        (_provenance_value(e, "model", "transform"), to_json_value(run.model.transform.describe())),
        (_provenance_value(e, "method", "version"), method.version),
        (_provenance_value(e, "sampling", "frames"), run.all_frames()),
        (type(e.provenance.get("seconds")), dict),
    )
    arrays = ((e.times, clip.times), (e.spans, layout.spans), (e.sampled_frames, layout.sampled_frames))
    return all(one == other for one, other in facts) and all(np.array_equal(one, other) for one, other in arrays)


def _provenance_value(e: Explanation, part: str, name: str) -> Any:
    facts = e.provenance.get(part)
    return facts.get(name) if isinstance(facts, dict) else None


def record_fits(run: ExplainRun, target: Target | None, record: Record) -> bool:
    """Return whether a record has the model's grid and classes, and the class that it was looked up for, if any."""
    is_same_grid = record.geometry == run.model.geometry and len(record.logits) == len(run.model.labels)
    return is_same_grid and (None in (target, record.target) or record.target == target)


def maps_fit(run: ExplainRun, result: MethodResult) -> bool:
    """Return whether maps and masks have the model's grid, and the maps hold finite numbers only."""
    geometry, maps, masks = run.model.geometry, result.maps, result.masks
    grid = (geometry.slices, geometry.height, geometry.width)
    is_same_grid = maps.shape == grid and (masks is None or masks.values.shape[1:] == grid)
    return is_same_grid and maps.dtype == np.float32 and bool(np.isfinite(maps).all())


def profile_fits(run: ExplainRun, shares: tuple[float, ...]) -> bool:
    """Return whether a time profile has a positive share for each of the model's slices, with sum 1."""
    is_positive = all(0 < share <= 1 for share in shares)
    return len(shares) == run.model.geometry.slices and is_positive and abs(sum(shares) - 1) < 1e-6


def preview_fits(clip: Clip, preview: Preview) -> bool:
    """Return whether a preview has the frames and times of a clip."""
    indices = even_indices(len(clip), MAX_FRAMES)
    is_small = max(preview.width, preview.height) <= MAX_SIDE
    return (
        is_small
        and np.array_equal(preview.indices, clip.first_frame + indices)
        and np.array_equal(preview.times, clip.times[indices])
    )
