"""Select rows from the tables of a `Results`, and merge the tables of two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.rows import TABLES

Tables = Mapping[str, tuple[Any, ...]]
Settings = Mapping[str, Any]


def select_rows(
    tables: Tables, settings: Settings, names_by_kind: Mapping[str, set[str]]
) -> tuple[dict[str, tuple[Any, ...]], dict[str, Any]]:
    """Return the rows and settings of the given names of each kind: ``"model"``, ``"method"`` or ``"metric"``.

    A row that has no such kind, or an empty name of it, concerns all names of the kind and is kept.
    """

    def is_selected(row: Any) -> bool:
        return all(getattr(row, kind, "") in {*names, ""} for kind, names in names_by_kind.items())

    facts = {
        f"{kind}s": {name: fact for name, fact in settings.get(f"{kind}s", {}).items() if name in names}
        for kind, names in names_by_kind.items()
    }
    return {name: tuple(filter(is_selected, tables[name])) for name in TABLES}, {**settings, **facts}


def merge_tables(one: Tables, other: Tables) -> dict[str, tuple[Any, ...]]:
    """Return the rows of both sets of tables; where two rows have the same key, only the row of `other` is kept."""
    return {name: tuple({**_index_rows(one[name]), **_index_rows(other[name])}.values()) for name in TABLES}


def merge_settings(one: Settings, other: Settings) -> dict[str, Any]:
    """Return the settings of both results.

    Raises
    ------
    ParameterError
        If a name has different facts in `one` and in `other`.
    """
    merged = {**one, **other}
    for kind in ("models", "clips", "methods", "metrics"):
        ours, theirs = one.get(kind, {}), other.get(kind, {})
        for name in ours.keys() & theirs.keys():
            if ours[name] != theirs[name]:
                raise ParameterError(f"{name!r} in the {kind} differs between the two results.", "Rename one of them.")
        merged[kind] = {**ours, **theirs}
    return merged


def _index_rows(rows: Iterable[Any]) -> dict[tuple[str, ...], Any]:
    """Return rows by key; the key of a row is its string fields, such as model, clip, method and metric."""
    return {tuple(word for word in row if isinstance(word, str)): row for row in rows}
