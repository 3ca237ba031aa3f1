"""The layers of the player: TypeScript imports go down only, and no files import each other in a circle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.import_graph import Graph, arrows_up, circles, unranked_packages
from tests.helpers.paths import JS_SOURCE

RANKS = (
    ("core",),
    ("host",),
    ("frames",),
    ("heat",),
    ("render",),
    ("session",),
    ("export",),
    ("ui",),
    ("live",),
    ("index", "page"),
)
"""Folders of js/src from low to high; last the entries, `index.ts` and `page.ts`; `live.ts` is the entry of `live`."""

IMPORT = re.compile(r"""^(?:import|export)\b[^;"']*?["'](\.[^"']*)["']|\bimport\(\s*["'](\.[^"']*)["']""", re.MULTILINE)
"""An import of a local file: plain, type-only, re-exported, for its side effects, or dynamic."""


def import_graph(root: Path) -> Graph:
    """Return what each TypeScript file under ``root`` imports from there, by dotted names that begin with ``src``."""
    graph = {}
    for file in sorted(root.rglob("*.ts")):
        paths = [plain or dynamic for plain, dynamic in IMPORT.findall(file.read_text("utf-8"))]
        graph[module_name(file, root)] = frozenset(module_name((file.parent / path).resolve(), root) for path in paths)
    return graph


def module_name(file: Path, root: Path) -> str:
    return ".".join(["src", *file.relative_to(root.resolve()).with_suffix("").parts])


def test_imports_go_down_only():
    graph = import_graph(JS_SOURCE.resolve())
    assert unranked_packages(graph, RANKS) == [], "give each new folder a rank"
    assert arrows_up(graph, RANKS) == []


def test_no_files_import_each_other_in_a_circle():
    assert circles(import_graph(JS_SOURCE.resolve())) == []


def test_every_local_import_is_seen():
    graph = import_graph(JS_SOURCE.resolve())
    import_lines = sum(len(re.findall(r'^(?:import|\} from|export).*"\.', text, re.MULTILINE)) for text in sources())
    assert sum(len(targets) for targets in graph.values()) == import_lines > 100


def sources() -> list[str]:
    return [file.read_text("utf-8") for file in JS_SOURCE.rglob("*.ts")]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Two folders, `core` and `ui`, with one import down."""
    for name, text in {"core/floor": "", "core/wall": 'import "./floor.js";', "ui/roof": ""}.items():
        file = tmp_path.resolve() / f"{name}.ts"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path.resolve()


@pytest.mark.parametrize(
    "text",
    [
        'import { x } from "../ui/roof.js";',
        'import type { X } from "../ui/roof.js";',
        'import {\n  x,\n  type Y,\n} from "../ui/roof.js";',
        'import * as roof from "../ui/roof.js";',
        'export { x } from "../ui/roof.js";',
        'export type { X } from "../ui/roof.js";',
        'import "../ui/roof.js";',
        'const later = () => import("../ui/roof.js");',
    ],
)
def test_an_import_that_goes_up_is_reported(house: Path, text: str):
    (house / "core" / "floor.ts").write_text(f'import {{ signal }} from "@preact/signals-core";\n{text}\n')
    assert arrows_up(import_graph(house), RANKS) == ["src.core.floor -> src.ui.roof"]


def test_a_circle_of_type_imports_is_reported(house: Path):
    (house / "core" / "floor.ts").write_text('import type { Wall } from "./wall.js";')
    assert circles(import_graph(house)) == [["src.core.floor", "src.core.wall"]]
