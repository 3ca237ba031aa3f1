"""Parts of `Results`, and results put together from parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.results import Results
from staa_widgets.evaluation.rows import TABLES


def filter_results(results: Results, names_by_kind: Mapping[str, set[str]]) -> Results:
    """Keep what is about some names, by kind: ``"model"``, ``"method"`` or ``"metric"``.

    A row that has no such kind, or names none, is about all of them and stays.
    """

    def stays(row: Any) -> bool:
        return all(getattr(row, kind, "") in {*names, ""} for kind, names in names_by_kind.items())

    facts = {
        f"{kind}s": {name: fact for name, fact in results.settings.get(f"{kind}s", {}).items() if name in names}
        for kind, names in names_by_kind.items()
    }
    tables = {name: tuple(filter(stays, getattr(results, name))) for name in TABLES}
    return replace(results, **tables, settings={**results.settings, **facts})


def merge_results(one: Results, other: Results) -> Results:
    """Join two evaluations; where both answer the same, the second counts.

    Raises
    ------
    ParameterError
        If a name does not mean the same in both.
    """
    settings = {**one.settings, **other.settings}
    for kind in ("models", "clips", "methods", "metrics"):
        ours, theirs = (held.settings.get(kind, {}) for held in (one, other))
        for name in ours.keys() & theirs.keys():
            if ours[name] != theirs[name]:
                raise ParameterError(
                    f"{name!r} among the {kind} is not the same in both results.", "Give one of them another name."
                )
        settings[kind] = {**ours, **theirs}
    tables = {
        name: tuple({**_index_rows(getattr(one, name)), **_index_rows(getattr(other, name))}.values())
        for name in TABLES
    }
    return Results(**tables, settings=settings)


def _index_rows(rows: Iterable[Any]) -> dict[tuple[str, ...], Any]:
    """Rows by the words in them, which is what they are about."""
    return {tuple(word for word in row if isinstance(word, str)): row for row in rows}
