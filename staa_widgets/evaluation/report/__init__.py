"""HTML report of `Results`: begin at `staa_widgets.evaluation.report.page`; its figures are in modules of their own."""
