"""The run details that the player lists for an explanation."""

from __future__ import annotations

import numpy as np

from staa_widgets.widget.run_details import run_details
from tests.helpers.barcodes import FIRST, barcode_explanation, barcode_preview


def test_run_details_are_in_words():
    details = dict(run_details(barcode_explanation()))
    assert details["parameter · contrast"] == "False"
    assert details["explained class"] == "jump"
    assert details["time"] == "2.00 s – 3.90 s, 48 frames"
    assert details["preview"] == "all frames, 320 × 180"
    assert details["map"] == "6 slices of 5 × 7 patches"
    assert details["model input box (x0, y0, x1, y1)"] == "70.3, 0.0, 310.1, 180.0"
    assert details["sampled frames"].startswith("102+106, 110+114, ")
    assert details["seconds · model"] == "0.125"


def test_nested_provenance_is_named_by_its_path_and_unknown_values_are_left_out():
    provenance = {
        "box": [0, 1],
        "method": {"params": {"steps": 3}, "weights": {"mean": [1 / 3, None, 2]}},
        "cost": None,
        "label": "",
        "cached": False,
    }
    e = barcode_explanation(provenance=provenance, preview=None)
    details = dict(run_details(e))
    assert details["method · weights · mean"] == "0.33333, , 2"
    assert details["cached"] == "False"
    assert details["preview"] == "none"
    assert not details.keys() & {"box", "method · params · steps", "cost", "label"}


def test_frames_of_a_thinned_preview_are_counted():
    e = barcode_explanation()
    preview = barcode_preview(np.arange(FIRST, FIRST + 48, 4), e.times[::4], 320, 180)
    assert dict(run_details(barcode_explanation(preview=preview)))["preview"] == "12 of 48 frames, 320 × 180"
