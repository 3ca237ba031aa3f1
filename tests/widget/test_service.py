"""Requests from the page: parsed, queued, computed by one worker, answered once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import staa_widgets as staa
import staa_widgets.models.capture
from staa_widgets.engine.lock import WAITING
from staa_widgets.errors import PlayerError
from staa_widgets.methods import METHODS
from staa_widgets.models import VideoModel
from staa_widgets.widget import worker
from staa_widgets.widget.protocol import error_message
from staa_widgets.widget.service import MAX_VIEWS
from staa_widgets.widget.tracebacks import MAX_CHARACTERS, MAX_TRACEBACKS, Tracebacks
from tests.helpers.comm import PATIENCE, Page, Pages, replace_comms, wait_for_worker
from tests.helpers.paths import PROTOCOL

FIXTURE = json.loads((PROTOCOL / "messages.json").read_text("utf-8"))


def cases_of(kind: str) -> Any:
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in FIXTURE[kind]])


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Pages]:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    yield replace_comms(monkeypatch)
    wait_for_worker()


@pytest.fixture
def player(video: Path, model: VideoModel) -> staa.Player:
    return staa.Player(staa.explain(video, model, window=2))


@pytest.fixture
def front(player: staa.Player, pages: Pages) -> Page:
    return pages.page_of(player)


class BlockingForward:
    """Replacement for `capture.record` that blocks until `go` is set."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self.original = original
        self.count = 0
        self.began, self.go = threading.Event(), threading.Event()
        self.error: Exception | None = None

    def __call__(self, *arguments: Any) -> Any:
        self.count += 1
        self.began.set()
        assert self.go.wait(PATIENCE)
        if self.error:
            raise self.error
        return self.original(*arguments)


@pytest.fixture
def forward(player: staa.Player, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockingForward]:
    blocking = BlockingForward(staa_widgets.models.capture.record)
    monkeypatch.setattr(staa_widgets.models.capture, "record", blocking)
    yield blocking
    blocking.go.set()
    wait_for_worker()


def compute_request(name: str, **args: Any) -> dict[str, Any]:
    return {"v": 2, "id": name, "op": "compute", "args": args}


def cancel_message(name: str) -> dict[str, Any]:
    return {"v": 2, "op": "cancel", "id": name}


# --- the protocol ---


@cases_of("conversations")
def test_conversations_match_the_file_shared_with_the_front_end(
    case: Any, player: staa.Player, pages: Pages, forward: BlockingForward, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "INTERVAL", float("inf"))  # Only the first progress report of each request.
    if "without video" in case["name"]:
        player = staa.Player(staa.Explanation.from_bytes(player.explanation.to_bytes()))
    if "unexpectedly" in case["name"]:
        forward.error = ZeroDivisionError("<b>division</b> by zero")
    front = pages.page_of(player)
    front.send(case["request"])
    if "cancel" in case:
        assert forward.began.wait(PATIENCE)
        front.send(case["cancel"])
    else:
        forward.go.set()
    front.wait_for_answer(case["request"]["id"])
    assert [comparable_message(message) for message in front.messages] == [
        comparable_message(message) for message in case["answers"]
    ]


def comparable_message(message: dict[str, Any]) -> dict[str, Any]:
    """A message without values that differ between runs."""
    message = json.loads(json.dumps(message))
    if "seconds" in message.get("result", {}):
        message["result"]["seconds"] = message["result"]["seconds"] >= 0
    if message.get("error", {}).get("traceback"):
        message["error"]["traceback"] = "a key"
    return message


@cases_of("refused")
def test_invalid_requests_get_a_protocol_error(case: Any, front: Page):
    front.send(case["request"])
    (answer,) = front.messages
    assert answer["id"] == case["request"]["id"]
    assert answer["ok"] is False
    assert answer["error"] == {
        "type": case.get("type", "ProtocolError"),
        "message": case["message"],
        "hint": case["hint"],
        "traceback": "",
    }


@cases_of("ignored")
def test_messages_without_a_request_are_not_answered(case: Any, front: Page):
    front.send(case["request"])
    front.send({"v": 2, "id": "after", "op": "hello"})
    assert [message["id"] for message in front.messages] == ["after"]


