"""A player and a figure that follow each other, told what a browser would tell them."""

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
def at_once(monkeypatch: pytest.MonkeyPatch):
    """Follow without waiting: Playwright, after a browser test, leaves a loop running that nobody turns."""
    monkeypatch.setattr("staa_widgets.widget.plotly_link.INTERVAL", 0)


@pytest.fixture
def at_leisure(monkeypatch: pytest.MonkeyPatch):
    """Follow at the pace of a kernel."""
    monkeypatch.setattr("staa_widgets.widget.plotly_link.INTERVAL", INTERVAL)


def in_a_loop(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run in an event loop of its own, as a kernel does."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(run())).result()


def pair(e: Explanation = E) -> tuple[staa.Player, Any]:
    return staa.Player(e), go.FigureWidget(e.to_plotly())


def send_point(figure: Any, index: int, event: str = "plotly_hover", trace: int = 0) -> None:
    """Report a pointer over one point, as the figure's own JavaScript does."""
    x, y = figure.data[trace].x[index], figure.data[trace].y[index]
    points = {"xs": [x], "ys": [y], "point_indexes": [index], "trace_indexes": [trace]}
    figure._js2py_pointsCallback = {"event_type": event, "points": points}


def playheads(figure: Any) -> list[float]:
    found = [shape for shape in figure.layout.shapes if (shape.name or "").startswith("staa-playhead")]
    assert all(shape.x0 == shape.x1 for shape in found)
    return [shape.x0 for shape in found]


def figure_content(figure: Any) -> dict[str, Any]:
    """All of a figure; no shapes are no shapes, however they are written."""
    whole = figure.to_dict()
    return {**whole, "layout": {**whole["layout"], "shapes": whole["layout"].get("shapes") or []}}


@pytest.mark.parametrize("event", ["plotly_hover", "plotly_click"])
def test_pointing_at_a_bar_shows_the_frame_the_model_saw_of_it(event: str):
    player, figure = pair()
    staa.link(player, figure)
    for s, seen in enumerate(E.sampled_frames.tolist()):
        send_point(figure, s, event)
        assert player.frame == seen[1]
        assert player.slice == s


def test_the_players_frame_moves_the_playhead_and_marks_its_bar():
    player, figure = pair()
    staa.link(player, figure)
    assert playheads(figure) == [player.time]
    for frame in range(FIRST, LAST + 1):
        player.frame = frame
        assert playheads(figure) == [E.times[frame - FIRST]]
        assert figure.data[0].selectedpoints == (E.slice_of_frame[frame - FIRST],)


def test_a_frame_on_the_very_edge_belongs_to_the_later_bar():
    times = np.arange(48) / 10
    spans = np.stack([np.arange(6) * 0.8, np.arange(1, 7) * 0.8], axis=1)
    spans[:, 1] = [*spans[1:, 0], times[-1] + 0.1]
    e = barcode_explanation(times=times, spans=spans, end=4.8, preview=None)
    player, figure = pair(e)
    staa.link(player, figure)
    for frame in range(FIRST, LAST + 1):
        player.frame = frame
        assert figure.data[0].selectedpoints == (player.slice,)


def test_one_move_is_one_move():
    """Neither side answers the other's answer."""
    player, figure = pair()
    staa.link(player, figure)
    frames: list[int] = []
    player.observe(lambda change: frames.append(change["new"]), "frame")
    send_point(figure, 4)
    send_point(figure, 4)
    assert frames == [E.sampled_frames[4, 1]]
    player.frame = 100
    assert frames == [E.sampled_frames[4, 1], 100]


def test_while_playing_hovering_leaves_the_player_alone_and_a_click_does_not():
    player, figure = pair()
    staa.link(player, figure)
    before, player.playing = player.frame, True
    send_point(figure, 5)
    assert player.frame == before
    send_point(figure, 5, "plotly_click")
    assert player.frame == E.sampled_frames[5, 1]


def test_unlink_leaves_both_as_found():
    player, figure = pair()
    heard: list[Any] = []
    figure.data[0].on_hover(lambda *_: heard.append("hover"))
    figure.data[0].on_click(lambda *_: heard.append("click"))
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
    assert (heard, player.frame, figure_content(figure)) == (["hover", "click"], 102, before)
    assert not player._trait_notifiers.get("time", {}).get("change")


def test_what_a_user_drew_meanwhile_stays():
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


def test_each_plot_of_several_has_its_playhead():
    from plotly.subplots import make_subplots

    figure: Any = go.FigureWidget(make_subplots(rows=2, cols=1))
    for row in (1, 2):
        figure.add_trace(E.to_plotly().data[0], row=row, col=1)
    player = staa.Player(E)
    staa.link(player, figure)
    player.frame = FIRST
    assert {(shape.xref, shape.yref) for shape in figure.layout.shapes} == {("x", "y domain"), ("x2", "y2 domain")}
    assert playheads(figure) == [2.0, 2.0]


def test_another_explanation_on_show_is_followed():
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
def test_what_cannot_be_linked_is_said(figure: Any, hint: str):
    before = figure.to_dict() if hasattr(figure, "to_dict") else None
    with pytest.raises(ParameterError) as caught:
        staa.link(staa.Player(E), figure)
    assert hint in caught.value.hint
    assert before is None or figure.to_dict() == before


def test_an_explanation_is_no_player():
    with pytest.raises(ParameterError, match="got Explanation") as caught:
        staa.link(E, go.FigureWidget(E.to_plotly()))  # pyright: ignore[reportArgumentType]
    assert "staa.Player" in caught.value.hint


def test_in_a_kernel_many_moves_are_few_redraws_and_the_last_one_counts(at_leisure):
    player, figure = pair()
    staa.link(player, figure)
    drawn: list[float] = []
    figure.layout.on_change(lambda *_: drawn.append(playheads(figure)[0]), "shapes")

    async def move_often() -> None:
        for frame in range(FIRST, LAST + 1):
            player.frame = frame
        await asyncio.sleep(0.5)

    in_a_loop(move_often)
    assert len(drawn) <= 2
    assert playheads(figure) == [player.time]


def test_a_cell_that_keeps_the_loop_busy_is_followed_all_the_same():
    """What waits for the loop would wait for the cell's end."""
    drawn: list[int] = []
    pace = Throttle(lambda: drawn.append(now), 10)

    async def cell() -> None:
        pace()
        pace()

    now = 0
    in_a_loop(cell)
    now, pace._last = 1, pace._last - 20
    in_a_loop(cell)
    assert drawn == [0, 1]


def test_a_figure_does_not_keep_a_player_after_unlink():
    player, figure = pair()
    staa.link(player, figure).unlink()
    player.close()
    reference = weakref.ref(player)
    del player
    gc.collect()
    assert reference() is None
    assert figure.data


def test_unlinking_leaves_out_what_waits(at_leisure):
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

    in_a_loop(move_often)


# --- selections ---


def send_drag(figure: Any, start: float, end: float, xref: str = "x") -> None:
    """Report a range drawn across a plot, as the figure's own JavaScript does."""
    drawn = {"type": "rect", "xref": xref, "yref": xref.replace("x", "y"), "x0": start, "x1": end, "y0": 0, "y1": 1}
    figure._js2py_relayout = {"relayout_data": {"selections": [drawn]}, "source_view_id": "v"}


def bands(figure: Any) -> list[tuple[str, float, float]]:
    return [(shape.xref, shape.x0, shape.x1) for shape in figure.layout.shapes if shape.type == "rect"]


def test_a_range_drawn_in_the_figure_is_selected_in_the_player():
    player, figure = pair()
    staa.link(player, figure)
    assert (figure.layout.dragmode, figure.layout.selectdirection) == ("select", "h")
    for start, end, wanted in ((2.5, 3.1, (2.5, 3.1)), (3.1, 2.5, (2.5, 3.1)), (0, 2.2, (2.0, 2.2))):
        send_drag(figure, start, end)
        assert player.selection == wanted
        assert bands(figure) == [("x", *wanted)]
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


def test_clicking_it_away_in_the_figure_clears_it():
    player, figure = pair()
    staa.link(player, figure)
    player.selection = (3, 3.5)
    points = {"xs": [], "ys": [], "point_indexes": [], "trace_indexes": []}
    figure._js2py_pointsCallback = {"event_type": "plotly_deselect", "points": points}
    assert player.selection is None


def test_unlinking_leaves_no_band_and_hears_no_more():
    player, figure = pair()
    figure.layout.dragmode = "pan"
    before, heard = figure_content(figure), len(player._trait_notifiers["selection"]["change"])
    link = staa.link(player, figure)
    send_drag(figure, 2.5, 3)
    link.unlink()
    assert figure_content(figure) == before
    send_drag(figure, 2.1, 2.2)
    player.selection = None
    player.selection = (3, 3.2)
    assert bands(figure) == []
    assert len(player._trait_notifiers["selection"]["change"]) == heard


def test_every_plot_of_a_comparison_selects_and_follows():
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


def test_a_click_on_a_map_shows_that_head_and_on_a_line_that_time():
    player = staa.Player(E)
    figure: Any = go.FigureWidget(E.to_plotly("heads"))
    link = staa.link(player, figure)
    assert playheads(figure) == [player.time]
    send_map_click(figure, 2 * 6 + 3, 8 + 1, 0)
    assert (player.layer, player.head) == (2, 1)
    send_map_click(figure, 4, 5, 1)
    assert player.slice == 5
    # What is drawn across the maps is no range of seconds.
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


def test_a_figure_of_another_clip_moves_the_clip_that_is_played():
    """The pane on show shows 96 frames of 50 a second from frame 0 on, twice as long as the clip that is played."""
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
