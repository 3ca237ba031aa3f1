"""Verdict of a benchmark: yes or no to each question about the defaults, by paired bootstrap over the second set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from staa_widgets.evaluation.benchmark.ground_truth_mean import (
    GROUND_TRUTH_MEAN,
    add_ground_truth_mean,
    list_ground_truth_metrics,
)
from staa_widgets.evaluation.bootstrap import Interval
from staa_widgets.evaluation.rows import PairedDifference, mean_with_interval

if TYPE_CHECKING:
    from staa_widgets.evaluation.benchmark.results import Benchmark
    from staa_widgets.evaluation.results import Results

DEFAULT_METHOD, CLASS_SPECIFIC_METHOD = "staa", "staa_logit"

MAX_NAMED_DIFFERENCES = 6
"""Maximum number of differences that an answer lists."""

Answer = tuple[bool | None, str]


class VerdictLine(NamedTuple):
    """Answer to one question; `holds` is ``None`` if data are missing or the question is not a yes-or-no question."""

    question: str
    model: str
    holds: bool | None
    reason: str

    @property
    def answer(self) -> str:
        """Yes, no, or a dash."""
        return {True: "yes", False: "no", None: "–"}[self.holds]


def verdict(benchmark: Benchmark) -> tuple[VerdictLine, ...]:
    """Answer every question, for all models together (`VerdictLine.model` is ``""``) and for each model.

    The metrics are the ground-truth metrics of the results that have a direction. Differences are paired by clip; a
    method is ahead or behind if the 95 % bootstrap interval of the mean difference excludes 0. For all models together,
    each clip counts once, with its mean over the models.
    """
    second, shuffled = add_ground_truth_mean(benchmark.second), add_ground_truth_mean(benchmark.shuffled)
    models = [None, *second.models] if len(second.models) > 1 else [*second.models]
    return tuple(
        VerdictLine(question, model or "", *ask(second, shuffled, model))
        for question, ask in QUESTIONS.items()
        for model in models
    )


def _beats_controls(second: Results, _: Results, model: str | None) -> Answer:
    metrics = list_ground_truth_metrics(second)
    duels = _compare_with_rivals(second, DEFAULT_METHOD, _list_controls(second), metrics, model)
    not_beaten = [duel for duel in duels if duel.better != DEFAULT_METHOD]
    if not _all_have_intervals(duels):
        return None, _TOO_LITTLE_DATA
    if not_beaten:
        return False, f"not ahead of {_format_clearest(not_beaten)}"
    return True, f"smallest lead: over {_format_rival(min(duels, key=_least_advantage(second)))}"


def _best_of_one_pass(second: Results, _: Results, model: str | None) -> Answer:
    rivals = [
        m for m in _list_methods(second, forwards=1, backwards=0) if not second.settings["methods"][m]["class_specific"]
    ]
    overall = _compare_with_rivals(second, DEFAULT_METHOD, rivals, (GROUND_TRUTH_MEAN,), model)
    if not _all_have_intervals(overall):
        return None, _TOO_LITTLE_DATA
    duels = _compare_with_rivals(second, DEFAULT_METHOD, rivals, list_ground_truth_metrics(second), model)
    behind = [duel for duel in duels if duel.better == duel.other]
    not_ahead = [duel for duel in overall if duel.better != DEFAULT_METHOD]
    reason = f"ahead of {_format_clearest([d for d in overall if d.better == DEFAULT_METHOD])}"
    if not_ahead:
        reason += f"; not ahead of {_format_clearest(not_ahead)}"
    if behind:
        reason += f"; behind {_format_clearest(behind)}"
    return not not_ahead and not behind, reason


def _level_with_backward(second: Results, _: Results, model: str | None) -> Answer:
    # Only backward passes are compared: the cost includes the recorded pass, so that a method of one forward and one
    # backward pass costs two forward passes and one backward pass.
    rivals = _list_methods(second, backwards=1)
    metrics = (GROUND_TRUTH_MEAN, *list_ground_truth_metrics(second))
    duels = _compare_with_rivals(second, DEFAULT_METHOD, rivals, metrics, model)
    if not _all_have_intervals(duels):
        return None, _TOO_LITTLE_DATA
    behind = [duel for duel in duels if duel.better == duel.other]
    if behind:
        return False, f"behind {_format_clearest(behind)}"
    nearest = min((duel for duel in duels if duel.metric == GROUND_TRUTH_MEAN), key=lambda duel: duel.mean)
    return True, f"nearest: {_format_rival(nearest)}"


def _logit_is_worth_it(second: Results, _: Results, model: str | None) -> Answer:
    if CLASS_SPECIFIC_METHOD not in second.methods:
        return None, _TOO_LITTLE_DATA
    overall = second.compare(CLASS_SPECIFIC_METHOD, DEFAULT_METHOD, GROUND_TRUTH_MEAN, model)
    if not _all_have_intervals([overall]):
        return None, _TOO_LITTLE_DATA
    metrics = list_ground_truth_metrics(second)
    duels = _compare_with_rivals(second, CLASS_SPECIFIC_METHOD, [DEFAULT_METHOD], metrics, model)
    ahead = [duel for duel in duels if duel.better == CLASS_SPECIFIC_METHOD]
    behind = [duel for duel in duels if duel.better == DEFAULT_METHOD]
    reason = f"{GROUND_TRUTH_MEAN} {_format_signed(overall)}"
    reason += f"; ahead on {', '.join(map(_format_metric, ahead))}" if ahead else ""
    reason += f"; behind on {', '.join(map(_format_metric, behind))}" if behind else ""
    return overall.better == CLASS_SPECIFIC_METHOD, reason


def _expensive_methods_ahead(second: Results, _: Results, model: str | None) -> Answer:
    categories = ("ground_truth", "insertion_deletion")
    metrics = [m for m in second.metrics if second.metric_info(m).get("category") in categories]
    rivals = [m for m in _list_methods(second) if sum(second.cost(m, model)[:2]) > 3]
    ahead = [d for d in _compare_with_rivals(second, DEFAULT_METHOD, rivals, metrics, model) if d.better == d.other]
    rival_texts = []
    for rival in rivals:
        rival_wins = [duel for duel in ahead if duel.other == rival]
        if rival_wins:
            forwards, backwards, seconds = second.cost(rival, model)
            passes = f"{forwards:.0f} forward" + (f" and {backwards:.0f} backward" if backwards else "") + " passes"
            times = "" if math.isnan(seconds) else f", {seconds:.2g} s"
            clips = min(duel.clips for duel in rival_wins)
            scores = ", ".join(_format_metric(_swap_sides(duel)) for duel in rival_wins)
            rival_texts.append(f"{rival} ({passes}{times}; {clips} clips) on {scores}")
    if not rivals:
        return None, _TOO_LITTLE_DATA
    return None, "; ".join(rival_texts) or f"none of {', '.join(rivals)} is ahead on any metric"


def _falls_with_shuffled_weights(second: Results, shuffled: Results, model: str | None) -> Answer:
    if DEFAULT_METHOD not in shuffled.methods or (model is not None and model not in shuffled.models):
        return None, _TOO_LITTLE_DATA
    controls = _list_controls(shuffled)
    metrics = [metric for metric in list_ground_truth_metrics(second) if metric in shuffled.metrics]
    duels = _compare_with_rivals(shuffled, DEFAULT_METHOD, controls, metrics, model)
    drops = {metric: _score_drop(second, shuffled, metric, model) for metric in (GROUND_TRUTH_MEAN, *metrics)}
    if not _all_have_intervals(duels) or not math.isfinite(drops[GROUND_TRUTH_MEAN].low):
        return None, _TOO_LITTLE_DATA
    # A constant map is easy to beat, so a metric counts only if the method beats every control.
    ahead = [m for m in metrics if all(d.better == DEFAULT_METHOD for d in duels if d.metric == m)]
    not_falling = [m for m, drop in drops.items() if not drop.low > 0]
    reason = f"{GROUND_TRUTH_MEAN} drops by {_format_interval(drops[GROUND_TRUTH_MEAN])}"
    reason += f"; no drop on {', '.join(not_falling)}" if not_falling else ""
    reason += (
        f"; still ahead of every control on {', '.join(ahead)}"
        if ahead
        else "; not ahead of every control on any metric"
    )
    return not ahead and GROUND_TRUTH_MEAN not in not_falling, reason


QUESTIONS: Mapping[str, Callable[[Results, Results, str | None], Answer]] = {
    f"{DEFAULT_METHOD} beats every control on every ground-truth metric": _beats_controls,
    f"{DEFAULT_METHOD} is the best class-agnostic method of one pass": _best_of_one_pass,
    f"{DEFAULT_METHOD} is not behind any method of one forward and one backward pass": _level_with_backward,
    f"{CLASS_SPECIFIC_METHOD} beats {DEFAULT_METHOD}": _logit_is_worth_it,
    f"more expensive methods that are ahead of {DEFAULT_METHOD}": _expensive_methods_ahead,
    f"with shuffled weights {DEFAULT_METHOD} drops to the level of the controls": _falls_with_shuffled_weights,
}
"""By question, the function that answers it from the results of the second set and of shuffled weights."""

_TOO_LITTLE_DATA = "not enough data"


def _compare_with_rivals(
    results: Results, one: str, others: Iterable[str], metrics: Iterable[str], model: str | None
) -> list[PairedDifference]:
    """Return the paired differences of `one` from each other method by each metric for which both have scores."""
    duels = [results.compare(one, other, metric, model) for other in others for metric in metrics if other != one]
    return [duel for duel in duels if duel.clips]


def _all_have_intervals(duels: list[PairedDifference]) -> bool:
    return bool(duels) and all(math.isfinite(duel.low) for duel in duels)


def _list_controls(results: Results) -> list[str]:
    return [name for name, facts in _method_facts(results).items() if facts.get("group") == "control"]


def _list_methods(results: Results, **passes: int) -> list[str]:
    """Return the methods that are not controls and take this many forward or backward passes."""
    names = [
        name
        for name, facts in _method_facts(results).items()
        if facts.get("group") != "control" and name != DEFAULT_METHOD
    ]
    columns = [(("forwards", "backwards").index(kind), count) for kind, count in passes.items()]
    return [name for name in names if all(results.cost(name)[column] == count for column, count in columns)]


def _method_facts(results: Results) -> Mapping[str, Any]:
    return results.settings["methods"]


def _score_drop(second: Results, shuffled: Results, metric: str, model: str | None) -> Interval:
    """Return the mean drop of the default method's score under shuffled weights; positive if the score gets worse."""
    sign = 1 if second.metric_info(metric)["higher_is_better"] else -1
    trained, untrained = (results.values(DEFAULT_METHOD, metric, model) for results in (second, shuffled))
    return mean_with_interval([sign * (trained[clip] - untrained[clip]) for clip in trained if clip in untrained])


