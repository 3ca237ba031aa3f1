"""Make docs/generated/results.md from what `staa benchmark` wrote."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

from staa_widgets.evaluation.benchmark.ground_truth_mean import (
    GROUND_TRUTH_MEAN,
    add_ground_truth_mean,
)
from staa_widgets.evaluation.benchmark.plan import CLIP_SETS, MAX_CHEAP_PASSES
from staa_widgets.evaluation.benchmark.report import READING_NOTE, left_out_sentence
from staa_widgets.evaluation.benchmark.results import Benchmark
from staa_widgets.evaluation.benchmark.verdict import QUESTIONS, verdict
from staa_widgets.evaluation.bootstrap import Interval
from staa_widgets.evaluation.results import Results
from staa_widgets.evaluation.rows import mean_with_interval

ORDER = ("attention", "gradient", "perturbation", "control")


def page(benchmark: Benchmark) -> str:
    """Return the page about a run, as Markdown."""
    first, second, shuffled = (
        add_ground_truth_mean(results) for results in (benchmark.first, benchmark.second, benchmark.shuffled)
    )
    categories = {metric: second.metric_info(metric).get("category") for metric in second.shown_metrics}
    ground_truth = tuple(metric for metric, category in categories.items() if category == "ground_truth")
    insertion_deletion = [metric for metric, category in categories.items() if category == "insertion_deletion"]
    others = [metric for metric in second.shown_metrics if metric not in (*ground_truth, *insertion_deletion)]
    return PAGE.format(
        about=_describe_run(benchmark),
        models=_model_table(benchmark),
        reading=READING_NOTE,
        verdict=_verdict_text(benchmark),
        second=_score_table(second, ground_truth),
        second_by_model=_tables_by_model(second, ground_truth),
        first=_score_table(first, ground_truth),
        shift=_shift_table(first, second),
        insertion_deletion=_curve_metric_tables(second, insertion_deletion),
        others="".join(_other_metrics(second, others)),
        shuffled=_score_table(shuffled, ground_truth),
        shuffled_by_model=_tables_by_model(shuffled, ground_truth),
        failures=_failure_table(benchmark),
    )


def _describe_run(benchmark: Benchmark) -> str:
    plan = benchmark.second.settings["benchmark"]["plan"]
    seconds = max(
        part.settings["benchmark"]["seconds"] for part in (benchmark.first, benchmark.second, benchmark.shuffled)
    )
    versions = ", ".join(f"{name} {version}" for name, version in benchmark.second.settings["versions"].items())
    devices = {facts["device"] for facts in benchmark.second.settings["models"].values()}
    return (
        f"Second set: {plan['clips']} clips (seeds from {CLIP_SETS['second'][1]}), {plan['expensive_clips']} of them "
        f"for methods of more than {MAX_CHEAP_PASSES} passes and for metrics that run the model."
        f"{left_out_sentence(benchmark)} First set: {plan['first_clips']} clips (from {CLIP_SETS['first'][1]}). "
        f"Shuffled weights: {plan['shuffled_clips']} clips of the second set. The run took {seconds / 60:.1f} "
        f"minutes on {', '.join(sorted(devices))}, without the results that were in the cache; {versions}."
    )


def _model_table(benchmark: Benchmark) -> str:
    rows = []
    for name, facts in benchmark.second.settings["models"].items():
        shares = [_accuracy(results, name) for results in (benchmark.first, benchmark.second)]
        rows.append([name, facts["family"], *shares, f"`{facts['weights'][:12]}`"])
    return _format_table(["model", "family", "correct, first set", "correct, second set", "weights"], rows)


def _accuracy(results: Results, model: str) -> str:
    predicted = results.settings["benchmark"]["predicted"][model]
    correct = [clip.rsplit(" ", 1)[0] == label for clip, label in predicted.items()]
    return f"{sum(correct)} of {len(correct)}"


def _verdict_text(benchmark: Benchmark) -> str:
    lines = verdict(benchmark)
    names = list(dict.fromkeys(line.model for line in lines))
    answers = {(line.question, line.model): line for line in lines}
    table = _format_table(
        ["question", *(name or "all" for name in names)],
        [[question, *(answers[question, name].answer for name in names)] for question in QUESTIONS],
    )
    sections = [
        f"**{question}**\n\n"
        + "\n".join(
            f"- {name or 'all models'}: {answers[question, name].answer}; {answers[question, name].reason}"
            for name in names
        )
        for question in QUESTIONS
    ]
    return f"{table}\n" + "\n\n".join(sections) + "\n"


def _score_table(results: Results, metrics: Iterable[str], model: str | None = None) -> str:
    summaries = {
        (s.method, s.metric): s for s in results.summary(pooled=model is None) if model is None or s.model == model
    }
    rows = []
    for method in _sort_methods(results):
        cells = [summaries.get((method, metric)) for metric in metrics]
        if any(cells):
            count = max(cell.clips for cell in cells if cell)
            values = [_format_interval(cell.mean, cell.low, cell.high) if cell else "–" for cell in cells]
            rows.append([method, *values, _format_cost(results, method, model), str(count)])
    return _format_table(["method", *metrics, "forward + backward passes, seconds", "clips"], rows)


def _tables_by_model(results: Results, metrics: Iterable[str]) -> str:
    return "\n".join(f"### {name}\n\n{_score_table(results, metrics, name)}" for name in results.models)


def _shift_table(first: Results, second: Results) -> str:
    """Return the table of the ground-truth mean on both sets; their clips differ, so the change is not paired."""
    rows = []
    for method in _sort_methods(first):
        ours, theirs = (results.values(method, GROUND_TRUTH_MEAN) for results in (first, second))
        if ours and theirs:
            before, after = mean_with_interval(list(ours.values())), mean_with_interval(list(theirs.values()))
            rows.append(
                [method, _format_interval(*before), _format_interval(*after), f"{after.mean - before.mean:+.2f}"]
            )
    return _format_table(["method", "first set", "second set", "change"], rows)


def _curve_metric_tables(results: Results, metrics: Iterable[str]) -> str:
    parts = []
    for metric in metrics:
        rows = []
        for method in _sort_methods(results):
            values = results.values(method, metric)
            if values:
                score = results.normalized_score(method, metric)
                share = (
                    _format_interval(score.value, score.low, score.high) if math.isfinite(score.value) else score.reason
                )
                rows.append(
                    [method, _format_interval(*mean_with_interval(list(values.values()))), share, str(len(values))]
                )
        head = ["method", metric, "from random order (0) to oracle (1)", "clips"]
        parts.append(f"### {metric}\n\n{results.metric_info(metric)['summary']}\n\n{_format_table(head, rows)}")
    return "\n".join(parts)


def _other_metrics(results: Results, metrics: list[str]) -> Iterable[str]:
    if metrics:
        yield "## Other metrics, second set\n\n"
        for category in dict.fromkeys(str(results.metric_info(metric).get("category")) for metric in metrics):
            labels = [metric for metric in metrics if results.metric_info(metric).get("category") == category]
            yield f"### {category}\n\n"
            yield "\n".join(f"- {metric}: {results.metric_info(metric).get('summary')}" for metric in labels) + "\n\n"
            yield _score_table(results, labels) + "\n"


def _failure_table(benchmark: Benchmark) -> str:
    reasons: dict[tuple[str, ...], int] = {}
    for name, results in (("first", benchmark.first), ("second", benchmark.second), ("shuffled", benchmark.shuffled)):
        for failure in results.failures:
            key = (name, failure.model, failure.method, failure.metric, failure.message)
            reasons[key] = reasons.get(key, 0) + 1
    if not reasons:
        return "None.\n"
    rows = [[*(part or "all" for part in key[:4]), str(count), key[4]] for key, count in reasons.items()]
    return _format_table(["set", "model", "method", "metric", "clips", "reason"], rows)


def _sort_methods(results: Results) -> list[str]:
    """Return the methods by group, the best of each group first."""
    facts = results.settings["methods"]
    means = {s.method: s.mean for s in results.summary(pooled=True) if s.metric == GROUND_TRUTH_MEAN}
    return sorted(results.methods, key=lambda name: (ORDER.index(facts[name]["group"]), -means.get(name, 0)))


def _format_cost(results: Results, method: str, model: str | None) -> str:
    forwards, backwards, seconds = results.cost(method, model)
    return f"{forwards:.0f} + {backwards:.0f}" + ("" if math.isnan(seconds) else f", {seconds:.2g} s")


def _format_interval(mean: float, low: float, high: float) -> str:
    return str(Interval(mean, low, high)) if math.isfinite(low) else f"{mean:.2f}"


def _format_table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def main() -> None:
    """Read the JSON, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("out/benchmark"), help="where `staa benchmark` wrote")
    parser.add_argument("--page", type=Path, default=Path("docs/generated/results.md"))
    options = parser.parse_args()
    options.page.write_text(page(Benchmark.load(options.folder)), encoding="utf-8")
    print(options.page)


