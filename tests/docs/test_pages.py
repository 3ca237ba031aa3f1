"""The generated pages of the site, without Sphinx: every method has its page, and links lead to pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import staa_widgets as staa
from docs.reference import CHAPTERS
from docs.site import api, methods
from docs.site.layout import page_of, rewrite_links
from docs.site.method_notes import NOTES
from docs.site.stage import stage_pages
from staa_widgets.records.geometry import Geometry

GRID = Geometry(frames=8, tubelet=1, height=4, width=4, order="time_major", prefix=1, input_size=(64, 64))


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with all pages but the notebooks, which need a run."""
    folder = tmp_path_factory.mktemp("source")
    stage_pages(folder, {methods.source_file(method) for method in staa.METHODS.values()})
    api.write_api(folder)
    captions = dict.fromkeys(staa.METHODS, "A caption.")
    methods.write_methods(folder, GRID, captions)
    methods.write_gallery(folder, captions, {"middle": "Kind middle."})
    return folder


def test_every_method_has_notes():
    assert list(NOTES.keys() - staa.METHODS.keys()) == []
    assert list(staa.METHODS.keys() - NOTES.keys()) == [], "add them to docs/site/method_notes.py"
    for note in NOTES.values():
        assert note.question.endswith("?")
        assert note.failure.endswith(".")
        assert note.formula


@pytest.mark.parametrize("name", staa.METHODS)
def test_the_page_of_a_method(staged: Path, name: str):
    page = (staged / "methods" / f"{name}.md").read_text("utf-8")
    assert page.startswith(f"# {staa.METHODS[name].title}\n")
    assert f"```{{player}} methods/{name}\n" in page
    assert f"(../pictures/methods/{name}.webp)" in page
    assert f"(../source/{methods.source_file(staa.METHODS[name])}.md)" in page
    for title in ("The question", "The map of a drawn clip", "Formula", "When it fails", "Description"):
        assert f"\n## {title}\n" in page


def test_the_cost_of_a_method_is_that_of_the_registry(staged: Path):
    def cost(name: str) -> str:
        return re.findall(r"^\| cost \| (.*) \|$", (staged / "methods" / f"{name}.md").read_text("utf-8"), re.M)[0]

    assert cost("saliency") == "2 forward + 1 backward passes for a window of the bundled model"
    assert cost("occlusion").startswith(f"{8 * 4 * 4 + 1} forward passes")
    assert cost("center") == "no pass but the recorded one"


def test_the_gallery_has_a_picture_of_every_method(staged: Path):
    page = (staged / "gallery.md").read_text("utf-8")
    assert sorted(re.findall(r'src="gallery/(\w+)\.webp"', page)) == sorted(staa.METHODS)
    assert "```{player} kinds/middle\n" in page


def test_every_public_name_is_in_the_api(staged: Path):
    pages = "\n".join(file.read_text("utf-8") for file in (staged / "api").glob("*.md"))
    names = set(re.findall(r"^\.\. (?:autofunction|autoclass|py:data):: staa_widgets\.(\w+)$", pages, re.M))
    assert names == {name for chapter in CHAPTERS.values() for name in chapter}
    assert names == {*staa.__all__} - {"__version__"}


def test_every_page_is_in_the_table_of_contents(staged: Path):
    entries = set()
    for file in staged.rglob("*.md"):
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", file.read_text("utf-8"), re.M | re.S):
            names = [line for line in block.splitlines() if line and not line.startswith(":")]
            entries |= {(file.parent / name).relative_to(staged).as_posix() for name in names}
    pages = {file.relative_to(staged).with_suffix("").as_posix() for file in staged.rglob("*.md")}
    unlisted = {page for page in pages - entries - {"index"} if not page.startswith("source/")}
    assert unlisted == set(), "add them to a toctree of docs/site/pages/index.md"


def test_links_of_staged_pages_lead_to_staged_files(staged: Path):
    # The notebooks and the pictures of methods are written with a model.
    later = re.compile(r"^(\.\./)*(learn/.*\.ipynb|pictures/methods/.*)$")
    broken = []
    for file in staged.rglob("*.md"):
        if "source" in file.relative_to(staged).parts:
            continue
        text = re.sub(r"^ *(`{3,}).*?^ *\1", "", file.read_text("utf-8"), flags=re.M | re.S)
        links = re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", re.sub(r"`[^`\n]*`", "", text))
        here = [link for link in links if not re.match(r"\w+:", link) and not later.match(link)]
        broken += [f"{file.relative_to(staged)}: {link}" for link in here if not (file.parent / link).is_file()]
    assert broken == []


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("docs/usage.md", "usage"),
        ("docs/generated/results.md", "results"),
        ("docs/site/pages/look.md", "look"),
        ("README.md", "index"),
        ("staa_widgets/methods", "source/staa_widgets/methods/__init__.py"),
        ("staa_widgets/methods/staa.py", "source/staa_widgets/methods/staa.py"),
        ("js/src/ui", "source/js/src/ui/README"),
        ("binder", None),
        ("no/such/file.md", None),
    ],
)
def test_pages_of_files(path: str, page: str | None):
    assert page_of(path) == page


def test_links_become_links_to_pages():
    visited: list[str] = []
    text = (
        "[a](usage.md#exports) [`b`](../staa_widgets/errors.py) ![c](page.png) [d](https://example.org) [e](#here) "
        "[f](../binder) `[g](usage.md)`\n```\n[h](usage.md)\n```\n[i](reference.md#explain)"
    )
    assert rewrite_links(text, "docs", "methods/index", visited.append) == (
        "[a](../usage.md#exports) [`b`](../source/staa_widgets/errors.py.md) ![c](../pictures/page.png) "
        "[d](https://example.org) [e](#here) f `[g](usage.md)`\n```\n[h](usage.md)\n```\n[i](../api/index.md)"
    )
    assert visited == ["docs/usage.md", "staa_widgets/errors.py", "docs/page.png", "docs/reference.md"]


def test_a_staged_source_page_has_one_front_matter(staged: Path):
    text = (staged / "source/staa_widgets/models/bundled/vivit/README.md").read_text("utf-8")
    assert text.startswith("---\norphan: true\nnosearch: true\n---\n\n# A bundled model\n")
    assert "pipeline_tag" not in text
