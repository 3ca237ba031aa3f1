"""The picture and the playhead of a player in JupyterLab, read from its pixels."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import Locator

from tests.helpers.barcodes import bit_rectangles
from tests.helpers.chromium import read_canvas


def picture_canvas(root: Locator) -> Locator:
    """Return the canvas of a player's picture."""
    return root.locator("canvas[data-frame]")


def wait_for_frame(root: Locator, frame: int) -> None:
    """Wait until a player shows a source frame of `barcodes.explanation`, and read its number from the picture."""
    root.locator(f"canvas[data-frame='{frame}']").wait_for()
    assert read_frame_number(root) == frame


def read_frame_number(root: Locator) -> int:
    """Return the frame number in the bars of the picture, which lie outside the heat map."""
    image = read_canvas(picture_canvas(root))
    height, width, _ = image.shape
    return sum(
        int(image[(y0 + y1) // 2, (x0 + x1) // 2].mean() > 127) << bit
        for bit, (x0, y0, x1, y1) in enumerate(bit_rectangles(width, height))
    )


def playhead_position(root: Locator) -> float:
    """Return the position of the playhead over the bars, 0 … 1."""
    head, plot = (root.locator(name).bounding_box() for name in (".staa-playhead", ".staa-plot"))
    assert head
    assert plot
    return (head["x"] + head["width"] / 2 - plot["x"]) / plot["width"]


def expected_position(e, frame: int) -> float:
    """Return the position that the playhead should have at a frame, 0 … 1."""
    start = e.spans[0, 0]
    return float((e.times[frame - e.first_frame] - start) / (np.max(e.spans) - start))
