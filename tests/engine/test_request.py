"""What was asked is kept, asked again in other words, and answered one at a time."""

from __future__ import annotations

import gc
import io
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets.models.capture
from staa_widgets import explain
from staa_widgets.engine.explain import answer_request
from staa_widgets.engine.lock import WAITING
from staa_widgets.engine.request import ExplainRequest, request_of
from staa_widgets.errors import CancelledError, ParameterError, UnknownMethodError, UnsupportedRequestError
from staa_widgets.methods import METHODS
from staa_widgets.models import VideoModel
from staa_widgets.utils.progress import progress_reporter

PATIENCE = 60


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))


def make_request(video: Path, model: VideoModel, *rest: Any, **params: Any) -> ExplainRequest:
    question = request_of(explain(video, model, *rest, preview=False, **params))
    assert question is not None
    return question


def test_explain_remembers_all_that_was_asked(video: Path, model: VideoModel):
    found = explain(video, model, "staa_logit", target="label 2", start=1, window=2, batch_size=3, layers="mean")
    question = request_of(found)
    assert question is not None
    assert question.clip.first_frame == 8
    assert question.model is model
    assert (question.method, dict(question.params)) == (
        "staa_logit",
        {**METHODS["staa_logit"].defaults, "layers": "mean"},
    )
    assert (question.target, question.window, question.batch_size) == (2, 2, 3)
    assert (question.cache, question.preview, question.attention) == (True, True, True)
    again = answer_request(question)
    assert again.provenance["cache"] == "hit"
    np.testing.assert_array_equal(again.maps, found.maps)


def test_a_question_lives_as_long_as_its_explanation(video: Path, model: VideoModel):
    found = explain(video, model, preview=False)
    question = weakref.ref(request_of(found))
    assert request_of(replace(found)) is None
    assert request_of(type(found).from_bytes(found.to_bytes())) is None
    gc.collect()
    assert question() is not None
    del found
    gc.collect()
    assert question() is None


def test_other_words_keep_what_still_applies(video: Path, model: VideoModel):
    first = make_request(video, model, weighting="value")
    assert dict(first.with_changes(params={"layers": "mean"}).params) == {
        **METHODS["staa"].defaults,
        "layers": "mean",
        "weighting": "value",
    }
    other = first.with_changes("staa_logit", target="LABEL_4")
    assert dict(other.params) == dict(METHODS["staa_logit"].defaults)
    assert (other.target, other.clip, other.model) == (4, first.clip, first.model)
    assert answer_request(other).target == 4


def test_the_class_asked_for_survives_a_method_without_one(video: Path, model: VideoModel, recwarn: Any):
    about_four = make_request(video, model, "staa_logit", target=4)
    between = about_four.with_changes("staa", target=4)
    found = answer_request(between)
    assert found.target == int(found.logits.argmax()) != 4
    assert answer_request(between.with_changes("staa_logit")).target == 4
    assert not recwarn.list


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ({"method": "staa_logits"}, UnknownMethodError, "staa_logit"),
        ({"params": {"layer": "mean"}}, ParameterError, "layers"),
        ({"method": "staa_logit", "params": {"weighting": "value"}}, ParameterError, "layers"),
        ({"params": {"layers": "some"}}, ParameterError, ""),
        ({"method": "staa_logit", "target": 5}, ParameterError, "0 to 4"),
        ({"target": 3}, UnsupportedRequestError, "staa_logit"),
        ({"method": "staa", "target": 3}, UnsupportedRequestError, "staa_logit"),
    ],
)
def test_what_cannot_be_asked_is_said(
    words: dict[str, Any], error: type[Exception], hint: str, video: Path, model: VideoModel
):
    question = make_request(video, model)
    with pytest.raises(error) as refused:
        question.with_changes(**words)
    assert hint in getattr(refused.value, "hint")  # noqa: B009


def test_weighting_by_the_logit_makes_staa_speak_of_a_class(video: Path, model: VideoModel):
    question = make_request(video, model).with_changes(target=3, params={"weighting": "logit"})
    assert question.class_specific
    assert answer_request(question).target == 3


