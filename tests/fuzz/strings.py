"""Hostile text as labels, titles, names and paths, in every export."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import staa_widgets as staa
from staa_widgets.export.code import explain_call
from staa_widgets.export.table import csv_text
from staa_widgets.utils.files import file_stem
from staa_widgets.widget.page import page_text
from tests.fuzz.driver import Case, Driver, RunCase
from tests.helpers.explanations import explanation_with_ground_truth, make_explanation
from tests.helpers.html_page import PageReader

PIECES = (
    "</script>", "<script>window.pwned=1</script>", "<!--", "-->", "]]>", "<img src=x onerror=pwned=1>", '"', "'", "`",
    "&lt;", "&#60;", "\u202e", "\u2066", "\u200f", "\u2028", "\u2029", "\0", "\x1b[31m", "\r\n", "\n", "\t", "\\",
    "\\u003c", "{}", "{0}", "%s", "${x}", "=1+1", "+1", "-1", "@SUM(A1)", "＝1", "|", "../", "/", "C:\\", "CON", "...",
    "~", "$HOME", "*", "?", "a", "wave", " ", "é", "漢字", "👩‍👩‍👧", "\ufeff", "\U0010ffff", "e\u0301" * 40, "x" * 300,
    ",", ";", "#", "\"\"\"", "__import__('os')", "None", "lambda", "import",
)  # fmt: skip
_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
_ELEMENTS = {"html", "head", "meta", "title", "link", "style", "body", "noscript", "script"}


@contextmanager
def start(folder: Path) -> Iterator[RunCase]:
    """Write each kind of file once, so that all packages that it needs are loaded."""
    make_explanation().export(folder / "file.png")
    make_explanation().to_plotly()
    page_text(make_explanation())
    yield run


def hostile_text(case: Case) -> str:
    """Return a hostile text."""
    text = "".join(case.pick(PIECES) for _ in range(case.pick([0, 1, 1, 2, 3, 6])))
    return text + case.pick(["\ud83d", "\udc00"]) if case.chance(0.01) else text


def run(case: Case) -> str:
    """Make an explanation with hostile texts and export it, or use a text as a path."""
    kind = case.pick(["page", "page", "page", "table", "code", "picture", "figure", "file", "path", "player"])
    case.note(kind)
    if kind == "path":
        return use_paths(case)
    e = make_hostile(case)
    return {
        "page": check_page,
        "table": check_table,
        "code": check_code,
        "picture": check_pictures,
        "figure": check_figure,
        "file": check_file,
        "player": check_player,
    }[kind](case, e)


def make_hostile(case: Case) -> staa.Explanation:
    """Return an explanation with hostile texts wherever there is a text."""
    changes: dict[str, Any] = {
        "clip_name": hostile_text(case),
        "labels": (hostile_text(case), hostile_text(case)),
        "model_id": hostile_text(case),
        "params": {hostile_text(case): hostile_text(case), "layers": [hostile_text(case), {hostile_text(case): None}]},
        "provenance": {
            hostile_text(case): hostile_text(case),
            "model": {"family": case.pick(["timesformer", "generic", hostile_text(case)]), hostile_text(case): 1},
            "sampling": {"window": case.pick([None, 2]), "cut": True, hostile_text(case): hostile_text(case)},
        },
    }
    if case.chance(0.3):
        changes["method"] = hostile_text(case)
    changes = {name: change for name, change in changes.items() if case.chance(0.7)}
    case.note(ascii(changes))
    return (explanation_with_ground_truth if case.chance(0.3) else make_explanation)(**changes)


def check_page(case: Case, e: staa.Explanation) -> str:
    """Assert that a page has the elements of every page, and that its data can be read as JSON."""
    page = page_text([e, e] if case.chance(0.3) else e)
    page.encode()
    reader = PageReader(page)
    elements = reader.elements
    assert {tag for tag, _ in elements} <= _ELEMENTS, f"elements {sorted({tag for tag, _ in elements} - _ELEMENTS)}"
    for tag, attributes in elements:
        assert not [name for name in attributes if name.startswith("on")], f"{tag} with {attributes}"
        assert tag == "link" or "href" not in attributes, f"{tag} with {attributes}"
    code = [attributes for tag, attributes in elements if tag == "script" and "type" not in attributes]
    assert len(code) == 1, f"{len(code)} scripts"
    meta = json.loads(reader.texts_of("script", **{"data-staa": "meta"})[0])
    shown = [meta["clip"]["name"], meta["model"], *meta["labels"], *meta["names"]["panes"]]
    assert not _CONTROLS.search("".join([*shown, *reader.texts_of("title")])), "direction controls are shown"
    ast.parse(meta["recipe"], mode="eval")
    return "page"


def check_table(case: Case, e: staa.Explanation) -> str:
    """Assert that no name in a table is a formula, and that the table has as many rows and columns as it should."""
    names = [hostile_text(case) or "a", hostile_text(case) or "b"]
    comparison = staa.Comparison({names[0]: e, names[1]: e})
    text = csv_text(comparison)
    text.encode()
    rows = [*csv.reader(io.StringIO(text, newline=""))]
    assert {len(row) for row in rows} == {8}, "rows of different lengths"
    assert len(rows) == 1 + len(e.maps) * len(comparison), f"{len(rows)} rows"
    formulas = [row[0] for row in rows if _FORMULA.match(row[0])]
    assert not formulas, f"{formulas} are formulas"
    comparison.to_csv(case.folder / "table.csv")
    return "table"


def check_code(case: Case, e: staa.Explanation) -> str:
    """Assert that the code is one call of `staa.explain`, whose arguments are literals, `video` and `model`."""
    code = explain_call(e)
    code.encode()
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call), "not a call"
    assert ast.unparse(call.func) == "staa.explain", f"calls {ast.unparse(call.func)}"
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        assert ast.unparse(argument) in ("video", "model") or ast.literal_eval(argument) is not Ellipsis
    names = [keyword.arg for keyword in call.keywords]
    assert len({*names}) == len(names), f"keywords {names}"
    return "code"


def check_pictures(case: Case, e: staa.Explanation) -> str:
    """Assert that images can be drawn."""
    suffix = case.pick([".png", ".png", ".gif", ".mp4"])
    path = e.export(case.folder / f"file{suffix}")
    assert path.stat().st_size > 0, "an empty file"
    return f"file {suffix}"


def check_figure(case: Case, e: staa.Explanation) -> str:
    """Assert that the figure can be written as a page without markup of the texts."""
    figure = e.to_plotly()
    text = str(figure.to_json())
    text.encode()
    assert not re.search("<(script|img|svg|iframe)", json.dumps(json.loads(text)), re.IGNORECASE), "markup in a figure"
    return "figure"


def check_file(case: Case, e: staa.Explanation) -> str:
    """Assert that a saved explanation is the same when it is loaded, and that names of files are safe."""
    loaded = staa.Explanation.from_bytes(e.to_bytes())
    assert (loaded.clip_name, loaded.labels, loaded.method) == (e.clip_name, e.labels, e.method), "other texts"
    assert dict(loaded.params) == dict(e.params), "other parameters"
    repr(e).encode()
    stem = file_stem(e.clip_name)
    assert not re.search(r"[/\\\0\n]|\.\.", stem), f"a file named {stem!r}"
    assert stem, "a file without a name"
    path = case.folder / f"{stem[:60]}.safetensors"
    e.save(path)
    return "saved file"


def check_player(case: Case, e: staa.Explanation) -> str:
    """Assert that a player can send its state to a page."""
    player = staa.Player(e)
    try:
        state = {name: value for name, value in player.get_state().items() if not isinstance(value, bytes)}
        json.dumps(state, default=str, ensure_ascii=False, allow_nan=False).encode()
    finally:
        player.close()
    return "player"


def use_paths(case: Case) -> str:
    """Assert that a file with a hostile name is written where it was asked for, or refused."""
    name = hostile_text(case)
    case.note(ascii(name))
    e = make_explanation(clip_name=name)
    inside = case.folder / "inside"
    inside.mkdir()
    action = case.pick(["export", "save", "open", "load", "cache"])
    if action == "open":
        staa.open_clip(case.pick([name, str(inside / name), os.fsencode("a"), f"file://{name}"]))
    elif action == "load":
        try:
            staa.Explanation.load(inside / name)
        except OSError as error:  # as documented
            str(error).encode()
        except ValueError as error:
            if "null" not in str(error):  # Python's own refusal of a path with a null byte
                raise
    elif action == "cache":
        os.environ["STAA_CACHE"] = (
            (str(inside / name)).replace("\0", "") if case.chance(0.8) else f"~{name}".replace("\0", "")
        )
        try:
            staa.cache.info()
            staa.cache.clear()
        finally:
            os.environ["STAA_CACHE"] = str(case.folder / "cache")
    else:
        path = f"{inside}/{name}{case.pick(['', '.csv', '.html', '.safetensors'])}"
        (e.export if action == "export" else e.save)(path)
        assert Path(path).is_file(), "no file"
    return f"path: {action}"


DRIVER = Driver("strings", "hostile labels, titles, names and paths in every export", start)
