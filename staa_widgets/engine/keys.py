"""Make cache keys: a key holds everything that a cached value depends on.

A key is made from content and settings, never from names, so that the entries of a renamed file or model are still
found. `_run_key` adds the fields that all values of a run depend on.

A key does not contain the code that computes a value, but its version. After a change that gives other values for the
same inputs, such as another way to merge windows, raise the part's number in `VERSIONS`, or the `version` of the method
or metric. `tests/engine/test_versions.py` fails when code changes, so that nobody forgets to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from staa_widgets.records.target import LogitFunction, Target
from staa_widgets.storage import cache
from staa_widgets.video.preview import MAX_BYTES, MAX_FRAMES, MAX_SIDE

if TYPE_CHECKING:
    from staa_widgets.engine.run import ExplainRun
    from staa_widgets.methods.registry import Method
    from staa_widgets.models.video_model import VideoModel
    from staa_widgets.video.clip import Clip


VERSIONS: Mapping[str, int] = MappingProxyType(
    {
        "frames": 3,
        "preprocessing": 1,
        "capture": 4,
        "methods": 1,
        "profile": 1,
        "merge": 2,
        "preview": 3,
        "metrics": 1,
        "style": 2,
    }
)
"""Versions of the parts that compute cached values; each method and each metric also has a version of its own."""


def explanation_key(run: ExplainRun) -> str:
    """Return the key of a run's explanation."""
    clip = run.request.clip
    return _run_key(
        run,
        kind="explanation",
        versions=_versions("capture", "methods", "profile", "merge", "style"),
        frames=run.all_frames(),
        extent=(clip.first_frame, len(clip), clip.end),
        method=(run.method.name, run.method.version),
        params=run.params,
        target=run.target,
        attention=run.request.attention,
    )


def record_key(run: ExplainRun, window: int, target: Target | None) -> str:
    """Return the key of a window's record for a class; ``None`` stands for the predicted class."""
    record_target: Any = "predicted" if target is None else target
    if isinstance(target, LogitFunction):
        # Only for records in memory, which the calls of one comparison share: no function is known by its content.
        record_target = f"function {id(target)}"
    return _run_key(
        run,
        kind="record",
        versions=_versions("capture", "style"),
        frames=run.frames(window),
        target=record_target,
        exact=run.needs.exact,
    )


def record_lock_name(run: ExplainRun) -> str:
    """Return the name of the lock under which a run's records are made."""
    return _run_key(run, kind="records", frames=run.all_frames())


def maps_key(run: ExplainRun, window: int, target: Target) -> str:
    """Return the key of a window's maps by a method that calls the model again."""
    return _run_key(
        run,
        kind="maps",
        versions=_versions("methods"),
        frames=run.frames(window),
        method=(run.method.name, run.method.version),
        params=run.params,
        target=target if run.class_specific else None,
    )


def profile_key(model: VideoModel, digest: str, method: Method, params: Mapping[str, Any]) -> str:
    """Return the key of a model's time profile by a method."""
    return cache.key(
        kind="profile",
        versions=_versions("preprocessing", "capture", "methods", "profile"),
        model=digest,
        transform=model.transform.describe(),
        geometry=asdict(model.geometry),
        dtype=str(model.dtype),
        method=(method.name, method.version),
        params=params,
    )


def preview_key(clip: Clip) -> str:
    """Return the key of a clip's preview pictures, which all methods, models and classes share."""
    return cache.key(
        kind="preview",
        versions=_versions("frames", "preview"),
        clip=clip.sha256,
        frame_size=(clip.width, clip.height),
        extent=(clip.first_frame, len(clip)),
        limits=(MAX_FRAMES, MAX_SIDE, MAX_BYTES),
    )


def input_fields(model: VideoModel, clip: Clip) -> dict[str, Any]:
    """Return the fields of a key for all that determines the model's input, except for the frames."""
    return {
        "clip": clip.sha256,
        "frame_size": (clip.width, clip.height),
        "transform": model.transform.describe(),
        "geometry": asdict(model.geometry),
        "dtype": str(model.dtype),
        "input_versions": _versions("frames", "preprocessing"),
        **_output_fields(model),
    }


def _output_fields(model: VideoModel) -> dict[str, Any]:
    """Return the fields for what the logits mean; without any for exclusive classes with a logit each."""
    fields = {"problem_type": model.problem_type, "splits_logit": model.splits_logit}
    return fields if fields != {"problem_type": "single_label_classification", "splits_logit": False} else {}


def _run_key(run: ExplainRun, **fields: Any) -> str:
    digest = run.model_digest  # Read first: the digest of an array of frames is still being computed in a thread.
    return cache.key(**fields, **input_fields(run.model, run.request.clip), model=digest)


def _versions(*parts: str) -> dict[str, int]:
    return {part: VERSIONS[part] for part in parts}