def test_running_out_of_memory_has_its_own_hint(front: Page, forward: BlockingForward):
    forward.error = MemoryError()
    forward.go.set()
    front.send(compute_request("1", method="staa_logit"))
    error = front.wait_for_answer("1")["error"]
    assert error["type"] == "DeviceMemoryError"
    assert "smaller model" in error["hint"]
    assert "shorter clip" in error_message("2", MemoryError())["error"]["hint"]  # For example while decoding.


@pytest.mark.parametrize("key", ["id", "op", "v", "args"])
def test_the_answer_to_a_huge_message_is_small(key: str, front: Page):
    front.send({"v": 2, "id": "1", "op": "hello", "args": {}, key: "x" * 10**6})
    (answer,) = front.messages
    assert answer["error"]["type"] == "ProtocolError"
    assert len(json.dumps(answer)) < 1000


@pytest.mark.parametrize("name", ["x" * 100, "x" * 99, "a…", "1\n2"])
def test_an_error_is_answered_under_the_id_of_the_request(name: str, front: Page):
    front.send({"v": 2, "id": name, "op": "traceback", "args": {"key": "none"}})
    assert [message["id"] for message in front.messages] == [name]


@pytest.mark.parametrize("name", [float("nan"), {"a": float("inf")}, "\ud800", ["\udc00"], [[]] * 10**4], ids=ascii)
def test_an_id_that_cannot_be_sent_is_quoted(name: Any, front: Page):
    front.send({"v": 2, "id": name, "op": "hello"})
    (answer,) = front.messages
    assert answer["error"]["type"] == "ProtocolError"
    assert len(json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()) < 1000


@pytest.mark.parametrize(
    "args", [{"method": "x" * 10**5}, {"params": {"x" * 10**5: 1}}, {"params": {"layers": "\ud800"}}]
)
def test_an_error_quotes_little_of_what_a_page_has_sent(args: dict[str, Any], front: Page):
    front.send(compute_request("1", **args))
    answer = front.wait_for_answer("1")
    assert not answer["ok"]
    assert len(json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()) < 6000


def test_a_traceback_goes_to_a_page_that_requests_it_only(front: Page, forward: BlockingForward):
    forward.error = ZeroDivisionError("division by zero")
    forward.go.set()
    front.send(compute_request("1", method="staa_logit"))
    error = front.wait_for_answer("1")["error"]
    assert "test_service.py" not in json.dumps(front.messages)
    front.send({"v": 2, "id": "2", "op": "traceback", "args": {"key": error["traceback"]}})
    assert "test_service.py" in front.wait_for_answer("2")["result"]["text"]


def test_only_the_latest_tracebacks_are_kept():
    tracebacks = Tracebacks()
    keys = [tracebacks.keep(ValueError("x" * 10**6)) for _ in range(MAX_TRACEBACKS + 1)]
    assert len(set(keys)) == len(keys)
    assert len(tracebacks.text(keys[-1])) == MAX_CHARACTERS
    with pytest.raises(PlayerError, match="no longer"):
        tracebacks.text(keys[0])


# --- computing ---


@pytest.mark.parametrize(
    ("op", "args"),
    [("compute", {"method": "staa_logit"}), ("frames", {"first": 0, "count": 1}), ("export", {"format": "html"})],
)
def test_waiting_requests_are_bounded_whatever_ids_a_page_chooses(
    op: str, args: dict[str, Any], front: Page, monkeypatch: pytest.MonkeyPatch
):
    begun, go = threading.Event(), threading.Event()
    worker_of_op = worker.WORKERS.of_op(op)
    worker_of_op.submit("block", lambda: begun.set() or go.wait(PATIENCE), lambda: None)
    assert begun.wait(PATIENCE)
    try:
        for number in range(200):
            front.send({"v": 2, "id": f"view{number}-{number}", "op": op, "args": args})
        assert worker_of_op.pending <= 1 + MAX_VIEWS
        assert len(worker_of_op._queue) <= MAX_VIEWS
        cancelled = [message for message in front.messages if message.get("error", {}).get("type") == "CancelledError"]
        assert len(cancelled) >= 200 - MAX_VIEWS
    finally:
        go.set()
    assert front.wait_for_answer("view199-199")["ok"]
    wait_for_worker()


