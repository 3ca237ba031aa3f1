"""Metrics of explanations, scores of methods over clips, reports of the scores, and the benchmark of the defaults.

Begin with `evaluate`, the function behind ``staa.evaluate``. The metrics are in `metrics`, one function each; `metric`
defines the metadata of a metric. `report` writes the HTML report, `benchmark` compares the defaults with their
alternatives.
"""
