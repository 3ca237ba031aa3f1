"""Views of a Plotly figure widget: traces that a slow browser lost are sent again."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go


def resend_lost_traces(figure: go.FigureWidget) -> None:
    """Send the traces and the layout of a figure again when a view of it appears without them.

    A figure widget sends its traces as an update that follows its creation. While the browser still loads Plotly's
    JavaScript, about 5 MB, that update is lost, and the view stays empty. A view reports the traces that it has drawn;
    a report with too few of them is answered with all traces.

    Parameters
    ----------
    figure
        The figure. A second call for the same figure does nothing.
    """
    if not hasattr(figure, "_staa_view_reports"):
        reports = _ViewReports(figure)
        figure._staa_view_reports = reports  # pyright: ignore[reportAttributeAccessIssue]
        figure.observe(reports.on_report, "_js2py_traceDeltas")


class _ViewReports:
    """Answers to the reports of the views of one figure."""

    def __init__(self, figure: go.FigureWidget) -> None:
        # Plotly's names for the state and the messages of a figure widget are private.
        self._figure: Any = figure
        self._last_answer = -1

    def on_report(self, change: Any) -> None:
        """Send everything again if the view that reports has fewer traces than the figure."""
        report, figure = change["new"], self._figure
        # Every view on the page receives an answer. A report from before the last answer needs no further one.
        if not report or report["trace_edit_id"] <= self._last_answer:
            return
        drawn_traces = sum("uid" in delta for delta in report["trace_deltas"])
        if drawn_traces < len(figure.data):
            figure._send_relayout_msg(deepcopy(figure._layout))
            figure._send_addTraces_msg(deepcopy(figure._data))
            self._last_answer = figure._last_trace_edit_id
            # Views that are opened later read the state.
            figure._widget_data, figure._widget_layout = deepcopy(figure._data), deepcopy(figure._layout)
            figure.send_state(["_widget_data", "_widget_layout"])
