"""`explain_many`: explain many videos. Short videos share batches, and an error in one does not stop the others."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence, Sized
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staa_widgets.engine.explain import finish_run
from staa_widgets.engine.keys import explanation_key, record_lock_name
from staa_widgets.engine.lock import compute_lock
from staa_widgets.engine.options import RequestOptions, resolve_options
from staa_widgets.engine.recipe_check import resolve_window
from staa_widgets.engine.request import resolve_request
from staa_widgets.engine.result_warnings import (
    warn_if_class_ignored,
    warn_if_film,
    warn_if_incomplete,
    warn_if_off_recipe,
)
from staa_widgets.engine.video_list import list_videos
from staa_widgets.errors import CancelledError, StaaError
from staa_widgets.records.record import Needs
from staa_widgets.records.target import resolve_target
from staa_widgets.storage import cache
from staa_widgets.utils.progress import Progress, progress_reporter

if TYPE_CHECKING:
    from torch import nn

    from staa_widgets.engine.records import PendingWindow
    from staa_widgets.engine.run import ExplainRun
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.models import VideoModel


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result for one video: an explanation, or an error.

    Parameters
    ----------
    video
        The video as it was passed, or its path if it comes from a pattern or a folder.
    explanation
        ``None`` if there is an error.
    error
        ``None`` if there is an explanation; usually a `StaaError`, whose hint says what to do next.
    """

    video: Any
    explanation: Explanation | None = None
    error: Exception | None = None


def explain_many(
    videos: Any,
    model: VideoModel | nn.Module | str | Path | tuple[Any, Any] | None = None,
    method: str | None = None,
    *,
    keep_records: bool = False,
    progress: Progress | bool | None = None,
    **options: Any,
) -> Generator[Outcome, None, None]:
    """Explain many videos and yield the outcome of each.

    Videos of one window share batches. Explanations in the cache are not computed again, so that an interrupted run
    continues where it stopped. If not all explanations fit into the cache, those of the first videos stay.

    Parameters
    ----------
    videos
        A pattern such as ``"clips/*.mp4"`` or a folder, both sorted; or any iterable of patterns, folders and videos as
        for `explain`: a list, a column of a data frame, a generator. An iterable without a length is read only one
        batch ahead.
    model, method
        As for `explain`; the model is loaded once.
    keep_records
        Whether to keep the records of the forward passes in the cache too, so that other parameters and methods need
        no further pass. They take far more space than explanations.
    progress
        As for `explain`; `done` and `total` count videos, `step` names the current video and its step.
    **options
        Other keywords of `explain`, and parameters of the method.

    Yields
    ------
    Outcome
        One outcome for each video, in order. `CancelledError` and ``KeyboardInterrupt`` end the run; any other error is
        stored in the outcome of its video. Closing the generator stops before the next batch.

    Raises
    ------
    VideoNotFoundError
        If `videos` is a single pattern or folder and holds no video.
    StaaError
        When `explain_many` is called, if a keyword is wrong for every video or the model cannot be loaded.
    """
    from staa_widgets.models.loading import load_model
    from staa_widgets.models.video_model import VideoModel

    expanded_videos = list_videos(videos)
    resolve_options(model, method, "explain_many", **options)  # before the model is loaded
    loaded_model = model if isinstance(model, VideoModel) else load_model(model)
    resolved_options = resolve_options(loaded_model, method, "explain_many", **options)
    resolve_target(resolved_options.target, loaded_model.labels)
    resolve_window(resolved_options.window, resolved_options.stride, loaded_model)
    return _outcomes(expanded_videos, resolved_options, keep_records, progress)


