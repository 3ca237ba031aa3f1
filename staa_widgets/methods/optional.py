"""Packages that only some methods ask for."""

from __future__ import annotations

from typing import Any

from staa_widgets.errors import MissingPackageError


def import_captum() -> Any:
    """Import captum's methods.

    Raises
    ------
    MissingPackageError
        If it is not installed.
    """
    try:
        from captum import attr
    except ImportError as error:
        raise MissingPackageError(
            f"This method needs captum, which cannot be imported ({error}).", "pip install 'staa-widgets[baselines]'"
        ) from error
    return attr
