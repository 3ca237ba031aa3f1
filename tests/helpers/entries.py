"""Entries of the cache, to be compared whether or not the model's time profile was known before."""

from __future__ import annotations

from staa_widgets.storage import cache


def entries_of_clips() -> dict[str, int]:
    """Return the number of entries of each kind, without time profiles, which depend on the model alone."""
    return {kind: count for kind, count in cache.info().entries.items() if kind != "profile"}
