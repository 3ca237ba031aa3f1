"""Compute the maps of windows: run the attribution method on the record of each window."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from staa_widgets.engine.attribute import open_inputs, run_method
from staa_widgets.engine.checkpoint import CachedCheckpoint
from staa_widgets.engine.entries import MAPS, maps_fit
from staa_widgets.engine.keys import maps_key
from staa_widgets.engine.lock import compute_lock
from staa_widgets.engine.records import RUNNING_MODEL, WindowRecord, record_windows
from staa_widgets.engine.time_profile import params_with_profile
from staa_widgets.engine.window_reader import read_pixels
from staa_widgets.methods.result import MethodResult
from staa_widgets.models.batching import run_within_memory
from staa_widgets.records.masks import Masks
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.target import Target

if TYPE_CHECKING:
    from torch import Tensor

    from staa_widgets.engine.run import ExplainRun


@dataclass(frozen=True, eq=False)
class WindowResult:
    """The maps of one window.

    Parameters
    ----------
    window
        Index of the window.
    maps
        float32 ``(S, h, w)``.
    record
        The record of the window.
    target
        Target that the maps explain, or the predicted class.
    cached
        Whether the maps were obtained without calling the model.
    seconds
        Seconds by step; the time of a step for several windows is divided evenly among them.
    masks
        Masks that the maps are made from, if the method makes masks.
    standard_errors
        Standard errors of the record's sampling and of the method, by name.
    completeness_gap
        See `staa_widgets.methods.result.completeness_gap`.
    """

    window: int
    maps: NDArray[np.float32]
    record: Record
    target: Target
    cached: bool
    seconds: Mapping[str, float]
    masks: Masks | None
    standard_errors: Mapping[str, float]
    completeness_gap: float | None


def attribute_windows(
    run: ExplainRun,
    windows: Sequence[int],
    target: Target | None,
    step: str = RUNNING_MODEL,
    needs: Needs | None = None,
) -> Generator[WindowResult, None, None]:
    """Yield the maps of windows one after the other; closing the generator stops before the next batch.

    Parameters
    ----------
    run
        The run.
    windows
        Increasing indices of windows of the run.
    target
        Class to explain; ``None`` for the class predicted in each window.
    step
        Name under which progress of the model's passes is reported.
    needs
        Arrays that the records must hold; default: the run's needs.
    """
    record_target = target if run.class_specific else run.record_target
    records = record_windows(run, windows, needs or run.needs, record_target, step)
    # `map` instead of a loop: a loop variable would keep a record in memory while the next batch is made.
    yield from map(partial(attribute_window, run, target=target), records)


def attribute_window(run: ExplainRun, window_record: WindowRecord, target: Target | None) -> WindowResult:
    """Return the maps of a window; `target` as for `attribute_windows`."""
    record = window_record.record
    seconds_before = dict(run.timer.seconds)
    window_target = int(record.logits.argmax()) if target is None else target
    with compute_lock(run.report):
        result, hit = _window_maps(run, window_record, window_target)
    return WindowResult(
        window_record.window,
        result.maps,
        record,
        window_target,
        cached=hit and window_record.cached,
        seconds={**window_record.seconds, **run.timer.since(seconds_before)},
        masks=result.masks,
        standard_errors={**record.sampling_errors, **result.standard_errors},
        completeness_gap=result.completeness_gap,
    )


def window_seed(sha256: str, frames: list[int]) -> int:
    """Return a seed made from a clip's digest and a window's source frames: the same on every machine."""
    return int(hashlib.sha256(f"{sha256} {frames}".encode()).hexdigest()[:8], 16)


def _window_maps(run: ExplainRun, window_record: WindowRecord, target: Target) -> tuple[MethodResult, bool]:
    """Return the method's result for a window, and whether it was obtained without calling the model."""
    if not run.method.needs_model:
        params = params_with_profile(run)
        with run.timer.clock("method"):
            return run.method.compute(window_record.record, **params), True
    # Maps for which the model runs again have their own cache entry.
    checkpoint = CachedCheckpoint(maps_key(run, window_record.window, target)) if run.request.uses_cache else None
    result, hit = run.get_or_compute(
        MAPS,
        lambda: maps_key(run, window_record.window, target),
        lambda: _compute_maps(run, window_record, target, checkpoint),
        lambda result: maps_fit(run, result),
    )
    if checkpoint is not None and not hit:
        checkpoint.remove()
    return result, hit


def _compute_maps(
    run: ExplainRun, window_record: WindowRecord, target: Target, checkpoint: CachedCheckpoint | None
) -> MethodResult:
    """Return the result for a window of a method that calls the model again."""
    window, model = window_record.window, run.model
    pixels = _window_pixels(run, window) if window_record.pixels is None else window_record.pixels
    window_text = f", window {window + 1} of {len(run.windows)}" if len(run.windows) > 1 else ""

    def attribute_in_batches(batch_size: int) -> MethodResult:
        with open_inputs(
            model,
            pixels,
            target=target,
            seed=window_seed(run.request.clip.sha256, run.frames(window)),
            batch_size=batch_size,
            report=lambda done, total: run.report(f"running the method{window_text}", done, total),
            record=window_record.record,
            checkpoint=checkpoint,
        ) as inputs:
            return run_method(run.method, run.params, inputs)

    backward = run.method.cost(model.geometry, run.params).backwards > 0
    with run.timer.clock("method"):
        return run_within_memory(model, attribute_in_batches, backward=backward, max_size=run.request.batch_size)


def _window_pixels(run: ExplainRun, window: int) -> Tensor:
    return read_pixels(run.request.clip, run.windows[window].indices, run.model.pixels, run.timer.clock)
