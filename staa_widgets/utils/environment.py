"""Detect whether Python runs in a notebook."""

from __future__ import annotations

import sys


def in_kernel() -> bool:
    """Return whether this process is a notebook's kernel, without importing IPython."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_ipython is not None and getattr(get_ipython(), "kernel", None) is not None
