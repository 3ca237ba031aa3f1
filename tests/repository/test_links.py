"""Links in the documentation: the file is there, and so is the heading."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "js" / "src").rglob("*.md")),
    *sorted((ROOT / "staa_widgets").rglob("*.md")),
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ +(.+)$", FENCE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", re.sub(r"[`*]", "", title)).lower().replace(" ", "-") for title in titles}


def broken_links(page: str, folder: Path) -> Iterator[str]:
    """Yield the links of a page in `folder` to files or headings that do not exist."""
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page)):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = folder / path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8") if path else page)):
            yield link


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(file: Path):
    assert [*broken_links(file.read_text("utf-8"), file.parent)] == []


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_links_of_a_notebook_lead_somewhere(file: Path):
    cells = json.loads(file.read_text("utf-8"))["cells"]
    page = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert [*broken_links(page, file.parent)] == []


def test_broken_links_are_reported(tmp_path: Path):
    (tmp_path / "other.md").write_text("# One `two`, three …?\n```\n# no heading\n```\n")
    page = (
        "# Here\n[a](other.md) [b](other.md#one-two-three-) [c](#here) [d](https://example.org/none)\n"
        "[e](none.md) [f](other.md#no-heading) [g](#there)\n```\n[h](none.md)\n```\n"
    )
    assert [*broken_links(page, tmp_path)] == ["none.md", "other.md#no-heading", "#there"]
