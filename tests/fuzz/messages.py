"""Messages that a page sends to a player: hostile ids, settings, private traits, and more requests than fit."""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets import errors
from staa_widgets.utils.text import quote_value
from staa_widgets.widget.payload_traits import PAYLOAD_TRAITS
from staa_widgets.widget.service import MAX_VIEWS
from staa_widgets.widget.settings import SETTINGS, SettingError
from staa_widgets.widget.worker import WORKERS
from tests.fuzz.driver import Case, Driver, RunCase
from tests.helpers.comm import Page, Pages, replace_comms, wait_for_worker

MAX_ANSWER = 10_000
"""Maximum characters of the answer to a request that is refused."""

_IDS: tuple[Any, ...] = (
    "", "x" * 100, "x" * 10**6, None, 5, [], {}, ["1"], {"id": 1}, "__proto__", "\ud800", "\u202e1", "<img src=x>",
    "view1-1", "view1-2", "-", "1\n2", "\0", True, 10**400,
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 10**9, 10**400, -(10**400), 0.5, 1e308, math.nan, math.inf, "", "x" * 10**5, "staa",
    "\ud800", [], {}, [1, 2], [1, 2, 3], [0, 0, 0], [math.nan, 1], [[[]]], {"a": {"b": []}}, ["x"] * 10**4,
    "../../etc/passwd", "</script>",
)  # fmt: skip
_OPS = ("hello", "compute", "frames", "export", "traceback", "cancel", "eval", "", None, 5, [], "__class__")
_NAMES = ("method", "params", "target", "pane", "first", "count", "format", "settings", "key", "self", "__init__", "")


@contextmanager
def start(folder: Path) -> Iterator[RunCase]:
    """Explain a clip, whose explanation all players show; the kernel's comms are replaced by simulated pages."""
    from tests.helpers.timesformers import tiny_timesformer_model

    patch = pytest.MonkeyPatch()
    patch.setenv("STAA_CACHE", str(folder / "message_cache"))
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # the kernel's log of refused traits
    try:
        video = staa.action_clip(3, size=48, fps=8).write_mp4(folder / "clip.mp4")
        explanation = staa.explain(video, tiny_timesformer_model())
        yield partial(run, replace_comms(patch), explanation)
    finally:
        wait_for_worker()
        logging.disable(level)
        patch.undo()


def run(pages: Pages, explanation: staa.Explanation, case: Case) -> str:
    """Send messages to a new player; each request is answered once, and the player stays sound."""
    panes = case.pick([1, 1, 1, 3])
    player = staa.Player([explanation] * panes if panes > 1 else explanation)
    page = pages.page_of(player)
    payload = {name: getattr(player, name) for name in (*PAYLOAD_TRAITS, "_esm", "_css")}
    requests: Counter[str] = Counter()
    try:
        for _ in range(case.pick([1, 5, 20, 60])):
            if case.chance(0.3):
                set_traits(case, page)
            else:
                requests.update(send_message(case, page))
            assert_bounded()
        wait_for_worker()
        wait_for_frames()
        page.send({"v": 2, "id": "the last one", "op": "hello"})
        assert page.wait_for_answer("the last one")["ok"], "the player no longer answers"
        check_answers(page, requests)
        check_player(player, explanation, payload)
    finally:
        player.close()
        pages.clear()
    return "every request answered once"


def send_message(case: Case, page: Page) -> list[str]:
    """Send a message, most of which make no sense; return the id that must be answered, if there is one."""
    request_id: Any = case.pick(_IDS) if case.chance(0.4) else f"view{case.number(0, 30)}-{case.number(0, 10**9)}"
    op = case.pick(_OPS) if case.chance(0.3) else case.pick(["compute", "frames", "export", "traceback"])
    message: Any = {
        "v": 2 if case.chance(0.9) else case.pick(_VALUES),
        "id": request_id,
        "op": op,
        "args": make_arguments(case, op),
    }
    if case.chance(0.1):
        message[case.pick(["v", "id", "op", "args", "kind", "new"])] = case.pick(_VALUES)
        request_id = message["id"]
    if case.chance(0.05):
        message = case.pick([*_VALUES, [message], {}, {"id": None}])
        request_id = None
    case.note(quote_value(message, 150))
    page.send(message)
    is_cancel = isinstance(message, dict) and message.get("op") == "cancel" and message.get("v") == 2
    must_answer = (
        isinstance(request_id, str) and request_id != "\ud800" and isinstance(message, dict) and len(request_id) <= 100
    )
    return [request_id] if must_answer and not is_cancel and message.get("kind") != "anywidget-command" else []


