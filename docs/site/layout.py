"""Which file of the repository is which page of the site, and links from one page to another."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]

OWN_PAGES = "docs/site/pages"

PAGES = {
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "README.md": "index",
    "course/TEACHING.md": "teaching",
    "staa_widgets/models/bundled/README.md": "bundled_models",
    "docs/reference.md": "api/index",
    "docs/methods.md": "methods/index",
}
"""Pages with another name than their file."""

NOT_STAGED = ("README.md", "docs/reference.md")
"""Files whose place on the site a page of the site has: links to them lead there."""

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"^ *```.*?^ *```|``.+?``|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def page_of(path: str) -> str | None:
    """Return the page of the site on which a file of the repository is shown, or ``None`` for other files.

    Parameters
    ----------
    path
        Path in the repository, such as ``"docs/usage.md"``.

    Returns
    -------
    str or None
        Name of the page without its suffix, such as ``"usage"`` or ``"learn/01_where_and_when"``. Source files have a
        page below ``source/``. A folder has the page of its README or of its ``__init__.py``.
    """
    if path in PAGES:
        return PAGES[path]
    file = ROOT / path
    if file.is_dir():
        inside = next((name for name in ("README.md", "__init__.py") if (file / name).is_file()), None)
        return page_of(posixpath.join(path, inside)) if inside else None
    if not file.is_file():
        return None
    folder, stem = posixpath.dirname(path), posixpath.basename(path).removesuffix(".md")
    if path.endswith(".md"):
        is_page = folder in ("docs", "docs/generated", OWN_PAGES)
        return stem if is_page else f"source/{path.removesuffix('.md')}"
    if path.endswith(".ipynb"):
        return f"learn/{stem.removesuffix('.ipynb')}" if folder == "notebooks" else None
    return f"source/{path}"


def rewrite_links(text: str, folder: str, page: str, visit: Callable[[str], None]) -> str:
    """Return Markdown whose links lead to pages of the site in place of files of the repository.

    Parameters
    ----------
    text
        Markdown; code is left as it is.
    folder
        Folder in the repository from which the links start.
    page
        Page of the site on which the text will be.
    visit
        Called with the path in the repository of every linked file and picture.
    """

    def rewrite(match: re.Match[str]) -> str:
        picture, label, link = match.groups()
        path, _, anchor = link.partition("#")
        if re.match(r"\w+:", link) or not path:
            return match[0]
        target = posixpath.normpath(posixpath.join(folder, path))
        if picture:
            visit(target)
            return f"![{label}]({relative(f'pictures/{posixpath.basename(target)}', page)})"
        name = page_of(target)
        if name is None:
            return label
        visit(target)
        if target in NOT_STAGED:
            anchor = ""
        suffix = ".ipynb" if target.endswith(".ipynb") else ".md"
        return f"[{label}]({relative(name + suffix, page)}{'#' if anchor else ''}{anchor})"

    # A link's label may hold code, so code is replaced by placeholders that no link contains.
    pieces: list[str] = []

    def hide(match: re.Match[str]) -> str:
        pieces.append(match[0])
        return f"\0{len(pieces) - 1}\0"

    rewritten = _LINK.sub(rewrite, _CODE.sub(hide, text))
    return re.sub(r"\0(\d+)\0", lambda match: pieces[int(match[1])], rewritten)


def relative(target: str, page: str) -> str:
    """Return the path of a file of the site, as seen from a page."""
    return posixpath.relpath(target, posixpath.dirname(page) or ".")