@pytest.mark.parametrize("settings", [{"unknown": 1}, {"opacity": "x"}, {"opacity": 10**400}, {"frame": [1]}])
def test_settings_of_an_export_are_checked(settings: dict[str, Any], front: Page):
    front.send({"v": 2, "id": "1", "op": "export", "args": {"format": "html", "settings": settings}})
    error = front.wait_for_answer("1")["error"]
    assert error["type"] in ("ParameterError", "SettingError")
    assert next(iter(settings)) in error["message"]


def test_the_page_gets_the_result_before_the_answer(player: staa.Player, front: Page):
    changes: list[Any] = []
    player.observe(lambda change: changes.append((change["new"], threading.current_thread().name)), "target")
    target = (player.target + 1) % 5
    front.send(compute_request("1", method="staa_logit", target=target, params={"layers": "mean"}))
    result = front.wait_for_answer("1")["result"]
    assert front.log[-2:] == ["update", "custom"]
    (update,) = front.updates
    assert update.keys() >= {"_meta", "_maps", "_temporal", "method", "target"}
    assert not update.keys() & {"_frames", "_colors", "frame"}
    assert (result["method"], result["target"], result["cache"]) == ("staa_logit", target, "miss")
    assert player.explanation.params == {**METHODS["staa_logit"].defaults, "layers": "mean"}
    assert changes == [(target, "staa-worker")]
    front.send(compute_request("2", method="staa"))
    assert front.wait_for_answer("2")["result"]["cache"] == "hit"
    assert player.method == "staa"
    front.send(compute_request("3", method="staa_logit"))
    assert front.wait_for_answer("3")["result"]["target"] == target


def test_progress_is_sent_no_more_often_than_the_interval(front: Page, monkeypatch: pytest.MonkeyPatch):
    now = [0.0]

    class Clock:
        perf_counter = staticmethod(time.perf_counter)

        @staticmethod
        def monotonic() -> float:
            return now[0]

    class Host:
        def __init__(self) -> None:
            self.sent: list[Any] = []

        def send(self, content: dict[str, Any]) -> None:
            self.sent.append(content["progress"]["done"])

    monkeypatch.setattr(worker, "time", Clock)
    host: Any = Host()
    task = worker.Task(host, "1", None)  # pyright: ignore[reportArgumentType]
    for step in range(100):
        now[0] = step / 64
        task.report("model", step, 100)
    assert host.sent == [*range(0, 100, 7)]


def test_a_newer_request_of_a_player_cancels_the_older(player: staa.Player, front: Page, forward: BlockingForward):
    front.send(compute_request("1", method="staa_logit", target=1))
    assert forward.began.wait(PATIENCE)
    front.send(compute_request("2", method="staa_logit", target=4))
    front.send(compute_request("3", method="staa_logit", target=3))
    for name in ("1", "2"):
        assert front.wait_for_answer(name)["error"]["type"] == "CancelledError"
    assert {"v": 2, "id": "3", "progress": {"done": 0, "total": 1, "label": WAITING}} in front.messages
    forward.go.set()
    assert front.wait_for_answer("3")["result"]["target"] == 3
    assert player.target == 3
    assert len(front.updates) == 1
    assert [message["id"] for message in front.messages if "ok" in message] == ["1", "2", "3"]


def test_finished_tasks_are_dropped(player: staa.Player, front: Page, forward: BlockingForward):
    forward.go.set()
    for name, args in (("1", {"method": "staa_logit", "target": 1}), ("2", {"method": "nothing"})):
        front.send(compute_request(name, **args))
        front.wait_for_answer(name)
    wait_for_worker()
    assert player._service._tasks == {}


def test_players_take_turns_and_do_not_cancel_each_other(
    player: staa.Player, front: Page, pages: Pages, forward: BlockingForward
):
    other = staa.Player(player.explanation)
    front.send(compute_request("1", method="staa_logit", target=1))
    assert forward.began.wait(PATIENCE)
    pages.page_of(other).send(compute_request("2", method="staa_logit", target=4))
    forward.go.set()
    assert front.wait_for_answer("1")["ok"]
    assert pages.page_of(other).wait_for_answer("2")["ok"]
    assert (player.target, other.target) == (1, 4)


