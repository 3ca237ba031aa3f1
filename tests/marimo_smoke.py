"""Show a player in marimo, seen with Chromium: drawn, scrubbed, and its frame known to another cell.

``python tests/marimo_smoke.py`` in an environment that has marimo beside what the tests need.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

from tests.helpers.barcodes import LAST, barcode_explanation
from tests.helpers.chromium import PATIENCE, launch_args

NOTEBOOK = """
import marimo

app = marimo.App()

@app.cell
def _():
    import marimo as mo
    import staa_widgets as staa
    return mo, staa

@app.cell
def _(mo, staa):
    player = mo.ui.anywidget(staa.Player(staa.Explanation.load("bars.safetensors")))
    player
    return (player,)

@app.cell
def _(mo, player):
    mo.md(f"Python is at frame {player.value['frame']}")
    return

if __name__ == "__main__":
    app.run()
"""


def use_player(page: Page, url: str, picture: Path | None) -> None:
    """Open the notebook and use the player."""
    page.set_default_timeout(PATIENCE)
    until = time.monotonic() + PATIENCE / 1000
    while True:
        try:
            page.goto(url)
            break
        except Error:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
    page.wait_for_selector("canvas[data-frame]")
    page.locator(".staa-root").press("End")
    page.wait_for_selector(f"canvas[data-frame='{LAST}']")
    page.get_by_text(f"Python is at frame {LAST}").wait_for()
    if picture:
        page.screenshot(path=picture)


def main(picture: Path | None = None) -> None:
    """Run marimo and look at it; raises where something is missing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        barcode_explanation().save(place / "bars.safetensors")
        (place / "notebook.py").write_text(NOTEBOOK, "utf-8")
        command = [sys.executable, "-m", "marimo", "run", "notebook.py", "--headless", "--no-token", f"--port={port}"]
        env = {**os.environ, "HOME": home, "MARIMO_SKIP_UPDATE_CHECK": "1"}
        with (place / "log").open("w") as log:
            server = subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=subprocess.STDOUT)
        try:
            with sync_playwright() as playwright, playwright.chromium.launch(**launch_args() or {}) as browser:
                broken: list[str] = []
                page = browser.new_page(viewport={"width": 1280, "height": 1000})
                page.on("pageerror", lambda error: broken.append(str(error)))
                use_player(page, f"http://127.0.0.1:{port}/", picture)
                assert broken == [], broken
        except BaseException:
            print((place / "log").read_text("utf-8"), file=sys.stderr)
            raise
        finally:
            server.terminate()
            server.wait(30)
    print("marimo: drawn, scrubbed, heard")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
