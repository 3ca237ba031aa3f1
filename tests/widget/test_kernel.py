"""The player in a real kernel: as a cell's value, during cells, canceled and interrupted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from staa_widgets.engine.lock import WAITING
from tests.helpers.comm import PATIENCE
from tests.helpers.kernel import Kernel

VIEW = "application/vnd.jupyter.widget-view+json"

SETUP = """
import threading, time
from pathlib import Path
import staa_widgets as staa
import staa_widgets.models.capture
from tests.helpers.timesformers import tiny_timesformer_model
model = tiny_timesformer_model()
video = staa.action_clip(3, size=48, fps=8).write_mp4("clip.mp4")
original = staa_widgets.models.capture.record
def block_record(*arguments):
    Path("began").touch()
    while not Path("go").exists():
        time.sleep(0.01)
    return original(*arguments)
def make(**more):
    return staa.explain(video, model, **{"progress": False, **more})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernel")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Kernel]:
    kernel = Kernel(folder)
    try:
        kernel.run(SETUP)
        yield kernel
    finally:
        kernel.stop()


@pytest.fixture
def kernel(running: Kernel, folder: Path) -> Iterator[Kernel]:
    """The kernel with an empty cache and no recorded messages."""
    running.messages.clear()
    yield running
    (folder / "go").touch()
    running.run("staa_widgets.models.capture.record = original; staa.cache.clear(); time.sleep(0)")
    for name in ("began", "go"):
        (folder / name).unlink(missing_ok=True)


def wait_for_file(path: Path) -> None:
    """Wait until a file exists."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def make_player(kernel: Kernel, code: str = "player = staa.Player(make(window=2)); player.model_id") -> str:
    (result,) = [message for message in kernel.run(code) if message["msg_type"] == "execute_result"]
    return result["content"]["data"]["text/plain"].strip("'")


def request(name: str, op: str, **args: Any) -> dict[str, Any]:
    return {"v": 2, "id": name, "op": op, "args": args}


def test_an_explanation_as_a_cells_value_is_a_player_and_a_fallback(kernel: Kernel):
    outputs = [message for message in kernel.run("make()") if message["msg_type"] in ("display_data", "execute_result")]
    assert [message["msg_type"] for message in outputs] == ["display_data", "display_data"]
    view, fallback = (message["content"]["data"] for message in outputs)
    assert view.keys() == {VIEW, "text/plain"}
    assert fallback.keys() == {"text/html", "text/plain"}
    assert "Run this cell again" in fallback["text/plain"]
    model_id = view[VIEW]["model_id"]
    comm_open = kernel.wait_for_message(lambda message: message["content"].get("comm_id") == model_id)
    assert comm_open["msg_type"] == "comm_open"
    assert comm_open["content"]["data"]["state"]["_meta"]["clip"]["name"] == "clip.mp4"
    second = [
        message["content"]["data"] for message in kernel.run("staa.Player(make())") if "data" in message["content"]
    ]
    assert second[-2].keys() == {VIEW, "text/plain"}
    assert second[-1] == fallback


def test_a_result_reaches_the_page_before_the_answer(kernel: Kernel):
    comm = make_player(kernel)
    kernel.send(comm, request("a-1", "compute", method="staa_logit", target=4))
    answer = kernel.wait_for_answer("a-1")
    assert answer["ok"], answer
    assert (answer["result"]["method"], answer["result"]["target"]) == ("staa_logit", 4)
    contents = [message["content"]["data"] for message in kernel.messages if message["content"].get("comm_id") == comm]
    states = [data["state"] for data in contents if data.get("method") == "update"]
    (state,) = states
    assert (state["method"], state["target"], state["_meta"]["target"]) == ("staa_logit", 4, 4)
    kernel.run("assert (player.method, player.target, player.explanation.target) == ('staa_logit', 4, 4)")


def test_a_running_cell_delays_answers_unless_a_subshell_handles_them(kernel: Kernel, folder: Path):
    comm = make_player(kernel)
    subshell = kernel.create_subshell()
    kernel.send(comm, request("b-1", "hello"), subshell)
    assert kernel.wait_for_answer("b-1")["result"] == {"kernel": True, "computes": True, "why": ""}
    cell = kernel.start("while not Path('go').exists(): time.sleep(0.01)")
    kernel.send(comm, request("b-2", "hello"), subshell)
    kernel.send(comm, request("b-3", "compute", method="staa_logit"), subshell)
    assert kernel.wait_for_answer("b-2")["ok"]
    assert kernel.wait_for_answer("b-3")["result"]["method"] == "staa_logit"
    assert not any(message["parent_header"].get("msg_id") == cell and is_idle(message) for message in kernel.messages)
    (folder / "go").touch()
    kernel.finish(cell)


def test_without_a_subshell_the_answer_comes_after_the_cell(kernel: Kernel, folder: Path):
    comm = make_player(kernel)
    cell = kernel.start("while not Path('go').exists(): time.sleep(0.01)")
    kernel.send(comm, request("c-1", "hello"))
    (folder / "go").touch()
    kernel.finish(cell)
    assert kernel.wait_for_answer("c-1")["ok"]


def is_idle(message: Any) -> bool:
    return message["content"].get("execution_state") == "idle"


def test_a_cell_and_the_page_compute_one_after_the_other(kernel: Kernel, folder: Path):
    comm = make_player(kernel)
    subshell = kernel.create_subshell()
    kernel.send(comm, request("d-0", "hello"), subshell)
    kernel.wait_for_answer("d-0")
    cell = kernel.start(
        "staa_widgets.models.capture.record = block_record; computed = make(method='staa_logit', target=2)"
    )
    wait_for_file(folder / "began")
    kernel.send(comm, request("d-1", "compute", method="staa_logit", target=1), subshell)
    kernel.wait_for_progress("d-1", WAITING)
    (folder / "go").touch()
    kernel.finish(cell)
    assert kernel.wait_for_answer("d-1")["result"]["target"] == 1
    kernel.run("assert (computed.target, player.explanation.target) == (2, 1)")
    kernel.run("assert (player.explanation.maps == make(method='staa_logit', target=1, window=2).maps).all()")


HOLD = """
from staa_widgets.engine.lock import compute_lock
def hold():
    with compute_lock(print):
        Path("began").touch()
        while not Path("go").exists():
            time.sleep(0.01)
