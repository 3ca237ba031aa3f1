"""`Player`: an explanation alive in a notebook."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ipywidgets import CallbackDispatcher
from traitlets import Float, Int, default, observe

from staa_widgets.engine.explain import answer_request
from staa_widgets.engine.request import ExplainRequest, find_request, request_of, transfer_request
from staa_widgets.errors import PlayerError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.explanation.selection import Selection, select_range
from staa_widgets.records.labels import target_index
from staa_widgets.render.compositor import peak_frame
from staa_widgets.utils.progress import Progress
from staa_widgets.widget import file_export as taking
from staa_widgets.widget.computed_traits import ComputedTraits
from staa_widgets.widget.display import display_player
from staa_widgets.widget.ground_truth import GivenGroundTruth
from staa_widgets.widget.handlers import OPERATIONS
from staa_widgets.widget.panes import PaneInput, as_panes, frame_in_pane, pack_traits
from staa_widgets.widget.patch import PaneContent, Patch, patch_of, previous_content
from staa_widgets.widget.payload import same_clip
from staa_widgets.widget.payload_traits import PayloadTraits
from staa_widgets.widget.service import Operation, Service
from staa_widgets.widget.settings import SETTINGS
from staa_widgets.widget.settings_check import refuse_unknown_names
from staa_widgets.widget.thread_safe import trait_lock

if TYPE_CHECKING:
    from staa_widgets.export.image import StaticImage
    from staa_widgets.video.clip import Clip
    from staa_widgets.video.ground_truth import GroundTruth, HasGroundTruth

_OF_WIDGETS = ("layout", "tabbable", "tooltip")


class Player(PayloadTraits, ComputedTraits):
    """A video under its heat map with its curve of time, in a notebook; up to four explanations side by side.

    All of `Settings` can be read, set, observed and linked, and follows what is done in the browser.

    Parameters
    ----------
    explanation
        What to show, or 1 to 4 explanations, or a `Comparison`. The first one's clip is what is played; a pane of
        another clip follows it second by second.
    request
        What led to it, so that other methods and classes can be computed; known for explanations made by
        `staa_widgets.explain` in this process.
    video, model
        As for `staa_widgets.explain`, in place of `request`: for explanations loaded from a file. Like `request`,
        for the first pane.
    ground_truth
        An `ActionClip`, or anything else with ``label``, ``where`` and ``when``, of the explanation's video: where it
        is known what acts, the player outlines it and scores what is shown. Explanations of an `ActionClip` know it.
    **settings
        Traits at first, such as ``opacity=0.5``.

    Attributes
    ----------
    frame
        Source frame on show.
    slice, time
        Slice and second of that frame; read-only.
    pane
        Index of the active pane: the one that `explanation`, `method`, `target` and `compute` are about.
    method, target
        What is on show in it. Setting one computes; if that fails, all stays as it was.
    patch
        Patch whose attention is on show in it, ``(slice, row, column)`` counted from 0. Setting one computes it;
        ``None`` goes back to what was shown before.
    selection
        ``(start, end)`` in seconds, or ``None``.

    Raises
    ------
    ParameterError
        If the video, the model or the truth is another than the explanation's.
    SettingError
        If a setting cannot have its value.
    TypeError
        If there is no such setting.
    """

    slice = Int(read_only=True)
    time = Float(read_only=True)

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
        refuse_unknown_names(settings, (*SETTINGS, *_OF_WIDGETS), "Player")
        first, *rest = as_panes(explanation)
        asked = find_request(first, request, video, model)
        self._requests = [asked, *(find_request(one, None, None, None) for one in rest)]
        if ground_truth is None and first.ground_truth is None and asked is not None:
            ground_truth = asked.clip.ground_truth
        self._previous: list[PaneContent | None] = [None] * len(self._requests)
        self._given_ground_truth = GivenGroundTruth(first, ground_truth)
        self._explanations = tuple(self._given_ground_truth.add_to(one) for one in (first, *rest))
        self._cards: dict[Any, Any] = {}
        self._select_callbacks = CallbackDispatcher()
        self._service = Service(self)
        if rest:
            settings = {"view": "grid", **settings}
        patch = settings.pop("patch", None)
        super().__init__(**self._pack_traits(self._explanations, self._requests), **settings)
        # ipywidgets keeps the layout that it makes for a widget longer than the widget.
        self._own_layout = None if "layout" in settings else self.layout
        self._update_time_and_slice()
        self.on_msg(lambda _, content, __: self._service.receive(content))
        if patch is not None:
            try:
                self.patch = patch
            except BaseException:
                self.close()
                raise

    @property
    def explanation(self) -> Explanation:
        """The explanation on show, in the active pane where there are several."""
        return self._explanations[self.pane]

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        """What is on show, pane by pane."""
        return self._explanations

    def show(self, explanation: Explanation) -> None:
        """Put another explanation into the active pane; of the same clip, frame, selection and looks stay."""
        self._service.stop("Something else was put on show.", "compute")
        question = request_of(explanation) or transfer_request(self._requests[self.pane], explanation)
        self._show(explanation, question, self.pane)

    def compute(
        self,
        method: str | None = None,
        target: int | str | None = None,
        progress: Progress | bool | None = None,
        **params: Any,
    ) -> Explanation:
        """Compute with another method or about another class, through the cache, and show it.

        Parameters
        ----------
        method
            Name in `METHODS`; default: the same.
        target
            Class, by index or label; default: the same. A method that does not depend on it leaves it for the next.
        progress
            As for `staa_widgets.explain`.
        **params
            Parameters of the method to change. Those of another method are not carried over.

        Returns
        -------
        Explanation
            What is on show now.

        Raises
        ------
        PlayerError
            If video and model are not at hand.
        MethodError, ParameterError, VideoError, ModelError
            As `staa_widgets.explain`; the player stays as it was.
        """
        pane, question = self.pane, self.resolve_request(method, target, params)
        self._service.stop("Something newer was asked for.", "compute")
        self._show(answer_request(question, progress), question, pane)
        return self._explanations[pane]

    def on_select(self, fn: Callable[[Selection | None], object], remove: bool = False) -> None:
        """Call a function with the `Selection` whenever a range is selected, with ``None`` when it is cleared."""
        self._select_callbacks.register_callback(fn, remove=remove)

    def snapshot(self, path: str | os.PathLike[str] | None = None) -> StaticImage:
        """Draw what the active pane shows now as a picture that stays in the notebook, for viewers without widgets.

        Parameters
        ----------
        path
            Where to write it as a PNG file, if anywhere.

        Returns
        -------
        StaticPicture
            As the last value of a cell it shows itself.

        Raises
        ------
        ExportError
            If the file cannot be written.
        """
        return taking.draw_snapshot(self, path)

    def render_image(self, **options: Any) -> StaticImage:
        """Draw all that is on show over all the time as one picture; options as for `staa_widgets.render_image`."""
        return taking.render_image(self, **options)

    def close(self) -> None:
        """Take the player out of every page and stop what it computes."""
        if "_service" in vars(self):
            self._service.stop("The player was closed.")
        super().close()
        if layout := vars(self).get("_own_layout"):
            layout.close()

    def __repr__(self) -> str:
        return f"<Player of {', '.join(map(repr, self._explanations))}>"

    def _ipython_display_(self) -> None:
        display_player(self)

    # What the service asks of its host.

    def hello(self) -> dict[str, Any]:
        """Say what the kernel can do for this player."""
        why = "" if any(self._requests) else str(missing_request_error())
        return {"kernel": True, "computes": not why, "why": why}

    def operation(self, op: str, args: Mapping[str, Any]) -> Operation:
        """Make an errand of a request; raises typed errors."""
        return OPERATIONS[op](self, args)

    def pane_of(self, args: Mapping[str, Any]) -> int:
        """Return the pane that a request names, or the active one."""
        return SETTINGS["pane"].validate(self, args.get("pane", self.pane))

    def clip_of(self, pane: int) -> Clip:
        """Return the video that a pane shows; raises `PlayerError` where it is not at hand."""
        question = self._requests[pane]
        if question is None:
            raise missing_request_error()
        return question.clip

    def resolve_request(
        self, method: str | None, target: int | str | None, params: Mapping[str, Any], pane: int | None = None
    ) -> ExplainRequest:
        """Put a question about what a pane shows, the active one by default, into words; raises as `compute`."""
        at = self.pane if pane is None else pane
        question = self._requests[at]
        if question is None:
            raise missing_request_error()
        same = method in (None, question.method) and not params
        if same and target_index(target, question.model.labels) == self._explanations[at].target:
            target = None
        return question.with_changes(method, target, params)

    def show_result(self, explanation: Explanation, request: ExplainRequest, pane: int) -> None:
        """Show the answer to a question."""
        self._show(explanation, request, pane)

    # Traits.

    def _restore_previous(self) -> bool:
        """Show what was shown before a patch was asked about, if that is known."""
        earlier = self._previous[self.pane]
        if earlier is not None:
            self._service.stop("Something else was put on show.", "compute")
            self._show(earlier.explanation, earlier.request, self.pane)
        return earlier is not None

    def _show(self, explanation: Explanation, request: ExplainRequest | None, pane: int) -> None:
        # From the first look at what is on show: the worker may put something into another pane meanwhile.
        with trait_lock():
            self._replace_pane(explanation, request, pane)

    def _replace_pane(self, explanation: Explanation, request: ExplainRequest | None, pane: int) -> None:
        before, explanation = self._explanations[pane], self._given_ground_truth.add_to(explanation)
        if not same_clip(before, explanation):
            self._cards = {}
        shown = (*self._explanations[:pane], explanation, *self._explanations[pane + 1 :])
        questions = [*self._requests[:pane], request, *self._requests[pane + 1 :]]
        bulk, first = self._pack_traits(shown, questions), peak_frame(explanation, every_frame=request is not None)
        back = previous_content(PaneContent(before, self._requests[pane]), self._previous[pane], explanation)
        with self.hold_sync(), self.hold_trait_notifications():
            self._explanations = shown
            self._requests = questions
            self._previous[pane] = back
            for name, value in bulk.items():
                self.set_trait(name, value)
            self._update_active_traits()
            if pane == 0 and not same_clip(before, explanation):
                self.set_trait("selection", None)
                self.set_trait("frame", first)
            for name in ("layer", "head"):
                if not self.accepts(name, getattr(self, name)):
                    self.set_trait(name, -1)
            self._update_time_and_slice()

    def _pack_traits(self, shown: Sequence[Explanation], questions: Sequence[ExplainRequest | None]) -> dict[str, Any]:
        return pack_traits(shown, [question is not None for question in questions], self._cards)

    @default("method")
    def _first_method(self) -> str:
        return self.explanation.method

    @default("target")
    def _first_target(self) -> int:
        return self.explanation.target

    @default("frame")
    def _first_frame(self) -> int:
        return peak_frame(self._explanations[0], every_frame=self._requests[0] is not None)

    @default("patch")
    def _first_patch(self) -> Patch | None:
        return patch_of(self.explanation)

    @observe("frame", "pane")
    def _update_time_and_slice(self, _: object = None) -> None:
        first, active = self._explanations[0], self.explanation
        self.set_trait("time", float(first.times[self.frame - first.first_frame]))
        self.set_trait(
            "slice", int(active.slice_of_frame[frame_in_pane(active, first, self.frame) - active.first_frame])
        )

    @observe("pane")
    def _update_active_traits(self, _: object = None) -> None:
        self.set_trait("method", self.explanation.method)
        self.set_trait("target", self.explanation.target)
        self.set_trait("patch", patch_of(self.explanation))

    @observe("selection")
    def _call_select_callbacks(self, change: Any) -> None:
        self._select_callbacks(None if change["new"] is None else select_range(self.explanation, *change["new"]))


def missing_request_error() -> PlayerError:
    """Return the error for an explanation whose request is unknown."""
    return PlayerError(
        "The kernel does not have the video and the model of this explanation.",
        "Run `staa.explain` on the video again, or show it with `staa.Player(explanation, video=…, model=…)`.",
    )