def _least_advantage(results: Results) -> Callable[[PairedDifference], float]:
    """Return a function from a duel to the smallest advantage of the duel's first method within the interval."""

    def least_advantage(duel: PairedDifference) -> float:
        return duel.low if results.metric_info(duel.metric)["higher_is_better"] else -duel.high

    return least_advantage


def _swap_sides(duel: PairedDifference) -> PairedDifference:
    return duel._replace(one=duel.other, other=duel.one, mean=-duel.mean, low=-duel.high, high=-duel.low)


def _format_clearest(duels: list[PairedDifference]) -> str:
    """Return the largest differences as text, with the number of the other differences."""
    largest = sorted(duels, key=lambda duel: -abs(duel.mean))[:MAX_NAMED_DIFFERENCES]
    remainder = [f"and {len(duels) - MAX_NAMED_DIFFERENCES} more"] if len(duels) > MAX_NAMED_DIFFERENCES else []
    return "; ".join([*map(_format_rival, largest), *remainder]) or "none"


def _format_rival(duel: PairedDifference) -> str:
    return f"{duel.other} on {_format_metric(duel)}"


def _format_metric(duel: PairedDifference) -> str:
    return f"{duel.metric} ({_format_signed(duel)})"


def _format_signed(duel: PairedDifference) -> str:
    return _format_interval(Interval(duel.mean, duel.low, duel.high), sign="+")


def _format_interval(interval: Interval, sign: str = "") -> str:
    return f"{interval.mean:{sign}.2f} [{interval.low:{sign}.2f}, {interval.high:{sign}.2f}]"
