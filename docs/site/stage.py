"""Gather the pages of the site in one folder, from which Sphinx builds it."""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from docs.site.layout import NOT_STAGED, OWN_PAGES, PAGES, ROOT, page_of, relative, rewrite_links

_LANGUAGES = {
    ".py": "python",
    ".ts": "typescript",
    ".css": "css",
    ".json": "json",
    ".toml": "toml",
    ".js": "javascript",
}
_FRONT_MATTER = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)


def stage_pages(folder: Path, source_files: Iterable[str]) -> None:
    """Write the Markdown pages of the repository, and a page for each source file that they link to.

    Parameters
    ----------
    folder
        Folder for the staged pages.
    source_files
        Paths in the repository of further source files that get a page.
    """
    queue = [*PAGES, *source_files]
    for pattern in ("docs/*.md", "docs/generated/*.md", f"{OWN_PAGES}/**/*.md"):
        queue += [file.relative_to(ROOT).as_posix() for file in sorted(ROOT.glob(pattern))]
    done = {*NOT_STAGED}
    while queue:
        path = queue.pop()
        if path in done or path.endswith(".ipynb"):
            continue
        done.add(path)
        if path.endswith((".png", ".jpg", ".gif")):
            target = folder / "pictures" / posixpath.basename(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, target)
            continue
        if (ROOT / path).is_dir():
            name = page_of(path)
            inside = next(name for name in ("README.md", "__init__.py") if (ROOT / path / name).is_file())
            queue.append(posixpath.join(path, inside))
            continue
        name = page_of(path)
        assert name is not None, path
        write_page(folder, name, _page_text(path, name, queue))


def _page_text(path: str, page: str, queue: list[str]) -> str:
    text = (ROOT / path).read_text("utf-8")
    if path.endswith(".md"):
        if page.startswith("source/"):
            text = "---\norphan: true\nnosearch: true\n---\n" + _FRONT_MATTER.sub("", text)
        return rewrite_links(text, posixpath.dirname(path), page, queue.append)
    language = _LANGUAGES.get(posixpath.splitext(path)[1], "text")
    return f"---\norphan: true\nnosearch: true\n---\n# {path}\n\n``````{{code-block}} {language}\n{text}\n``````\n"


def write_page(folder: Path, name: str, text: str) -> None:
    """Write a Markdown page of the site."""
    file = folder / f"{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def link_to_source(path: str, page: str) -> str:
    """Return the link from a page to the page of a source file, which must be staged too."""
    return relative(f"source/{path}.md", page)
