"""Maps that another tool computed, as the fields of an explanation; see `Explanation.from_arrays`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from staa_widgets.errors import ParameterError
from staa_widgets.records.labels import target_index
from staa_widgets.video.clip import Clip

OWN_MAPS = "own maps"
"""Beginning of the method name of maps that another tool computed."""


def method_name(name: str) -> str:
    """Return the method name of maps that another tool computed: ``"own maps: gaze"``."""
    return f"{OWN_MAPS}: {name}" if name else OWN_MAPS


def is_own_maps(method: str) -> bool:
    """Return whether a method name is that of maps that another tool computed."""
    return method == OWN_MAPS or method.startswith(f"{OWN_MAPS}: ")


def map_fields(
    clip: Clip,
    maps: ArrayLike,
    spans: ArrayLike | None,
    sampled_frames: ArrayLike | None,
    box: Sequence[float] | None,
) -> dict[str, Any]:
    """Return the fields of an explanation for the maps, their place and their time.

    Parameters
    ----------
    clip
        The video.
    maps, spans, sampled_frames, box
        As for `Explanation.from_arrays`.

    Raises
    ------
    ParameterError
        If the maps are not finite numbers of shape ``(S, h, w)``, or the spans have another shape.
    """
    values = _to_numpy("maps", maps, np.float32)
    if values.ndim != 3 or not values.size:
        raise ParameterError(
            f"The maps have the shape {values.shape}.",
            "Give one map of h rows and w columns for each of S slices of the clip: (S, h, w).",
        )
    if not np.isfinite(values).all():
        raise ParameterError(
            "The maps have values that are NaN or infinite.", "Replace them, for example with numpy.nan_to_num."
        )
    slices = len(values)
    if spans is None:
        edges = np.linspace(clip.times[0], clip.end, slices + 1)
        spans = np.stack([edges[:-1], edges[1:]], 1)
    intervals = _to_numpy("spans", spans, np.float64)
    if intervals.shape != (slices, 2):
        raise ParameterError(
            f"The spans have the shape {intervals.shape}, but there are maps of {slices} slices.",
            f"Give the seconds at which each slice starts and ends: ({slices}, 2).",
        )
    if sampled_frames is None:
        middles = intervals.mean(1)
        nearest = np.abs(clip.times[None] - middles[:, None]).argmin(1)
        sampled_frames = clip.first_frame + nearest[:, None]
    return {
        "maps": values,
        "spans": intervals,
        "sampled_frames": sampled_frames,
        "box": (0, 0, clip.width, clip.height) if box is None else tuple(box),
        "frame_size": (clip.width, clip.height),
        "times": clip.times,
        "first_frame": clip.first_frame,
        "end": clip.end,
        "clip_sha256": clip.sha256,
        "clip_name": clip.name,
        "ground_truth": clip.ground_truth,
    }


def class_fields(
    labels: Sequence[str] | None, logits: ArrayLike | None, target: int | str | None, name: str
) -> dict[str, Any]:
    """Return the fields of an explanation for its classes; without logits, there are no predictions.

    Raises
    ------
    ParameterError
        If there is another number of logits than labels, or no such class.
    """
    names = tuple(map(str, labels)) if labels is not None else (name or OWN_MAPS,)
    values = np.zeros(len(names)) if logits is None else _to_numpy("logits", logits, np.float32)
    if values.shape != (len(names),):
        raise ParameterError(
            f"The logits have the shape {values.shape}, but there are {len(names)} labels.", "Give one for each label."
        )
    index = target_index(target, names)
    return {
        "labels": names,
        "logits": values,
        "target": int(values.argmax()) if index is None else index,
        "has_predictions": logits is not None,
    }


def _to_numpy(name: str, values: Any, dtype: Any) -> NDArray[Any]:
    """Return an array, tensor or nested list as an array of numpy."""
    if hasattr(values, "detach"):  # a tensor of torch
        values = values.detach().cpu().float().numpy()
    try:
        return np.asarray(values, dtype)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} cannot be read as an array of numbers: {error}", "Give an array.") from error
