"""No test imports from another test: shared code is in tests/helpers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT


def imports_of_tests(file: Path) -> list[str]:
    """List the test modules that a file imports, or imports from, anywhere in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module or ''}.{alias.name}" for alias in node.names]
    return sorted(name for name in names if any(part.startswith("test_") for part in name.split(".")))


@pytest.mark.parametrize(
    "text",
    [
        "from tests.engine.test_explain import x",
        "from tests.engine import test_explain",
        "from . import test_explain",
        "from .test_explain import x",
        "import tests.engine.test_explain as other",
        "def test():\n    from tests.engine.test_explain import x",
    ],
)
def test_every_form_of_import_is_seen(text: str, tmp_path: Path):
    (tmp_path / "file.py").write_text(f"import os\nfrom tests.helpers.paths import ROOT\n{text}")
    (name,) = imports_of_tests(tmp_path / "file.py")
    assert "test_explain" in name


def test_no_file_imports_from_a_test():
    files = sorted((ROOT / "tests").rglob("*.py"))
    assert len(files) > 100
    imports = {str(file.relative_to(ROOT)): imports_of_tests(file) for file in files}
    assert {file: names for file, names in imports.items() if names} == {}