PAGE = """# Which explanation is right

Generated by `python -m benchmarks.results` from the output of `staa benchmark`; do not edit. The clips show synthetic
actions with distractors and ground truth; the target is the predicted class. A cell is in the ground truth if the
acting limbs cover 10 % of it. Values are means over clips with 95 % bootstrap intervals over clips; for all
models together, each clip counts once, with its mean over the models. The first set was used to choose the defaults.
The second set is held out: it has other figure sizes, backgrounds and tempo, and always two moving figures of which one
matters. An action may begin at any time, so that a curve over time that ignores the clip scores at chance level: see
`bell` and `slot_frequency` below. Clips that the action fills have no temporal scores and no ground-truth mean.

{about}

{models}
## Verdict, second set

{reading}

{verdict}
## Ground truth, second set, all models together

{second}
{second_by_model}
## Ground truth, first set, all models together

{first}
## From the first set to the second

{shift}
## Insertion and deletion, second set

Area under the target's probability curve. The position of a method between random orders (0) and the oracle (1) is a
ratio of means over clips; it is left out if the oracle is too close to random.

{insertion_deletion}
{others}## Shuffled weights, second set

The same models with the entries of every weight tensor shuffled.

{shuffled}
{shuffled_by_model}
## Failures

{failures}"""

if __name__ == "__main__":
    main()
