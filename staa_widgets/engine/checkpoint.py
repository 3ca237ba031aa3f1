"""`CachedCheckpoint`: the state of an interrupted method, kept in the disk cache until the method is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from staa_widgets.engine.entries import CHECKPOINT
from staa_widgets.storage import cache


@dataclass(frozen=True)
class CachedCheckpoint:
    """See `staa_widgets.methods.inputs.Checkpoint`.

    Parameters
    ----------
    key
        Key of the maps that the method computes.
    """

    key: str

    def load(self) -> Mapping[str, NDArray[Any]] | None:
        """Return the saved arrays; ``None`` if there are none."""
        return cache.get(CHECKPOINT, self.key)

    def save(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Save arrays in place of those saved before."""
        cache.put(CHECKPOINT, self.key, arrays)

    def remove(self) -> None:
        """Remove the saved arrays, if there are any."""
        cache.remove(CHECKPOINT, self.key)
