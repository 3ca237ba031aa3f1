"""Pages of the methods, and the gallery: generated from the registry, the docstrings and `NOTES`."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Mapping
from pathlib import Path

from docs.methods_by_model import FAMILY_NAMES, refusal
from docs.reference import defaults, table, to_markdown
from docs.site.layout import ROOT, relative
from docs.site.method_notes import NOTES
from docs.site.stage import link_to_source, write_page
from staa_widgets.methods import METHODS, Method
from staa_widgets.records.geometry import Geometry
from staa_widgets.widget.score_card import format_cost

GROUPS = {
    "attention": "Methods that read attention",
    "gradient": "Methods that use gradients",
    "perturbation": "Methods that change the clip",
    "control": "Controls",
}
"""Titles of the groups of methods."""

_ARXIV = re.compile(r"arXiv (\d{4}\.\d{5})")


def write_methods(folder: Path, geometry: Geometry, captions: Mapping[str, str]) -> None:
    """Write a page for each method, and the list of methods below the page on methods.

    Parameters
    ----------
    folder
        Folder of the staged pages.
    geometry
        Geometry of the model whose passes are counted.
    captions
        For each method, one sentence on its map of the clip that all pages show.
    """
    for method in METHODS.values():
        write_page(folder, f"methods/{method.name}", method_page(method, geometry, captions[method.name]))
    index = folder / "methods" / "index.md"
    entries = [f"## All methods\n\n{_methods_table(geometry)}"]
    for group, title in GROUPS.items():
        names = "\n".join(method.name for method in METHODS.values() if method.group == group)
        entries.append(f"```{{toctree}}\n:maxdepth: 1\n:caption: {title}\n:hidden:\n\n{names}\n```\n")
    index.write_text(index.read_text("utf-8") + "\n" + "\n".join(entries), "utf-8")


def method_page(method: Method, geometry: Geometry, caption: str) -> str:
    """Return the page of a method in Markdown."""
    page, note = f"methods/{method.name}", NOTES[method.name]
    facts = [
        ("name", f'`method="{method.name}"`'),
        ("group", method.group),
        (
            "cost",
            f"{format_cost(method.cost(geometry))} for a window of the bundled model"
            if not _is_free(method, geometry)
            else "no pass but the recorded one",
        ),
        ("depends on the class", "yes" if method.class_specific else "no"),
        ("values", "signed" if method.signed else "not negative"),
        ("parameters", defaults(method.defaults) or "none"),
        ("models", _models(method)),
        ("source", _sources(method, page)),
    ]
    parts = [
        f"# {method.title}\n",
        f"{_linked(method.summary, page)}\n",
        table(("property", "value"), facts),
        f"## The question\n\n{note.question}\n",
        "## The map of a drawn clip\n",
        f"```{{player}} methods/{method.name}\n:title: {caption}\n:height: 700\n```\n",
        f"![Frames under the map of {method.title}, and the chart over time](../pictures/methods/{method.name}.webp)\n",
        f"## Formula\n\n```{{math}}\n{note.formula}\n```\n\n{_SYMBOLS}\n",
        f"## When it fails\n\n{note.failure}\n",
        f"## Description\n\n{_linked(to_markdown(inspect.getdoc(method.run) or ''), page)}",
    ]
    return "\n".join(parts)


def write_gallery(folder: Path, captions: Mapping[str, str], kinds: Mapping[str, str]) -> None:
    """Add to the gallery one picture of each method, and players of clips of each kind.

    Parameters
    ----------
    folder, captions
        As for `write_methods`.
    kinds
        For each kind of clip, one sentence on the map of `staa`.
    """
    page = folder / "gallery.md"
    parts = [page.read_text("utf-8")]
    for group, title in GROUPS.items():
        parts.append(f'## {title}\n\n<div class="staa-gallery">')
        parts += [_figure(method, captions[method.name]) for method in METHODS.values() if method.group == group]
        parts.append("</div>\n")
    parts.append(
        "## Clips\n\nDrawn clips of each kind, under the map of `staa`. The green outline is the ground truth.\n"
    )
    parts += [f"```{{player}} kinds/{kind}\n:title: {caption}\n:height: 560\n```\n" for kind, caption in kinds.items()]
    page.write_text("\n".join(parts), "utf-8")


def _figure(method: Method, caption: str) -> str:
    link, alt = f'<a href="methods/{method.name}.html">', f"Map of {method.title}: {html.escape(caption)}"
    image = f'<img src="gallery/{method.name}.webp" loading="lazy" width="480" alt="{alt}">'
    return f"<figure>{link}{image}</a><figcaption>{link}{method.title}</a></figcaption></figure>"


_SYMBOLS = (
    "*Symbols:* $f$ is the logit of the target class, $p$ its probability, $x$ the clip, $\\tilde x$ the clip with "
    "everything hidden, $x_z$ the clip with only the segments $z$ shown, $c$ a cell, $S$ attention in space, $U$ "
    "attention over time, $I$ the identity, $r$ the share of the residual connection, $m$ a mask, and $[\\cdot]_+$ the "
    "positive part."
)


def _is_free(method: Method, geometry: Geometry) -> bool:
    return method.group == "control" and sum(method.cost(geometry)) == 1


def _methods_table(geometry: Geometry) -> str:
    rows = [
        (
            f"[{each.title}]({each.name}.md)",
            f"`{each.name}`",
            each.group,
            NOTES[each.name].question,
            format_cost(each.cost(geometry)),
        )
        for each in METHODS.values()
    ]
    return table(("method", "name", "group", "question", "cost, bundled model"), rows)


def _models(method: Method) -> str:
    families = [title for family, title in FAMILY_NAMES.items() if refusal(family, method) is None]
    others = (
        "" if method.reads_attention else ", and wrapped models" + (" with feature maps" if method.reads_layers else "")
    )
    return f"{', '.join(families)}{others}; see [methods by model](../methods_by_model.md)"


def _sources(method: Method, page: str) -> str:
    papers = dict.fromkeys(_ARXIV.findall(inspect.getdoc(method.run) or ""))
    links = [f"[arXiv {number}](https://arxiv.org/abs/{number})" for number in papers]
    code = source_file(method)
    return ", ".join([*links, f"[{code}]({link_to_source(code, page)})"])


def source_file(method: Method) -> str:
    """Return the path in the repository of the file that defines a method."""
    return Path(inspect.getsourcefile(inspect.unwrap(method.run)) or "").relative_to(ROOT).as_posix()


def _linked(text: str, page: str) -> str:
    """Return Markdown of a docstring in which names of the API lead to the pages of the API, and methods to theirs."""
    text = re.sub(r"\[`(\w+)`\]\(#\w+\)", r"{py:obj}`~staa_widgets.\1`", text)

    def link(match: re.Match[str]) -> str:
        name = match[1]
        return f"[`{name}`]({relative(f'methods/{name}.md', page)})" if page != f"methods/{name}" else match[0]

    return re.sub(rf"(?<![\[`])`({'|'.join(METHODS)})`(?!`)", link, text)
