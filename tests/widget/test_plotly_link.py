"""A player linked with a Plotly figure; the test sends the messages of the browser."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

import staa_widgets as staa
from staa_widgets.errors import ParameterError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.widget.plotly_link import INTERVAL
from staa_widgets.widget.throttle import Throttle
from tests.helpers.barcodes import FIRST, LAST, barcode_explanation

E = barcode_explanation()


@pytest.fixture(autouse=True)
def follow_at_once(monkeypatch: pytest.MonkeyPatch):
    """Follow without delay: after a browser test, Playwright leaves an event loop that is set but not running."""
    monkeypatch.setattr("staa_widgets.widget.plotly_link.INTERVAL", 0)


@pytest.fixture
def follow_at_kernel_pace(monkeypatch: pytest.MonkeyPatch):
    """Limit updates to the rate of a kernel."""
    monkeypatch.setattr("staa_widgets.widget.plotly_link.INTERVAL", INTERVAL)


def run_in_event_loop(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in a new event loop, as a kernel does."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(run())).result()


def pair(e: Explanation = E) -> tuple[staa.Player, Any]:
    return staa.Player(e), go.FigureWidget(e.to_plotly())


def send_point(figure: Any, index: int, event: str = "plotly_hover", trace: int = 0) -> None:
    """Send the message of the figure's JavaScript for a pointer over one point."""
    x, y = figure.data[trace].x[index], figure.data[trace].y[index]
    points = {"xs": [x], "ys": [y], "point_indexes": [index], "trace_indexes": [trace]}
    figure._js2py_pointsCallback = {"event_type": event, "points": points}


def playheads(figure: Any) -> list[float]:
    shapes = [shape for shape in figure.layout.shapes if (shape.name or "").startswith("staa-playhead")]
    assert all(shape.x0 == shape.x1 for shape in shapes)
    return [shape.x0 for shape in shapes]


def figure_content(figure: Any) -> dict[str, Any]:
    """The figure as a dict; missing shapes and no shapes are equal."""
    content = figure.to_dict()
    return {**content, "layout": {**content["layout"], "shapes": content["layout"].get("shapes") or []}}


@pytest.mark.parametrize("event", ["plotly_hover", "plotly_click"])
def test_pointing_at_a_bar_shows_its_sampled_frame(event: str):
    player, figure = pair()
    staa.link(player, figure)
    for s, frames in enumerate(E.sampled_frames.tolist()):
        send_point(figure, s, event)
        assert player.frame == frames[1]
        assert player.slice == s


def test_the_players_frame_moves_the_playhead_and_marks_its_bar():
    player, figure = pair()
    staa.link(player, figure)
    assert playheads(figure) == [player.time]
    for frame in range(FIRST, LAST + 1):
        player.frame = frame
        assert playheads(figure) == [E.times[frame - FIRST]]
        assert figure.data[0].selectedpoints == (E.slice_of_frame[frame - FIRST],)


def test_a_frame_on_an_edge_belongs_to_the_later_bar():
    times = np.arange(48) / 10
    spans = np.stack([np.arange(6) * 0.8, np.arange(1, 7) * 0.8], axis=1)
    spans[:, 1] = [*spans[1:, 0], times[-1] + 0.1]
    e = barcode_explanation(times=times, spans=spans, end=4.8, preview=None)
    player, figure = pair(e)
    staa.link(player, figure)
    for frame in range(FIRST, LAST + 1):
        player.frame = frame
        assert figure.data[0].selectedpoints == (player.slice,)


def test_one_hover_changes_the_frame_once():
    """Player and figure do not answer each other in a loop."""
    player, figure = pair()
    staa.link(player, figure)
    frames: list[int] = []
    player.observe(lambda change: frames.append(change["new"]), "frame")
    send_point(figure, 4)
    send_point(figure, 4)
    assert frames == [E.sampled_frames[4, 1]]
    player.frame = 100
    assert frames == [E.sampled_frames[4, 1], 100]


