"""`link` and `linked_figure`: a player and a Plotly figure that follow each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.figures.heads import MAPS_TRACE
from staa_widgets.widget.panes import frame_in_pane
from staa_widgets.widget.player import Player
from staa_widgets.widget.plotly_views import resend_lost_traces
from staa_widgets.widget.throttle import Throttle

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import NDArray

INTERVAL = 0.1
"""Minimum seconds between two moves of the playhead: redrawing a figure takes a browser about 20 ms."""


CURSOR_COLOR, BAND_COLOR = "#c01f2e", "#1d5fd1"


class _Track(NamedTuple):
    """A Plotly trace whose x axis is seconds.

    Parameters
    ----------
    trace
        Plotly trace.
    x
        Seconds of the trace's points, or of the centers of its bars or columns.
    edges
        Start and end of each bar or column.
    marks
        Whether the bar at the current time is marked.
    selected
        Points of the trace that were selected before the figure was linked.
    """

    trace: Any
    x: NDArray[np.float64]
    edges: NDArray[np.float64] | None = None
    marks: bool = False
    selected: Any = None


class Link:
    """A link by which a player and a figure follow each other; `unlink` ends the link."""

    def __init__(self, player: Player, figure: go.FigureWidget) -> None:
        self._player, self._figure = player, figure
        self._active = True
        self._tracks = list(filter(None, map(_make_track, figure.data)))
        self._maps: list[Any] = [trace for trace in figure.data if _shows_heads(trace)]
        if not self._tracks:
            raise ParameterError(
                "The figure has no trace with seconds on its x axis.",
                "Use figure = staa.linked_figure(player), or go.FigureWidget(player.explanation.to_plotly()).",
            )
        resend_lost_traces(figure)
        self._name, self._band = f"staa-playhead-{id(self):x}", f"staa-selection-{id(self):x}"
        self._throttle = Throttle(self._move_playhead, INTERVAL)
        plots = {(track.trace.xaxis or "x", track.trace.yaxis or "y") for track in self._tracks}
        line = {"type": "line", "name": self._name, "y0": 0, "y1": 1, "line": {"color": CURSOR_COLOR, "width": 2}}
        self._plots = [{"xref": x, "yref": f"{y} domain"} for x, y in sorted(plots)]
        figure.layout.shapes = [*figure.layout.shapes, *({**line, **plot} for plot in self._plots)]
        # Dragging in the figure selects seconds, as on the player's time axis; zooming is still possible in the tool
        # bar.
        self._drag = figure.layout.dragmode, figure.layout.selectdirection
        figure.update_layout(dragmode="select", selectdirection="h")
        self._move_playhead()
        self._show_selection()
        for track in self._tracks:
            track.trace.on_hover(self._on_hover, append=True)
            track.trace.on_click(self._on_click, append=True)
        for trace in self._maps:
            trace.on_click(self._on_head_click, append=True)
        # The arguments of Plotly's own selection callback lack the range in all subplots but the first.
        figure.layout.on_change(self._on_select, "selections", append=True)
        self._tracks[0].trace.on_deselect(self._on_deselect, append=True)
        player.observe(self._on_time, "time")
        player.observe(self._show_selection, "selection")

    def unlink(self) -> None:
        """End the link: remove playhead, band and mark, and change nothing else. A second call does nothing."""
        if not self._active:
            return
        # Plotly cannot remove a callback: the callbacks of an ended link stay in the figure and do nothing.
        self._active = False
        self._throttle.cancel()
        self._player.unobserve(self._on_time, "time")
        self._player.unobserve(self._show_selection, "selection")
        figure, names = self._figure, (self._name, self._band)
        with figure.batch_update():
            others = [shape for shape in figure.layout.shapes if shape.name not in names]
            figure.layout.shapes = others or None
            figure.layout.dragmode, figure.layout.selectdirection = self._drag
            for track in self._tracks:
                if track.marks:
                    track.trace.selectedpoints = track.selected
        # The figure keeps the callbacks, and with them this link, alive; release the player.
        del self._player

    def _on_hover(self, trace: Any, points: Any, state: object) -> None:
        # A pointer that crosses the figure should not move a video that is playing.
        if self._active and not self._player.playing:
            self._on_click(trace, points, state)

    def _on_click(self, trace: Any, points: Any, _: object) -> None:
        if self._active and points.point_inds:
            track = next(track for track in self._tracks if track.trace is trace)
            point = points.point_inds[0]
            # For a heat map Plotly gives (row, column).
            self._player.frame = _frame_at_point(self._player, track, point if isinstance(point, int) else point[1])

    def _on_head_click(self, trace: Any, points: Any, _: object) -> None:
        """Show the layer and head whose map was clicked, if the player's explanation has them."""
        if self._active and points.point_inds:
            (row, column), (rows, columns) = points.point_inds[0], trace.meta["grid"]
            layer, head = row // (rows + 1), column // (columns + 1)
            attention = self._player.explanation.attention
            if attention is not None and layer < attention.shape[0] and head < attention.shape[1]:
                self._player.layer, self._player.head = layer, head

    def _on_select(self, *_: object) -> None:
        if not self._active:
            return
        # Selections drawn in a page are in the figure's JSON, but not in its layout object.
        selections = self._figure.layout.to_plotly_json().get("selections") or ()
        axes = {plot["xref"] for plot in self._plots}
        ranges = [sorted((item["x0"], item["x1"])) for item in selections if item.get("xref") in axes and "x0" in item]
        if not selections:
            return
        # Remove Plotly's outline, which would not follow later selections; a band replaces it.
        self._figure.plotly_relayout({"selections": None})
        for track in self._tracks:
            if track.marks:
                track.trace.selectedpoints = None  # as in the page; then `_move_playhead` marks the current bar again
        self._move_playhead()
        if ranges:
            spans = self._player.explanations[0].spans
            low, high = (float(np.clip(second, spans[0, 0], spans[-1, 1])) for second in ranges[-1])
            self._player.selection = (low, high) if low < high else None

    def _on_deselect(self, *_: object) -> None:
        if self._active:
            self._player.selection = None

    def _show_selection(self, _: object = None) -> None:
        selection = self._player.selection
        shapes = [shape for shape in self._figure.layout.shapes if shape.name != self._band]
        if selection is not None:
            band = {"type": "rect", "name": self._band, "fillcolor": BAND_COLOR, "opacity": 0.14, "line": {"width": 0}}
            position = {"x0": selection[0], "x1": selection[1], "y0": 0, "y1": 1, "layer": "below"}
            shapes += [{**band, **position, **plot} for plot in self._plots]
        self._figure.layout.shapes = shapes or None

    def _on_time(self, _: object) -> None:
        self._throttle()

    def _move_playhead(self) -> None:
        time = self._player.time
        with self._figure.batch_update():
            for shape in self._figure.layout.shapes:
                if shape.name == self._name:
                    shape.x0 = shape.x1 = time
            for track in self._tracks:
                if track.marks and track.edges is not None:
                    track.trace.selectedpoints = _bars_at(self._player, track.edges, time)


