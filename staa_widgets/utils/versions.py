"""Versions of Python and of the packages that compute an explanation."""

from __future__ import annotations

import functools
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from staa_widgets._version import __version__

PACKAGES = ("numpy", "torch", "transformers", "captum", "pillow", "av", "decord", "decord2")


def package_versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the packages that it computes with, by name.

    Packages that are not installed are left out. No package is imported.
    """
    return dict(_read_versions())


@functools.cache
def _read_versions() -> tuple[tuple[str, str], ...]:
    versions = {"python": platform.python_version(), "staa_widgets": __version__}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return tuple(versions.items())
