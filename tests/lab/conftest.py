"""One JupyterLab server with the installed wheel; each test has its own notebook and kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.jupyterlab import PATIENCE, Lab, Notebook, run_jupyterlab

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page

# Lab requests services that this server does not run.
IGNORED_URLS = ("/lsp/status",)


@pytest.fixture(scope="session")
def lab(clean_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server whose kernels have the wheel and not the working tree."""
    with run_jupyterlab(clean_environment / "bin" / "python", tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def notebook(lab: Lab, page: Page, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """Write and open notebooks; fail on requests to other servers and on errors in the console."""
    from playwright.sync_api import expect

    requested_urls: list[str] = []
    complaints: list[str] = []
    books: list[Notebook] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.location["url"] for part in IGNORED_URLS):
            complaints.append(message.text)

    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.on("request", lambda sent: requested_urls.append(sent.url))
    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def open_notebook(*cells: str) -> Notebook:
        name = f"{request.node.name}.ipynb"
        lab.write(name, cells)
        books.append(Notebook(page, lab, name))
        return books[-1]

    yield open_notebook
    page.goto("about:blank")
    lab.end_kernels()
    lab.forget_settings()
    assert [url for url in requested_urls if not url.startswith((lab.url, "data:", "blob:", "about:"))] == []
    allowed = [part for book in books for part in book.allowed_complaints]
    assert [text for text in complaints if not any(part in text for part in allowed)] == []
