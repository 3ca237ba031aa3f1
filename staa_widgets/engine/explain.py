"""`explain`, `stream` and `compare`: the steps from a video to an explanation, in order.

Begin with `explain` and `finish_run`: together they contain every step for one video.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from staa_widgets.engine.keys import explanation_key, preview_key
from staa_widgets.engine.lock import compute_lock
from staa_widgets.engine.method_list import MethodsLike, name_methods
from staa_widgets.engine.options import default_methods, resolve_options
from staa_widgets.engine.request import ExplainRequest, attach_request, resolve_request
from staa_widgets.engine.result_warnings import (
    warn_if_class_ignored,
    warn_if_film,
    warn_if_incomplete,
    warn_if_off_recipe,
)
from staa_widgets.explanation.comparison import Comparison
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.records.record import Needs
from staa_widgets.records.target import TargetLike
from staa_widgets.utils.progress import Progress, progress_reporter
from staa_widgets.video.preview import Preview, make_preview

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from staa_widgets.engine.run import ExplainRun, MemoryCache
    from staa_widgets.models.video_model import VideoModel
    from staa_widgets.video.clip import Clip


def explain(
    video: Any,
    model: VideoModel | nn.Module | str | Path | tuple[Any, Any] | None = None,
    method: str | None = None,
    *,
    target: TargetLike | None = None,
    start: float | None = None,
    end: float | None = None,
    window: float | str | None = None,
    stride: float | None = None,
    cache: bool = True,
    batch_size: int | None = None,
    preview: bool = True,
    attention: bool = True,
    pad: str | None = None,
    progress: Progress | bool | None = None,
    **params: Any,
) -> Explanation:
    """Explain a video classifier's prediction: return maps of where and when in the video it looked.

    Parameters
    ----------
    video
        Anything that `open_clip` takes: a path, an open file, frames as an array, a list of images, an `ActionClip`, a
        `Clip`. `open_clip` has further options, such as `fps` and `max_side`.
    model
        A `VideoModel`, or anything that `load_model` takes; ``None`` for the bundled model.
    method
        Name in `METHODS`; default: ``"staa"``, or ``"occlusion"`` for a wrapped model.
    target
        Class to explain, by index or label; default: the predicted class. Methods that do not depend on the class
        always explain the predicted one. Or a difference of logits: ``("class a", "class b")`` explains why the first
        class and not the second. Or a function of the logits of a window, from a tensor ``(K,)`` to one number that
        torch can differentiate, such as ``lambda logits: logits[3] - logits.logsumexp(0)``; its explanations are not
        cached. Gradient and perturbation methods explain a function as it is; methods that read one pass, such as
        `staa_logit`, explain its derivatives at the logits of each window, which hold near these logits only. `step`
        and `extremal` explain probabilities, and refuse both.
    start, end
        Seconds; only frames whose time lies in ``[start, end)`` are explained.
    window
        What the frames of one pass of the model span: ``"recipe"``, the seconds that the model was trained with
        (`VideoModel.recipe`); ``"whole"``, the whole clip; or a number of seconds. The default is ``"recipe"`` for
        published models and their families, and ``"whole"`` for models trained on whole clips, as the bundled ones,
        and models of which nothing is known. A clip longer than a window is divided into windows, each a pass; a window
        weighs what the target's probability in it exceeds a guess by. A shorter clip is one window. If the frames are
        more than twice as far apart as in training, or as close together, a warning says so. Frames in an array without
        times count as 25 a second; an array of exactly the frames that the model takes is seen as it is.
    stride
        Seconds from the start of one window to the start of the next, rounded to whole slices; at most the length of a
        window. By default each window starts where the window before ends. Where windows overlap, their maps are
        averaged.
    cache
        Whether to use the disk cache, which recognizes a video and a model by their content. ``False`` writes nothing
        to the disk.
    batch_size
        Maximum number of windows per forward pass; by default as many as fit the device's memory. If memory runs out,
        smaller batches are used.
    preview
        Whether to add preview pictures of the clip, which the player shows.
    attention
        Whether to keep the attention of each layer and head, to look at in the player.
    pad
        ``"last"`` repeats the last frame of a clip that has fewer frames than the model takes; `provenance` says so. By
        default such a clip is refused.
    progress
        Callback ``progress(step, done, total)``, called between steps and, for methods that take many passes, between
        passes. It may raise `CancelledError` to stop; windows finished by then stay in the cache. ``True`` shows a
        progress bar, ``False`` shows nothing, and ``None`` shows a bar in a notebook or on a terminal if the call takes
        long. A process computes one explanation at a time; a call that has to wait for another call reports this as a
        step.
    **params
        Parameters of the method.

    Returns
    -------
    Explanation
        Maps and attention as numpy arrays; `provenance` records versions, settings and the time of each step.

    Raises
    ------
    VideoError
        If the video cannot be read or is too short for the model.
    ModelError
        If the model cannot be loaded, or not even one window fits its device's memory.
    MethodError
        If the method is unknown or does not support this model.
    ParameterError
        If a parameter is unknown or out of range.
    MissingPackageError
        If the method needs a package that is not installed.
    """
    options = resolve_options(
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
        pad=pad,
        **params,
    )
    request = resolve_request(video, options)
    explanation = answer_request(request, progress)
    warn_if_class_ignored(request, explanation, stacklevel=3)
    warn_if_incomplete(explanation, stacklevel=3)
    warn_if_off_recipe(explanation, stacklevel=3)
    warn_if_film(explanation, stacklevel=3)
    return explanation


def answer_request(request: ExplainRequest, progress: Progress | bool | None = None) -> Explanation:
    """Return the explanation that a request asks for; `progress` as for `explain`."""
    from staa_widgets.engine.run import ExplainRun

    with progress_reporter(progress) as report:
        return finish_run(ExplainRun(request, report))


def finish_run(run: ExplainRun) -> Explanation:
    """Return the explanation of a run: read it from the cache, or record, attribute and merge the windows."""
    from staa_widgets.engine.accumulator import WindowAccumulator
    from staa_widgets.engine.assemble import explain_clip, merge_clip
    from staa_widgets.engine.entries import EXPLANATION, explanation_fits
    from staa_widgets.engine.layout import SliceLayout

    request = run.request
    layout = SliceLayout(run)  # the chosen windows and their slices of the clip

    def compute() -> Explanation:
        windows = WindowAccumulator(run, layout)
        windows.collect()  # records each window in a forward pass and attributes it
        merged = merge_clip(layout, windows, run.model.problem_type)
        return explain_clip(run, layout, windows, merged)

    with compute_lock(run.report):
        explanation, hit = run.get_or_compute(
            EXPLANATION, lambda: explanation_key(run), compute, lambda e: explanation_fits(run, layout, e)
        )
        preview = _get_preview(run, request.clip) if request.preview else None
    return _describe_call(run, explanation, request, preview, hit=hit)


def stream(
    video: Any,
    model: VideoModel | nn.Module | str | Path | tuple[Any, Any] | None = None,
    method: str | None = None,
    *,
    preview: bool = False,
    progress: Progress | bool | None = None,
    **options: Any,
) -> Generator[Explanation, None, None]:
    """Explain a video window by window; memory does not grow with the length of the video.

    The explanation of a window is yielded as soon as its batch is done, and does not depend on the other windows: its
    maps are not weighted, and without `target` a class-specific method explains the class predicted in that window.
    `spans` are in seconds of the whole video. Windows that do not overlap tile the video. `explain` merges the same
    windows into one explanation.

    Parameters
    ----------
    video, model, method, progress
        As for `explain`.
    preview
        Whether to add preview pictures of each window's part, which the player shows.
    **options
        Other keywords of `explain`, and parameters of the method.

    Yields
    ------
    Explanation
        The explanation of one window's part of the video, in order. Closing the generator stops within one batch;
        windows finished by then stay in the cache.

    Raises
    ------
    StaaError
        As `explain`. Wrong arguments raise when `stream` is called, other errors when a window is computed.
    """
    request = resolve_request(video, resolve_options(model, method, "stream", preview=preview, **options))
    return _explain_windows(request, progress)


def compare(
    video: Any,
    model: VideoModel | nn.Module | str | Path | tuple[Any, Any] | None = None,
    methods: MethodsLike | None = None,
    *,
    progress: Progress | bool | None = None,
    **options: Any,
) -> Comparison:
    """Explain a video with several methods, which share the recorded passes through the model.

    One recorded pass per window serves all methods that read records. Without the cache, only videos of one window
    share the pass; for longer videos each method records its own pass.

    Parameters
    ----------
    video, model, progress
        As for `explain`.
    methods
        Names in `METHODS`, each alone or with its parameters: ``["staa", ("staa", {"layers": "last"})]``, or a
        mapping from names to parameters. Default: `staa`, `staa_logit` and `motion_energy`; for a wrapped model
        `occlusion`, `grad_cam` if the model has feature maps, and `motion_energy`.
    **options
        Other keywords of `explain`.

    Returns
    -------
    Comparison
        The explanations in the order of `methods`, by method name. If a method is listed with several sets of
        parameters, the names also state the parameters that differ, such as ``"staa layers=last"``.

    Raises
    ------
    StaaError
        As `explain`; the first method that fails ends the comparison.
    """
    from staa_widgets.engine.run import ExplainRun

    named_methods = name_methods(default_methods(model) if methods is None else methods)
    needs = Needs()
    for method, params in named_methods.values():
        needs = needs | method.needs(params)
    requests: list[ExplainRequest] = []
    for method, params in named_methods.values():
        # The first request opens the video and loads the model for all requests.
        shared_video = requests[0].clip if requests else video
        shared_model = requests[0].model if requests else model
        resolved_options = resolve_options(shared_model, method.name, "compare", **options, **params)
        requests.append(resolve_request(shared_video, resolved_options))
    memory_cache: MemoryCache = {}
    with progress_reporter(progress) as report, compute_lock(report):
        runs = [ExplainRun(request, report, needs, request.target, memory_cache) for request in requests]
        comparison = Comparison({name: finish_run(run) for name, run in zip(named_methods, runs, strict=True)})
    for explanation in comparison.values():
        warn_if_incomplete(explanation, stacklevel=3)
    first = next(iter(comparison.values()))
    warn_if_off_recipe(first, stacklevel=3)
    warn_if_film(first, stacklevel=3)
    return comparison


def _explain_windows(request: ExplainRequest, progress: Progress | bool | None) -> Generator[Explanation, None, None]:
    from staa_widgets.engine.assemble import explain_window
    from staa_widgets.engine.layout import SliceLayout
    from staa_widgets.engine.run import ExplainRun
    from staa_widgets.engine.window_maps import attribute_windows

    has_warned = has_warned_of_gap = has_warned_of_film = False
    is_first = True
    with progress_reporter(progress) as report:
        run = ExplainRun(request, report)
        layout = SliceLayout(run)
        with closing(attribute_windows(run, range(len(run.windows)), run.target)) as results:
            for result in results:
                explanation, clip = explain_window(run, layout, result)
                if not has_warned and request.target not in (None, explanation.target):
                    has_warned = True
                    warn_if_class_ignored(request, explanation, stacklevel=3)
                has_warned_of_gap = has_warned_of_gap or warn_if_incomplete(explanation, stacklevel=3)
                run.timer.seconds.clear()
                with compute_lock(report):
                    preview = _get_preview(run, clip) if request.preview else None
                frames = tuple(frame - clip.first_frame for frame in run.frames(result.window))
                window_request = replace(request, clip=clip, window=None, stride=None, frames=frames)
                explanation = _describe_call(run, explanation, window_request, preview, hit=result.cached)
                has_warned_of_film = has_warned_of_film or warn_if_film(explanation, stacklevel=3)
                if is_first:
                    is_first = False
                    warn_if_off_recipe(explanation, stacklevel=3)
                yield explanation
                run.refresh_model_digest()


def _describe_call(
    run: ExplainRun, explanation: Explanation, request: ExplainRequest, preview: Preview | None, *, hit: bool
) -> Explanation:
    """Return the explanation with the names, settings, seconds and preview of this call.

    A cached explanation may come from a call in which the same video or model had another name.
    """
    provenance = explanation.provenance
    sampling = {"window": request.window, "stride": request.stride, "cut": request.clip.truncated}
    damaged = [] if preview is None else preview.damaged.tolist()
    if damaged:
        request.clip.warn_of_damage(damaged, "the preview", stacklevel=4)
    cache_status = "hit" if hit else "miss"
    if not request.uses_cache:
        cache_status = "off"
    seconds = dict(provenance["seconds"])
    if not hit:
        seconds.update(run.timer.seconds)
    call_explanation = replace(
        explanation,
        clip_name=request.clip.name,
        model_id=request.model.id,
        labels=request.model.labels,
        preview=preview,
        ground_truth=request.clip.ground_truth,
        provenance={
            **provenance,
            "sampling": {**provenance["sampling"], **sampling, **run.sampling},
            "damaged_frames": damaged,
            "cache": cache_status,
            "seconds": seconds,
        },
    )
    return attach_request(call_explanation, request)


def _get_preview(run: ExplainRun, clip: Clip) -> Preview:
    # The preview has its own cache entry: it is large, and all methods, models and classes of a clip share it.
    from staa_widgets.engine.entries import PREVIEW, preview_fits

    def compute() -> Preview:
        with run.timer.clock("preview"):
            return make_preview(clip, progress=lambda done, total: run.report("making the preview", done, total))

    return run.get_or_compute(PREVIEW, lambda: preview_key(clip), compute, lambda preview: preview_fits(clip, preview))[
        0
    ]
