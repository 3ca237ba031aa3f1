"""The time profile of a model: the curve over time that a method gives of clips in which nothing happens."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.datasets.drawn_actions import still_clip
from staa_widgets.engine.entries import PROFILE, profile_fits
from staa_widgets.engine.keys import profile_key
from staa_widgets.methods.registry import Method, get_method
from staa_widgets.records.record import Needs
from staa_widgets.storage.format import split_fields
from staa_widgets.utils.canonical import canonical_json

if TYPE_CHECKING:
    from staa_widgets.engine.run import ExplainRun
    from staa_widgets.models import VideoModel
    from staa_widgets.records.record import Record

LookUp = Callable[[str, Callable[[], tuple[float, ...]]], tuple[float, ...]]
"""Returns the profile for a cache key, or computes it with the function given."""

STILL_CLIPS = 4
"""Number of still clips whose maps are averaged."""

STILL_SEEDS = 22_000_000
"""Seed of the first still clip."""

MAX_RECORD_BYTES = 200_000_000
"""Largest records of the still clips, in bytes, that stay in memory for other parameters of the same model."""

_LEAST_SHARE = 0.1
_LEAST_SIZE = 128
_MAX_PROFILES = 1000
_profiles: OrderedDict[str, tuple[float, ...]] = OrderedDict()
_records: dict[str, tuple[list[Record], Needs]] = {}
"""Records of the still clips by the model used last, with the needs that they meet."""

_lock = threading.Lock()


def time_profile(model: VideoModel, method: str = "staa", **params: Any) -> NDArray[np.float64]:
    """Return the share of a method's map that each slice gets on still clips, which show nothing but one frame.

    A model's embeddings of time and its padding alone make such a profile. `staa_widgets.explain` divides maps by it,
    so that a clip in which nothing happens gets an even curve over time. A class-specific method explains the class
    predicted for each still clip: the profiles of all classes are nearly the same.

    Parameters
    ----------
    model
        The model.
    method
        Method with a parameter `profile`, such as ``"staa"``.
    **params
        Other parameters of the method.

    Returns
    -------
    NDArray[np.float64]
        ``(S,)``, sum 1.

    Raises
    ------
    ParameterError
        If the method has no parameter `profile`.
    """
    from staa_widgets.models import model_digest

    entry = get_method(method)
    complete = entry.complete({**params, "profile": "auto"})
    return np.array(with_time_profile(model, partial(model_digest, model), entry, complete)["profile"])


def with_time_profile(
    model: VideoModel,
    compute_digest: Callable[[], str],
    method: Method,
    params: Mapping[str, Any],
    look_up: LookUp = lambda _, compute: compute(),
) -> dict[str, Any]:
    """Return a method's parameters with the model's profile in place of ``profile="auto"``.

    Parameters
    ----------
    model, compute_digest
        The model, and a function that returns its digest.
    method, params
        The method and all its parameters.
    look_up
        Function that returns the profile for a cache key, or calls the function that computes it; called if the profile
        is not in memory.
    """
    if params.get("profile") != "auto":
        return dict(params)
    plain_params = {**params, "profile": None}
    if params.get("time") is False:
        return plain_params
    digest = compute_digest()
    key = profile_key(model, digest, method, plain_params)
    with _lock:
        profile = _profiles.get(key)
    if profile is None:
        profile = look_up(key, partial(_compute_profile, model, digest, method, plain_params))
        with _lock:
            _profiles[key] = profile
            while len(_profiles) > _MAX_PROFILES:
                _profiles.popitem(last=False)
    return {**params, "profile": profile}


def params_with_profile(run: ExplainRun) -> dict[str, Any]:
    """Return all parameters of a run's method, with the model's time profile if the method divides by one."""

    def look_up(key: str, compute: Callable[[], tuple[float, ...]]) -> tuple[float, ...]:
        def compute_with_report() -> tuple[float, ...]:
            run.report(f"running {STILL_CLIPS} still clips, once for this model", 0, 1)
            with run.timer.clock("profile"):
                return compute()

        return run.get_or_compute(PROFILE, lambda: key, compute_with_report, partial(profile_fits, run))[0]

    return with_time_profile(run.model, lambda: run.model_digest, run.method, run.params, look_up)


def variation_over_time(maps: NDArray[np.floating], profile: Sequence[float]) -> float:
    """Return the share of a map's attribution that lies at other times than on still clips.

    Parameters
    ----------
    maps
        Maps ``(S, h, w)``, divided by the profile.
    profile
        The profile ``(S,)``.

    Returns
    -------
    float
        Total variation between the curve over time before the division and the profile: 0 if a clip changes nothing,
        at most 1.
    """
    shares = np.asarray(profile, np.float64)
    curve = maps.sum((1, 2), dtype=np.float64) * shares
    if not curve.sum() > 0:
        return 0.0
    return float(np.abs(curve / curve.sum() - shares / shares.sum()).sum() / 2)


def _compute_profile(model: VideoModel, digest: str, method: Method, params: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the mean curve of the still clips' maps, with sum 1 and at least `_LEAST_SHARE` of an even share."""
    curves = [method(record, **params).sum((1, 2)) for record in _still_records(model, digest, method.needs(params))]
    scaled = [curve / curve.sum() for curve in curves if curve.sum() > 0]
    shares = np.mean(scaled, axis=0) if scaled else np.ones(len(curves[0]))
    shares = np.maximum(shares / shares.mean(), _LEAST_SHARE)
    return tuple(float(share) for share in shares / shares.sum())


def _still_records(model: VideoModel, digest: str, needs: Needs) -> list[Record]:
    """Return the records of the still clips: those of the model used last stay in memory, unless they are large."""
    key = canonical_json([digest, model.transform.describe(), str(model.dtype)])
    with _lock:
        records, known_needs = _records.get(key, ([], Needs()))
    if records and known_needs | needs == known_needs:
        return records
    records = _record_still_clips(model, needs | known_needs)
    with _lock:
        _records.clear()
        if sum(array.nbytes for record in records for array in split_fields(record)[1].values()) <= MAX_RECORD_BYTES:
            _records[key] = records, needs | known_needs
    return records


def _record_still_clips(model: VideoModel, needs: Needs) -> list[Record]:
    """Run the still clips through the model, in one batch where memory allows."""
    import torch

    from staa_widgets.models.batching import run_within_memory
    from staa_widgets.models.capture import record

    frames = model.geometry.frames
    size = max(_LEAST_SIZE, *model.geometry.input_size)
    clips = [still_clip(STILL_SEEDS + number, size=size, fps=1, seconds=1) for number in range(STILL_CLIPS)]
    pixels = torch.stack([model.pixels(np.repeat(clip.frames[:1], frames, axis=0)) for clip in clips])
    records: list[Record] = []

    def run_passes(size: int) -> None:
        while len(records) < STILL_CLIPS:
            batch = pixels[len(records) : len(records) + size]
            records.extend(record(model, batch, needs, [None] * len(batch)))

    run_within_memory(model, run_passes, needs=needs, count=STILL_CLIPS)
    return records