def test_during_playback_a_click_seeks_and_hovering_does_not():
    player, figure = pair()
    staa.link(player, figure)
    before, player.playing = player.frame, True
    send_point(figure, 5)
    assert player.frame == before
    send_point(figure, 5, "plotly_click")
    assert player.frame == E.sampled_frames[5, 1]


def test_unlink_restores_both():
    player, figure = pair()
    events: list[Any] = []
    figure.data[0].on_hover(lambda *_: events.append("hover"))
    figure.data[0].on_click(lambda *_: events.append("click"))
    figure.update_traces(selectedpoints=[0, 5])
    figure.add_vline(x=3, name="mine")
    before, frame = figure_content(figure), player.frame
    link = staa.link(player, figure)
    assert player.frame == frame
    player.frame = 101
    assert figure_content(figure) != before
    link.unlink()
    link.unlink()
    assert figure_content(figure) == before
    send_point(figure, 1)
    send_point(figure, 1, "plotly_click")
    player.frame = 102
    assert (events, player.frame, figure_content(figure)) == (["hover", "click"], 102, before)
    assert not player._trait_notifiers.get("time", {}).get("change")


def test_unlink_keeps_shapes_of_the_user():
    player, figure = pair()
    link = staa.link(player, figure)
    figure.add_vline(x=3, name="mine")
    player.frame = 101
    link.unlink()
    assert [shape.name for shape in figure.layout.shapes] == [None, "mine"]


def test_two_players_share_a_figure():
    player, figure = pair()
    other = staa.Player(E, frame=140)
    one, two = staa.link(player, figure), staa.link(other, figure)
    assert playheads(figure) == [player.time, other.time]
    one.unlink()
    other.frame = 141
    assert playheads(figure) == [other.time]
    two.unlink()
    assert playheads(figure) == []


def test_a_curve_over_seconds_follows_frame_by_frame():
    player = staa.Player(E)
    figure: Any = go.FigureWidget(go.Scatter(x=E.times, y=np.arange(48)))
    staa.link(player, figure)
    for index in (0, 7, 46, 47):
        send_point(figure, index)
        assert player.frame == FIRST + index
        assert playheads(figure) == [E.times[index]]
    assert figure.data[0].selectedpoints is None


def test_times_beyond_the_clip_show_its_first_and_last_frame():
    player = staa.Player(E)
    figure = go.FigureWidget(go.Scatter(x=[-5.0, 99.0], y=[0, 0]))
    staa.link(player, figure)
    send_point(figure, 1)
    assert player.frame == LAST
    send_point(figure, 0)
    assert player.frame == FIRST


def test_each_subplot_has_a_playhead():
    from plotly.subplots import make_subplots

    figure: Any = go.FigureWidget(make_subplots(rows=2, cols=1))
    for row in (1, 2):
        figure.add_trace(E.to_plotly().data[0], row=row, col=1)
    player = staa.Player(E)
    staa.link(player, figure)
    player.frame = FIRST
    assert {(shape.xref, shape.yref) for shape in figure.layout.shapes} == {("x", "y domain"), ("x2", "y2 domain")}
    assert playheads(figure) == [2.0, 2.0]


def test_the_link_follows_another_explanation():
    player, figure = pair()
    staa.link(player, figure)
    later = barcode_explanation(times=E.times + 1, spans=E.spans + 1, end=E.end + 1, preview=None)
    player.show(later)
    assert playheads(figure) == [player.time] == [later.times[player.frame - FIRST]]


