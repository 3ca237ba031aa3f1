"""`Player`: the widget that plays explanations in a notebook."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from staa_widgets.engine.explain import answer_request
from staa_widgets.engine.request import ExplainRequest, find_request, request_of, transfer_request
from staa_widgets.errors import PlayerError
from staa_widgets.explanation.explanation import Explanation, same_clip
from staa_widgets.methods.registry import METHODS
from staa_widgets.records.target import TargetLike
from staa_widgets.render.compositor import peak_frame
from staa_widgets.utils.progress import Progress
from staa_widgets.widget import file_export
from staa_widgets.widget.derived_traits import DerivedTraits
from staa_widgets.widget.display import display_player
from staa_widgets.widget.frame_stream import FrameStream
from staa_widgets.widget.ground_truth import GivenGroundTruth
from staa_widgets.widget.handlers import OPERATIONS
from staa_widgets.widget.pane_content import PaneContent, missing_request_error
from staa_widgets.widget.panes import PaneInput, as_panes, own_names, pack_traits
from staa_widgets.widget.patch import previous_content
from staa_widgets.widget.payload_traits import PayloadTraits
from staa_widgets.widget.service import Service
from staa_widgets.widget.settings import SETTINGS, refuse_unknown_names
from staa_widgets.widget.thread_safe import trait_lock
from staa_widgets.widget.worker import Operation

if TYPE_CHECKING:
    from staa_widgets.export.image import StaticImage
    from staa_widgets.video.clip import Clip
    from staa_widgets.video.ground_truth import GroundTruth, HasGroundTruth

_WIDGET_KEYWORDS = ("layout", "tabbable", "tooltip")


class Player(PayloadTraits, DerivedTraits):
    """Notebook widget that plays a clip under its heat map, with a chart over time; up to four explanations in panes.

    Every trait of `Settings` can be read, set, observed and linked, and changes when the user acts in the browser.

    Parameters
    ----------
    explanation
        Explanation to show; or up to four explanations or a `Comparison`. The player plays the clip of the first
        explanation; a pane with another clip shows that clip's frame at the same second.
    request
        Request that produced the first explanation; it is needed to compute other methods and classes. Explanations
        that `staa_widgets.explain` made in this process already carry their request.
    video, model
        As for `staa_widgets.explain`; given instead of `request` for an explanation that was loaded from a file. Like
        `request`, they apply to the first pane.
    ground_truth
        Ground truth of the explanation's video: an `ActionClip`, or another object with ``label``, ``where`` and
        ``when``. The player outlines the ground truth and scores the maps. Explanations of an `ActionClip` already
        carry their ground truth.
    **settings
        Initial values of settings, such as ``opacity=0.5``.

    Attributes
    ----------
    frame
        Index of the shown source frame.
    slice, time
        Slice and second of the shown frame; read-only.
    pane
        Index of the active pane, to which `explanation`, `method`, `target` and `compute` refer.
    method, target
        Method and class of the explanation in the active pane; `target` is -1 for a difference of classes or a function
        of the logits. Setting one of them computes an explanation; if this fails, nothing changes.
    patch
        Patch whose attention the active pane shows: ``(slice, row, column)``, counted from 0. Setting a patch computes
        its attention; ``None`` restores the explanation that was shown before.
    selection
        ``(start, end)`` in seconds, or ``None``.

    Raises
    ------
    ParameterError
        If the video, the model or the ground truth does not belong to the explanation.
    SettingError
        If a setting has an invalid value.
    TypeError
        If a setting does not exist.
    """

    def __init__(
        self,
        explanation: PaneInput,
        *,
        request: ExplainRequest | None = None,
        video: Any = None,
        model: Any = None,
        ground_truth: HasGroundTruth | GroundTruth | None = None,
        **settings: Any,
    ) -> None:
        refuse_unknown_names(settings, (*SETTINGS, *_WIDGET_KEYWORDS), "Player")
        first, *others = panes = as_panes(explanation)
        first_request = find_request(first, request, video, model)
        if ground_truth is None and first.ground_truth is None and first_request is not None:
            ground_truth = first_request.clip.ground_truth
        self._given_ground_truth = GivenGroundTruth(first, ground_truth)
        requests = [first_request, *(find_request(other, None, None, None) for other in others)]
        self._contents = tuple(
            PaneContent(self._given_ground_truth.add_to(e), request, name)
            for e, request, name in zip(panes, requests, own_names(explanation, len(panes)), strict=True)
        )
        self._previous: list[PaneContent | None] = [None] * len(self._contents)
        self._frame_stream = FrameStream()
        self._cards: dict[Any, Any] = {}
        self._service = Service(self)
        patch = settings.pop("patch", None)
        super().__init__(**self._pack_traits(self._contents), **settings)
        # ipywidgets creates this layout but does not close it with the widget; `close` does this.
        self._own_layout = None if "layout" in settings else self.layout
        self._update_time_and_slice()
        self.on_msg(lambda _, content, __: self._service.receive(content))
        if patch is not None:
            try:
                self.patch = patch
            except BaseException:
                self.close()
                raise

    def show(self, explanation: Explanation) -> None:
        """Show another explanation in the active pane; for the same clip, frame, selection and style are kept."""
        self._service.stop("Another explanation was shown.", "compute")
        request = request_of(explanation) or transfer_request(self._contents[self.pane].request, explanation)
        self.show_result(explanation, request, self.pane)

    def compute(
        self,
        method: str | None = None,
        target: TargetLike | None = None,
        progress: Progress | bool | None = None,
        **params: Any,
    ) -> Explanation:
        """Compute an explanation with another method or for another class, through the cache, and show it.

        Parameters
        ----------
        method
            Name in `METHODS`; default: the current method.
        target
            As for `staa_widgets.explain`; default: the current class. A method that does not depend on the class keeps
            the class for later methods.
        progress
            As for `staa_widgets.explain`.
        **params
            Method parameters to change. Parameters of the previous method are not carried over to another one.

        Returns
        -------
        Explanation
            The explanation that is now shown.

        Raises
        ------
        PlayerError
            If the video and the model are not available.
        MethodError, ParameterError, VideoError, ModelError
            As `staa_widgets.explain`; the player stays as it was.
        """
        name = method or self.explanation.method
        if name in METHODS:
            METHODS[name].check_keywords("compute", ("method", "target", "progress"), params)
        pane, request = self.pane, self.change_request(method, target, params)
        self._service.stop("A newer request replaced this one.", "compute")
        self.show_result(answer_request(request, progress), request, pane)
        return self.explanations[pane]

    def snapshot(self, path: str | os.PathLike[str] | None = None) -> StaticImage:
        """Draw the active pane as a still image, which a notebook can show without widgets.

        Parameters
        ----------
        path
            PNG file to write; default: none.

        Returns
        -------
        StaticImage
            An image that a notebook displays as the last value of a cell.

        Raises
        ------
        ExportError
            If the file cannot be written.
        """
        return file_export.draw_snapshot(self, path)

    def render_image(self, **options: Any) -> StaticImage:
        """Draw one image that summarizes all panes over time; options as for `staa_widgets.render_image`."""
        return file_export.render_image(self, **options)

    def close(self) -> None:
        """Remove the player from every page and stop its computations."""
        if "_service" in vars(self):
            self._service.stop("The player was closed.")
            self._frame_stream.close_if_idle()
        super().close()
        layout = vars(self).get("_own_layout")
        if layout is not None:
            layout.close()

    def __repr__(self) -> str:
        return f"<Player of {', '.join(map(repr, self.explanations))}>"

    def _ipython_display_(self) -> None:
        display_player(self)

    # Methods for the service and its operations, see `worker.Host` and `player_protocol.PlayerView`.

    def hello(self) -> dict[str, Any]:
        """Return what the kernel can do for this player."""
        computes = any(content.request for content in self._contents)
        why = "" if computes else str(missing_request_error())
        return {"kernel": True, "computes": computes, "why": why}

    def operation(self, op: str, args: Mapping[str, Any]) -> Operation:
        """Return the operation of a request; raises typed errors."""
        return OPERATIONS[op](self, args)

    @property
    def frame_stream(self) -> FrameStream:
        """The decoder for requests of frames, which stays open."""
        return self._frame_stream

    def pane_of(self, args: Mapping[str, Any]) -> int:
        """Return the pane that a request names, or the active pane."""
        return SETTINGS["pane"].validate(self, args.get("pane", self.pane))

    def clip_of(self, pane: int) -> Clip:
        """Return the video that a pane shows; raises `PlayerError` if it is not available."""
        return self._contents[pane].require_request().clip

    def change_request(
        self, method: str | None, target: TargetLike | None, params: Mapping[str, Any], pane: int | None = None
    ) -> ExplainRequest:
        """Return the request of a pane (default: the active one) with these changes; raises the errors of `compute`."""
        return self._contents[self.pane if pane is None else pane].change_request(method, target, params)

    def show_result(self, explanation: Explanation, request: ExplainRequest | None, pane: int) -> None:
        """Show an explanation in a pane, and keep its request; the pane after the last one is a new one."""
        # The lock also covers reading the current contents, because the worker may replace another pane meanwhile.
        with trait_lock():
            content = PaneContent(self._given_ground_truth.add_to(explanation), request)
            if pane < len(self._contents):
                self._replace_pane(content, pane)
            else:
                with self.hold_sync():
                    self._set_panes((*self._contents, content), [*self._previous, None], len(self._contents))
                    # Show all panes.
                    self.set_trait("view", "auto")

    def close_pane(self, pane: int) -> None:
        """Close one of several panes; raises `PlayerError` if it is the only one."""
        with trait_lock():
            if len(self._contents) == 1:
                raise PlayerError("The player has only one pane.", "Show another explanation in it: player.show(…).")
            pane = SETTINGS["pane"].validate(self, pane)
            self._service.stop("A pane was closed.", "compute")
            others = [i for i in range(len(self._contents)) if i != pane]
            active = min(self.pane - (self.pane > pane), len(others) - 1)
            contents = tuple(self._contents[i] for i in others)
            self._set_panes(contents, [self._previous[i] for i in others], active)

    # Traits.

    def _restore_previous(self) -> bool:
        """Show the content that a patch replaced in the active pane; return ``False`` if there is no such content."""
        previous = self._previous[self.pane]
        if previous is None:
            return False
        self._service.stop("Another explanation was shown.", "compute")
        self.show_result(previous.explanation, previous.request, self.pane)
        return True

    def _replace_pane(self, content: PaneContent, pane: int) -> None:
        current, explanation = self._contents[pane], content.explanation
        another_clip = not same_clip(current.explanation, explanation)
        if another_clip:
            self._cards = {}
        contents = (*self._contents[:pane], content, *self._contents[pane + 1 :])
        previous = [*self._previous]
        previous[pane] = previous_content(current, self._previous[pane], explanation)
        self._set_panes(contents, previous, self.pane)

    def _set_panes(self, contents: tuple[PaneContent, ...], previous: list[PaneContent | None], active: int) -> None:
        """Show these contents, and make one of them the active pane."""
        traits, first = self._pack_traits(contents), contents[0]
        another_clip = not same_clip(self._contents[0].explanation, first.explanation)
        first_frame = peak_frame(first.explanation, every_frame=first.request is not None)
        with self.hold_sync(), self.hold_trait_notifications():
            self._contents = contents
            self._previous = previous
            self.set_trait("pane", active)
            for name, value in traits.items():
                self.set_trait(name, value)
            self._update_active_traits()
            if another_clip:
                self.set_trait("selection", None)
                self.set_trait("frame", first_frame)
            for name in ("layer", "head", "mask"):
                if not self.accepts(name, getattr(self, name)):
                    self.set_trait(name, -1)
            self._update_time_and_slice()

    def _pack_traits(self, contents: Sequence[PaneContent]) -> dict[str, Any]:
        has_video = [content.request is not None for content in contents]
        names = [content.own_name for content in contents]
        return pack_traits([content.explanation for content in contents], has_video, self._cards, names)
