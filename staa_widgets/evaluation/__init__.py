"""Metrics of explanations, scores of methods over clips with their report, and the benchmark of the defaults.

Begin at `staa_widgets.evaluation.evaluate`; the metrics are in `staa_widgets.evaluation.metrics`, one module each.
"""