@pytest.mark.parametrize(
    ("figure", "hint"),
    [
        (E.to_plotly(), "go.FigureWidget(figure)"),
        ({"data": []}, "to_plotly"),
        (go.FigureWidget(), "to_plotly"),
        (go.FigureWidget(go.Bar(x=["a", "b"], y=[1, 2])), "to_plotly"),
        (go.FigureWidget(go.Pie(values=[1, 2])), "to_plotly"),
    ],
    ids=["no widget", "no figure", "empty", "categories", "no axis"],
)
def test_figures_without_a_time_axis_are_refused(figure: Any, hint: str):
    before = figure.to_dict() if hasattr(figure, "to_dict") else None
    with pytest.raises(ParameterError) as caught:
        staa.link(staa.Player(E), figure)
    assert hint in caught.value.hint
    assert before is None or figure.to_dict() == before


def test_an_explanation_is_refused_as_a_player():
    with pytest.raises(ParameterError, match="got Explanation") as caught:
        staa.link(E, go.FigureWidget(E.to_plotly()))  # pyright: ignore[reportArgumentType]
    assert "staa.Player" in caught.value.hint


def test_a_linked_figure_is_the_time_chart_as_a_widget():
    player = staa.Player(E)
    figure: Any = staa.linked_figure(player)
    assert isinstance(figure, go.FigureWidget)
    bars: Any = figure.data[0]
    assert list(bars.y) == E.temporal.tolist()
    send_point(figure, 2)
    assert player.slice == 2
    player.frame = LAST
    assert playheads(figure) == [player.time]


def test_a_linked_figure_copies_the_figure_that_is_passed():
    drawing = go.Figure(go.Scatter(x=E.times, y=np.arange(len(E.times))))
    before = drawing.to_dict()
    player = staa.Player(E)
    figure: Any = staa.linked_figure(player, drawing)
    assert figure.data[0].type == "scatter"
    assert len(playheads(figure)) == 1
    assert drawing.to_dict() == before
    with pytest.raises(ParameterError, match="got dict") as caught:
        staa.linked_figure(player, {"data": []})  # pyright: ignore[reportArgumentType]
    assert "to_plotly" in caught.value.hint
    with pytest.raises(ParameterError, match="got Explanation"):
        staa.linked_figure(E)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The messages by which a figure sends traces and layout to the browser."""
    sent: list[tuple[str, Any]] = []

    def record(figure: Any, traces: Any) -> None:
        sent.append(("traces", traces))
        figure._last_trace_edit_id += 1

    monkeypatch.setattr(go.FigureWidget, "_send_addTraces_msg", record)
    monkeypatch.setattr(
        go.FigureWidget, "_send_relayout_msg", lambda figure, layout, *_: sent.append(("layout", layout))
    )
    return sent


def report_traces(figure: Any, uids: list[str], edit: int | None = None) -> None:
    """Send the message of a view that has drawn the traces with these ids."""
    edit = figure._last_trace_edit_id if edit is None else edit
    figure._js2py_traceDeltas = {"trace_edit_id": edit, "trace_deltas": [{"uid": uid} for uid in uids]}


def test_a_view_without_traces_is_sent_all_of_them_once(messages: list[tuple[str, Any]]):
    player = staa.Player(E)
    figure: Any = staa.linked_figure(player)
    uids = [trace.uid for trace in figure.data]
    messages.clear()
    report_traces(figure, uids)
    assert messages == []
    report_traces(figure, [])
    # A second view that was as empty as the first, and reports after the traces were sent to both.
    report_traces(figure, [], edit=0)
    assert [kind for kind, _ in messages] == ["layout", "traces"]
    assert [trace["uid"] for trace in messages[1][1]] == uids
    names = [shape.get("name") for shape in messages[0][1]["shapes"]]
    assert names == [shape.name for shape in figure.layout.shapes]
    assert sum((name or "").startswith("staa-playhead") for name in names) == 1
    report_traces(figure, uids)
    assert len(messages) == 2
    # What the browser reads for views that open later.
    assert [trace["uid"] for trace in figure._widget_data] == uids
    assert figure._widget_layout["shapes"] == messages[0][1]["shapes"]


def test_two_links_of_a_figure_send_lost_traces_once(messages: list[tuple[str, Any]]):
    _, figure = pair()
    for player in (staa.Player(E), staa.Player(E)):
        staa.link(player, figure)
    messages.clear()
    report_traces(figure, [])
    assert [kind for kind, _ in messages] == ["layout", "traces"]


def test_many_changes_are_few_redraws_and_end_at_the_last(follow_at_kernel_pace):
    player, figure = pair()
    staa.link(player, figure)
    drawn_times: list[float] = []
    figure.layout.on_change(lambda *_: drawn_times.append(playheads(figure)[0]), "shapes")

    async def move_often() -> None:
        for frame in range(FIRST, LAST + 1):
            player.frame = frame
        await asyncio.sleep(0.5)

    run_in_event_loop(move_often)
    assert len(drawn_times) <= 2
    assert playheads(figure) == [player.time]


def test_the_figure_follows_during_a_cell_that_blocks_the_event_loop():
    """A timer of the event loop would wait for the end of the cell."""
    calls: list[int] = []
    throttle = Throttle(lambda: calls.append(now), 10)

    async def cell() -> None:
        throttle()
        throttle()

    now = 0
    run_in_event_loop(cell)
    now, throttle._last = 1, throttle._last - 20
    run_in_event_loop(cell)
    assert calls == [0, 1]


def test_a_figure_does_not_keep_a_player_after_unlink():
    player, figure = pair()
    staa.link(player, figure).unlink()
    player.close()
    reference = weakref.ref(player)
    del player
    gc.collect()
    assert reference() is None
    assert figure.data


def test_unlink_drops_pending_updates(follow_at_kernel_pace):
    player, figure = pair()

    async def move_often() -> None:
        link = staa.link(player, figure)
        player.frame = 100
        player.frame = 101
        assert playheads(figure) != [player.time]
        link.unlink()
        before = figure_content(figure)
        await asyncio.sleep(0.3)
        assert figure_content(figure) == before

    run_in_event_loop(move_often)


# --- selections ---


def send_drag(figure: Any, start: float, end: float, xref: str = "x") -> None:
    """Send the message of the figure's JavaScript for a range drawn across a plot."""
    selection = {"type": "rect", "xref": xref, "yref": xref.replace("x", "y"), "x0": start, "x1": end, "y0": 0, "y1": 1}
    figure._js2py_relayout = {"relayout_data": {"selections": [selection]}, "source_view_id": "v"}


