"""Measure the memory that this process may still take, and return what it has freed."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CONTROL_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
        "total_inactive_file",
    ),
)
"""Files of control groups, versions 2 and 1: limit, use, and the part of the use that can be freed."""


def available_memory() -> int | None:
    """Return the bytes of memory available to this process, within the limit of its container; ``None`` if unknown."""
    amounts = [amount for amount in (_available_to_machine(), _available_to_group()) if amount is not None]
    return min(amounts, default=None)


def return_free_memory() -> None:
    """Return to the system what Python and the allocator have freed but kept; only the GNU C library needs this."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def _available_to_machine() -> int | None:
    kilobytes = _read_field(_MEMINFO, "MemAvailable:")
    return None if kilobytes is None else kilobytes * 1024


def _available_to_group() -> int | None:
    for limit_file, use_file, stat_file, free_field in _CONTROL_GROUPS:
        try:
            limit, use = int(Path(limit_file).read_text("ascii")), int(Path(use_file).read_text("ascii"))
        except (OSError, ValueError):  # no such version, or "max" for no limit
            continue
        return max(0, limit - use + (_read_field(Path(stat_file), free_field) or 0))
    return None


def _read_field(file: Path, name: str) -> int | None:
    try:
        for line in file.read_text("ascii").splitlines():
            key, value, *_ = line.split()
            if key == name:
                return int(value)
    except (OSError, ValueError):
        pass
    return None
