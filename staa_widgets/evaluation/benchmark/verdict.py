"""What a benchmark says of the defaults: yes or no to each, by paired bootstrap over clips of the second set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from staa_widgets.evaluation.benchmark.plan import MOST_PASSES
from staa_widgets.evaluation.bootstrap import Interval
from staa_widgets.evaluation.metrics.localization import TRUTH
from staa_widgets.evaluation.rows import Comparison, Row, interval_of, mean
from staa_widgets.utils.html import Markup, element, heads, table

if TYPE_CHECKING:
    from staa_widgets.evaluation.benchmark.run import Benchmark
    from staa_widgets.evaluation.results import Results

DEFAULT, CLASS_SPECIFIC = "staa", "staa_logit"

ALL = "all truth"
"""Mean of a clip's truth metrics, each of which goes from 0 to 1: one number to compare two methods by."""

FEW = 6
"""Comparisons that an answer tells of one by one."""

Found = tuple[bool | None, str]


class Line(NamedTuple):
    """An answer: `holds` is ``None`` where nothing can be said, or the question is not one of yes or no."""

    question: str
    model: str
    holds: bool | None
    said: str

    @property
    def answer(self) -> str:
        """Yes, no, or a dash."""
        return {True: "yes", False: "no", None: "–"}[self.holds]


def verdict(found: Benchmark) -> tuple[Line, ...]:
    """Answer every question, for all models together (`Line.model` is ``""``) and for each.

    Differences are those on the same clips; a method is ahead or behind where the 95 % bootstrap interval of the mean
    difference does not hold 0. Over all models together a clip counts once, with its mean over them.
    """
    second, shuffled = with_mean(found.second), with_mean(found.shuffled)
    models = [None, *second.models] if len(second.models) > 1 else [*second.models]
    return tuple(
        Line(question, model or "", *ask(second, shuffled, model))
        for question, ask in QUESTIONS.items()
        for model in models
    )


def with_mean(results: Results) -> Results:
    """Add the metric `ALL` to results: of each model, clip and method the mean of its truth metrics."""
    held: dict[tuple[str, str, str], list[float]] = {}
    for row in results.rows:
        if row.metric in TRUTH and math.isfinite(row.value):
            held.setdefault((row.model, row.clip, row.method), []).append(row.value)
    rows = [Row(*of, ALL, mean(values)) for of, values in held.items() if len(values) == len(TRUTH)]
    about = {"name": ALL, "higher_is_better": True, "category": "truth", "range": [0, 1]}
    metrics = {ALL: about, **results.settings.get("metrics", {})}
    return replace(results, rows=(*results.rows, *rows), settings={**results.settings, "metrics": metrics})


def _beats_controls(second: Results, _: Results, model: str | None) -> Found:
    duels = _duels(second, DEFAULT, _controls(second), TRUTH, model)
    lost = [duel for duel in duels if duel.better != DEFAULT]
    if not _known(duels):
        return None, _UNKNOWN
    if lost:
        return False, f"not ahead of {_listed(lost)}"
    return True, f"by least over {_told(min(duels, key=lambda duel: duel.low))}"


def _best_of_one_pass(second: Results, _: Results, model: str | None) -> Found:
    rivals = [
        m for m in _methods(second, forwards=1, backwards=0) if not second.settings["methods"][m]["class_specific"]
    ]
    overall = _duels(second, DEFAULT, rivals, (ALL,), model)
    if not _known(overall):
        return None, _UNKNOWN
    behind = [d for d in _duels(second, DEFAULT, rivals, TRUTH, model) if d.better == d.other]
    short = [duel for duel in overall if duel.better != DEFAULT]
    said = f"ahead of {_listed([d for d in overall if d.better == DEFAULT])}"
    if short:
        said += f"; not ahead of {_listed(short)}"
    if behind:
        said += f"; behind {_listed(behind)}"
    return not short and not behind, said