def bands(figure: Any) -> list[tuple[str, float, float]]:
    return [(shape.xref, shape.x0, shape.x1) for shape in figure.layout.shapes if shape.type == "rect"]


def test_a_range_drawn_in_the_figure_is_selected_in_the_player():
    player, figure = pair()
    staa.link(player, figure)
    assert (figure.layout.dragmode, figure.layout.selectdirection) == ("select", "h")
    for start, end, expected in ((2.5, 3.1, (2.5, 3.1)), (3.1, 2.5, (2.5, 3.1)), (0, 2.2, (2.0, 2.2))):
        send_drag(figure, start, end)
        assert player.selection == expected
        assert bands(figure) == [("x", *expected)]
        assert "selections" not in figure.layout.to_plotly_json()
    send_drag(figure, 50, 60)
    assert player.selection is None
    assert bands(figure) == []


def test_a_range_selected_in_the_player_is_a_band_in_the_figure():
    player = staa.Player(E, selection=(2.1, 2.9))
    figure: Any = go.FigureWidget(E.to_plotly())
    staa.link(player, figure)
    assert bands(figure) == [("x", 2.1, 2.9)]
    player.selection = (3, 3.5)
    assert bands(figure) == [("x", 3, 3.5)]
    player.selection = None
    assert bands(figure) == []


