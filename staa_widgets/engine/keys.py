"""Make cache keys: a key holds everything that a cached value depends on.

A key is made from content and settings, never from names, so that the entries of a renamed file or model are still
found. `_run_key` adds the fields that all values of a run depend on.

A key does not contain the code that computes a value. After a change that gives other values for the same inputs, such
as another way to merge windows, raise `FORMAT` in `staa_widgets.storage.cache`, or the `version` of the method.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from staa_widgets.storage import cache
from staa_widgets.video.preview import MAX_BYTES, MAX_FRAMES, MAX_SIDE

if TYPE_CHECKING:
    from staa_widgets.engine.run import ExplainRun
    from staa_widgets.video.clip import Clip


def explanation_key(run: ExplainRun) -> str:
    """Return the key of a run's explanation."""
    clip = run.request.clip
    return _run_key(
        run,
        kind="explanation",
        frames=run.all_frames(),
        extent=(clip.first_frame, len(clip), clip.end),
        method=(run.method.name, run.method.version),
        params=run.params,
        target=run.target,
        attention=run.request.attention,
    )


def record_key(run: ExplainRun, window: int, target: int | None) -> str:
    """Return the key of a window's record for a class; ``None`` stands for the predicted class."""
    record_target = "predicted" if target is None else target
    return _run_key(run, kind="record", frames=run.frames(window), target=record_target, exact=run.needs.exact)


def record_lock_name(run: ExplainRun) -> str:
    """Return the name of the lock under which a run's records are made."""
    return _run_key(run, kind="records", frames=run.all_frames())


def maps_key(run: ExplainRun, window: int, target: int) -> str:
    """Return the key of a window's maps by a method that calls the model again."""
    return _run_key(
        run,
        kind="maps",
        frames=run.frames(window),
        method=(run.method.name, run.method.version),
        params=run.params,
        target=target if run.class_specific else None,
    )


def preview_key(clip: Clip) -> str:
    """Return the key of a clip's preview pictures, which all methods, models and classes share."""
    return cache.key(
        kind="preview", clip=clip.sha256, extent=(clip.first_frame, len(clip)), limits=(MAX_FRAMES, MAX_SIDE, MAX_BYTES)
    )


def _run_key(run: ExplainRun, **fields: Any) -> str:
    model = run.model
    return cache.key(
        **fields,
        clip=run.request.clip.sha256,
        transform=model.transform.describe(),
        model=run.model_digest,
        geometry=asdict(model.geometry),
        dtype=str(model.dtype),
    )
