"""`Player`: an explanation alive in a notebook."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import anywidget
import numpy as np
from traitlets import Bytes, Dict, Float, Int, Unicode, default, observe

from staa_widgets.explanation import Explanation
from staa_widgets.export import built
from staa_widgets.widget.payload import pack
from staa_widgets.widget.traits import SETTINGS, Settings


class Player(anywidget.AnyWidget, Settings):
    """A video under its heat map, with its curve of time, in a notebook."""

    _esm = Unicode().tag(sync=True)
    _css = Unicode().tag(sync=True)
    _meta = Dict().tag(sync=True)
    _frames = Bytes().tag(sync=True)
    _maps = Bytes().tag(sync=True)
    _temporal = Bytes().tag(sync=True)
    _attention = Bytes().tag(sync=True)
    _colours = Bytes().tag(sync=True)
    slice = Int(read_only=True)
    time = Float(read_only=True)

    def __init__(self, explanation: Explanation, **settings: Any) -> None:
        for name in settings:
            if name not in SETTINGS:
                close = get_close_matches(name, SETTINGS, 1)
                told = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(SETTINGS)}"
                raise TypeError(f"Player has no setting {name!r}; {told}")
        self._explanation = explanation
        super().__init__(**_bulk(explanation), **settings)

    @property
    def explanation(self) -> Explanation:
        """The explanation on show."""
        return self._explanation

    def show(self, explanation: Explanation) -> None:
        """Put another explanation on show; where the clip is the same, frame and looks stay."""
        before, self._explanation = self._explanation, explanation
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in _bulk(explanation).items():
                self.set_trait(name, value)
            self.set_trait("method", explanation.method)
            self.set_trait("target", explanation.target)
            if not _same_clip(before, explanation):
                self.set_trait("selection", None)
                self.set_trait("frame", peak_frame(explanation))
            self._follow()

    @default("_esm")
    def _read_esm(self) -> str:
        return built("widget.js")

    @default("_css")
    def _read_css(self) -> str:
        return built("widget.css")

    @default("method")
    def _first_method(self) -> str:
        return self._explanation.method

    @default("target")
    def _first_target(self) -> int:
        return self._explanation.target

    @default("frame")
    def _first_frame(self) -> int:
        return peak_frame(self._explanation)

    @default("slice")
    def _first_slice(self) -> int:
        return int(self._explanation.slice_of_frame[self.frame - self._explanation.first_frame])

    @default("time")
    def _first_time(self) -> float:
        return float(self._explanation.times[self.frame - self._explanation.first_frame])

    @observe("frame")
    def _follow(self, _: object = None) -> None:
        self.set_trait("slice", self._first_slice())
        self.set_trait("time", self._first_time())


def peak_frame(explanation: Explanation) -> int:
    """Source frame that the player shows first: the one nearest to what the strongest slice saw."""
    e = explanation
    frames = e.first_frame + np.arange(len(e.times)) if e.preview is None else e.preview.indices
    seen = e.sampled[e.temporal.astype(np.float32).argmax()]
    return int(frames[np.abs(frames - seen[len(seen) // 2]).argmin()])


def _bulk(explanation: Explanation) -> dict[str, Any]:
    meta, buffers = pack(explanation)
    return {"_meta": meta, **{f"_{name}": data for name, data in buffers.items()}}


def _same_clip(one: Explanation, other: Explanation) -> bool:
    return one.clip_sha256 == other.clip_sha256 and np.array_equal(one.times, other.times)
