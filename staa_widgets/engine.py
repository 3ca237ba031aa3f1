"""`explain`: the only place that knows the order of the steps from a video to an `Explanation`."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets import cache as store
from staa_widgets.clip import open_clip
from staa_widgets.errors import ModelError, ParameterError
from staa_widgets.explanation import Explanation, softmax
from staa_widgets.preview import BUDGET, LIMIT, LONGEST, Preview, make_preview
from staa_widgets.progress import Progress, reporting
from staa_widgets.provenance import versions
from staa_widgets.question import Question, remember
from staa_widgets.record import Needs
from staa_widgets.sampling import spans
from staa_widgets.turn import turn
from staa_widgets.windows import choose, merge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import nn

    from staa_widgets.job import Job
    from staa_widgets.models import VideoModel
    from staa_widgets.record import Record

ATTENTION_LIMIT = 32_000_000
"""Bytes of attention by layer and head beyond which it is left out: long clips of large models."""


def explain(
    video: Any,
    model: VideoModel | nn.Module | str | Path | None = None,
    method: str = "staa",
    *,
    target: int | str | None = None,
    start: float | None = None,
    end: float | None = None,
    window: float | None = None,
    cache: bool = True,
    batch_size: int = 4,
    preview: bool = True,
    attention: bool = True,
    progress: Progress | bool | None = None,
    **params: Any,
) -> Explanation:
    """Find where and when a video classifier looked.

    Parameters
    ----------
    video
        Anything `open_clip` takes: path, bytes, frames ``(F, H, W, 3)``, an `ActionClip`, a `Clip`.
    model
        A `VideoModel`, or anything `load_model` takes; ``None`` for the bundled model.
    method
        Name in `METHODS`.
    target
        Class to explain, by index or label; default: the predicted one. Methods that do not depend on the class
        always speak of the predicted one.
    start, end
        Seconds; only frames whose time lies in ``[start, end)`` are explained.
    window
        Seconds that one window of the model spans. By default a clip of up to 12 s is one window; longer ones are
        divided into windows of 4 s, each weighted by the target's probability in it.
    cache
        Whether to look the answer up, and keep it, by content. ``False`` leaves no trace on disk.
    batch_size
        Windows that the model is given at once.
    preview
        Whether to pack pictures of the clip, which the player shows.
    attention
        Whether to keep attention by layer and head, for browsing.
    progress
        ``progress(step, done, total)`` is called between steps, and between the passes of methods that take many; it
        may raise `CancelledError` to stop. Windows finished by then are kept in the cache. ``True`` for a bar,
        ``False`` for silence, ``None`` for a bar in a notebook or on a terminal if it takes long. Computations of one
        process wait for each other, and say so.
    **params
        Parameters of the method.

    Returns
    -------
    Explanation
        Plain numpy, with everything that was run in its `provenance`.

    Raises
    ------
    VideoError
        If the video cannot be read or is too short for the model.
    ModelError
        If the model cannot be loaded.
    MethodError
        If the method is unknown or cannot answer for this model.
    ParameterError
        If a parameter is unknown or out of range.
    MissingPackageError
        If the method needs a package that is not installed.
    """
    from staa_widgets.job import Job
    from staa_widgets.methods import BROWSING, get_method
    from staa_widgets.models import VideoModel, load_model

    if batch_size < 1:
        raise ParameterError(f"batch_size is {batch_size}.", "Give at least 1.")
    asked = get_method(method)
    whole = asked.complete(params)
    clip = open_clip(video, start, end)
    loaded = model if isinstance(model, VideoModel) else load_model(model)
    needs = asked.needs(params)
    wanted = target_index(target, loaded.labels)
    with reporting(progress) as report, turn(report):
        job = Job(
            clip=clip,
            model=loaded,
            method=asked,
            params=whole,
            needs=needs | BROWSING if attention else needs,
            target=wanted if asked.depends_on_class(params) else None,
            samples=choose(clip, loaded.geometry, window),
            attention=attention,
            cache=cache,
            batch_size=batch_size,
            report=report,
        )
        key = job.key() if cache else ""
        found, hit = job.kept("explanation", key, Explanation.from_bytes, Explanation.to_bytes, lambda: _compute(job))
        pictures = _preview(job) if preview else None
    if wanted not in (None, found.target):
        warnings.warn(
            f"{method!r} does not depend on the class: this explains {found.labels[found.target]!r}, which was "
            f"predicted, not {found.labels[wanted]!r}. Class-specific methods, such as 'staa_logit', can.",
            stacklevel=2,
        )
    # Names are those of this call: the same content may have been explained under others.
    explanation = replace(
        found,
        clip_name=clip.name,
        model_id=loaded.id,
        labels=loaded.labels,
        preview=pictures,
        truth=clip.truth,
        provenance={
            **found.provenance,
            "cache": ("hit" if hit else "miss") if cache else "off",
            "seconds": {**found.provenance["seconds"], **({} if hit else job.seconds)},
        },
    )
    question = Question(
        clip=clip,
        model=loaded,
        method=asked.name,
        params=whole,
        target=wanted,
        window=window,
        cache=cache,
        batch_size=batch_size,
        preview=preview,
        attention=attention,
    )
    return remember(explanation, question)


def target_index(target: int | str | None, labels: tuple[str, ...]) -> int | None:
    """Find a class by index or by label; case, spaces, ``_`` and ``-`` make no difference in labels.

    Raises
    ------
    ParameterError
        If there is no such class; it names the nearest.
    """
    if target is None:
        return None
    if isinstance(target, str):
        folded = [_folded(label) for label in labels]
        if _folded(target) in folded:
            return folded.index(_folded(target))
        close = get_close_matches(_folded(target), folded, 1, cutoff=0.5)
        few = ", ".join(labels[:10]) + (", …" if len(labels) > 10 else "")
        hint = f"Did you mean {labels[folded.index(close[0])]!r}?" if close else f"The model knows {few}."
        raise ParameterError(f"The model has no class {target!r}.", hint)
    if isinstance(target, bool) or not isinstance(target, int | np.integer) or not 0 <= target < len(labels):
        raise ParameterError(f"The model has no class {target!r}.", f"Give a label, or 0 to {len(labels) - 1}.")
    return int(target)


def _compute(job: Job) -> Explanation:
    from staa_widgets.methods import attention_maps

    clip, model, several = job.clip, job.model, len(job.samples) > 1
    records, target = _records(job)
    size = 2 * len(job.samples) * model.geometry.slices * model.geometry.height * model.geometry.width
    maps, browsed, logits = [], [], []
    for window, record in enumerate(records):
        found = job.maps(window, record, target)
        mass = float(np.abs(found).sum())
        # A window's share of the clip is for its weight to say, not for the scale of its maps.
        maps.append(found / mass if several and mass else found)
        with job.clock("method"):
            if job.attention and record.rows is not None and size * record.rows[..., 0, 0].size <= ATTENTION_LIMIT:
                browsed.append(np.moveaxis(attention_maps(record), 2, 0))
        logits.append(record.logits)
    window_logits = np.stack(logits)
    if not np.isfinite(window_logits).all():
        raise ModelError("The model's logits are not finite.", "Load it with dtype='float32'.")
    mean = window_logits.mean(0)
    if target is None:
        target = int(mean.argmax())
    weights = softmax(window_logits)[:, target].tolist() if several else [1.0]
    seen = np.array(job.frames)
    seen = seen.reshape(len(seen), model.geometry.slices, model.geometry.tubelet)
    merged, sampled = merge(maps, seen, weights)
    moments = clip.times[(sampled - clip.first_frame).ravel()]
    attention = np.moveaxis(merge(browsed, seen, weights)[0], 0, 2).astype(np.float16) if browsed else None
    return Explanation(
        maps=merged,
        spans=spans(moments, float(clip.times[0]), clip.duration, sampled.shape[1]),
        sampled=sampled,
        box=model.transform.box(clip.width, clip.height),
        frame_size=(clip.width, clip.height),
        times=clip.times,
        first_frame=clip.first_frame,
        duration=clip.duration,
        logits=mean,
        labels=model.labels,
        target=target,
        method=job.method.name,
        params=job.params,
        model_id=model.id,
        clip_sha256=clip.sha256,
        attention=attention,
        window_logits=window_logits,
        provenance=_provenance(job, weights),
    )


def _records(job: Job) -> tuple[Iterable[Record], int | None]:
    """Give what the windows are answered from, and the class that all of them speak of."""
    target = job.target
    if job.method.depends_on_class(job.params) and target is None and len(job.samples) > 1:
        # Which class is predicted only all windows can tell.
        needs = Needs() if job.needs.target else job.needs
        records = list(job.records(needs, None))
        target = int(np.mean([record.logits for record in records], axis=0).argmax())
        if needs == job.needs:
            return records, target
    records = job.records(job.needs, target)
    # Methods that ask the model again may take minutes, in which other processes shall not wait for the records.
    return list(records) if job.method.asks else records, target


def _preview(job: Job) -> Preview:
    # Apart from the explanation: it is the largest part, and every method, model and class of a clip shares it.
    clip = job.clip
    key = store.key(
        kind="preview", clip=clip.sha256, extent=(clip.first_frame, len(clip)), limits=(LIMIT, LONGEST, BUDGET)
    )

    def make() -> Preview:
        with job.clock("preview"):
            return make_preview(clip, progress=lambda done, total: job.report("pictures", done, total))

    return job.kept("preview", key, Preview.from_bytes, Preview.to_bytes, make)[0]


def _provenance(job: Job, weights: list[float]) -> dict[str, Any]:
    cost = job.method.cost(job.model.geometry, job.params)
    return {
        "versions": versions(),
        "model": {"family": job.model.family, "weights": job.weights, "transform": job.model.transform.describe()},
        "device": str(job.model.device),
        "dtype": str(job.model.dtype).removeprefix("torch."),
        "method": {"name": job.method.name, "version": job.method.version, "params": job.params},
        "sampling": {
            "frames": job.frames,
            "times": [sample.times for sample in job.samples],
            "window_weights": weights,
        },
        "box": job.model.transform.box(job.clip.width, job.clip.height),
        "cost": {name: len(job.samples) * passes for name, passes in cost._asdict().items()},
        "seconds": dict(job.seconds),
    }


def _folded(label: str) -> str:
    return re.sub(r"[\s_-]+", " ", label).strip().casefold()
