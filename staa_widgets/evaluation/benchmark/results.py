"""Results of a benchmark, as three JSON files in a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from staa_widgets.evaluation.results import Results


@dataclass(frozen=True)
class Benchmark:
    """Results of a benchmark.

    Parameters
    ----------
    first
        On the clips that chose the defaults.
    second
        On clips that were not used to choose defaults: these count.
    shuffled
        Of models with shuffled weights, on clips of the second set.
    """

    first: Results
    second: Results
    shuffled: Results

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``first.json``, ``second.json`` and ``shuffled.json``, and return the folder.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        into = Path(folder)
        into.mkdir(parents=True, exist_ok=True)
        for part in fields(self):
            getattr(self, part.name).to_json(into / f"{part.name}.json")
        return into

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Benchmark:
        """Read the files that `save` wrote.

        Raises
        ------
        FormatError
            If a file holds no results.
        OSError
            If a file is missing.
        """
        return cls(**{part.name: Results.from_json(Path(folder) / f"{part.name}.json") for part in fields(cls)})
