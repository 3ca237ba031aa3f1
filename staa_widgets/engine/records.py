"""Return the records of windows: from the cache, or made by the model in batches and then stored."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from staa_widgets.engine.entries import RECORD, record_fits
from staa_widgets.engine.keys import record_key, record_lock_name
from staa_widgets.engine.lock import compute_lock
from staa_widgets.engine.style_check import window_style
from staa_widgets.engine.window_reader import WindowReader
from staa_widgets.models.batching import max_batch_size, run_within_memory, trim_heap
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.target import Target
from staa_widgets.storage import cache

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor

    from staa_widgets.engine.run import ExplainRun

RUNNING_MODEL = "running the model"
"""Name of the step in progress reports."""


@dataclass(frozen=True, eq=False)
class PendingWindow:
    """A window that has no record yet.

    Parameters
    ----------
    run, window
        The run, and the index of the window in it.
    target
        Target that the record is made for; ``None`` for the predicted class.
    pixels
        Input of the model, float32 ``(T, 3, H, W)``.
    """

    run: ExplainRun
    window: int
    target: Target | None
    pixels: Tensor


@dataclass(frozen=True, eq=False)
class WindowRecord:
    """The record of a window.

    Parameters
    ----------
    window
        Index of the window.
    record
        Record of the window.
    pixels
        Input of the model, float32 ``(T, 3, H, W)``; ``None`` if the record was in the cache.
    cached
        Whether the record was in the cache.
    seconds
        The window's share of the time that its batch took, by step.
    """

    window: int
    record: Record
    pixels: Tensor | None = None
    cached: bool = True
    seconds: Mapping[str, float] = field(default_factory=dict)


def record_windows(
    run: ExplainRun, windows: Sequence[int], needs: Needs, target: Target | None, step: str = RUNNING_MODEL
) -> Iterator[WindowRecord]:
    """Yield the record of each window; records that are not in the cache are made in batches.

    No lock is held between batches, and no more than one batch is in memory.

    Parameters
    ----------
    run
        The run.
    windows
        Increasing indices of windows of the run.
    needs
        Arrays that each record must hold.
    target
        Class that the records are made for; ``None`` for the class predicted in each window.
    step
        Name under which progress is reported.
    """
    done = 0
    with closing(WindowReader(run.request.clip, run.windows, run.model.pixels, run.timer.clock)) as reader:
        while done < len(windows):
            is_single = len(windows) == 1
            size = 1 if is_single else run.request.batch_size or max_batch_size(run.model, needs=needs)
            batch = windows[done : done + size]
            report_start = None if done else partial(run.report, step, 0, len(windows))
            records = _look_up_or_record(run, reader, batch, needs, target, report_start)
            digest = "" if is_single else run.model_digest
            run.report(step, done + len(batch), len(windows))
            while records and (is_single or run.model_digest == digest):
                yield records.popleft()
                done += 1
            if records:
                break
    # The caller may change the model between two results; then the rest of the batch, which was recorded with the old
    # model, is made again.
    if done < len(windows):
        yield from record_windows(run, windows[done:], needs, target, step)


def record_batch(pending: Sequence[PendingWindow], needs: Needs, max_size: int | None) -> list[Record]:
    """Run windows of one or several clips through their model together; store and return the records.

    Parameters
    ----------
    pending
        Windows of one model.
    needs
        Arrays that the records must hold.
    max_size
        Maximum number of windows per pass; by default as many as fit the device's memory.
    """
    import torch

    from staa_widgets.models.capture import record

    records: list[Record] = []
    model = pending[0].run.model

    def run_passes(size: int) -> None:
        # If memory runs out, this function is called again with a smaller size and continues after the last finished
        # pass.
        while len(records) < len(pending):
            windows = pending[len(records) : len(records) + size]
            targets = [window.target if needs.class_specific else None for window in windows]
            records.extend(record(model, torch.stack([window.pixels for window in windows]), needs, targets))

    start_time = time.perf_counter()
    if len(pending) == 1:
        max_size = 1
    run_within_memory(model, run_passes, needs=needs, max_size=max_size, count=len(pending))
    seconds_per_window = (time.perf_counter() - start_time) / len(pending)
    records = [
        replace(record, style_deviation=window_style(window.run.model, window.pixels))
        for window, record in zip(pending, records, strict=True)
    ]
    for window, window_record in zip(pending, records, strict=True):
        window.run.timer.add("forward", seconds_per_window)
        _store_record(window, window_record, needs)
    return records


def look_up_record(run: ExplainRun, window: int, needs: Needs, target: Target | None) -> tuple[Record | None, Needs]:
    """Return a cached record and the needs that it meets; or ``None`` and the needs of the entry to replace."""
    replaced_needs = Needs()
    if needs.patch:
        return None, replaced_needs
    # A record made for the predicted class also serves a request that names this class.
    for record_target in dict.fromkeys((target, None)):
        entry = _read_record(run, window, record_target)
        if entry is None:
            continue
        record, stored_needs = entry
        holds_all_needs = stored_needs | needs == stored_needs
        if holds_all_needs and (not needs.class_specific or target in (None, record.target)):
            return record, stored_needs
        if record_target == target:
            replaced_needs = stored_needs
    return None, replaced_needs


def record_lock(run: ExplainRun) -> AbstractContextManager[None]:
    """Return a context manager that holds a lock, so that no other process makes the same records."""
    return cache.lock("record", record_lock_name(run), run.report_waiting) if run.request.uses_cache else nullcontext()


def remove_temporary_records(run: ExplainRun) -> None:
    """Remove the records that a run stored only until its explanation is done."""
    while run.temporary_records:
        cache.remove(RECORD, run.temporary_records.pop())


def _look_up_or_record(
    run: ExplainRun,
    reader: WindowReader,
    batch: Sequence[int],
    needs: Needs,
    target: Target | None,
    report_start: Callable[[], object] | None,
) -> deque[WindowRecord]:
    records: dict[int, WindowRecord] = {}
    missing: list[int] = []
    with compute_lock(run.report), record_lock(run):
        # The new record also holds all arrays of the entry that it replaces, so that it serves earlier requests too.
        all_needs = needs
        for window in batch:
            record, stored_needs = look_up_record(run, window, needs, target)
            if record is None:
                missing.append(window)
                all_needs = all_needs | stored_needs
            else:
                records[window] = WindowRecord(window, record)
        if missing:
            if report_start is not None:
                report_start()
            seconds_before = dict(run.timer.seconds)
            pending = [PendingWindow(run, window, target, reader.window(window)) for window in missing]
            if len(run.windows) > len(batch):
                trim_heap()
            new_records = record_batch(pending, all_needs, run.request.batch_size)
            seconds = run.timer.since(seconds_before, len(missing))
            for item, record in zip(pending, new_records, strict=True):
                records[item.window] = WindowRecord(item.window, record, item.pixels, cached=False, seconds=seconds)
    return deque(records[window] for window in batch)


def _read_record(run: ExplainRun, window: int, target: Target | None) -> tuple[Record, Needs] | None:
    if not (run.memory_cache or run.request.uses_cache):
        return None
    key = record_key(run, window, target)
    if run.memory_cache and key in run.memory_cache:
        return run.memory_cache[key]
    return cache.get(RECORD, key, lambda entry: record_fits(run, target, entry[0])) if run.request.uses_cache else None


def _store_record(pending: PendingWindow, record: Record, needs: Needs) -> None:
    run = pending.run
    # A record for each patch would fill the cache. The explanation for a patch is cached instead.
    is_shared = run.memory_cache is not None and len(run.windows) == 1
    if needs.patch or not (is_shared or run.request.uses_cache):
        return
    key = record_key(run, pending.window, pending.target)
    if run.memory_cache is not None and is_shared:
        run.memory_cache[key] = record, needs
    if run.request.uses_cache:
        if not (run.keep_records or cache.has(RECORD, key)):
            run.temporary_records.append(key)
        cache.put(RECORD, key, (record, needs))