holding = threading.Thread(target=hold)
holding.start()
"""


def test_a_cell_that_starts_during_a_request_does_not_block_its_cancel(kernel: Kernel, folder: Path):
    """A message of the worker must not route the page's next message to the thread of the cell."""
    comm = make_player(kernel)
    subshell = kernel.create_subshell()
    kernel.run(HOLD)
    wait_for_file(folder / "began")
    kernel.send(comm, request("g-0", "hello"), subshell)
    kernel.wait_for_answer("g-0")
    kernel.send(comm, request("g-1", "compute", method="staa_logit", target=1), subshell)
    kernel.wait_for_progress("g-1", WAITING)
    cell = kernel.start("while not Path('go').exists(): time.sleep(0.01)")
    kernel.wait_for_message(lambda message: message["parent_header"].get("msg_id") == cell)
    kernel.messages.clear()
    kernel.wait_for_progress("g-1", WAITING)
    kernel.send(comm, {"v": 2, "op": "cancel", "id": "g-1"}, subshell)
    assert kernel.wait_for_answer("g-1")["error"]["type"] == "CancelledError"
    assert not any(message["parent_header"].get("msg_id") == cell and is_idle(message) for message in kernel.messages)
    (folder / "go").touch()
    kernel.finish(cell)
    kernel.run("holding.join(); assert player.method == 'staa'")


def test_canceling_is_answered_at_once_and_leaves_the_kernel_clean(kernel: Kernel, folder: Path):
    comm = make_player(kernel)
    kernel.run("before = dict(player.get_state()); staa_widgets.models.capture.record = block_record")
    kernel.send(comm, request("e-1", "compute", method="staa_logit"))
    wait_for_file(folder / "began")
    kernel.send(comm, {"v": 2, "op": "cancel", "id": "e-1"})
    assert kernel.wait_for_answer("e-1")["error"]["type"] == "CancelledError"
    (folder / "go").touch()
    kernel.send(comm, request("e-2", "compute", method="staa_logit"))
    assert kernel.wait_for_answer("e-2")["ok"]
    answers = [data for data in map(custom_content, kernel.messages) if data.get("id") == "e-1" and "ok" in data]
    assert len(answers) == 1
    kernel.run("assert make().method == 'staa'")
    assert {path.suffix for path in (folder / "cache").rglob("*.*")} <= {".safetensors", ".key"}


def custom_content(message: Any) -> dict[str, Any]:
    content = message["content"].get("data", {}).get("content", {})
    return content if isinstance(content, dict) else {}


def test_an_interrupted_cell_leaves_the_kernel_clean(kernel: Kernel, folder: Path):
    comm = make_player(kernel)
    cell = kernel.start("staa_widgets.models.capture.record = block_record; make(method='staa_logit', progress=None)")
    wait_for_file(folder / "began")
    kernel.manager.interrupt_kernel()
    errors = [message["content"]["ename"] for message in kernel.finish(cell) if message["msg_type"] == "error"]
    assert errors == ["KeyboardInterrupt"]
    (folder / "go").touch()
    kernel.send(comm, request("f-1", "compute", method="staa_logit"))
    assert kernel.wait_for_answer("f-1")["ok"]
    assert {path.suffix for path in (folder / "cache").rglob("*.*")} <= {".safetensors", ".key"}


def test_long_work_shows_a_progress_bar_that_disappears(kernel: Kernel, folder: Path):
    cell = kernel.start("staa_widgets.models.capture.record = block_record; make(progress=None)")
    bar = kernel.wait_for_message(lambda message: message["msg_type"] == "display_data")
    assert bar["parent_header"]["msg_id"] == cell
    view = bar["content"]["data"][VIEW]["model_id"]
    (folder / "go").touch()
    outputs = kernel.finish(cell)
    assert [m for m in outputs if m["msg_type"] in ("stream", "error")] == []
    assert any(m["msg_type"] == "comm_close" and m["content"]["comm_id"] == view for m in outputs)
    (last,) = [m["content"] for m in outputs if m["msg_type"] == "update_display_data"]
    assert last["transient"] == bar["content"]["transient"]
    assert not any(last["data"].values()), "a saved notebook keeps no view of a closed bar"