def test_deselecting_in_the_figure_clears_the_selection():
    player, figure = pair()
    staa.link(player, figure)
    player.selection = (3, 3.5)
    points = {"xs": [], "ys": [], "point_indexes": [], "trace_indexes": []}
    figure._js2py_pointsCallback = {"event_type": "plotly_deselect", "points": points}
    assert player.selection is None


def test_unlink_removes_the_band_and_the_observers():
    player, figure = pair()
    figure.layout.dragmode = "pan"
    before, observer_count = figure_content(figure), len(player._trait_notifiers["selection"]["change"])
    link = staa.link(player, figure)
    send_drag(figure, 2.5, 3)
    link.unlink()
    assert figure_content(figure) == before
    send_drag(figure, 2.1, 2.2)
    player.selection = None
    player.selection = (3, 3.2)
    assert bands(figure) == []
    assert len(player._trait_notifiers["selection"]["change"]) == observer_count


def test_every_subplot_of_a_comparison_selects_and_follows():
    both = staa.Comparison.of(E, barcode_explanation(signed=True, method="saliency"))
    player = staa.Player(E)
    figure: Any = go.FigureWidget(both.to_plotly())
    staa.link(player, figure)
    send_point(figure, 4, trace=1)
    assert player.frame == E.sampled_frames[4, 1]
    assert [trace.selectedpoints for trace in figure.data] == [(4,)] * 3
    send_drag(figure, 2.5, 3, "x2")
    assert player.selection == (2.5, 3)
    assert bands(figure) == [("x", 2.5, 3), ("x2", 2.5, 3)]
    assert len(playheads(figure)) == 2


def send_map_click(figure: Any, row: int, column: int, trace: int) -> None:
    points = {"xs": [0], "ys": [0], "point_indexes": [[row, column]], "trace_indexes": [trace]}
    figure._js2py_pointsCallback = {"event_type": "plotly_click", "points": points}


def test_a_click_on_a_map_shows_its_head_and_on_a_line_its_time():
    player = staa.Player(E)
    figure: Any = go.FigureWidget(E.to_plotly("heads"))
    link = staa.link(player, figure)
    assert playheads(figure) == [player.time]
    send_map_click(figure, 2 * 6 + 3, 8 + 1, 0)
    assert (player.layer, player.head) == (2, 1)
    send_map_click(figure, 4, 5, 1)
    assert player.slice == 5
    # A range across the maps has no seconds.
    send_drag(figure, 2.5, 3, "x")
    assert player.selection is None
    send_drag(figure, 2.5, 3, "x2")
    assert player.selection == (2.5, 3)
    player.show(barcode_explanation(attention=None))
    send_map_click(figure, 0, 0, 0)
    assert player.layer == -1
    link.unlink()
    send_map_click(figure, 0, 0, 1)
    assert player.slice != 0


def test_a_figure_of_another_clip_moves_the_first_clip():
    """The active pane is of a clip of 192 frames at 50 per second; the first pane's clip sets the frame."""
    times = 2 + np.arange(192) / 50
    edges = np.linspace(2, times[-1] + 0.02, 7)
    changes: dict[str, Any] = {
        "times": times,
        "first_frame": 0,
        "end": float(edges[-1]),
        "spans": np.stack([edges[:-1], edges[1:]], axis=1),
        "sampled_frames": np.arange(12).reshape(6, 2) * 16 + 4,
        "clip_sha256": "ef" * 32,
        "preview": None,
    }
    longer = barcode_explanation(**changes)
    player = staa.Player([E, longer], pane=1)
    figure: Any = go.FigureWidget(longer.to_plotly())
    staa.link(player, figure)
    for bar in (2, 1, 0):
        send_point(figure, bar)
        assert player.slice == bar
        assert player.time == pytest.approx(times[longer.sampled_frames[bar, 1]], abs=0.06)
    send_point(figure, 5)
    assert player.frame == LAST
    send_drag(figure, 3, 5)
    assert player.selection == (3, E.end)
    send_drag(figure, 5, 5.5)
    assert player.selection is None
