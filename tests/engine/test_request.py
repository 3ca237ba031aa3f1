"""Requests are kept with their explanations, changed, and computed one at a time."""

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
from staa_widgets.engine.records import RUNNING_MODEL
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
    request = request_of(explain(video, model, *rest, preview=False, **params))
    assert request is not None
    return request


def test_an_explanation_keeps_its_request(video: Path, model: VideoModel):
    explanation = explain(video, model, "staa_logit", target="label 2", start=1, window=2, batch_size=3, layers="mean")
    request = request_of(explanation)
    assert request is not None
    assert request.clip.first_frame == 8
    assert request.model is model
    assert (request.method, dict(request.params)) == (
        "staa_logit",
        {**METHODS["staa_logit"].defaults, "layers": "mean"},
    )
    assert (request.target, request.window, request.batch_size) == (2, 2, 3)
    assert (request.cache, request.preview, request.attention) == (True, True, True)
    again = answer_request(request)
    assert again.provenance["cache"] == "hit"
    np.testing.assert_array_equal(again.maps, explanation.maps)


def test_a_request_lives_as_long_as_its_explanation(video: Path, model: VideoModel):
    explanation = explain(video, model, preview=False)
    reference = weakref.ref(request_of(explanation))
    assert request_of(replace(explanation)) is None
    assert request_of(type(explanation).from_bytes(explanation.to_bytes())) is None
    gc.collect()
    assert reference() is not None
    del explanation
    gc.collect()
    assert reference() is None


def test_changes_keep_the_parameters_that_still_apply(video: Path, model: VideoModel):
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


def test_the_target_survives_a_method_without_a_class(video: Path, model: VideoModel, recwarn: Any):
    with_target = make_request(video, model, "staa_logit", target=4)
    without_class = with_target.with_changes("staa", target=4)
    explanation = answer_request(without_class)
    assert explanation.target == int(explanation.logits.argmax()) != 4
    assert answer_request(without_class.with_changes("staa_logit")).target == 4
    assert not recwarn.list


