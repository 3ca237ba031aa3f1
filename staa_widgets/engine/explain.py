"""`explain`, `stream` and `compare`: the only place that knows the order of the steps from a video to an answer."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from staa_widgets.engine.lock import compute_lock
from staa_widgets.engine.request import ExplainRequest, attach_request, request_builder
from staa_widgets.explanation.comparison import Comparison, MethodsLike, name_methods
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.records.record import Needs
from staa_widgets.storage import cache as store
from staa_widgets.utils.progress import Progress, progress_reporter
from staa_widgets.video.preview import MAX_BYTES, MAX_FRAMES, MAX_SIDE, Preview, make_preview

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from staa_widgets.engine.run import ExplainRun
    from staa_widgets.models import VideoModel
    from staa_widgets.video.clip import Clip


def explain(
    video: Any,
    model: VideoModel | nn.Module | str | Path | None = None,
    method: str = "staa",
    *,
    target: int | str | None = None,
    start: float | None = None,
    end: float | None = None,
    window: float | None = None,
    stride: float | None = None,
    cache: bool = True,
    batch_size: int | None = None,
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
    stride
        Seconds from the start of one window to the next, rounded to whole slices and no longer than a window; by
        default windows lie end to end. Slices that several windows saw get their average.
    cache
        Whether to look the answer up, and keep it, by content. ``False`` leaves no trace on disk.
    batch_size
        Windows that the model is given at once, at most. By default as many as the device's memory holds; in any case
        fewer where memory runs out.
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
        If the model cannot be loaded, or not one window fits its device's memory.
    MethodError
        If the method is unknown or cannot answer for this model.
    ParameterError
        If a parameter is unknown or out of range.
    MissingPackageError
        If the method needs a package that is not installed.
    """
    about = request_builder(
        model,
        method,
        target=target,
        start=start,
        end=end,
        window=window,
        stride=stride,
        cache=cache,
        batch_size=batch_size,
        preview=preview,
        attention=attention,
        **params,
    )
    question = about(video)
    found = answer_request(question, progress)
    warn_if_class_ignored(question, found, stacklevel=3)
    return found


def stream(
    video: Any,
    model: VideoModel | nn.Module | str | Path | None = None,
    method: str = "staa",
    *,
    preview: bool = False,
    progress: Progress | bool | None = None,
    **options: Any,
) -> Generator[Explanation, None, None]:
    """Explain a video window by window, each as soon as its batch is done; memory does not grow with length.

    Each window is explained by itself: its maps are not weighted by the windows beside it, and without `target` a
    class-specific method speaks of the class predicted in that window. Its `spans` tell its seconds on the clock of the
    whole video; windows that lie end to end have parts that tile it. `explain` merges the same windows.

    Parameters
    ----------
    video, model, method, progress
        As for `explain`.
    preview
        Whether each window brings pictures, which the player shows.
    **options
        Other keywords of `explain`, and parameters of the method.

    Yields
    ------
    Explanation
        Of one window's part of the video, in order. Closing the generator stops within one batch; windows finished by
        then are kept in the cache.

    Raises
    ------
    StaaError
        As `explain`: before the first window where the question makes no sense, while going otherwise.
    """
    return _explain_windows(request_builder(model, method, preview=preview, **options)(video), progress)


def compare(
    video: Any,
    model: VideoModel | nn.Module | str | Path | None = None,
    methods: MethodsLike = ("staa", "staa_logit", "motion_energy"),
    *,
    progress: Progress | bool | None = None,
    **options: Any,
) -> Comparison:
    """Explain a video by several methods, which share what the model is asked.

    One recorded pass a window answers all methods that read records. Without cache that holds for videos of one window;
    for longer ones every method then takes a pass of its own.

    Parameters
    ----------
    video, model, progress
        As for `explain`.
    methods
        Names in `METHODS`, each by itself or with its parameters: ``["staa", ("staa", {"layers": "last"})]``, or a
        mapping from names to parameters.
    **options
        Other keywords of `explain`.

    Returns
    -------
    Comparison
        In the order asked for, by method; where one is asked in several ways, by method and what differs, such as
        ``"staa layers=last"``.

    Raises
    ------
    StaaError
        As `explain`; the first method that cannot answer ends all.
    """
    from staa_widgets.engine.run import ExplainRun

    asked = name_methods(methods)
    needs = Needs()
    for method, own in asked.values():
        needs = needs | method.needs(own)
    questions: list[ExplainRequest] = []
    for method, own in asked.values():
        again = (questions[0].clip, questions[0].model) if questions else (video, model)
        questions.append(request_builder(again[1], method.name, **options, **own)(again[0]))
    shelf: dict[Any, Any] = {}
    with progress_reporter(progress) as report, compute_lock(report):
        jobs = [ExplainRun(question, report, needs, question.target, shelf) for question in questions]
        return Comparison({name: finish_run(job) for name, job in zip(asked, jobs, strict=True)})


