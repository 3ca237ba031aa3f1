"""`ExplainRequest`: a call of `explain` with its clip opened, its model loaded and all parameters filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from staa_widgets.engine.options import RequestOptions
from staa_widgets.engine.recipe_check import resolve_window
from staa_widgets.errors import ParameterError, UnsupportedRequestError
from staa_widgets.records.target import LogitFunction, Target, TargetLike, resolve_target

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.models.video_model import VideoModel
    from staa_widgets.video.clip import Clip


@dataclass(frozen=True, eq=False)
class ExplainRequest:
    """The arguments of a call of `staa_widgets.explain`, with the opened clip and the loaded model.

    Parameters
    ----------
    clip
        The video, or the requested range of the video.
    model
        The model to explain.
    method
        Name in `METHODS`.
    params
        Parameters of the method.
    target
        Requested class, difference of two classes or function of the logits; ``None`` for the predicted class. A method
        that does not depend on the class ignores this field; it is kept in case the request is changed to another
        method.
    window, stride, cache, batch_size, preview, attention, pad
        As for `explain`.
    frames
        The ``T`` frames of the clip's only window, counted within the clip, if the frames are fixed, as for one window
        of a stream; `window` and `stride` are then ignored.
    """

    clip: Clip
    model: VideoModel
    method: str = "staa"
    params: Mapping[str, Any] = field(default_factory=dict)
    target: Target | None = None
    window: float | str | None = None
    stride: float | None = None
    cache: bool = True
    batch_size: int | None = None
    preview: bool = True
    attention: bool = True
    pad: str | None = None
    frames: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))

    @property
    def class_specific(self) -> bool:
        """Whether the explanation depends on the class."""
        from staa_widgets.methods.registry import get_method

        return get_method(self.method).depends_on_class(self.params)

    @property
    def uses_cache(self) -> bool:
        """Whether the disk cache is used: not for a function of the logits, which no key can describe."""
        return self.cache and not isinstance(self.target, LogitFunction)

    def with_changes(
        self, method: str | None = None, target: TargetLike | None = None, params: Mapping[str, Any] | None = None
    ) -> ExplainRequest:
        """Return a request for the same clip and model with another method, class or parameters.

        Parameters
        ----------
        method
            Name in `METHODS`; default: the same.
        target
            Target as for `staa_widgets.explain`; default: the same.
        params
            Parameters to change. If the method changes, no parameters of the old method are kept.

        Raises
        ------
        UnknownMethodError
            If there is no such method.
        ParameterError
            If a parameter or class is unknown.
        UnsupportedRequestError
            If only the class is to change and the method does not depend on it.
        """
        from staa_widgets.methods import METHODS, get_method

        new_method = get_method(self.method if method is None else method)
        same_method = new_method.name == self.method
        old_params = self.params if same_method else {}
        request = replace(
            self,
            method=new_method.name,
            params=new_method.complete({**old_params, **(params or {})}),
            target=self.target if target is None else resolve_target(target, self.model.labels),
        )
        if request.class_specific:
            new_method.check_target(request.target)
        if target is not None and same_method and not request.class_specific:
            others = " or ".join([repr(other.name) for other in METHODS.values() if other.class_specific][:3])
            raise UnsupportedRequestError(
                f"Method {new_method.name!r} does not depend on the class: it always explains the predicted one.",
                f"Choose a class-specific method, such as {others}." if others else "",
            )
        return request


def resolve_request(video: Any, options: RequestOptions) -> ExplainRequest:
    """Open the video, load the model, and return the request.

    Parameters
    ----------
    video
        As for `explain`.
    options
        From `resolve_options`.

    Raises
    ------
    StaaError
        If the video cannot be read, the model cannot be loaded, or the model has no such class.
    """
    from staa_widgets.video.open import open_clip

    clip = open_clip(video, options.start, options.end)
    model = _loaded_model(options.model)
    resolve_window(options.window, options.stride, model)  # Raises an error if they do not fit the model.
    return ExplainRequest(
        clip=clip,
        model=model,
        method=options.method,
        params=options.params,
        target=resolve_target(options.target, model.labels),
        window=options.window,
        stride=options.stride,
        cache=options.cache,
        batch_size=options.batch_size,
        preview=options.preview,
        attention=options.attention,
        pad=options.pad,
    )


def attach_request(explanation: Explanation, request: ExplainRequest) -> Explanation:
    """Attach the request to the explanation that answers it, and return the explanation."""
    object.__setattr__(explanation, "request", request)
    return explanation


def request_of(explanation: Explanation) -> ExplainRequest | None:
    """Return the request of an explanation; ``None`` if it is unknown, as for an explanation loaded from a file."""
    return explanation.request


def find_request(
    explanation: Explanation, request: ExplainRequest | None, video: Any, model: Any
) -> ExplainRequest | None:
    """Return the request of an explanation, built from the video and the model if it is unknown; else ``None``.

    Parameters
    ----------
    explanation
        The explanation.
    request
        The request of the explanation, if known.
    video, model
        Used to build the request if `request` is ``None``, as for `staa_widgets.explain`. Without a video, the request
        that is attached to the explanation is returned, if there is one.

    Raises
    ------
    ParameterError
        If the request, the video or the model does not match the explanation, or the model is given without a video.
    """
    e = explanation
    if request is not None:
        if not _matches(request, e):
            raise ParameterError(
                "The request has another clip or model than the explanation.", "Pass the request of this explanation."
            )
        return request
    if video is None:
        if model is not None:
            raise ParameterError("model= was passed without video=.", "Pass both.")
        return request_of(e)
    from staa_widgets.video.open import open_clip

    clip = open_clip(video)
    if (clip.first_frame, len(clip)) != (e.first_frame, len(e.times)):
        clip = open_clip(video, float(e.times[0]), e.end)
    sampling = e.provenance.get("sampling", {})
    request = ExplainRequest(
        clip,
        _loaded_model(model),
        window=sampling.get("window"),
        stride=sampling.get("stride"),
        preview=e.preview is not None,
        attention=e.attention is not None,
        pad=sampling.get("pad"),
    )
    if not _matches(request, e):
        different_part = "video" if clip.sha256 != e.clip_sha256 else "model"
        raise ParameterError(
            f"This is not the {different_part} that was explained.",
            f"The explanation is of {e.clip_name!r} and model {e.model_id!r}.",
        )
    return _with_settings_of(request, e)


def transfer_request(request: ExplainRequest | None, explanation: Explanation) -> ExplainRequest | None:
    """Return a request with the method, parameters and class of an explanation; ``None`` if clip or model differs."""
    if request is None or not _matches(request, explanation):
        return None
    return _with_settings_of(request, explanation)


def _loaded_model(model: Any) -> VideoModel:
    from staa_widgets.models.loading import load_model
    from staa_widgets.models.video_model import VideoModel

    return model if isinstance(model, VideoModel) else load_model(model)


def _matches(request: ExplainRequest, e: Explanation) -> bool:
    clip = request.clip
    same_clip = (clip.sha256, clip.first_frame, len(clip)) == (e.clip_sha256, e.first_frame, len(e.times))
    return same_clip and request.model.labels == e.labels


def _with_settings_of(request: ExplainRequest, e: Explanation) -> ExplainRequest:
    target = e.explained_target
    # A target that is not the predicted class must have been requested.
    if target is None or target == int(e.logits.argmax()):
        target = request.target
    return replace(request, method=e.method, params=e.params, target=target)