# --- one at a time ---


class BlockedRecord:
    """A model's forward pass that waits until it is let go, and counts who is in it."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self.original = original
        self.inside, self.most = 0, 0
        self.began, self.go = threading.Event(), threading.Event()

    def __call__(self, *asked: Any) -> Any:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.began.set()
        assert self.go.wait(PATIENCE)
        self.inside -= 1
        return self.original(*asked)


@pytest.fixture
def blocked_record(monkeypatch: pytest.MonkeyPatch) -> BlockedRecord:
    waiting = BlockedRecord(staa_widgets.models.capture.record)
    monkeypatch.setattr(staa_widgets.models.capture, "record", waiting)
    return waiting


def run_in_thread(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    found: list[object] = []

    def run() -> None:
        try:
            found.append(call())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


def test_who_comes_second_waits_says_so_and_gets_its_own_answer(
    video: Path, model: VideoModel, blocked_record: BlockedRecord
):
    first, one = run_in_thread(lambda: explain(video, model, cache=False, preview=False))
    assert blocked_record.began.wait(PATIENCE)
    told: list[str] = []
    waits = threading.Event()

    def report(step: str, done: int, total: int) -> None:
        told.append(step)
        waits.set()

    second, two = run_in_thread(
        lambda: explain(video, model, "staa_logit", cache=False, preview=False, progress=report)
    )
    assert waits.wait(PATIENCE)
    assert set(told) == {WAITING}
    blocked_record.go.set()
    first.join(PATIENCE)
    second.join(PATIENCE)
    assert [getattr(found, "method", found) for found in (*one, *two)] == ["staa", "staa_logit"]
    assert "model" in told
    assert blocked_record.most == 1


def test_who_waits_can_give_up_and_leaves_the_other_alone(
    video: Path, model: VideoModel, blocked_record: BlockedRecord
):
    first, one = run_in_thread(lambda: explain(video, model, cache=False, preview=False))
    assert blocked_record.began.wait(PATIENCE)

    def give_up(step: str, done: int, total: int) -> None:
        raise CancelledError(f"Given up while {step}.")

    with pytest.raises(CancelledError, match=WAITING):
        explain(video, model, cache=False, preview=False, progress=give_up)
    blocked_record.go.set()
    first.join(PATIENCE)
    assert getattr(one[0], "method", one[0]) == "staa"


def test_asking_from_within_an_answer_does_not_wait_for_itself(video: Path, model: VideoModel):
    inner = []

    def ask(step: str, done: int, total: int) -> None:
        if not inner:
            inner.append(None)
            inner[0] = explain(video, model, "staa_logit", preview=False, cache=False)

    explain(video, model, preview=False, cache=False, progress=ask)
    assert inner[0].method == "staa_logit"


def test_the_turn_is_given_back_after_an_error(video: Path, model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(staa_widgets.models.capture, "record", stop)
        with pytest.raises(KeyboardInterrupt):
            explain(video, model, preview=False)
    thread, found = run_in_thread(lambda: explain(video, model, preview=False))
    thread.join(PATIENCE)
    assert getattr(found[0], "method", found[0]) == "staa"


# --- the bar ---


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_for_long_work_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_reporter(None) as report:
        report("model", 1, 2)
    assert sys.stderr.getvalue() == ""  # pyright: ignore[reportAttributeAccessIssue]

    drawn = threading.Event()
    monkeypatch.setattr(Terminal, "flush", lambda self: "1/2" in self.getvalue() and drawn.set())
    with progress_reporter(None) as report:
        report("model", 1, 2)
        assert drawn.wait(PATIENCE)
        text = sys.stderr.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "model" in text
    assert "1/2" in text
    assert sys.stderr.getvalue().endswith("\r")  # pyright: ignore[reportAttributeAccessIssue]


def test_a_step_of_another_length_starts_the_bar_anew(capfd: pytest.CaptureFixture[str]):
    with progress_reporter(progress=True) as report:
        report("model", 2, 3)
        report("pictures", 10, 40)
    told = capfd.readouterr().err
    assert "2/3" in told
    assert "10/40" in told
