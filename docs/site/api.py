"""Pages of the API: autodoc directives for every public name, by chapter."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import staa_widgets
from docs.reference import CHAPTERS, anchor, members, table
from docs.site.stage import write_page
from staa_widgets.methods import METHODS
from staa_widgets.widget.settings import SETTINGS, Settings


def write_api(folder: Path) -> None:
    """Write the pages of the API into the folder of staged pages."""
    chapters = {f"api/{anchor(title)}": title for title in CHAPTERS}
    entries = "\n".join([*(page.removeprefix("api/") for page in chapters), "errors"])
    write_page(folder, "api/index", _INDEX.format(version=staa_widgets.__version__, entries=entries, names=_names()))
    for page, title in chapters.items():
        parts = [f"# {title}\n", *(_entry(name, getattr(staa_widgets, name)) for name in CHAPTERS[title])]
        write_page(folder, page, "\n".join(parts))
    write_page(folder, "api/errors", _ERRORS)


_INDEX = """# API

Every public name of `import staa_widgets as staa`, version {version}, from its docstring. In shapes, `S` is the number
of slices of time, `h × w` the grid of patches, `L` the number of layers, `H` of heads, `K` of classes, and `F` of
frames.

{names}

```{{toctree}}
:maxdepth: 1

{entries}
```
"""

_ERRORS = """# Errors

All errors that the package raises on purpose. Each says what was wrong and has a `hint` that says what to do next.

```{eval-rst}
.. automodule:: staa_widgets.errors
   :members:
   :show-inheritance:
```
"""


def _names() -> str:
    rows = []
    for title, names in CHAPTERS.items():
        links = ", ".join(f"[`{name}`](#staa_widgets.{name})" for name in names)
        rows.append((f"[{title}]({anchor(title)}.md)", links))
    return table(("chapter", "names"), rows)


def _entry(name: str, value: Any) -> str:
    if value is METHODS:
        rows = [(f"[`{each.name}`](../methods/{each.name}.md)", each.group, each.summary) for each in METHODS.values()]
        head = ".. py:data:: staa_widgets.METHODS\n   :type: dict[str, Method]\n\n   All methods by name.\n"
        return f"{_rst(head)}\n{table(('method', 'group', 'summary'), rows)}"
    if isinstance(value, ModuleType):
        summary = (inspect.getdoc(value) or "").split("\n")[0]
        functions = [f".. autofunction:: staa_widgets.{name}.{key}" for key, _ in members(name, value)]
        return _rst("\n\n".join([f".. py:data:: staa_widgets.{name}\n\n   {summary}", *functions]))
    if not isinstance(value, type):
        return _rst(f".. autofunction:: staa_widgets.{name}")
    shown = ", ".join(key for key, _ in members(name, value))
    text = _rst(f".. autoclass:: staa_widgets.{name}" + (f"\n   :members: {shown}" if shown else ""))
    if name == "Player":
        settings = [(key, SETTINGS[key]) for key in vars(Settings) if key in SETTINGS]
        rows = [(f"`{key}`", f"`{each.default_value!r}`", each.description) for key, each in settings]
        text += "\nSettings of the player, each a trait:\n\n" + table(("setting", "default", "meaning"), rows)
    return text


def _rst(text: str) -> str:
    return f"```{{eval-rst}}\n{text}\n```\n"
