"""`Player`: an explanation alive in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from ipywidgets import CallbackDispatcher
from traitlets import Bytes, Dict, Float, Int, List, Unicode, default, observe

from staa_widgets.clip import Clip
from staa_widgets.errors import PlayerError, StaaError
from staa_widgets.explanation import Explanation
from staa_widgets.export import built
from staa_widgets.labels import target_index
from staa_widgets.progress import Progress
from staa_widgets.question import Question, find_question, question_of, restated
from staa_widgets.truth import ClipTruth, Known
from staa_widgets.widget.asked import Earlier, Patch, asking, kept, patch_of
from staa_widgets.widget.display import display_player
from staa_widgets.widget.errands import ERRANDS, compute
from staa_widgets.widget.given import Given
from staa_widgets.widget.guard import GuardedWidget
from staa_widgets.widget.panes import as_panes, pack_panes
from staa_widgets.widget.payload import peak_frame, same_clip
from staa_widgets.widget.selection import Selection, select
from staa_widgets.widget.service import Errand, Service
from staa_widgets.widget.traits import SETTINGS, SettingError, Settings

_COMPUTED = ("method", "target", "query")
_OF_WIDGETS = ("layout", "tabbable", "tooltip")


class Player(GuardedWidget, Settings):
    """A video under its heat map with its curve of time, in a notebook; up to four explanations side by side.

    All of `Settings` can be read, set, observed and linked, and follows what is done in the browser.

    Parameters
    ----------
    explanation
        What to show, or 1 to 4 explanations. The first one's clip is what is played; a pane of another clip follows it
        second by second.
    question
        What led to it, so that other methods and classes can be computed; known for explanations made by
        `staa_widgets.explain` in this process.
    video, model
        As for `staa_widgets.explain`, in place of `question`: for explanations loaded from a file. Like `question`,
        for the first pane.
    truth
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
    query
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

    _esm = Unicode().tag(sync=True)
    _css = Unicode().tag(sync=True)
    _meta = Dict().tag(sync=True)
    _frames = Bytes().tag(sync=True)
    _maps = Bytes().tag(sync=True)
    _times = Bytes().tag(sync=True)
    _temporal = Bytes().tag(sync=True)
    _attention = Bytes().tag(sync=True)
    _truth = Bytes().tag(sync=True)
    _colours = Bytes().tag(sync=True)
    _others = List().tag(sync=True)
    _more = Bytes().tag(sync=True)
    slice = Int(read_only=True)
    time = Float(read_only=True)

    def __init__(
        self,
        explanation: Explanation | Iterable[Explanation],
        *,
        question: Question | None = None,
        video: Any = None,
        model: Any = None,
        truth: Known | ClipTruth | None = None,
        **settings: Any,
    ) -> None:
        for name in settings:
            if name not in (*SETTINGS, *_OF_WIDGETS):
                close = get_close_matches(name, SETTINGS, 1)
                told = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(SETTINGS)}"
                raise TypeError(f"Player has no setting {name!r}; {told}")
        first, *rest = as_panes(explanation)
        asked = find_question(first, question, video, model)
        self._questions = [asked, *(find_question(one, None, None, None) for one in rest)]
        if truth is None and first.truth is None and asked is not None:
            truth = asked.clip.truth
        self._earlier: list[Earlier | None] = [None] * len(self._questions)
        self._given = Given(first, truth)
        self._explanations = tuple(self._given.tell(one) for one in (first, *rest))
        self._cards: dict[str, Any] = {}
        self._selecting = CallbackDispatcher()
        self._service = Service(self)
        if rest:
            settings = {"view": "grid", **settings}
        query = settings.pop("query", None)
        super().__init__(**self._laid_out(self._explanations, self._questions), **settings)
        self._follow()
        self.on_msg(lambda _, content, __: self._service.receive(content))
        if query is not None:
            self.query = query

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
        question = question_of(explanation) or restated(self._questions[self.pane], explanation)
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
        pane, question = self.pane, self.ask_about(method, target, params)
        self._service.stop("Something newer was asked for.", "compute")
        self._show(question.ask(progress), question, pane)
        return self._explanations[pane]

    def on_select(self, fn: Callable[[Selection | None], object], remove: bool = False) -> None:
        """Call a function with the `Selection` whenever a range is selected, with ``None`` when it is cleared."""
        self._selecting.register_callback(fn, remove=remove)

    def close(self) -> None:
        """Take the player out of every page and stop what it computes."""
        if "_service" in vars(self):
            self._service.stop("The player was closed.")
        super().close()

    def __repr__(self) -> str:
        return f"<Player of {', '.join(map(repr, self._explanations))}>"

    def _ipython_display_(self) -> None:
        display_player(self)

    # What the service asks of its host.

    def hello(self) -> dict[str, Any]:
        """Say what the kernel can do for this player."""
        why = "" if any(self._questions) else str(_no_question())
        return {"kernel": True, "computes": not why, "why": why}

    def errand(self, op: str, args: Mapping[str, Any]) -> Errand:
        """Make an errand of a request; raises typed errors."""
        return ERRANDS[op](self, args)

    def pane_of(self, args: Mapping[str, Any]) -> int:
        """Return the pane that a request names, or the active one."""
        return SETTINGS["pane"].validate(self, args.get("pane", self.pane))

    def clip_of(self, pane: int) -> Clip:
        """Return the video that a pane shows; raises `PlayerError` where it is not at hand."""
        question = self._questions[pane]
        if question is None:
            raise _no_question()
        return question.clip

    def ask_about(
        self, method: str | None, target: int | str | None, params: Mapping[str, Any], pane: int | None = None
    ) -> Question:
        """Put a question about what a pane shows, the active one by default, into words; raises as `compute`."""
        at = self.pane if pane is None else pane
        question = self._questions[at]
        if question is None:
            raise _no_question()
        same = method in (None, question.method) and not params
        if same and target_index(target, question.model.labels) == self._explanations[at].target:
            target = None
        return question.about(method, target, params)

    def settle(self, explanation: Explanation, question: Question, pane: int) -> None:
        """Show the answer to a question."""
        self._show(explanation, question, pane)

    # Traits.

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _COMPUTED:
            self._ask_for(name, value)
            return
        if not name.startswith("_") and not hasattr(type(self), name):
            close = get_close_matches(name, SETTINGS, 1)
            raise AttributeError(f"Player has no {name!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        super().__setattr__(name, value)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what a page has set; what cannot be is put right there."""
        wrong = [name for name in sync_data if name in SETTINGS and not self._accepts(name, sync_data[name])]
        asked = {name: sync_data[name] for name in _COMPUTED if name in sync_data and name not in wrong}
        super().set_state({name: sync_data[name] for name in sync_data if name not in (*asked, *wrong)})
        if asked or wrong:
            self.send_state([*asked, *wrong])
        try:
            query = SETTINGS["query"].validate(self, asked.pop("query", self.query))
            if query != self.query:
                if not (query is None and self._go_back()):
                    self._service.run("compute", None, compute(self, asking(query)))
            elif any(value != getattr(self, name) for name, value in asked.items()):
                self._service.run("compute", None, compute(self, asked))
        except StaaError as error:
            self.log.warning("The player stays as it was: %s", error)

    def _ask_for(self, name: str, value: Any) -> None:
        if name == "query":
            value = SETTINGS[name].validate(self, value)
        elif value is None:
            raise SettingError(f"{name} is None.", "Give a name or an index.")
        if value == getattr(self, name):
            return
        if name != "query":
            self.compute(**{name: value})
        elif value is not None or not self._go_back():
            asked = asking(value)
            self.compute(asked["method"], **asked["params"])

    def _go_back(self) -> bool:
        """Show what was shown before a patch was asked about, if that is known."""
        earlier = self._earlier[self.pane]
        if earlier is not None:
            self._service.stop("Something else was put on show.", "compute")
            self._show(earlier.explanation, earlier.question, self.pane)
        return earlier is not None

    def _accepts(self, name: str, value: Any) -> bool:
        try:
            SETTINGS[name].validate(self, value)
        except SettingError:
            return False
        return True

    def _show(self, explanation: Explanation, question: Question | None, pane: int) -> None:
        before, explanation = self._explanations[pane], self._given.tell(explanation)
        if not same_clip(before, explanation):
            self._cards = {}
        shown = (*self._explanations[:pane], explanation, *self._explanations[pane + 1 :])
        questions = [*self._questions[:pane], question, *self._questions[pane + 1 :]]
        bulk, first = self._laid_out(shown, questions), peak_frame(explanation, live=question is not None)
        back = kept(Earlier(before, self._questions[pane]), self._earlier[pane], explanation)
        with self.hold_sync(), self.hold_trait_notifications():
            self._explanations = shown
            self._questions = questions
            self._earlier[pane] = back
            for name, value in bulk.items():
                self.set_trait(name, value)
            self._name_active()
            if pane == 0 and not same_clip(before, explanation):
                self.set_trait("selection", None)
                self.set_trait("frame", first)
            for name in ("layer", "head"):
                if not self._accepts(name, getattr(self, name)):
                    self.set_trait(name, -1)
            self._follow()

    def _laid_out(self, shown: Sequence[Explanation], questions: Sequence[Question | None]) -> dict[str, Any]:
        laid = pack_panes(shown)
        metas = (laid["meta"], *laid["others"])
        for meta, question in zip(metas, questions, strict=True):
            frames = meta["frames"]
            meta["frames"] = {**frames, "live": question is not None and frames["kept"] is not None}
        # What was shown before stays beside it; what is shown again keeps its place.
        self._cards |= {card["key"]: card for meta in metas for card in meta["cards"]}
        for meta in metas:
            meta["cards"] = [*self._cards.values()]
        return {f"_{name}": value for name, value in laid.items()}

    @default("_esm")
    def _read_esm(self) -> str:
        return built("widget.js")

    @default("_css")
    def _read_css(self) -> str:
        return built("widget.css")

    @default("method")
    def _first_method(self) -> str:
        return self.explanation.method

    @default("target")
    def _first_target(self) -> int:
        return self.explanation.target

    @default("frame")
    def _first_frame(self) -> int:
        return peak_frame(self._explanations[0], live=self._questions[0] is not None)

    @default("query")
    def _first_query(self) -> Patch | None:
        return patch_of(self.explanation)

    @observe("frame", "pane")
    def _follow(self, _: object = None) -> None:
        first, active = self._explanations[0], self.explanation
        time = float(first.times[self.frame - first.first_frame])
        self.set_trait("time", time)
        if same_clip(first, active):
            at = self.frame - first.first_frame
        else:
            at = max(int(np.searchsorted(active.times, time, side="right")) - 1, 0)
        self.set_trait("slice", int(active.slice_of_frame[at]))

    @observe("pane")
    def _name_active(self, _: object = None) -> None:
        self.set_trait("method", self.explanation.method)
        self.set_trait("target", self.explanation.target)
        self.set_trait("query", patch_of(self.explanation))

    @observe("selection")
    def _tell_selection(self, change: Any) -> None:
        self._selecting(None if change["new"] is None else select(self.explanation, *change["new"]))


def _no_question() -> PlayerError:
    return PlayerError(
        "The kernel does not have the video and the model of this explanation.",
        "Run `staa.explain` on the video again, or show it with `staa.Player(explanation, video=…, model=…)`.",
    )
