"""`Results` as one HTML report that stands alone, and the figures in it."""

from __future__ import annotations

from staa_widgets.evaluation.report.cost_figure import draw_cost_against_quality
from staa_widgets.evaluation.report.curve_figure import draw_curves
from staa_widgets.evaluation.report.page import to_html, to_page
from staa_widgets.evaluation.report.score_table_figure import draw_score_table

__all__ = ["draw_cost_against_quality", "draw_curves", "draw_score_table", "to_html", "to_page"]
