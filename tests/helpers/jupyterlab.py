"""A JupyterLab server, and notebooks opened and run in it through a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, Response, expect

TOKEN = "a-token-of-the-tests"
PATIENCE = 60_000
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    # Light or dark as the browser prefers.
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
}
OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--port=0",
    "--ServerApp.port_retries=0",
    "--LabApp.extension_manager=readonly",
    "--LabApp.news_url=None",
    f"--IdentityProvider.token={TOKEN}",
)

# A first cell: imports the installed package and defines a way to wait for the test.
LOAD = """
import json, pathlib, sys, time
import staa_widgets as staa
assert staa.__file__.startswith(sys.prefix), staa.__file__
def wait_for(name):
    while not pathlib.Path(name).exists():
        time.sleep(0.02)
"""


@dataclass(frozen=True)
class Lab:
    """A running server.

    Parameters
    ----------
    url
        Address, with a slash at the end.
    books
        Folder of its notebooks, in which its kernels start.
    """

    url: str
    books: Path

    def write(self, name: str, cells: Sequence[str]) -> None:
        """Write a notebook that has never run."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(book, self.books / name)

    def read(self, name: str) -> Any:
        """Return the saved notebook."""
        return json.loads((self.books / name).read_text("utf-8"))

    def end_kernels(self) -> None:
        """Shut every kernel down."""
        for session in json.load(self._ask("api/sessions")):
            self._ask(f"api/sessions/{session['id']}", "DELETE").close()

    def kernel_states(self) -> list[str]:
        """Return the state of each kernel, as the server reports it."""
        return [session["kernel"]["execution_state"] for session in json.load(self._ask("api/sessions"))]

    def set_preferences(self, package: str, plugin: str, **values: Any) -> None:
        """Set user settings of a plugin, for pages opened from now on."""
        path = self.books.parent / "settings" / package / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def forget_settings(self) -> None:
        """Remove all user settings, for pages opened from now on."""
        shutil.rmtree(self.books.parent / "settings", ignore_errors=True)

    def _ask(self, path: str, method: str = "GET") -> Any:
        headers = {"Authorization": f"token {TOKEN}"}
        return urllib.request.urlopen(
            urllib.request.Request(self.url + path, headers=headers, method=method), timeout=30
        )


@contextmanager
def run_jupyterlab(python: Path, home: Path, app: str = "jupyterlab") -> Iterator[Lab]:
    """Run JupyterLab with its kernels in the environment of `python`, everything it writes under `home`.

    Parameters
    ----------
    python
        Interpreter of the environment under test. JupyterLab is among its modules; Lab's own files are linked from the
        running environment where its prefix lacks them.
    home
        Empty folder.
    app
        Module of the server: ``jupyterlab`` or ``notebook``.
    """
    share = python.parent.parent / "share" / "jupyter"
    share.mkdir(parents=True, exist_ok=True)
    for name in ("lab", "labextensions"):
        if not (share / name).exists():
            (share / name).symlink_to(Path(sysconfig.get_path("data")) / "share" / "jupyter" / name)
    books, overrides = home / "books", home / "config" / "labconfig"
    for folder in (books, overrides):
        folder.mkdir(parents=True)
    (overrides / "default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    places = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    lab_places = {"SETTINGS": "settings", "WORKSPACES": "workspaces"}
    env = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON", "PYTHON"))}
    env |= {f"JUPYTER_{name}_DIR": str(home / folder) for name, folder in places.items()}
    env |= {f"JUPYTERLAB_{name}_DIR": str(home / folder) for name, folder in lab_places.items()}
    env |= {"HOME": str(home), "IPYTHONDIR": str(home / "ipython"), "STAA_CACHE": str(home / "cache")}
    with (home / "server.log").open("w") as log:
        command = [python, "-m", app, *OPTIONS, f"--ServerApp.root_dir={books}"]
        server = subprocess.Popen(command, env=env, cwd=home, stdout=log, stderr=subprocess.STDOUT)
        lab = None
        try:
            lab = Lab(_url(server, home), books)
            yield lab
        finally:
            if lab:
                lab.end_kernels()
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def _url(server: subprocess.Popen[bytes], home: Path) -> str:
    info_file = home / "runtime" / f"jpserver-{server.pid}.json"
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        text = info_file.read_text("utf-8") if info_file.exists() else ""
        if text:
            return json.loads(text)["url"]
        time.sleep(0.05)
    raise RuntimeError(f"JupyterLab did not start:\n{(home / 'server.log').read_text()[-3000:]}")


class Notebook:
    """A notebook open in a browser.

    Parameters
    ----------
    page, lab, name
        Browser page, server, and the file's name.

    Attributes
    ----------
    allowed_complaints
        Parts of console messages that are no failure.
    """

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page = page
        self.lab = lab
        self.name = name
        self.allowed_complaints: list[str] = []
        self.cells = page.locator(".jp-Notebook .jp-CodeCell")
        self.open()

    def open(self) -> None:
        """Open the notebook in a fresh workspace and wait for its kernel."""
        self.page.goto(f"{self.lab.url}lab/tree/{self.name}?token={TOKEN}&reset")
        self.wait_for_idle()

    def wait_for_idle(self) -> None:
        """Wait until the kernel is idle."""
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()

    def start(self, cell: int) -> Locator:
        """Run a cell with Control+Enter and return its output without waiting for the end."""
        prompt = self.cells.nth(cell).locator(".jp-InputPrompt")
        # Emptied, because a new kernel may count to the same number.
        prompt.evaluate("prompt => { prompt.textContent = '' }")
        self.cells.nth(cell).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        expect(prompt).not_to_be_empty(timeout=PATIENCE)
        return self.cells.nth(cell).locator(".jp-OutputArea").first

    def run(self, cell: int) -> Locator:
        """Run a cell to its end."""
        output = self.start(cell)
        self.wait_for_end(cell)
        return output

    def wait_for_end(self, cell: int) -> None:
        """Wait for the end of a cell."""
        expect(self.cells.nth(cell).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"), timeout=PATIENCE)

    def run_json(self, cell: int) -> Any:
        """Run a cell that prints JSON, and read it."""
        return json.loads(self.run(cell).inner_text())

    def run_player(self, cell: int) -> Locator:
        """Run a cell to its end and return the player that it shows, drawn."""
        root = self.run(cell).locator(".staa-root").last
        root.locator("canvas[data-frame]").first.wait_for()
        return root

    def sources(self) -> list[str]:
        """Return the source text of the cells."""
        return self.page.locator(".jp-Notebook .jp-CodeCell .cm-content").all_inner_texts()

    def choose(self, menu: str, item: str) -> None:
        """Choose from a menu of JupyterLab."""
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(item)}$")).click()

    def restart(self) -> None:
        """Restart the kernel and wait until it is idle."""
        self.choose("Kernel", "Restart Kernel…")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        expect(self.page.locator(".jp-Dialog")).to_have_count(0)
        self.wait_for_idle()

    def save(self) -> None:
        """Save, and wait for the server's confirmation."""
        with self.page.expect_response(_is_save, timeout=PATIENCE) as answer:
            self.page.keyboard.press("Control+s")
        assert answer.value.ok, answer.value.status_text


def _is_save(answer: Response) -> bool:
    return answer.request.method == "PUT" and "/api/contents/" in answer.url
