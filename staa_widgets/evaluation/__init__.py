"""Metrics of explanations, scores of methods over clips with their report, and the benchmark of the defaults.

Begin with `evaluate`, the function behind ``staa.evaluate``. The metrics are in `metrics`, one function each; `metric`
says what a metric declares. `report` writes the HTML report, `benchmark` compares the defaults with their alternatives.
"""
