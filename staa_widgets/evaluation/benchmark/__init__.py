"""Benchmark of the defaults on drawn clips, with a verdict on each question about them.

Begin at `staa_widgets.evaluation.benchmark.run`; the questions and their answers are in `verdict`.
"""