def answer_request(request: ExplainRequest, progress: Progress | bool | None = None) -> Explanation:
    """Answer a question, through the cache; `progress` as for `explain`."""
    from staa_widgets.engine.run import ExplainRun

    with progress_reporter(progress) as report:
        return finish_run(ExplainRun(request, report))


def finish_run(job: ExplainRun) -> Explanation:
    """Give what a job asks for: from the cache, or by asking all its windows."""
    from staa_widgets.engine.assemble import explain_clip

    question = job.request
    with compute_lock(job.report):
        key = job.explanation_key() if question.cache else ""
        found, hit = job.get_or_compute(
            "explanation", key, Explanation.from_bytes, Explanation.to_bytes, lambda: explain_clip(job)
        )
        pictures = _preview(job, question.clip) if question.preview else None
    return _describe_call(job, found, question, pictures, hit=hit)


def warn_if_class_ignored(question: ExplainRequest, found: Explanation, stacklevel: int) -> None:
    """Warn where another class was asked for than a method can speak of."""
    if question.target not in (None, found.target):
        warnings.warn(
            f"{found.method!r} does not depend on the class: this explains {found.labels[found.target]!r}, which was "
            f"predicted, not {found.labels[question.target]!r}. Class-specific methods, such as 'staa_logit', can.",
            stacklevel=stacklevel,
        )


def _explain_windows(question: ExplainRequest, progress: Progress | bool | None) -> Generator[Explanation, None, None]:
    from staa_widgets.engine.assemble import SliceLayout, explain_window
    from staa_widgets.engine.run import ExplainRun

    warned = False
    with progress_reporter(progress) as report:
        job = ExplainRun(question, report)
        layout = SliceLayout(job)
        with closing(job.window_results(range(len(job.windows)), job.target)) as parts:
            for part in parts:
                found, clip = explain_window(job, layout, part)
                if not warned and question.target not in (None, found.target):
                    warned = True
                    warn_if_class_ignored(question, found, stacklevel=3)
                job.seconds.clear()
                with compute_lock(report):
                    pictures = _preview(job, clip) if question.preview else None
                frames = tuple(frame - clip.first_frame for frame in job.frames(part.window))
                again = replace(question, clip=clip, window=None, stride=None, frames=frames)
                yield _describe_call(job, found, again, pictures, hit=part.cached)
                job.refresh_weights()


def _describe_call(
    job: ExplainRun, found: Explanation, question: ExplainRequest, pictures: Preview | None, *, hit: bool
) -> Explanation:
    # Names and seconds are those of this call: the same content may have been explained under others.
    asked = {"window": question.window, "stride": question.stride, "cut": question.clip.truncated}
    explanation = replace(
        found,
        clip_name=question.clip.name,
        model_id=question.model.id,
        labels=question.model.labels,
        preview=pictures,
        ground_truth=question.clip.ground_truth,
        provenance={
            **found.provenance,
            "sampling": {**found.provenance["sampling"], **asked},
            "cache": ("hit" if hit else "miss") if question.cache else "off",
            "seconds": {**found.provenance["seconds"], **({} if hit else job.seconds)},
        },
    )
    return attach_request(explanation, question)


def _preview(job: ExplainRun, clip: Clip) -> Preview:
    # Apart from the explanation: it is the largest part, and every method, model and class of a clip shares it.
    key = store.key(
        kind="preview", clip=clip.sha256, extent=(clip.first_frame, len(clip)), limits=(MAX_FRAMES, MAX_SIDE, MAX_BYTES)
    )

    def make() -> Preview:
        with job.clock("preview"):
            return make_preview(clip, progress=lambda done, total: job.report("pictures", done, total))

    return job.get_or_compute("preview", key, Preview.from_bytes, Preview.to_bytes, make)[0]