def link(player: Player, figure: go.FigureWidget) -> Link:
    """Link a player and a Plotly figure over time, so that each follows the other.

    Hovering over or clicking a bar shows the frame that the model saw in that slice; on any other trace over seconds,
    the frame at the point's time. While the player plays, hovering does nothing. A line in the figure follows the
    player's frame, and the frame's bar is marked. Dragging across the figure selects seconds in the player; the
    player's selection is drawn as a band in the figure. In the figure of layers and heads, clicking a map shows that
    head in the player.

    Parameters
    ----------
    player
        The player.
    figure
        A figure whose x axis is seconds of the clip, such as ``go.FigureWidget(player.explanation.to_plotly())``,
        ``to_plotly("heads")``, or the figure of a comparison. If a slow browser shows it without its traces, they are
        sent again.

    Returns
    -------
    Link
        Its method ``unlink`` ends the link and restores the figure.

    Raises
    ------
    ParameterError
        If an argument has the wrong type, or the figure has no trace over seconds.
    """
    import plotly.graph_objects as go

    _check_player(player)
    if isinstance(figure, go.Figure) and not isinstance(figure, go.FigureWidget):
        raise ParameterError(
            "A go.Figure does not report hovering and clicks to Python.",
            "Use figure = staa.linked_figure(player, figure), or wrap it: figure = go.FigureWidget(figure).",
        )
    if not isinstance(figure, go.FigureWidget):
        raise ParameterError(
            f"The second argument of link must be a go.FigureWidget, got {type(figure).__name__}.",
            "Use figure = staa.linked_figure(player), or go.FigureWidget(player.explanation.to_plotly()).",
        )
    return Link(player, figure)


