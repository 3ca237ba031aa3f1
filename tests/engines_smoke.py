"""Show an exported page in Firefox and in WebKitGTK, and a player in Voila: its pixels, its keys and its playback.

``python tests/engines_smoke.py [firefox | webkit | voila …]`` in an environment that has Voila beside what tests need.
Debian's packages: ``firefox-esr``, ``webkit2gtk-driver`` and, without a screen, ``xvfb``.
"""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from staa_widgets.render.compositor import draw_frame
from staa_widgets.widget.page import to_html
from tests.helpers.barcodes import FIRST, LAST, barcode_explanation
from tests.helpers.webdriver import BiDi, WebDriver, free_port, running

PATIENCE = 60
CANVAS = "document.querySelector('canvas[data-frame]')"

VOILA = """
import staa_widgets as staa
staa.Player(staa.Explanation.load("bars.safetensors"))
"""


class Engine(Protocol):
    """A browser that shows one page."""

    def open(self, url: str) -> None:
        """Open a page."""
        ...

    def evaluate(self, expression: str) -> Any:
        """Return the JSON value of an expression in the page."""
        ...

    def key(self, name: str, *actions: str) -> None:
        """Send ``keyDown`` and ``keyUp`` of a key, or those of them that are given."""
        ...

    def screenshot(self) -> bytes:
        """Return the visible part of the page as PNG."""
        ...


@contextmanager
def firefox() -> Iterator[Engine]:
    """Run Firefox without a window."""
    with tempfile.TemporaryDirectory() as profile:
        command = [_find("firefox-esr", "firefox"), "--headless", "--no-remote", "--profile", profile]
        with running([*command, "--remote-debugging-port", "0"]) as log:
            yield BiDi(_wait_for_text(log, r"WebDriver BiDi listening on (ws://\S+)"))


@contextmanager
def webkit() -> Iterator[Engine]:
    """Run WebKitGTK's small browser, on a virtual screen if there is none."""
    driver, port = _find("WebKitWebDriver"), free_port()
    with _screen() as display, running([driver, f"--port={port}"], DISPLAY=display):
        yield WebDriver(f"http://127.0.0.1:{port}", {"browserName": "MiniBrowser"})


@contextmanager
def _screen() -> Iterator[str]:
    if "DISPLAY" in os.environ:
        yield os.environ["DISPLAY"]
        return
    # Xvfb chooses a free number, and writes it to the file descriptor.
    reading, writing = os.pipe()
    command = [_find("Xvfb"), "-displayfd", str(writing), "-screen", "0", "1280x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with os.fdopen(reading) as number:
            yield f":{number.readline().strip()}"
    finally:
        os.close(writing)
        server.terminate()
        server.wait(PATIENCE)


def _find(*names: str) -> str:
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise SystemExit(f"{names[0]} is missing: apt-get install firefox-esr webkit2gtk-driver xvfb")
    return path


def _wait_for_text(log: Path, pattern: str) -> str:
    return wait_for(lambda: match[1] if (match := re.search(pattern, log.read_text("utf-8", "replace"))) else None)


def wait_for(condition: Callable[[], Any]) -> Any:
    """Return the first value of a condition that is true."""
    until = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.05)
    return value


def shown_frame(engine: Engine) -> int | None:
    """Return the source frame in the picture."""
    text = engine.evaluate(f"{CANVAS}?.dataset.frame ?? null")
    return None if text is None else int(text)


def read_canvas(engine: Engine) -> NDArray[np.int64]:
    """Return the pixels of the picture, RGB."""
    url = engine.evaluate(f"{CANVAS}.toDataURL('image/png')")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"), np.int64)


def use_player(engine: Engine) -> None:
    """Compare the picture with Python's, step by keys, and play."""
    wait_for(lambda: shown_frame(engine) is not None)
    engine.evaluate("document.querySelector('.staa-root').focus() ?? null")
    engine.key("Home")
    wait_for(lambda: shown_frame(engine) == FIRST)
    heated = read_canvas(engine)
    engine.key("o", "keyDown")
    wait_for(lambda: (read_canvas(engine) != heated).any())
    plain = read_canvas(engine)
    engine.key("o", "keyUp")
    expected = draw_frame(barcode_explanation(), FIRST, pixels=plain.astype(np.uint8)).astype(np.int64)
    assert np.abs(heated - expected).max() <= 2, np.abs(heated - expected).max()
    engine.key("ArrowRight")
    wait_for(lambda: shown_frame(engine) == FIRST + 1)
    engine.key("ArrowLeft")
    wait_for(lambda: shown_frame(engine) == FIRST)
    engine.key("k")
    wait_for(lambda: (shown_frame(engine) or 0) > FIRST + 5)
    engine.key("k")
    engine.key("End")
    wait_for(lambda: shown_frame(engine) == LAST)
    overflow = engine.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, overflow


def check_page(run: Callable[[], Any], picture: Path | None) -> None:
    """Use an exported page in an engine."""
    with tempfile.TemporaryDirectory() as home, run() as engine:
        engine.open(to_html(barcode_explanation(), Path(home) / "page.html").as_uri())
        use_player(engine)
        if picture:
            picture.write_bytes(engine.screenshot())


def check_voila(picture: Path | None) -> None:
    """Use a player in Voila, in Firefox."""
    import nbformat

    with tempfile.TemporaryDirectory() as home:
        place, port = Path(home), free_port()
        barcode_explanation().save(place / "bars.safetensors")
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=[nbformat.v4.new_code_cell(VOILA)])
        nbformat.write(book, place / "notebook.ipynb")
        command = [sys.executable, "-m", "voila", str(place / "notebook.ipynb"), "--no-browser", f"--port={port}"]
        with running([*command, "--Voila.ip=127.0.0.1"], HOME=home, PWD=home) as log, firefox() as engine:
            _wait_for_text(log, r"(http://127\.0\.0\.1|http://localhost)")
            engine.open(f"http://127.0.0.1:{port}/")
            use_player(engine)
            if picture:
                picture.write_bytes(engine.screenshot())


CHECKS: dict[str, Callable[[Path | None], None]] = {
    "firefox": lambda picture: check_page(firefox, picture),
    "webkit": lambda picture: check_page(webkit, picture),
    "voila": check_voila,
}


def main(*names: str) -> None:
    """Run these checks, or all; raises where something is wrong. Pictures go to the folder ``STAA_PICTURES``."""
    pictures = os.environ.get("STAA_PICTURES")
    for name in names or CHECKS:
        CHECKS[name](Path(pictures, f"{name}.png") if pictures else None)
        print(f"{name}: pixels, keys and playback", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
