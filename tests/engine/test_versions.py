"""Code that computes cached values does not change without a look at its version.

After a change, raise the version if the same inputs give other values now, then write the digests anew:
`python -m tests.engine.test_versions`.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import io
import json
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from staa_widgets.engine.keys import VERSIONS
from staa_widgets.evaluation.metrics import METRICS
from staa_widgets.methods import METHODS
from tests.helpers.paths import ROOT, TESTS

PACKAGE = ROOT / "staa_widgets"
TABLE = TESTS / "data" / "code_versions.json"
PARTS = {
    "frames": ["video/*.py", "video/inputs/*.py"],
    "preprocessing": ["models/transform.py"],
    "capture": ["models/capture.py", "models/family.py", "models/attention/*.py", "models/families/*.py"],
    "methods": ["methods/*.py", "methods/*.json"],
    "profile": ["engine/time_profile.py", "datasets/drawn_actions/still.py"],
    "merge": [f"engine/{name}.py" for name in ("accumulator", "assemble", "layout", "merge", "window_maps")],
    "preview": ["video/preview.py"],
    "style": ["datasets/drawn_actions/style.py", "engine/style_check.py"],
    "metrics": ["evaluation/metrics/*.py", "explanation/ground_truth.py"],
}


def code_lines(source: str) -> list[str]:
    """Return the lines of code without comments, docstrings and empty lines."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            assert node.end_lineno is not None
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return [line.rstrip() for line in lines if line.strip()]


def files_of(part: str) -> Iterator[Path]:
    for pattern in PARTS[part]:
        yield from sorted(PACKAGE.glob(pattern))


def current_table() -> dict[str, dict[str, str]]:
    """Return the versions that count for each file of each part, and the digest of the file's code."""
    table: dict[str, dict[str, str]] = {}
    for part in PARTS:
        for path in files_of(part):
            versions = {part: VERSIONS[part]}
            for item in (*METHODS.values(), *METRICS.values()):
                if inspect.getsourcefile(inspect.unwrap(item.run)) == str(path):
                    versions[item.name] = item.version
            text = path.read_text("utf-8")
            code = "\n".join(code_lines(text)) if path.suffix == ".py" else text
            digest = hashlib.sha256(code.encode()).hexdigest()
            counted = ", ".join(f"{name} {version}" for name, version in versions.items())
            table.setdefault(part, {})[path.relative_to(PACKAGE).as_posix()] = f"{counted}: {digest[:16]}"
    return table


@pytest.mark.parametrize("part", PARTS)
def test_code_changes_only_with_a_look_at_its_version(part: str) -> None:
    stored, current = json.loads(TABLE.read_text("utf-8"))[part], current_table()[part]
    changed = [name for name in stored.keys() | current.keys() if stored.get(name) != current.get(name)]
    assert not changed, (
        f"{', '.join(changed)} changed. If the same inputs give other values now, raise {part!r} in "
        "staa_widgets/engine/keys.py, or the version of the method or metric. Then write the digests anew: "
        "python -m tests.engine.test_versions"
    )


def test_only_code_counts() -> None:
    one = '"""A file."""\n\n\ndef f(x):\n    """Return x."""\n    return x  # The input.\n'
    assert code_lines(one) == ["def f(x):", "    return x"]
    assert code_lines(one.replace("return x  #", "return -x  #")) != code_lines(one)


if __name__ == "__main__":
    TABLE.write_text(json.dumps(current_table(), indent=1) + "\n", "utf-8")
