"""Versions of the packages that compute an explanation."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import version

import staa_widgets
from staa_widgets.utils.versions import package_versions


def test_installed_packages_are_listed_and_the_result_is_a_copy() -> None:
    versions = package_versions()
    assert versions["staa_widgets"] == staa_widgets.__version__
    assert versions["torch"] == version("torch")
    versions.clear()
    assert package_versions()["python"] == platform.python_version()


def test_reading_versions_imports_no_package() -> None:
    code = (
        "import sys; from staa_widgets.utils.versions import package_versions; package_versions();"
        "print(sorted({'torch', 'transformers', 'av', 'decord', 'captum'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"
