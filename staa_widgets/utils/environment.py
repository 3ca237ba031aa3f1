"""Where this process runs."""

from __future__ import annotations

import sys


def in_kernel() -> bool:
    """Tell whether this process is a notebook's kernel; loads nothing."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return ask is not None and getattr(ask(), "kernel", None) is not None