def linked_figure(player: Player, figure: go.Figure | None = None) -> go.FigureWidget:
    """Return a Plotly figure widget that is linked to a player, as `link` does it.

    Parameters
    ----------
    player
        The player.
    figure
        A figure whose x axis is seconds of the clip; by default the time chart of the player's explanation. It is
        copied.

    Returns
    -------
    FigureWidget
        The copy. To end the link later, make the figure widget yourself and use `link`, whose result has ``unlink``.

    Raises
    ------
    ParameterError
        If an argument has the wrong type, or the figure has no trace over seconds.

    Examples
    --------
    >>> player = staa.Player(explanation)
    >>> ipywidgets.VBox([staa.linked_figure(player), player])
    """
    import plotly.graph_objects as go

    _check_player(player)
    if figure is None:
        figure = player.explanation.to_plotly()
    if not isinstance(figure, go.Figure):
        raise ParameterError(
            f"The second argument of linked_figure must be a Plotly figure, got {type(figure).__name__}.",
            "Leave it out for the time chart, or pass player.explanation.to_plotly(...).",
        )
    widget = go.FigureWidget(figure)
    link(player, widget)
    return widget


def _check_player(player: object) -> None:
    if not isinstance(player, Player):
        raise ParameterError(
            f"The first argument must be a Player, got {type(player).__name__}.",
            "Use player = staa.Player(explanation).",
        )


def _shows_heads(trace: Any) -> bool:
    return isinstance(trace.meta, Mapping) and trace.meta.get("kind") == MAPS_TRACE


def _make_track(trace: Any) -> _Track | None:
    x = np.asarray(trace["x"]) if "x" in trace and trace["x"] is not None else np.empty(0)
    if (
        x.ndim != 1
        or not x.size
        or x.dtype.kind not in "fiu"
        or ("orientation" in trace and trace["orientation"] == "h")
    ):
        return None
    x = x.astype(np.float64)
    if trace.type == "heatmap" and x.size == np.asarray(trace.z).shape[1] + 1:
        return _Track(trace, (x[:-1] + x[1:]) / 2, np.stack([x[:-1], x[1:]], axis=1))
    if trace.type != "bar":
        return _Track(trace, x)
    gaps = np.diff(np.unique(x))
    width = np.asarray(trace.width if trace.width is not None else gaps.min() if gaps.size else 1.0, np.float64)
    edges = np.stack([x - width / 2, x + width / 2], axis=1)
    return _Track(trace, x, edges, marks=True, selected=trace.to_plotly_json().get("selectedpoints"))


def _bars_at(player: Player, edges: NDArray[np.float64], time: float) -> list[int]:
    spans = player.explanation.spans
    # Edges computed from a bar's center and width have rounding errors: a frame exactly on an edge could fall into the
    # neighboring slice. The exact spans are used if they agree with the edges.
    starts, ends = (spans if edges.shape == spans.shape and np.allclose(edges, spans) else edges).T
    return np.flatnonzero((starts <= time) & (time < ends)).tolist()


def _frame_at_point(player: Player, track: _Track, point: int) -> int:
    e, time = player.explanation, float(track.x[point])
    if track.edges is not None:
        slice_frames = e.sampled_frames[np.searchsorted(e.spans[1:, 0], time, side="right")]
        frame = int(slice_frames[len(slice_frames) // 2])
        if point in _bars_at(player, track.edges, float(e.times[frame - e.first_frame])):
            # The player plays the clip of the first pane, which may differ from the active pane's.
            return frame_in_pane(player.explanations[0], e, frame)
    e = player.explanations[0]
    position = np.searchsorted(e.times, time, side="right") - 1
    return e.first_frame + int(np.clip(position, 0, len(e.times) - 1))