def _level_with_backward(second: Results, _: Results, model: str | None) -> Found:
    # A recorded pass comes before every question, so that one pass there and one back are told as two and one.
    rivals = _methods(second, backwards=1)
    duels = _duels(second, DEFAULT, rivals, (ALL, *TRUTH), model)
    if not _known(duels):
        return None, _UNKNOWN
    behind = [duel for duel in duels if duel.better == duel.other]
    if behind:
        return False, f"behind {_listed(behind)}"
    return True, f"nearest: {_told(min((d for d in duels if d.metric == ALL), key=lambda duel: duel.mean))}"


def _logit_is_worth_it(second: Results, _: Results, model: str | None) -> Found:
    if CLASS_SPECIFIC not in second.methods:
        return None, _UNKNOWN
    overall = second.compare(CLASS_SPECIFIC, DEFAULT, ALL, model)
    if not _known([overall]):
        return None, _UNKNOWN
    duels = _duels(second, CLASS_SPECIFIC, [DEFAULT], TRUTH, model)
    won = [duel for duel in duels if duel.better == CLASS_SPECIFIC]
    lost = [duel for duel in duels if duel.better == DEFAULT]
    said = f"{ALL} {_signed(overall)}"
    said += f"; ahead on {', '.join(map(_by_metric, won))}" if won else ""
    said += f"; behind on {', '.join(map(_by_metric, lost))}" if lost else ""
    return overall.better == CLASS_SPECIFIC, said


def _dearer(second: Results, _: Results, model: str | None) -> Found:
    metrics = [m for m in second.metrics if second.about(m).get("category") in ("truth", "causal")]
    rivals = [m for m in _methods(second) if sum(second.cost(m, model)[:2]) > 3]
    won = [d for d in _duels(second, DEFAULT, rivals, metrics, model) if d.better == d.other]
    said = []
    for rival in rivals:
        wins = [duel for duel in won if duel.other == rival]
        if wins:
            forwards, backwards, seconds = second.cost(rival, model)
            passes = f"{forwards:.0f} forwards" + (f" and {backwards:.0f} backwards" if backwards else "")
            times = "" if math.isnan(seconds) else f", {seconds:.2g} s"
            clips = min(duel.clips for duel in wins)
            said.append(f"{rival} ({passes}{times}; {clips} clips) on {', '.join(map(_by_metric, map(_turned, wins)))}")
    if not rivals:
        return None, _UNKNOWN
    return None, "; ".join(said) or f"none of {', '.join(rivals)} is ahead on anything"


def _falls(second: Results, shuffled: Results, model: str | None) -> Found:
    if DEFAULT not in shuffled.methods or (model is not None and model not in shuffled.models):
        return None, _UNKNOWN
    controls = _controls(shuffled)
    duels = _duels(shuffled, DEFAULT, controls, TRUTH, model)
    drops = {m: _drop(second, shuffled, m, model) for m in (ALL, *TRUTH)}
    if not _known(duels) or not math.isfinite(drops[ALL].low):
        return None, _UNKNOWN
    # Ahead of a constant map means little; what would matter is to be ahead of every control.
    ahead = [m for m in TRUTH if all(d.better == DEFAULT for d in duels if d.metric == m)]
    kept = [m for m, drop in drops.items() if not drop.low > 0]
    said = f"{ALL} falls by {_interval(drops[ALL])}"
    said += f"; does not fall on {', '.join(kept)}" if kept else ""
    said += (
        f"; still ahead of every control on {', '.join(ahead)}" if ahead else "; on no metric ahead of every control"
    )
    return not ahead and ALL not in kept, said


QUESTIONS: Mapping[str, Callable[[Results, Results, str | None], Found]] = {
    f"{DEFAULT} beats every control on every truth metric": _beats_controls,
    f"{DEFAULT} is the best class-agnostic method of one pass": _best_of_one_pass,
    f"{DEFAULT} is not behind any method of one forward and one backward pass": _level_with_backward,
    f"{CLASS_SPECIFIC} beats {DEFAULT}": _logit_is_worth_it,
    f"where dearer methods are ahead of {DEFAULT}": _dearer,
    f"with shuffled weights {DEFAULT} falls to the controls": _falls,
}
"""What is asked of a benchmark."""

