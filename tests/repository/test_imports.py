"""Importing the package and printing the help load no heavy library."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

HEAVY = ("torch", "transformers", "plotly", "captum", "av", "decord", "PIL", "torchvision")


def heavy_modules_after(code: str) -> set[str]:
    """The heavy packages that a new Python process has loaded after running `code`."""
    code_with_report = f"{code}\nimport sys; print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code_with_report], capture_output=True, text=True, check=True)
    return set(process.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "code",
    [
        "import staa_widgets",
        "import staa_widgets as staa; staa.Explanation, staa.cache.info, staa.__version__, dir(staa)",
        "import staa_widgets.cli.main\ntry: staa_widgets.cli.main.main(['--help'])\nexcept SystemExit: pass",
        "import staa_widgets.cli.main; staa_widgets.cli.main.main(['cache', 'info'])",
        "import staa_widgets as staa; [(method.needs(), method.defaults) for method in staa.METHODS.values()]",
    ],
    ids=["the package", "values and cache", "help", "cache info", "methods"],
)
def test_light_code_loads_no_heavy_library(code: str):
    assert heavy_modules_after(code) == set()


def test_the_doctor_reports_libraries_without_loading_them():
    loaded = heavy_modules_after("import staa_widgets.cli.main; staa_widgets.cli.main.main(['doctor'])")
    assert loaded <= {"av", "decord"}


def test_opening_clips_does_not_load_torch():
    assert not heavy_modules_after("import staa_widgets; staa_widgets.open_clip") & {"torch", "transformers"}


def test_public_names_exist():
    import staa_widgets

    assert [name for name in staa_widgets.__all__ if not hasattr(staa_widgets, name)] == []
    with pytest.raises(AttributeError, match="explian"):
        staa_widgets.explian  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_lazy_names_equal_those_for_type_checkers():
    import staa_widgets

    tree = ast.parse((ROOT / "staa_widgets" / "__init__.py").read_text("utf-8"))
    typed = {
        alias.asname: (node.module or "").removeprefix("staa_widgets.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname and alias.asname not in ("__version__", "cache")
    }
    assert typed == staa_widgets._HOMES
    assert set(staa_widgets.__all__) == {*typed, "__version__", "cache"}
