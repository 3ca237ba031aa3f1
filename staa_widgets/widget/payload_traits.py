"""Traits that carry the explanations and the built player to a page."""

from __future__ import annotations

from traitlets import Bytes, Dict, HasTraits, List, Unicode, default

from staa_widgets.widget.bundle import read_bundle


class PayloadTraits(HasTraits):
    """A widget whose traits carry the payload of `pack_panes` and the built player."""

    _esm = Unicode().tag(sync=True)
    _css = Unicode().tag(sync=True)
    _meta = Dict().tag(sync=True, payload=True)
    _frames = Bytes().tag(sync=True, payload=True)
    _maps = Bytes().tag(sync=True, payload=True)
    _times = Bytes().tag(sync=True, payload=True)
    _temporal = Bytes().tag(sync=True, payload=True)
    _attention = Bytes().tag(sync=True, payload=True)
    _masks = Bytes().tag(sync=True, payload=True)
    _ground_truth = Bytes().tag(sync=True, payload=True)
    _colors = Bytes().tag(sync=True, payload=True)
    _others = List().tag(sync=True, payload=True)
    _more = Bytes().tag(sync=True, payload=True)

    @default("_esm")
    def _read_esm(self) -> str:
        return read_bundle("widget.js")

    @default("_css")
    def _read_css(self) -> str:
        return read_bundle("widget.css")


PAYLOAD_TRAITS = tuple(name for name in vars(PayloadTraits) if name in PayloadTraits.class_traits(payload=True))
"""Names of the traits with the payload."""