_UNKNOWN = "too little was measured to say"


def section(found: Benchmark) -> Markup:
    """Write the answers as a section of a report."""
    rows = []
    for question, lines in groupby(verdict(found), lambda line: line.question):
        rows.append(element("tr", element("th", question, colspan="3", scope="rowgroup"), class_="group"))
        for line in lines:
            cells = element("td", line.answer), element("td", line.said, class_="words")
            rows.append(element("tr", element("th", line.model or "all models", scope="row"), *cells))
    answers = table(heads("models", "answer", "found"), rows, "verdict")
    return element("section", element("h2", "Verdict"), element("p", READING + left_out(found)), answers)


def left_out(found: Benchmark) -> str:
    """Say which methods were not asked because they are too dear; nothing where all were."""
    names = found.second.settings.get("benchmark", {}).get("left_out", {})
    told = ", ".join(f"{name} ({passes})" for name, passes in names.items())
    return f" Methods of more than {MOST_PASSES} passes a clip are asked in a full run only: {told}." if told else ""


READING = (
    "By paired 95 % bootstrap intervals over clips: ahead or behind is what the interval of the mean difference leaves "
    f"no doubt of. {ALL!r} is the mean of the five truth metrics. Each comparison stands for itself: of many, one in "
    "forty errs to either side."
)


def _duels(
    results: Results, one: str, others: Iterable[str], metrics: Iterable[str], model: str | None
) -> list[Comparison]:
    """Compare with each rival by each metric, where both were scored."""
    every = [results.compare(one, other, metric, model) for other in others for metric in metrics if other != one]
    return [duel for duel in every if duel.clips]


def _known(duels: list[Comparison]) -> bool:
    return bool(duels) and all(math.isfinite(duel.low) for duel in duels)


def _controls(results: Results) -> list[str]:
    return [name for name, about in _about(results).items() if about.get("group") == "control"]


def _methods(results: Results, **passes: int) -> list[str]:
    """Methods that are no controls, of so many forward or backward passes."""
    names = [name for name, about in _about(results).items() if about.get("group") != "control" and name != DEFAULT]
    asked = [(("forwards", "backwards").index(kind), count) for kind, count in passes.items()]
    return [name for name in names if all(results.cost(name)[place] == count for place, count in asked)]


def _about(results: Results) -> Mapping[str, Any]:
    return results.settings["methods"]


def _drop(second: Results, shuffled: Results, metric: str, model: str | None) -> Interval:
    """Mean of a method's score on trained weights minus that on shuffled ones, over the clips of both."""
    ours, theirs = (held.values(DEFAULT, metric, model) for held in (second, shuffled))
    return interval_of([ours[clip] - theirs[clip] for clip in ours if clip in theirs])


def _turned(duel: Comparison) -> Comparison:
    return duel._replace(one=duel.other, other=duel.one, mean=-duel.mean, low=-duel.high, high=-duel.low)


def _listed(duels: list[Comparison]) -> str:
    """Tell of the clearest few."""
    few = sorted(duels, key=lambda duel: -abs(duel.mean))[:FEW]
    rest = [f"and {len(duels) - FEW} more"] if len(duels) > FEW else []
    return "; ".join([*map(_told, few), *rest]) or "none"


def _told(duel: Comparison) -> str:
    return f"{duel.other} on {_by_metric(duel)}"


def _by_metric(duel: Comparison) -> str:
    return f"{duel.metric} ({_signed(duel)})"


def _signed(duel: Comparison) -> str:
    return _interval(Interval(duel.mean, duel.low, duel.high), sign="+")


def _interval(of: Interval, sign: str = "") -> str:
    return f"{of.mean:{sign}.2f} [{of.low:{sign}.2f}, {of.high:{sign}.2f}]"
