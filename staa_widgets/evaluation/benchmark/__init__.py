"""Benchmark of the default parameters on synthetic clips, with an answer to each question about the defaults.

Begin at `staa_widgets.evaluation.benchmark.run`; the questions and their answers are in `verdict`.
"""
