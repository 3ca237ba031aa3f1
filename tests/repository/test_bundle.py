"""The built player is within its size limits."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import staa_widgets

STATIC = Path(staa_widgets.__file__).parent / "widget" / "static"


@pytest.mark.parametrize(
    ("name", "kilobytes"), [("widget.js", 100), ("page.js", 100), ("live.js", 24), ("widget.css", 16), ("live.css", 8)]
)
def test_bundle_is_small_enough_for_every_notebook(name: str, kilobytes: int) -> None:
    assert 0 < (STATIC / name).stat().st_size <= kilobytes * 1024


@pytest.mark.parametrize("name", ["widget.js", "page.js", "live.js"])
def test_script_is_small_when_compressed(name: str) -> None:
    assert len(gzip.compress((STATIC / name).read_bytes())) <= 40 * 1024


@pytest.mark.parametrize("name", ["widget.js", "live.js"])
def test_widget_is_one_module_that_imports_nothing(name: str) -> None:
    module = (STATIC / name).read_text("utf-8")
    assert "export{" in module
    assert "import(" not in module
    assert not module.startswith("import")


@pytest.mark.parametrize("name", ["widget.js", "page.js"])
def test_scripts_carry_the_license_of_the_library_inside(name: str) -> None:
    script = (STATIC / name).read_text("utf-8")
    assert "@preact/signals-core" in script
    assert "The above copyright notice and this permission notice shall be included" in script
