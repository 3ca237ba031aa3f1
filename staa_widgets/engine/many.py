"""`explain_many`: one video after the other, what is short in common batches, and no file's error ends the rest."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence, Sized
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staa_widgets.engine.explain import finish_run, warn_if_class_ignored
from staa_widgets.engine.lock import compute_lock
from staa_widgets.engine.request import ExplainRequest, request_builder
from staa_widgets.errors import CancelledError, ParameterError, StaaError, VideoNotFoundError
from staa_widgets.records.labels import target_index
from staa_widgets.records.record import Needs
from staa_widgets.storage import cache as store
from staa_widgets.utils.progress import Progress, progress_reporter
from staa_widgets.video.clip import Clip

if TYPE_CHECKING:
    from torch import nn

    from staa_widgets.engine.run import ExplainRun
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.models import VideoModel

SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".flv", ".gif", ".ivf", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv"),
)
"""Of the files that are taken for videos in a folder."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one video: an explanation, or the error that kept it from one.

    Parameters
    ----------
    video
        As it was given; the path where it was found by a pattern or in a folder.
    explanation
        ``None`` where there is an error.
    error
        ``None`` where there is an explanation; mostly a `StaaError`, which says what to do next.
    """

    video: Any
    explanation: Explanation | None = None
    error: Exception | None = None


def explain_many(
    videos: Any,
    model: VideoModel | nn.Module | str | Path | None = None,
    method: str = "staa",
    *,
    progress: Progress | bool | None = None,
    **options: Any,
) -> Generator[Outcome, None, None]:
    """Explain many videos, one result after the other.

    Videos of one window share batches on the model. Run again, what is in the cache is answered from there, so that a
    run that broke off goes on where it was.

    Parameters
    ----------
    videos
        A pattern such as ``"clips/*.mp4"`` or a folder, both sorted; or any iterable of what `explain` takes, patterns
        and folders: a list, a column of a data frame, a generator. What has no length is read a batch ahead.
    model, method
        As for `explain`; the model is loaded once.
    progress
        As for `explain`; `done` and `total` count videos, `step` names the one at hand and what is done with it.
    **options
        Other keywords of `explain`, and parameters of the method.

    Yields
    ------
    Outcome
        One for each video, in order. `CancelledError` and ``KeyboardInterrupt`` end all; other errors are told in the
        outcome. Closing the generator stops before the next batch.

    Raises
    ------
    VideoNotFoundError
        If the only pattern or folder holds no video.
    StaaError
        At once, if the question makes no sense whatever the video, or the model cannot be loaded.
    """
    from staa_widgets.models import VideoModel, load_model

    found = list_videos(videos)
    request_builder(model, method, **options)
    loaded = model if isinstance(model, VideoModel) else load_model(model)
    target_index(options.get("target"), loaded.labels)
    return _outcomes(found, loaded, request_builder(loaded, method, **options), options.get("batch_size"), progress)


def list_videos(videos: Any) -> Iterable[Any]:
    """Expand patterns and folders; a list where the number of videos is known.

    Raises
    ------
    VideoNotFoundError
        If the only pattern or folder holds no video.
    ParameterError
        If these are no videos.
    """
    if isinstance(videos, str | os.PathLike):
        if not (paths := _expand_path(videos)):
            what = "folder" if Path(videos).expanduser().is_dir() else "pattern"
            raise VideoNotFoundError(
                f"There is no video in the {what} {str(videos)!r}.",
                "Check the path; it is looked up from the working folder.",
            )
        return paths
    if isinstance(videos, Clip | bytes | bytearray | memoryview) or getattr(videos, "ndim", 0) == 4:
        return [videos]
    if hasattr(videos, "frames") and hasattr(videos, "times"):
        return [videos]
    if hasattr(videos, "columns"):
        raise ParameterError("A whole data frame is no list of videos.", "Give one column, such as table['path'].")
    if not isinstance(videos, Iterable):
        raise ParameterError(f"A {type(videos).__name__} is no list of videos.", "Give a pattern, a folder or a list.")
    each = (path for video in videos for path in _expand_path(video) or [video])
    return list(each) if isinstance(videos, Sized) else each


def _expand_path(video: Any) -> Sequence[Any]:
    """Paths that a pattern or a folder stands for, sorted; anything else itself."""
    if not isinstance(video, str | os.PathLike):
        return [video]
    try:
        path = Path(video).expanduser()
        if path.is_dir():
            return sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
        if glob.has_magic(str(path)) and not path.exists():
            return sorted(Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file())  # noqa: PTH207  patterns may be absolute
    except (OSError, ValueError, RuntimeError):
        pass  # Opening it will say what is wrong with it.
    return [video]


class _ProgressError(BaseException):
    """An error of the caller's own `progress`: it is no file's, so that nothing on the way may take it for one."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _outcomes(
    videos: Iterable[Any],
    model: VideoModel,
    about: Callable[[Any], ExplainRequest],
    batch_size: int | None,
    progress: Progress | bool | None,
) -> Generator[Outcome, None, None]:
    try:
        yield from _each(videos, model, about, batch_size, progress)
    except _ProgressError as stopped:
        raise stopped.error from None


