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
        Rows with the values. If two rows have the same model, clip, method and metric, the last one is used.

    Notes
    -----
    In all methods `model` is a name, or ``None`` for all models together: each clip then counts once, with its mean
    over the models.
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
        scores = self._values.get((method, metric), {})
        return scores if model is None else {key: value for key, value in scores.items() if key[0] == model}

    def mean(self, method: str, metric: str, model: str | None = None) -> Summary | None:
        """Return the mean over clips with its interval; ``None`` if there is no value."""
        key = (method, metric, model)
        if key not in self._means:
            clip_means = list(mean_by_clip(self.values(*key)).values())
            self._means[key] = None
            if clip_means:
                interval = mean_with_interval(clip_means)
                self._means[key] = Summary(model or "", method, metric, *interval, len(clip_means))
        return self._means[key]

    def difference(self, one: str, other: str, metric: str, model: str | None = None) -> tuple[Interval, int]:
        """Return the mean difference of two methods with its interval, and the number of clips that both methods have.

        The methods are compared on the same model.
        """
        cache_key = (one, other, metric, model)
        if cache_key not in self._differences:
            ours, theirs = self.values(one, metric, model), self.values(other, metric, model)
            differences = {key: ours[key] - theirs[key] for key in ours if key in theirs}
            clip_differences = list(mean_by_clip(differences).values())
            self._differences[cache_key] = mean_with_interval(clip_differences), len(clip_differences)
        return self._differences[cache_key]
