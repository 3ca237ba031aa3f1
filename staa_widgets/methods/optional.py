"""Import optional packages, which only some methods need."""

from __future__ import annotations

from typing import Any

from staa_widgets.errors import MissingPackageError


def import_captum() -> Any:
    """Import and return `captum.attr`, for gradient methods.

    Raises
    ------
    MissingPackageError
        If captum cannot be imported.
    """
    try:
        from captum import attr
    except ImportError as error:
        raise MissingPackageError(
            f"This method needs captum, which could not be imported: {error}.",
            "Install it with: pip install 'staa-widgets[baselines]'",
        ) from error
    return attr