def make_arguments(case: Case, op: Any) -> Any:
    """Return arguments of a request: valid ones, or with one or all of them replaced."""
    sound: dict[str, Any] = {
        "compute": {"method": case.pick(["staa", "rollout", "uniform"]), "target": case.number(0, 5)},
        "frames": {"first": case.number(0, 32), "count": case.number(1, 40)},
        "export": {"format": case.pick(["csv", "html", "png", "pdf", "mp4"]), "settings": {"opacity": 0.5}},
        "traceback": {"key": "1"},
    }.get(op if isinstance(op, str) else "", {})
    if sound.get("format") == "mp4" and case.chance(0.9):  # takes long
        sound["format"] = "html"
    if case.chance(0.5):
        return sound
    if case.chance(0.2):
        return case.pick(_VALUES)
    names = case.pick([_NAMES, tuple(sound) or _NAMES])
    sound[case.pick(names)] = case.pick(_VALUES)
    if op == "export" and case.chance(0.5):
        sound["settings"] = {case.pick([*SETTINGS, "unknown", "_esm"]): case.pick(_VALUES)}
    if op == "compute" and case.chance(0.5):
        sound["params"] = {case.pick(["layers", "residual", "patch", "self", "x" * 1000]): case.pick(_VALUES)}
    return sound


def set_traits(case: Case, page: Page) -> None:
    """Set traits as a page does; some of them are private or do not exist."""
    names = [*SETTINGS, "method", "target", "patch", *PAYLOAD_TRAITS, "_esm", "_css", "_anywidget_id", "time", "slice",
             "layout", "comm", "keys", "_model_module", "__class__", "unknown", "_service"]  # fmt: skip
    state = {case.pick(names): case.pick(_VALUES) for _ in range(case.pick([1, 1, 3]))}
    case.note(quote_value(state, 150))
    with suppress(SettingError):  # The kernel logs it; the value of the trait stays.
        page.set(**state)


def assert_bounded() -> None:
    """Assert that no more requests wait than the views of a player allow."""
    for worker in (WORKERS.compute, WORKERS.frames):
        assert worker.pending <= 3 + MAX_VIEWS, f"{worker.pending} requests wait"


def wait_for_frames() -> None:
    """Wait until the thread for frames has nothing left to do."""
    import time

    deadline = time.monotonic() + 30
    while WORKERS.frames.pending:
        assert time.monotonic() < deadline, "frames never arrive"
        time.sleep(0.001)


def check_answers(page: Page, requests: Counter[str]) -> None:
    """Assert that each request was answered once for each time that it was sent, and small and typed if refused."""
    for message in (*page.messages, *page.echoes):
        json.dumps(message, ensure_ascii=False, allow_nan=False).encode()  # as Jupyter sends it
    answers = [message for message in page.messages if "ok" in message]
    counts = Counter(message["id"] for message in answers if isinstance(message["id"], str))
    for request_id, count in requests.items():
        assert counts[request_id] == count, f"{counts[request_id]} answers to {count} requests {request_id[:50]!r}"
    for message in answers:
        if not message["ok"]:
            error = message["error"]
            known = getattr(errors, error["type"], None) or error["type"] == "SettingError"
            assert known, f"an unexpected error: {error}"
            size = len(json.dumps(error))
            assert size < MAX_ANSWER, f"an answer of {size} characters"


def check_player(player: staa.Player, explanation: staa.Explanation, payload: dict[str, Any]) -> None:
    """Assert that settings are valid, and that the page has changed no trait of the payload."""
    assert player._esm == payload["_esm"], "the page has set the code of the player"
    assert player._css == payload["_css"], "the page has set the style of the player"
    np.testing.assert_array_equal(player.explanations[-1].times, explanation.times)
    for name in SETTINGS:
        assert player.accepts(name, getattr(player, name)), f"{name} is {getattr(player, name)!r}"
    if all(e is explanation for e in player.explanations):
        changed = [name for name in PAYLOAD_TRAITS if getattr(player, name) != payload[name]]
        assert not changed, f"the page has set {changed}"


DRIVER = Driver("messages", "messages and values of traits from a page", start, share=2.0)
