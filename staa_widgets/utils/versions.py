"""What an answer came from: the versions of everything that had a part in it."""

from __future__ import annotations

import functools
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from staa_widgets._version import __version__

PACKAGES = ("numpy", "torch", "transformers", "captum", "pillow", "av", "decord", "decord2")


def package_versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of those that it computes with, by name.

    Packages that are not installed are left out. Nothing is imported.
    """
    return dict(_read_versions())


@functools.cache
def _read_versions() -> tuple[tuple[str, str], ...]:
    found = {"python": platform.python_version(), "staa_widgets": __version__}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return tuple(found.items())