def test_a_queued_request_can_be_canceled_before_it_starts(
    player: staa.Player, front: Page, pages: Pages, forward: BlockingForward
):
    other = staa.Player(player.explanation)
    front.send(compute_request("1", method="staa_logit", target=1))
    assert forward.began.wait(PATIENCE)
    waiting_page = pages.page_of(other)
    waiting_page.send(compute_request("2", method="staa_logit", target=4))
    waiting_page.send(cancel_message("2"))
    assert waiting_page.wait_for_answer("2")["error"]["type"] == "CancelledError"
    waiting_page.send(cancel_message("2"))
    forward.go.set()
    assert front.wait_for_answer("1")["ok"]
    wait_for_worker()
    assert forward.count == 1
    assert waiting_page.updates == []
    assert [message for message in waiting_page.messages if "ok" in message] == [waiting_page.wait_for_answer("2")]


def test_canceling_another_request_changes_nothing(front: Page, forward: BlockingForward):
    front.send(compute_request("1", method="staa_logit"))
    front.send(cancel_message("0"))
    forward.go.set()
    assert front.wait_for_answer("1")["ok"]
    front.send(cancel_message("1"))
    assert len([message for message in front.messages if "ok" in message]) == 1


def test_a_call_in_python_cancels_the_request_of_the_page(player: staa.Player, front: Page, forward: BlockingForward):
    front.send(compute_request("1", method="staa_logit", target=1))
    assert forward.began.wait(PATIENCE)
    threading.Timer(0.05, forward.go.set).start()
    computed = player.compute("staa_logit", 4)
    assert front.wait_for_answer("1")["error"]["type"] == "CancelledError"
    wait_for_worker()
    assert player.explanation is computed
    assert [update["target"] for update in front.updates] == [4]


def test_a_closed_player_cancels_its_request(player: staa.Player, front: Page, forward: BlockingForward):
    front.send(compute_request("1", method="staa_logit"))
    assert forward.began.wait(PATIENCE)
    player.close()
    assert "closed" in front.wait_for_answer("1")["error"]["message"]
    forward.go.set()
    wait_for_worker()
    assert player.explanation.method == "staa"


def test_a_failing_observer_is_reported_and_the_worker_continues(player: staa.Player, front: Page):
    def fail(change: Any) -> None:
        raise LookupError("observer")

    player.observe(fail, "method")
    front.send(compute_request("1", method="staa_logit"))
    error = front.wait_for_answer("1")["error"]
    assert error["type"] == "LookupError"
    front.send({"v": 2, "id": "t", "op": "traceback", "args": {"key": error["traceback"]}})
    assert "in fail" in front.wait_for_answer("t")["result"]["text"]
    player.unobserve(fail, "method")
    front.send(compute_request("2", method="staa"))
    assert front.wait_for_answer("2")["ok"]


def test_a_linked_widget_may_set_method_and_class(player: staa.Player, front: Page, caplog: pytest.LogCaptureFixture):
    """As with `jslink` to a dropdown: the page shows the old values until the result is computed."""
    front.set(method="staa_logit")
    front.wait_until(lambda page: page.state["method"] == "staa_logit" and "_maps" in page.updates[-1])
    assert front.updates[0] == {"method": "staa"}
    wait_for_worker()
    assert player.method == "staa_logit"
    front.set(method="staa_logits")
    assert front.state["method"] == player.method == "staa_logit"
    assert "staa_logits" in caplog.text
    assert front.messages == []


def test_large_answers_are_sent_in_pieces(monkeypatch: pytest.MonkeyPatch):
    class Host:
        def __init__(self) -> None:
            self.sent: list[Any] = []

        def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
            self.sent.append((content.get("progress") or content["result"], buffers))

    class Operation:
        def compute(self, report: Any) -> bytes:
            return b"0123456789"

        def finish(self, result: bytes) -> Any:
            return {"name": "x"}, [result]

    monkeypatch.setattr(worker, "MAX_MESSAGE_BYTES", 4)
    host: Any = Host()
    worker.Task(host, "1", Operation()).run()
    assert host.sent == [
        ({"done": 1, "total": 3, "label": "sending the file"}, [b"0123"]),
        ({"done": 2, "total": 3, "label": "sending the file"}, [b"4567"]),
        ({"name": "x"}, [b"89"]),
    ]
