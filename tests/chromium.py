"""The machine's own Chromium, and what a test sees of a page in it."""

from __future__ import annotations

import base64
import io
import shutil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page

# Pictures are composed in software; a loaded machine needs its time.
PATIENCE = 60_000
NAMES = ("chromium", "chromium-browser", "google-chrome")


def launch_args() -> dict[str, Any] | None:
    """Tell Playwright where Chromium is; without its sandbox, because containers run tests as root."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return {"executable_path": found, "args": ["--no-sandbox"]} if found else None


def drawn(page: Page, frame: int) -> None:
    """Wait until the canvas shows a source frame."""
    page.wait_for_selector(f"canvas[data-frame='{frame}']")


def pixels(page: Page) -> NDArray[np.uint8]:
    """RGB of the heated picture, whole."""
    # Two turns of the event loop: one for the signals, one for the paint.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return content(page.locator("canvas[data-frame]"))


def content(canvas: Locator) -> NDArray[np.uint8]:
    """RGB of a canvas."""
    url = canvas.evaluate("canvas => canvas.toDataURL('image/png')")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def bars(page: Page) -> NDArray[np.uint8]:
    """The picture on show without its heat, read while O is held."""
    page.keyboard.down("o")
    image = pixels(page)
    page.keyboard.up("o")
    return image


def seek(page: Page) -> Locator:
    """The slider over the frames."""
    return page.get_by_role("slider", name="Frame")


def left(page: Page, selector: str) -> float:
    """Where the middle of an element lies on the axis of time, 0 … 1."""
    box, plot = page.locator(selector).bounding_box(), page.locator(".staa-plot").bounding_box()
    assert box
    assert plot
    return (box["x"] + box["width"] / 2 - plot["x"]) / plot["width"]
