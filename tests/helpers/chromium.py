"""The installed Chromium, and reading pictures from a page in it."""

from __future__ import annotations

import base64
import io
import shutil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page

# Milliseconds. Chromium composes in software, which is slow on a loaded machine.
PATIENCE = 60_000
NAMES = ("chromium", "chromium-browser", "google-chrome")

# No sandbox, because containers run tests as root. A camera that shows a drawn picture and needs no permission.
ARGUMENTS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def launch_args() -> dict[str, Any] | None:
    """Return Playwright's arguments for the installed Chromium."""
    executable_path = next(filter(None, map(shutil.which, NAMES)), None)
    return {"executable_path": executable_path, "args": ARGUMENTS} if executable_path else None


def wait_for_frame(page: Page, frame: int) -> None:
    """Wait until the canvas shows a source frame."""
    page.wait_for_selector(f"canvas[data-frame='{frame}']")


def read_picture(page: Page) -> NDArray[np.uint8]:
    """Return the whole picture with its heat map, RGB."""
    # Two turns of the event loop: one for the signals, one for the paint.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return read_canvas(page.locator("canvas[data-frame]"))


def read_canvas(canvas: Locator) -> NDArray[np.uint8]:
    """Return the pixels of a canvas, RGB."""
    url = canvas.evaluate("canvas => canvas.toDataURL('image/png')")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def read_frame_without_heat(page: Page) -> NDArray[np.uint8]:
    """Return the picture without its heat map, read while O is pressed."""
    page.keyboard.down("o")
    image = read_picture(page)
    page.keyboard.up("o")
    return image


class SavedPicture(NamedTuple):
    """A picture saved with S: the file's name, its pixels, the part shown in the player, and where that part starts."""

    name: str
    image: NDArray[np.uint8]
    shown: NDArray[np.uint8]
    margin: int
    top: int


def save_picture(page: Page, width: int, height: int, spare: int = 0) -> SavedPicture:
    """Save the picture with S; the part shown has a size of `width` (± `spare`) times `height`."""
    with page.expect_download() as download:
        page.keyboard.press("s")
    image = np.asarray(Image.open(download.value.path()).convert("RGB"))
    margin = max(14, round(width / 46))
    assert abs(image.shape[1] - 2 * margin - width) <= spare, image.shape
    width = image.shape[1] - 2 * margin
    # Below lie a margin, the bar, a row of numbers, a row of words, and a margin; a row is as high as a line of text.
    top = len(image) - 3 * margin - 2 * round(1.45 * margin) - height
    shown = image[top : top + height, margin : margin + width]
    return SavedPicture(download.value.suggested_filename, image, shown, margin, top)


def open_more(page: Page) -> None:
    """Open the fold with the controls of the heat map that are seldom used."""
    fold = page.locator(".staa-more")
    if fold.get_attribute("open") is None:
        fold.locator("summary").click()


def frame_slider(page: Page) -> Locator:
    """Return the slider over the frames."""
    return page.get_by_role("slider", name="Frame")


def axis_position(page: Page, selector: str) -> float:
    """Return the position of an element's center on the time axis, 0 … 1."""
    box, plot = page.locator(selector).bounding_box(), page.locator(".staa-plot").bounding_box()
    assert box
    assert plot
    return (box["x"] + box["width"] / 2 - plot["x"]) / plot["width"]
