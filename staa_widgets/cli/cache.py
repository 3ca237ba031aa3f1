"""``staa cache``: say what the cache holds, empty it, shorten it."""

from __future__ import annotations

import argparse

from staa_widgets.cli.output import DONE


def run_cache(options: argparse.Namespace) -> int:
    """Clear or prune the cache if told to, and print what it holds."""
    from staa_widgets.storage import cache

    if options.action == "clear":
        print(f"removed {cache.clear()} entries")
    elif options.action == "prune":
        print(f"removed {cache.prune()} entries")
    held = cache.info()
    kinds = ", ".join(f"{count} {kind}s" for kind, count in held.entries.items()) or "empty"
    print(f"{held.path}: {kinds}, {held.size / 1e6:.1f} of {held.limit / 1e6:.0f} MB")
    return DONE
