"""A closed player is freed: its comm, its widgets, its memory and its queued requests."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

from ipywidgets.widgets import widget as widget_module

import staa_widgets as staa
from staa_widgets.widget.worker import WORKERS
from tests.helpers.barcodes import barcode_explanation


def open_and_close(e: staa.Explanation) -> tuple[weakref.ref[Any], weakref.ref[Any]]:
    player = staa.Player([e, e], layer=0)
    player.on_select(print)
    player.close()
    return weakref.ref(player), weakref.ref(player.layout)


def test_fifty_closed_players_are_freed():
    e = barcode_explanation()
    staa.Player(e).close()
    gc.collect()
    before = len(widget_module._instances), threading.active_count()
    refs = [open_and_close(e) for _ in range(50)]
    gc.collect()
    assert (len(widget_module._instances), threading.active_count()) == before
    assert sum(ref() is not None for both in refs for ref in both) == 0
    assert [worker.pending for worker in (WORKERS.compute, WORKERS.frames)] == [0, 0]