class _ProgressError(BaseException):
    """Wrapper of an error raised by the caller's `progress`, so that it is not caught as an error of a video."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _outcomes(
    videos: Iterable[Any], options: RequestOptions, keep_records: bool, progress: Progress | bool | None
) -> Generator[Outcome, None, None]:
    try:
        yield from _explain_groups(videos, options, keep_records, progress)
    except _ProgressError as progress_error:
        raise progress_error.error from None


def _explain_groups(
    videos: Iterable[Any], options: RequestOptions, keep_records: bool, progress: Progress | bool | None
) -> Generator[Outcome, None, None]:
    """Yield the outcomes of videos; the videos of one batch are recorded together."""
    from staa_widgets.models.batching import max_batch_size

    iterator, done, has_warned = iter(videos), 0, False
    total = len(videos) if isinstance(videos, Sized) else None
    with progress_reporter(progress) as report:

        def report_video(video: Any, step: str, part: int, parts: int) -> None:
            part_number = f" {part}/{parts}" if parts > 1 else ""
            # `done` is read at the time of the call: it counts the videos finished by then.
            _report_or_stop(report, f"{_name(video)}: {step}{part_number}", done, max(total or 0, done + 1))

        while True:
            # Computed again for each group, because the batch size is lowered when memory runs out in a pass.
            group = list(islice(iterator, options.batch_size or max_batch_size(options.model)))
            if not group:
                return
            runs = [_open_run(video, options, keep_records, report_video) for video in group]
            _record_together([run for run in runs if not isinstance(run, Exception)])
            for video, run in zip(group, runs, strict=True):
                outcome = _outcome(video, run)
                done += 1
                if outcome.explanation is not None and not isinstance(run, Exception):
                    warn_if_class_ignored(run.request, outcome.explanation, stacklevel=4)
                    warn_if_incomplete(outcome.explanation, stacklevel=4)
                    warn_if_film(outcome.explanation, stacklevel=4)
                    if not has_warned:
                        has_warned = warn_if_off_recipe(outcome.explanation, stacklevel=4)
                    if run.memory_cache:
                        run.memory_cache.clear()
                _report_or_stop(report, _name(video), done, max(total or 0, done))
                yield outcome
                del outcome  # The memory of the outcome is freed before the next one is computed.
                for group_run in runs:
                    if not isinstance(group_run, Exception):
                        group_run.refresh_model_digest()


def _report_or_stop(report: Progress, step: str, done: int, total: int) -> None:
    try:
        report(step, done, total)
    except CancelledError:
        raise
    except Exception as error:
        raise _ProgressError(error) from None


def _open_run(
    video: Any, options: RequestOptions, keep_records: bool, report_video: Callable[[Any, str, int, int], None]
) -> ExplainRun | Exception:
    from staa_widgets.engine.run import ExplainRun

    report_video(video, "opening", 0, 1)
    try:
        run = ExplainRun(
            resolve_request(video, options),
            lambda step, part, parts: report_video(video, step, part, parts),
            memory_cache={},
            keep_records=keep_records,
        )
        len(run.windows)  # Raises an error if there are too few frames.
    except CancelledError:
        raise
    except Exception as error:
        return error
    return run


def _outcome(video: Any, run: ExplainRun | Exception) -> Outcome:
    if isinstance(run, Exception):
        return Outcome(video, error=run)
    from staa_widgets.engine.records import remove_temporary_records

    try:
        outcome = Outcome(video, finish_run(run))
    except CancelledError:
        raise  # The records stay, so that the next run continues with them.
    except Exception as error:
        outcome = Outcome(video, error=error)
    remove_temporary_records(run)
    return outcome


def _record_together(runs: Sequence[ExplainRun]) -> None:
    """Record the clips of one window in common batches; if this fails, the videos are computed one by one later."""
    single_window_runs = [run for run in runs if len(run.windows) == 1 and not (run.needs.patch or _is_cached(run))]
    if any(run.request.uses_cache for run in single_window_runs):
        # Equal content is recorded once. The locks are taken in a fixed order, so that two processes cannot deadlock.
        runs_by_key = {record_lock_name(run): run for run in reversed(single_window_runs)}
        single_window_runs = [runs_by_key[key] for key in sorted(runs_by_key)]
    if len(single_window_runs) < 2:
        return
    try:
        _record_in_common_batches(single_window_runs)
    except CancelledError:
        raise
    except StaaError:
        pass  # Computing the videos one by one shows which video fails.
    except Exception as error:
        warnings.warn(
            f"{len(single_window_runs)} videos could not be processed in one batch ({type(error).__name__}: {error}); "
            "they are processed one by one.",
            RuntimeWarning,
            stacklevel=5,
        )


def _record_in_common_batches(runs: Sequence[ExplainRun]) -> None:
    from staa_widgets.engine.records import look_up_record, record_batch, record_lock

    needs = Needs()
    pending: list[PendingWindow] = []
    with compute_lock(runs[0].report), ExitStack() as locks:
        for run in runs:
            locks.enter_context(record_lock(run))
        for run in runs:
            record, stored_needs = look_up_record(run, 0, run.needs, run.target)
            # Another process may have explained the video, and removed its record, while this one waited for the lock.
            if record is not None or _is_cached(run):
                continue
            window = _pending_window(run)
            if window is not None:
                pending.append(window)
                needs = needs | run.needs | stored_needs
        if pending:
            record_batch(pending, needs, runs[0].request.batch_size)


def _pending_window(run: ExplainRun) -> PendingWindow | None:
    """Return a clip's only window with its frames; ``None`` if they cannot be read, an error that is reported later."""
    from staa_widgets.engine.records import RUNNING_MODEL, PendingWindow
    from staa_widgets.engine.window_reader import WindowReader

    run.report(RUNNING_MODEL, 0, 1)
    with closing(WindowReader(run.request.clip, run.windows, run.model.pixels, run.timer.clock)) as reader:
        try:
            return PendingWindow(run, 0, run.target, reader.window(0))
        except CancelledError:
            raise
        except Exception:
            return None


def _is_cached(run: ExplainRun) -> bool:
    from staa_widgets.engine.entries import EXPLANATION

    return run.request.uses_cache and cache.has(EXPLANATION, explanation_key(run))


def _name(video: Any) -> str:
    if isinstance(video, str | os.PathLike):
        return Path(video).name
    return str(getattr(video, "name", None) or getattr(video, "label", None) or "video")
