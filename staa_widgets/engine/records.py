"""Records of windows: looked up, or made in batches, and kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from staa_widgets.engine.lock import compute_lock
from staa_widgets.engine.window_reader import WindowReader
from staa_widgets.models.batching import max_batch_size, run_within_memory, trim_heap
from staa_widgets.records.record import Needs, Record
from staa_widgets.storage import cache as store

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor

    from staa_widgets.engine.run import ExplainRun

MemoryCache = dict[str, tuple[Record, Needs]]
"""Records of a clip's only window, by their keys, in memory."""


@dataclass(frozen=True, eq=False)
class PendingWindow:
    """A window that needs a record: whose it is, and its pixels.

    Parameters
    ----------
    job, window
        Which.
    target
        Class to speak of, ``None`` for the predicted one.
    pixels
        float32 ``(T, 3, H, W)``.
    """

    job: ExplainRun
    window: int
    target: int | None
    pixels: Tensor


@dataclass(frozen=True, eq=False)
class WindowRecord:
    """The record of a window.

    Parameters
    ----------
    window, record
        Which, and what.
    pixels
        float32 ``(T, 3, H, W)``, where they are at hand.
    cached
        Whether it was there before.
    seconds
        Its share of the time that its batch took, by step.
    """

    window: int
    record: Record
    pixels: Tensor | None = None
    cached: bool = True
    seconds: Mapping[str, float] = field(default_factory=dict)


def record_windows(
    job: ExplainRun, windows: Sequence[int], needs: Needs, target: int | None, step: str = "model"
) -> Iterator[WindowRecord]:
    """Give one record a window, with its pixels where it was made now; what is not cached is made in batches.

    Between batches nothing is held that another thread or process may wait for, and no more than a batch is kept.

    Parameters
    ----------
    job
        Whose windows.
    windows
        Which of its samples, rising.
    needs
        What each record must hold.
    target
        Class to speak of, ``None`` for the one predicted in each window.
    step
        What to report the passes as.
    """
    most = job.request.batch_size
    with closing(WindowReader(job.request.clip, job.windows, job.model.pixels, job.clock)) as reel:
        done = 0
        while done < len(windows):
            batch = windows[done : done + (most or max_batch_size(job.model, needs=needs))]
            with compute_lock(job.report), record_lock(job):
                held = {i: look_up_record(job, i, needs, target) for i in batch}
                missing = [i for i in batch if held[i][0] is None]
                # What an entry holds already is recorded again beside what is new, so that it goes on answering both.
                union = needs
                for i in missing:
                    union = union | held[i][1]
                if missing and not done:
                    job.report(step, 0, len(windows))
                before = dict(job.seconds)
                pixels = {i: reel.window(i) for i in missing}
                places = [PendingWindow(job, i, target, pixels[i]) for i in missing]
                if missing and len(windows) > len(batch):
                    trim_heap()
                made = dict(zip(missing, record_batch(places, union, most), strict=True)) if missing else {}
                # Or they would keep their pixels while the next batch is made.
                del places
            weights = job.weights
            shared = job.time_since(before, len(missing) or 1)
            job.report(step, done + len(batch), len(windows))
            for i in batch:
                if job.weights != weights:
                    break
                found = held.pop(i)[0]
                if found is not None:
                    yield WindowRecord(i, found)
                else:
                    yield WindowRecord(i, made.pop(i), pixels.pop(i), cached=False, seconds=shared)
                done += 1
            else:
                continue
            break
    # What was asked of other weights than those that answer now is asked again.
    if done < len(windows):
        yield from record_windows(job, windows[done:], needs, target, step)


def record_batch(places: Sequence[PendingWindow], needs: Needs, most: int | None) -> list[Record]:
    """Run windows, of one clip or of several, through their model together, and keep the records.

    Parameters
    ----------
    places
        All of one model.
    needs
        What the records shall hold.
    most
        Windows a pass at most; by default what the device holds.
    """
    import torch

    from staa_widgets.models.capture import record

    done: list[Record] = []

    def use(size: int) -> None:
        while len(done) < len(places):
            now = places[len(done) : len(done) + size]
            about = [place.target if needs.class_specific else None for place in now]
            done.extend(record(now[0].job.model, torch.stack([place.pixels for place in now]), needs, about))

    began = time.perf_counter()
    run_within_memory(places[0].job.model, use, needs=needs, max_size=most, count=len(places))
    share = (time.perf_counter() - began) / len(places)
    for place, made in zip(places, done, strict=True):
        place.job.add_time("forward", share)
        _store_record(place, made, needs)
    return done


def look_up_record(job: ExplainRun, window: int, needs: Needs, target: int | None) -> tuple[Record | None, Needs]:
    """Find a record that suffices, and what the entry to be replaced holds."""
    held = Needs()
    if needs.patch:
        return None, held
    # What was recorded for the predicted class answers for that class by name too.
    for wanted in dict.fromkeys((target, None)):
        if (found := _read_record(job, window, wanted)) is not None:
            record, has = found
            if has | needs == has and (not needs.class_specific or target in (None, record.target)):
                return record, has
            if wanted == target:
                held = has
    return None, held


def record_lock(job: ExplainRun) -> AbstractContextManager[None]:
    """Keep other processes from making the same records meanwhile."""
    return store.lock("record", job.records_key(), job.report_waiting) if job.request.cache else nullcontext()


def _read_record(job: ExplainRun, window: int, target: int | None) -> tuple[Record, Needs] | None:
    if not (job.memory_cache or job.request.cache):
        return None
    key = job.record_key(window, target)
    if key in job.memory_cache:
        return job.memory_cache[key]
    return store.get("record", key, store.record_from_bytes) if job.request.cache else None


def _store_record(place: PendingWindow, record: Record, needs: Needs) -> None:
    job = place.job
    # One of each patch would fill the cache; the explanation is kept.
    if needs.patch or not (len(job.windows) == 1 or job.request.cache):
        return
    key = job.record_key(place.window, place.target)
    if len(job.windows) == 1:
        job.memory_cache[key] = record, needs
    if job.request.cache:
        store.put("record", key, store.record_to_bytes(record, needs))
