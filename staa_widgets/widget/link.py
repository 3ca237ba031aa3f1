"""`link`: a player and a Plotly figure that follow each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.widget.pace import Pace
from staa_widgets.widget.player import Player

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import NDArray

INTERVAL = 0.1
"""Least seconds between two moves of the playhead: a redraw of a figure costs the browser some 20 ms."""


class _Track(NamedTuple):
    """A trace over seconds; of bars, where each starts and ends, and which were selected when it was found."""

    trace: Any
    x: NDArray[np.float64]
    edges: NDArray[np.float64] | None
    selected: Any


class Link:
    """What `link` returns; `unlink` ends it."""

    def __init__(self, player: Player, figure: go.FigureWidget) -> None:
        self._player, self._figure = player, figure
        self._tracks = list(filter(None, map(_track, figure.data)))
        if not self._tracks:
            raise ParameterError(
                "The figure has nothing drawn over seconds.",
                "Make it with go.FigureWidget(player.explanation.to_plotly()).",
            )
        self._name = f"staa-playhead-{id(self):x}"
        self._pace = Pace(self._follow, INTERVAL)
        plots = {(track.trace.xaxis or "x", track.trace.yaxis or "y") for track in self._tracks}
        look = {"type": "line", "name": self._name, "y0": 0, "y1": 1, "line": {"color": "#c01f2e", "width": 2}}
        lines = [{**look, "xref": x, "yref": f"{y} domain"} for x, y in sorted(plots)]
        figure.layout.shapes = [*figure.layout.shapes, *lines]
        self._follow()
        for track in self._tracks:
            track.trace.on_hover(self._hovered, append=True)
            track.trace.on_click(self._clicked, append=True)
        player.observe(self._moved, "time")

    def unlink(self) -> None:
        """Part the two; the playhead and the mark go, and nothing else of either changes. Once is enough."""
        if not self._name:
            return
        self._pace.cancel()
        self._player.unobserve(self._moved, "time")
        figure, name, self._name = self._figure, self._name, ""
        with figure.batch_update():
            others = [shape for shape in figure.layout.shapes if shape.name != name]
            figure.layout.shapes = others or None
            for track in self._tracks:
                if track.edges is not None:
                    track.trace.selectedpoints = track.selected
        for track in self._tracks:
            # Plotly can add one callback or clear all, and others may have added theirs.
            track.trace._hover_callbacks.remove(self._hovered)
            track.trace._click_callbacks.remove(self._clicked)

    def _hovered(self, trace: Any, points: Any, state: object) -> None:
        # A pointer on its way across the figure should not pull a playing video about.
        if not self._player.playing:
            self._clicked(trace, points, state)

    def _clicked(self, trace: Any, points: Any, _: object) -> None:
        track = next(track for track in self._tracks if track.trace is trace)
        if points.point_inds:
            self._player.frame = _frame_of(self._player, track, points.point_inds[0])

    def _moved(self, _: object) -> None:
        self._pace()

    def _follow(self) -> None:
        time = self._player.time
        with self._figure.batch_update():
            for shape in self._figure.layout.shapes:
                if shape.name == self._name:
                    shape.x0 = shape.x1 = time
            for track in self._tracks:
                if track.edges is not None:
                    track.trace.selectedpoints = _bars_at(self._player, track.edges, time)


def link(player: Player, figure: go.FigureWidget) -> Link:
    """Let a player and a figure over time follow each other.

    Hovering or clicking a bar shows the frame that the model saw of it, or, of any other trace over seconds, the frame
    of that time. The player's frame moves a line through the figure and marks its bar. While the player plays, hovering
    leaves it alone.

    Parameters
    ----------
    player
        The player.
    figure
        A figure whose x axis is seconds of the clip, such as ``go.FigureWidget(player.explanation.to_plotly())``.

    Returns
    -------
    Link
        Its ``unlink()`` leaves both as they were found.

    Raises
    ------
    ParameterError
        If either is something else, or the figure has nothing drawn over seconds.
    """
    import plotly.graph_objects as go

    if not isinstance(player, Player):
        raise ParameterError(
            f"link takes a Player first, not {type(player).__name__}.", "Make one: player = staa.Player(explanation)."
        )
    if isinstance(figure, go.Figure) and not isinstance(figure, go.FigureWidget):
        raise ParameterError(
            "A go.Figure cannot tell Python what is hovered.", "Wrap it: figure = go.FigureWidget(figure)."
        )
    if not isinstance(figure, go.FigureWidget):
        raise ParameterError(
            f"link takes a go.FigureWidget second, not {type(figure).__name__}.",
            "Make one: figure = go.FigureWidget(player.explanation.to_plotly()).",
        )
    return Link(player, figure)


def _track(trace: Any) -> _Track | None:
    x = np.asarray(trace["x"]) if "x" in trace and trace["x"] is not None else np.empty(0)
    if x.ndim != 1 or not x.size or x.dtype.kind not in "fiu" or trace["orientation"] == "h":
        return None
    x = x.astype(np.float64)
    if trace.type != "bar":
        return _Track(trace, x, None, None)
    gaps = np.diff(np.unique(x))
    width = np.asarray(trace.width if trace.width is not None else gaps.min() if gaps.size else 1.0, np.float64)
    edges = np.stack([x - width / 2, x + width / 2], axis=1)
    return _Track(trace, x, edges, trace.to_plotly_json().get("selectedpoints"))


def _bars_at(player: Player, edges: NDArray[np.float64], time: float) -> list[int]:
    spans = player.explanation.spans
    # Plotly keeps a bar's middle and width: of a frame on its very edge, edges made of both could say another slice.
    starts, ends = (spans if edges.shape == spans.shape and np.allclose(edges, spans) else edges).T
    return np.flatnonzero((starts <= time) & (time < ends)).tolist()


def _frame_of(player: Player, track: _Track, point: int) -> int:
    e, time = player.explanation, float(track.x[point])
    if track.edges is not None:
        seen = e.sampled[np.searchsorted(e.spans[1:, 0], time, side="right")]
        frame = int(seen[len(seen) // 2])
        if point in _bars_at(player, track.edges, float(e.times[frame - e.first_frame])):
            return frame
    place = np.searchsorted(e.times, time, side="right") - 1
    return e.first_frame + int(np.clip(place, 0, len(e.times) - 1))