@pytest.mark.parametrize(
    ("changes", "error", "hint"),
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
def test_wrong_changes_are_refused_with_a_hint(
    changes: dict[str, Any], error: type[Exception], hint: str, video: Path, model: VideoModel
):
    request = make_request(video, model)
    with pytest.raises(error) as caught:
        request.with_changes(**changes)
    assert hint in getattr(caught.value, "hint")  # noqa: B009


def test_weighting_by_the_logit_makes_staa_class_specific(video: Path, model: VideoModel):
    request = make_request(video, model).with_changes(target=3, params={"weighting": "logit"})
    assert request.class_specific
    assert answer_request(request).target == 3


# --- one at a time ---


class BlockedRecord:
    """A forward pass that waits for `go`, and counts the threads inside it."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self.original = original
        self.inside, self.most = 0, 0
        self.began, self.go = threading.Event(), threading.Event()

    def __call__(self, *arguments: Any) -> Any:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.began.set()
        assert self.go.wait(PATIENCE)
        self.inside -= 1
        return self.original(*arguments)


@pytest.fixture
def blocked_record(monkeypatch: pytest.MonkeyPatch) -> BlockedRecord:
    waiting = BlockedRecord(staa_widgets.models.capture.record)
    monkeypatch.setattr(staa_widgets.models.capture, "record", waiting)
    return waiting


def run_in_thread(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    results: list[object] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_a_second_request_waits_reports_it_and_gets_its_own_result(
    video: Path, model: VideoModel, blocked_record: BlockedRecord
):
    first, first_results = run_in_thread(lambda: explain(video, model, cache=False, preview=False))
    assert blocked_record.began.wait(PATIENCE)
    steps: list[str] = []
    waits = threading.Event()

    def report(step: str, done: int, total: int) -> None:
        steps.append(step)
        waits.set()

    second, second_results = run_in_thread(
        lambda: explain(video, model, "staa_logit", cache=False, preview=False, progress=report)
    )
    assert waits.wait(PATIENCE)
    assert set(steps) == {WAITING}
    blocked_record.go.set()
    first.join(PATIENCE)
    second.join(PATIENCE)
    assert [getattr(result, "method", result) for result in (*first_results, *second_results)] == ["staa", "staa_logit"]
    assert RUNNING_MODEL in steps
    assert blocked_record.most == 1


def test_a_waiting_request_can_be_cancelled_and_the_other_goes_on(
    video: Path, model: VideoModel, blocked_record: BlockedRecord
):
    first, results = run_in_thread(lambda: explain(video, model, cache=False, preview=False))
    assert blocked_record.began.wait(PATIENCE)

    def give_up(step: str, done: int, total: int) -> None:
        raise CancelledError(f"Given up while {step}.")

    with pytest.raises(CancelledError, match=WAITING):
        explain(video, model, cache=False, preview=False, progress=give_up)
    blocked_record.go.set()
    first.join(PATIENCE)
    assert getattr(results[0], "method", results[0]) == "staa"


def test_explaining_inside_a_progress_callback_does_not_block(video: Path, model: VideoModel):
    explanations = []

    def explain_inside(step: str, done: int, total: int) -> None:
        if not explanations:
            explanations.append(None)
            explanations[0] = explain(video, model, "staa_logit", preview=False, cache=False)

    explain(video, model, preview=False, cache=False, progress=explain_inside)
    assert explanations[0].method == "staa_logit"


def test_the_lock_is_released_after_an_error(video: Path, model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(staa_widgets.models.capture, "record", stop)
        with pytest.raises(KeyboardInterrupt):
            explain(video, model, preview=False)
    thread, results = run_in_thread(lambda: explain(video, model, preview=False))
    thread.join(PATIENCE)
    assert getattr(results[0], "method", results[0]) == "staa"


# --- the bar ---


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_for_long_work_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_reporter(None) as report:
        report("model", 1, 2)
    assert sys.stderr.getvalue() == ""  # pyright: ignore[reportAttributeAccessIssue]

    bar_drawn = threading.Event()
    monkeypatch.setattr(Terminal, "flush", lambda self: "1/2" in self.getvalue() and bar_drawn.set())
    with progress_reporter(None) as report:
        report("model", 1, 2)
        assert bar_drawn.wait(PATIENCE)
        text = sys.stderr.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "model" in text
    assert "1/2" in text
    assert sys.stderr.getvalue().endswith("\r")  # pyright: ignore[reportAttributeAccessIssue]


def test_a_step_of_another_length_starts_the_bar_anew(capfd: pytest.CaptureFixture[str]):
    with progress_reporter(progress=True) as report:
        report("model", 2, 3)
        report("pictures", 10, 40)
    text = capfd.readouterr().err
    assert "2/3" in text
    assert "10/40" in text


@pytest.mark.parametrize("name", ["start", "end"])
@pytest.mark.parametrize("value", [10**400, float("nan"), "25", True, [1], 1j], ids=lambda value: str(value)[:9])
def test_seconds_are_checked_before_the_video_is_opened(name: str, value: Any):
    with pytest.raises(ParameterError, match=f"^{name} is "):
        explain("missing.mp4", **{name: value})


@pytest.mark.parametrize(
    ("method", "params"),
    [("staa", {"weighting": [1]}), ("slot_frequency", {"kind": [1]}), ("integrated_gradients", {"steps": 10**400})],
)
def test_parameters_of_another_type_are_refused(method: str, params: dict[str, Any]):
    with pytest.raises(ParameterError):
        explain("missing.mp4", method=method, **params)


def test_a_home_folder_of_nobody_is_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STAA_CACHE", "~nobody_has_this_name/cache")
    with pytest.raises(ParameterError, match="STAA_CACHE is '~nobody_has_this_name/cache'"):
        explain("missing.mp4")
