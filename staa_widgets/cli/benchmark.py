"""``staa benchmark``: score methods on synthetic clips and print a verdict."""

from __future__ import annotations

import argparse

from staa_widgets.cli.output import DONE, printable


def run_benchmark_command(options: argparse.Namespace) -> int:
    """Run the benchmark, print the verdict and write the report."""
    from staa_widgets.evaluation.benchmark.plan import DEFAULT_PLAN, FULL_PLAN
    from staa_widgets.evaluation.benchmark.report import write_report
    from staa_widgets.evaluation.benchmark.run import run_benchmark
    from staa_widgets.evaluation.benchmark.verdict import verdict

    plan = FULL_PLAN if options.full else DEFAULT_PLAN
    if options.clips is not None:
        plan = plan.limit_clips(options.clips)
    results = run_benchmark(plan, options.models, methods=options.methods, cache=options.cache)
    report = write_report(results, results.save(options.out))
    for line in verdict(results):
        print(printable(f"{line.answer:<4} {line.model or 'all models'}: {line.question}: {line.reason}"))
    failures = len(results.first.failures) + len(results.second.failures) + len(results.shuffled.failures)
    if failures:
        print(f"{failures} explanations or scores failed; the report lists the reasons")
    print(printable(f"report: {report} (the scores are in the same folder, as JSON)"), flush=True)
    return DONE
