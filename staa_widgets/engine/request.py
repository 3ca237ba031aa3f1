"""`ExplainRequest`: what was asked to get an explanation, kept so that it can be asked again in other words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.records.labels import target_index

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.models import VideoModel
    from staa_widgets.utils.progress import Progress
    from staa_widgets.video.clip import Clip

_remembered: WeakKeyDictionary[Explanation, ExplainRequest] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class ExplainRequest:
    """The arguments of a call of `staa_widgets.explain`, with what it opened and loaded.

    Parameters
    ----------
    clip
        The video, or the range of it.
    model
        Who is asked.
    method
        Name in `METHODS`.
    params
        Parameters of the method.
    target
        Index of the class asked for, ``None`` for the predicted one. Methods that do not depend on the class leave it
        aside; it is kept for those that do.
    window, stride, cache, batch_size, preview, attention
        As for `explain`.
    frames
        ``T`` frames of the clip's only window, counted within the clip, where they were chosen before, as those of one
        window of a stream; `window` and `stride` then say nothing.
    """

    clip: Clip
    model: VideoModel
    method: str = "staa"
    params: Mapping[str, Any] = field(default_factory=dict)
    target: int | None = None
    window: float | None = None
    stride: float | None = None
    cache: bool = True
    batch_size: int | None = None
    preview: bool = True
    attention: bool = True
    frames: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))

    @property
    def class_specific(self) -> bool:
        """Whether the answer depends on the class."""
        from staa_widgets.methods import get_method

        return get_method(self.method).depends_on_class(self.params)

    def with_changes(
        self, method: str | None = None, target: int | str | None = None, params: Mapping[str, Any] | None = None
    ) -> ExplainRequest:
        """Ask about the same clip and model in another way.

        Parameters
        ----------
        method
            Name in `METHODS`; default: the same.
        target
            Class, by index or label; default: the same.
        params
            Parameters to change. Those of another method are not carried over.

        Raises
        ------
        UnknownMethodError
            If there is no such method.
        ParameterError
            If a parameter or class is unknown.
        UnsupportedQuestionError
            If no more than another class is asked for and the method does not depend on it.
        """
        from staa_widgets.methods import METHODS, get_method

        asked = get_method(self.method if method is None else method)
        kept = self.params if asked.name == self.method else {}
        wanted = self.target if target is None else target_index(target, self.model.labels)
        question = replace(self, method=asked.name, params=asked.complete({**kept, **(params or {})}), target=wanted)
        if target is not None and asked.name == self.method and not question.class_specific:
            others = " or ".join([repr(other.name) for other in METHODS.values() if other.class_specific][:3])
            raise UnsupportedRequestError(
                f"{asked.name!r} does not depend on the class: its maps are those of the predicted one.",
                f"Choose a class-specific method, such as {others}." if others else "",
            )
        return question

    def ask(self, progress: Progress | bool | None = None) -> Explanation:
        """Answer, through the cache as `explain` does."""
        from staa_widgets.engine.explain import answer_request

        return answer_request(self, progress)


def request_builder(
    model: Any,
    method: str,
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
    **params: Any,
) -> Callable[[Any], ExplainRequest]:
    """Settle everything about a question but the video; parameters as for `explain`.

    Returns
    -------
    Callable[[Any], Question]
        From a video to the question about it; opens the one and loads the model.

    Raises
    ------
    StaaError
        If the question makes no sense whatever the video.
    """
    from staa_widgets.methods import get_method
    from staa_widgets.models import VideoModel, load_model
    from staa_widgets.video.clip import open_clip
    from staa_widgets.video.windows import check_window

    if batch_size is not None and (
        isinstance(batch_size, bool) or not isinstance(batch_size, Integral) or batch_size < 1
    ):
        raise ParameterError(f"batch_size is {batch_size!r}.", "Give a whole number of at least 1, or None.")
    asked = get_method(method)
    whole = asked.complete(params)
    check_window(window, stride)

    def about(video: Any) -> ExplainRequest:
        clip = open_clip(video, start, end)
        loaded = model if isinstance(model, VideoModel) else load_model(model)
        return ExplainRequest(
            clip=clip,
            model=loaded,
            method=asked.name,
            params=whole,
            target=target_index(target, loaded.labels),
            window=window,
            stride=stride,
            cache=cache,
            batch_size=batch_size,
            preview=preview,
            attention=attention,
        )

    return about


def attach_request(explanation: Explanation, question: ExplainRequest) -> Explanation:
    """Keep the question that led to an explanation for as long as that lives; return the explanation."""
    _remembered[explanation] = question
    return explanation


def request_of(explanation: Explanation) -> ExplainRequest | None:
    """Return the question that led to an explanation; ``None`` if it was not made here, as one loaded from a file."""
    return _remembered.get(explanation)


def find_request(
    explanation: Explanation, request: ExplainRequest | None, video: Any, model: Any
) -> ExplainRequest | None:
    """Say what led, or would lead, to an explanation.

    Parameters
    ----------
    explanation
        The answer.
    question
        If it is known.
    video, model
        Otherwise, as `staa_widgets.explain` takes them. Without any of these it is what `request_of` says.

    Raises
    ------
    ParameterError
        If they are others than the explanation's.
    """
    e = explanation
    if request is not None:
        if not _matches(request, e):
            raise ParameterError("The question is about another clip or model than the explanation.")
        return request
    if video is None:
        if model is not None:
            raise ParameterError("The model is given without its video.", "Give both.")
        return request_of(e)
    from staa_widgets.models import VideoModel, load_model
    from staa_widgets.video.clip import open_clip

    clip = open_clip(video)
    if (clip.first_frame, len(clip)) != (e.first_frame, len(e.times)):
        clip = open_clip(video, float(e.times[0]), e.end)
    loaded = model if isinstance(model, VideoModel) else load_model(model)
    request = ExplainRequest(clip, loaded, preview=e.preview is not None, attention=e.attention is not None)
    if not _matches(request, e):
        what = "video" if clip.sha256 != e.clip_sha256 else "model"
        raise ParameterError(
            f"This is another {what} than the explanation's.", f"It is of {e.clip_name!r} by {e.model_id!r}."
        )
    return _with_settings_of(request, e)


def transfer_request(request: ExplainRequest | None, explanation: Explanation) -> ExplainRequest | None:
    """Ask a question about another explanation of its clip and model; ``None`` if it is of others."""
    return _with_settings_of(request, explanation) if request is not None and _matches(request, explanation) else None


def _matches(question: ExplainRequest, e: Explanation) -> bool:
    clip = question.clip
    same_clip = (clip.sha256, clip.first_frame, len(clip)) == (e.clip_sha256, e.first_frame, len(e.times))
    return same_clip and question.model.labels == e.labels


def _with_settings_of(question: ExplainRequest, e: Explanation) -> ExplainRequest:
    # A class that was not the predicted one must have been asked for.
    target = e.target if e.target != int(e.logits.argmax()) else question.target
    return replace(question, method=e.method, params=e.params, target=target)
