"""Traits derived from the shown frame (time, slice) and from the active pane (method, class, patch)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipywidgets import CallbackDispatcher
from traitlets import Float, Int, default, observe

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.explanation.selection import Selection, select_range
from staa_widgets.render.compositor import peak_frame
from staa_widgets.widget.computed_traits import ComputedTraits
from staa_widgets.widget.pane_content import PaneContent, class_index
from staa_widgets.widget.panes import frame_in_pane
from staa_widgets.widget.patch import Patch, patch_of


class DerivedTraits(ComputedTraits):
    """A widget that shows the `PaneContent` of one or more panes, and updates the traits that describe it."""

    _contents: tuple[PaneContent, ...]

    slice = Int(read_only=True)
    time = Float(read_only=True)

    def __init__(self, **traits: Any) -> None:
        self._select_callbacks = CallbackDispatcher()
        super().__init__(**traits)

    @property
    def explanation(self) -> Explanation:
        """The explanation in the active pane."""
        return self._contents[self.pane].explanation

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        """The shown explanations, one for each pane."""
        return tuple(content.explanation for content in self._contents)

    def on_select(self, fn: Callable[[Selection | None], object], remove: bool = False) -> None:
        """Call a function with the `Selection` whenever a range is selected, with ``None`` when it is cleared."""
        self._select_callbacks.register_callback(fn, remove=remove)

    @default("method")
    def _first_method(self) -> str:
        return self.explanation.method

    @default("target")
    def _first_target(self) -> int:
        return class_index(self.explanation)

    @default("frame")
    def _first_frame(self) -> int:
        return peak_frame(self._contents[0].explanation, every_frame=self._contents[0].request is not None)

    @default("patch")
    def _first_patch(self) -> Patch | None:
        return patch_of(self.explanation)

    @observe("frame", "pane")
    def _update_time_and_slice(self, _: object = None) -> None:
        first, active = self._contents[0].explanation, self.explanation
        self.set_trait("time", float(first.times[self.frame - first.first_frame]))
        frame = frame_in_pane(active, first, self.frame)
        self.set_trait("slice", int(active.slice_of_frame[frame - active.first_frame]))

    @observe("pane")
    def _update_active_traits(self, _: object = None) -> None:
        self.set_trait("method", self.explanation.method)
        self.set_trait("target", class_index(self.explanation))
        self.set_trait("patch", patch_of(self.explanation))

    @observe("selection")
    def _call_select_callbacks(self, change: Any) -> None:
        self._select_callbacks(None if change["new"] is None else select_range(self.explanation, *change["new"]))