def _each(
    videos: Iterable[Any],
    model: VideoModel,
    about: Callable[[Any], ExplainRequest],
    batch_size: int | None,
    progress: Progress | bool | None,
) -> Generator[Outcome, None, None]:
    from staa_widgets.models.batching import max_batch_size

    coming, done = iter(videos), 0
    total = len(videos) if isinstance(videos, Sized) else None
    with progress_reporter(progress) as report:

        def told(step: str, done: int, total: int) -> None:
            try:
                report(step, done, total)
            except CancelledError:
                raise
            except Exception as error:
                raise _ProgressError(error) from None

        while group := list(islice(coming, batch_size or max_batch_size(model))):

            def tell(video: Any, step: str, part: int, parts: int) -> None:
                where = f" {part}/{parts}" if parts > 1 else ""
                told(f"{_name(video)}: {step}{where}", done, max(total or 0, done + 1))  # noqa: B023  as it is then

            opened = [_open_run(video, about, tell) for video in group]
            _record_together([job for job in opened if not isinstance(job, Exception)])
            for video, job in zip(group, opened, strict=True):
                outcome = _outcome(video, job)
                done += 1
                if outcome.explanation is not None and not isinstance(job, Exception):
                    warn_if_class_ignored(job.request, outcome.explanation, stacklevel=4)
                    job.memory_cache.clear()
                told(_name(video), done, max(total or 0, done))
                yield outcome
                del outcome  # Nothing of it is kept while the next ones are made.
                for waiting in opened:
                    if not isinstance(waiting, Exception):
                        waiting.refresh_weights()


def _open_run(
    video: Any, about: Callable[[Any], ExplainRequest], tell: Callable[[Any, str, int, int], None]
) -> ExplainRun | Exception:
    from staa_widgets.engine.run import ExplainRun

    tell(video, "opening", 0, 1)
    try:
        job = ExplainRun(about(video), lambda step, part, parts: tell(video, step, part, parts))
        len(job.windows)  # Too few frames are found out here.
    except CancelledError:
        raise
    except Exception as error:
        return error
    return job


def _outcome(video: Any, job: ExplainRun | Exception) -> Outcome:
    if isinstance(job, Exception):
        return Outcome(video, error=job)
    try:
        return Outcome(video, finish_run(job))
    except CancelledError:
        raise
    except Exception as error:
        return Outcome(video, error=error)


def _record_together(jobs: Sequence[ExplainRun]) -> None:
    """Make the missing records of clips of one window together; what fails here is asked again by itself later."""
    from staa_widgets.engine.records import PendingWindow, look_up_record, record_batch, record_lock
    from staa_widgets.engine.window_reader import WindowReader

    short = [job for job in jobs if len(job.windows) == 1 and not (job.needs.patch or _is_cached(job))]
    if any(job.request.cache for job in short):
        # The same content twice is recorded once; a common order keeps two processes from waiting for each other.
        short = [job for _, job in sorted({job.records_key(): job for job in reversed(short)}.items())]
    if len(short) < 2:
        return
    needs, places = Needs(), list[PendingWindow]()
    try:
        with compute_lock(short[0].report), ExitStack() as held:
            for job in short:
                held.enter_context(record_lock(job))
            for job in short:
                found, has = look_up_record(job, 0, job.needs, job.target)
                if found is not None:
                    continue
                job.report("model", 0, 1)
                with closing(WindowReader(job.request.clip, job.windows, job.model.pixels, job.clock)) as reel:
                    try:
                        places.append(PendingWindow(job, 0, job.target, reel.window(0)))
                    except CancelledError:
                        raise
                    except Exception:
                        continue
                needs = needs | job.needs | has
            if places:
                record_batch(places, needs, short[0].request.batch_size)
    except CancelledError:
        raise
    except StaaError:
        pass  # Whose it is will be found out one by one.
    except Exception as error:
        warnings.warn(
            f"{len(short)} videos could not be asked about together ({type(error).__name__}: {error}); each is asked "
            "about by itself.",
            RuntimeWarning,
            stacklevel=4,
        )


def _is_cached(job: ExplainRun) -> bool:
    return job.request.cache and store.has("explanation", job.explanation_key())


def _name(video: Any) -> str:
    if isinstance(video, str | os.PathLike):
        return Path(video).name
    return str(getattr(video, "name", None) or getattr(video, "label", None) or "video")
