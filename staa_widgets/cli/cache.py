"""``staa cache``: print the size of the cache, clear the cache or prune it."""

from __future__ import annotations

import argparse

from staa_widgets.cli.output import DONE


def run_cache(options: argparse.Namespace) -> int:
    """Clear or prune the cache if requested, and print the number and size of its entries."""
    from staa_widgets.storage import cache

    if options.action == "clear":
        print(f"removed {cache.clear()} entries")
    elif options.action == "prune":
        print(f"removed {cache.prune()} entries")
    info = cache.info()
    kinds = ", ".join(f"{count} {kind}s" for kind, count in info.entries.items()) or "empty"
    print(f"{info.path}: {kinds}, {info.size / 1e6:.1f} of {info.limit / 1e6:.0f} MB")
    if info.leftovers:
        print(f"{info.leftovers} temporary files, locks and entries of old versions; those not in use are removed")
    access = cache.describe_access()
    if access:
        print(access)
    return DONE
