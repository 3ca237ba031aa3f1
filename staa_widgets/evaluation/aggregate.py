"""`Scores`: finite values by method and metric, with their means and differences over clips."""

from __future__ import annotations

import math
from collections.abc import Iterable

from staa_widgets.evaluation.bootstrap import Interval
from staa_widgets.evaluation.rows import Row, Summary, mean_by_clip, mean_with_interval

ValuesByClip = dict[tuple[str, str], float]
"""Values by model and clip."""


class Scores:
    """Finite values of many methods and metrics; each mean and each difference is bootstrapped once.

    Parameters
    ----------
    rows
        Values; of two for the same model, clip, method and metric the last counts.

    Notes
    -----
    Everywhere `model` is a name, or ``None`` for all models together: a clip then counts once, with its mean over them.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._values: dict[tuple[str, str], ValuesByClip] = {}
        for row in rows:
            if math.isfinite(row.value):
                self._values.setdefault((row.method, row.metric), {})[row.model, row.clip] = row.value
        self._means: dict[tuple[str, str, str | None], Summary | None] = {}
        self._differences: dict[tuple[str, str, str, str | None], tuple[Interval, int]] = {}

    def values(self, method: str, metric: str, model: str | None = None) -> ValuesByClip:
        """Return the values of a method and metric by model and clip."""
        held = self._values.get((method, metric), {})
        return held if model is None else {key: value for key, value in held.items() if key[0] == model}

    def mean(self, method: str, metric: str, model: str | None = None) -> Summary | None:
        """Return the mean over clips with its interval; ``None`` where there is no value."""
        asked = (method, metric, model)
        if asked not in self._means:
            found = list(mean_by_clip(self.values(*asked)).values())
            self._means[asked] = (
                Summary(model or "", method, metric, *mean_with_interval(found), len(found)) if found else None
            )
        return self._means[asked]

    def difference(self, one: str, other: str, metric: str, model: str | None = None) -> tuple[Interval, int]:
        """Return the mean difference of two methods over the clips that both have, its interval, and their number.

        Differences are taken within a model.
        """
        asked = (one, other, metric, model)
        if asked not in self._differences:
            ours, theirs = self.values(one, metric, model), self.values(other, metric, model)
            found = list(mean_by_clip({key: ours[key] - theirs[key] for key in ours if key in theirs}).values())
            self._differences[asked] = mean_with_interval(found), len(found)
        return self._differences[asked]
