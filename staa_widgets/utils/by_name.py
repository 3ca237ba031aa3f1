"""Import a function or class by its name."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def import_by_name(name: str) -> Any:
    """Import a function or class of this package by its name.

    With such names a table can refer to packages of a higher layer, or to modules that are slow to import, without
    importing them. A test should import every name of the table.

    Parameters
    ----------
    name
        ``"package.module:function"``, below `staa_widgets`, such as ``"export.movie:to_gif"``.
    """
    module, _, member = name.partition(":")
    return getattr(import_module(f"staa_widgets.{module}"), member)
