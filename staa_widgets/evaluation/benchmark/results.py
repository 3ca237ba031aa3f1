"""Results of a benchmark, as three JSON files in a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from staa_widgets.evaluation.results import Results


@dataclass(frozen=True)
class Benchmark:
    """Results of a benchmark: one `Results` for each set of clips and for shuffled weights.

    Parameters
    ----------
    first
        Results on the clips that were used to choose the defaults.
    second
        Results on held-out clips; the verdict is based on these.
    shuffled
        Results of models with shuffled weights, on clips of the second set.
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
        folder_path = Path(folder)
        folder_path.mkdir(parents=True, exist_ok=True)
        for part in fields(self):
            getattr(self, part.name).to_json(folder_path / f"{part.name}.json")
        return folder_path

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Benchmark:
        """Read a benchmark from the files that `save` wrote.

        Raises
        ------
        FormatError
            If a file holds no results.
        OSError
            If a file is missing.
        """
        return cls(**{part.name: Results.from_json(Path(folder) / f"{part.name}.json") for part in fields(cls)})
