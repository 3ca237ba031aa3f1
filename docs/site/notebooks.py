"""Pages of the notebooks: outputs of a run, with each player as an exported page in a frame."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import plotly.io
from nbformat import NotebookNode
from plotly.offline import get_plotlyjs

from docs.site.frames import player_frame
from docs.site.layout import ROOT, relative, rewrite_links
from staa_widgets.widget.page import payload_page
from staa_widgets.widget.payload_traits import PAYLOAD_TRAITS
from staa_widgets.widget.settings import SETTINGS

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
PLOTLY = "application/vnd.plotly.v1+json"
FALLBACK = "staa-fallback"
"""Class of the picture that a player leaves in a notebook for viewers without widgets."""

Widgets = Mapping[str, Mapping[str, Any]]
"""State of the widgets of a notebook, by the id of their model."""


def write_notebooks(executed: Path, folder: Path, extra: Path) -> list[str]:
    """Write the page of each notebook that was run, and return their names.

    Parameters
    ----------
    executed
        Folder with the notebooks after a run, with the state of their widgets.
    folder
        Folder of the staged pages.
    extra
        Folder whose files are copied to the root of the site.

    Raises
    ------
    FileNotFoundError
        If a notebook of the repository was not run.
    RuntimeError
        If the report of the run says that a notebook failed.
    """
    report = json.loads((executed / "report.json").read_text("utf-8"))
    failed = [run["name"] for run in report if not run["passed"]]
    if failed:
        raise RuntimeError(f"These notebooks failed: {', '.join(failed)}. See {executed / 'report.json'}.")
    names = [file.stem for file in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    (folder / "learn").mkdir(parents=True, exist_ok=True)
    (extra / "notebooks").mkdir(parents=True, exist_ok=True)
    (extra / "plotly.min.js").write_text(get_plotlyjs(), "utf-8")
    for name in names:
        notebook = nbformat.read(executed / f"{name}.ipynb", as_version=4)
        nbformat.write(convert(notebook, name, extra / "players"), folder / "learn" / f"{name}.ipynb")
        shutil.copyfile(ROOT / "notebooks" / f"{name}.ipynb", extra / "notebooks" / f"{name}.ipynb")
    return names


def convert(notebook: NotebookNode, name: str, players: Path) -> NotebookNode:
    """Return a notebook whose widgets are exported pages, and whose figures and links work on the site.

    Parameters
    ----------
    notebook
        Notebook after a run; it is changed.
    name
        Name of the notebook, without its suffix.
    players
        Folder for the exported pages.
    """
    page = f"learn/{name}"
    widgets = notebook.metadata.pop("widgets", {}).get(STATE, {}).get("state", {})
    note = f'<p><a href="../notebooks/{name}.ipynb" download>Download this notebook</a></p>'
    if any(PLOTLY in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())):
        note += f'<script src="{relative("plotly.min.js", page)}"></script>'
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = rewrite_links(cell.source, "notebooks", page, lambda _: None)
        elif cell.cell_type == "code":
            cell.outputs = [*_convert_outputs(cell.outputs, widgets, page, players)]
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(note, id="download"))
    return notebook


def _convert_outputs(outputs: list[NotebookNode], widgets: Widgets, page: str, players: Path) -> Iterator[NotebookNode]:
    shown = False
    for output in outputs:
        data = output.get("data", {})
        if VIEW in data:
            frames = [
                player_frame(relative(f"players/{_write_player(state, players)}", page), _title(state))
                for state in player_states(widgets, data[VIEW]["model_id"])
            ]
            shown = shown or bool(frames)
            if frames:
                yield _html_output("\n".join(frames))
        elif PLOTLY in data:
            yield _html_output(plotly.io.to_html(dict(data[PLOTLY]), include_plotlyjs=False, full_html=False))
        elif not (shown and FALLBACK in data.get("text/html", "")):
            yield output


def player_states(widgets: Widgets, model_id: str) -> Iterator[dict[str, Any]]:
    """Yield the traits of each player in a widget, which may be a box of several.

    Parameters
    ----------
    widgets
        State of the widgets of the notebook.
    model_id
        Model of the widget that a cell shows.
    """
    widget = widgets.get(model_id)
    if widget is None:
        return
    state = {**widget["state"]}
    for buffer in widget.get("buffers", ()):
        if len(buffer["path"]) == 1:
            state[buffer["path"][0]] = base64.b64decode(buffer["data"])
    if "_meta" in state:
        yield state
    for child in state.get("children", ()):
        yield from player_states(widgets, child.removeprefix("IPY_MODEL_"))


def state_page(state: Mapping[str, Any]) -> str:
    """Return the exported page of a player whose traits a notebook has stored."""
    payload = {name.removeprefix("_"): state[name] for name in PAYLOAD_TRAITS}
    # There is no kernel that could decode further frames.
    payload["meta"], *payload["others"] = (
        {**meta, "frames": {**meta["frames"], "live": False}} for meta in (payload["meta"], *payload["others"])
    )
    settings = {name: state[name] for name in SETTINGS if name in state and name != "patch"}
    return payload_page(payload, settings, _title(state))


def _write_player(state: Mapping[str, Any], players: Path) -> str:
    """Write the page of a player, once for equal players, and return its path in the folder."""
    text = state_page(state)
    path = f"notebooks/{hashlib.sha256(text.encode()).hexdigest()[:16]}.html"
    (players / "notebooks").mkdir(parents=True, exist_ok=True)
    (players / path).write_text(text, "utf-8")
    return path


def _title(state: Mapping[str, Any]) -> str:
    return state["_meta"]["summary"]


def _html_output(html: str) -> NotebookNode:
    return nbformat.v4.new_output("display_data", {"text/html": html, "text/plain": ""})
