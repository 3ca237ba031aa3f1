"""What the player lists of how an explanation was made."""

from __future__ import annotations

import numpy as np

from staa_widgets.widget.run_details import run_details
from tests.helpers.barcodes import FIRST, barcode_explanation, barcode_preview


def test_what_was_run_is_told_in_words():
    told = dict(run_details(barcode_explanation()))
    assert told["parameter · contrast"] == "True"
    assert told["explained class"] == "jump"
    assert told["time"] == "2.00 s – 3.90 s, 48 frames"
    assert told["preview"] == "all frames, 320 × 180"
    assert told["map"] == "6 slices of 5 × 7 patches"
    assert told["model input box (x0, y0, x1, y1)"] == "70.3, 0.0, 310.1, 180.0"
    assert told["sampled frames"].startswith("102+106, 110+114, ")
    assert told["seconds · model"] == "0.125"


def test_facts_inside_of_facts_are_named_by_their_way_and_what_is_unknown_is_left_out():
    noted = {
        "box": [0, 1],
        "method": {"params": {"steps": 3}, "weights": {"mean": [1 / 3, None, 2]}},
        "cost": None,
        "label": "",
        "cached": False,
    }
    e = barcode_explanation(provenance=noted, preview=None)
    told = dict(run_details(e))
    assert told["method · weights · mean"] == "0.33333, , 2"
    assert told["cached"] == "False"
    assert told["preview"] == "none"
    assert not told.keys() & {"box", "method · params · steps", "cost", "label"}


def test_pictures_that_were_thinned_out_are_counted():
    e = barcode_explanation()
    some = barcode_preview(np.arange(FIRST, FIRST + 48, 4), e.times[::4], 320, 180)
    assert dict(run_details(barcode_explanation(preview=some)))["preview"] == "12 of 48 frames, 320 × 180"
