"""`staa.live` in Python: its windows equal those of `explain`, and whatever is slow leaves frames out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.errors import FileWriteError, LiveSourceError, ParameterError, PlayerError, UnknownMethodError
from staa_widgets.models import VideoModel
from tests.helpers.video_server import PASSWORD, USER, run_video_server

FRAMES = np.random.default_rng(0).integers(0, 256, (60, 32, 40, 3), dtype=np.uint8)
QUICK = {"window": 0.4, "stride": 0.1, "fps": 20}
"""Settings with which windows come soon."""


def camera(rate: float = 40) -> Iterator[np.ndarray]:
    """A camera that never ends."""
    number = 0
    while True:
        time.sleep(1 / rate)
        yield FRAMES[number % len(FRAMES)]
        number += 1


def wait_for(condition) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("method", ["staa", "staa_logit", "rollout", "occlusion"])
def test_windows_equal_the_explanation_of_the_same_frames(model: VideoModel, method: str):
    clip = staa.open_clip(FRAMES[:20], fps=20)
    windows = list(staa.live(clip, model, method, **QUICK).windows())
    assert windows
    for e in windows:
        frames = e.provenance["live"]["frames"]
        expected = staa.explain(clip.frames(frames), model, method, cache=False)
        assert np.array_equal(e.maps, expected.maps)
        assert np.array_equal(e.logits, expected.logits)
        assert (e.target, e.labels, e.box) == (expected.target, expected.labels, expected.box)
        assert e.times.tolist() == sorted(set(e.provenance["live"]["times"]))
        assert e.spans[-1, 1] - e.spans[0, 0] == pytest.approx(0.4)
        assert e.clip_sha256 == ""


def test_a_file_is_played_once_and_recorded_without_loss(model: VideoModel, video: Path, tmp_path: Path):
    source = staa.open_clip(video)
    live = staa.live(video, model, fps=30, window=1)
    clip = live.record(1.0, tmp_path / "clip.mp4")
    assert (live.status.state, live.recordings) == ("stopped", [clip])
    frames = clip.frames(np.arange(len(clip)))
    originals = {frame.tobytes() for frame in source.frames(np.arange(len(source)))}
    assert {frame.tobytes() for frame in frames} <= originals
    assert 2 <= len(clip) <= 8
    assert clip.times == pytest.approx(np.round(clip.times * 8) / 8, abs=1e-3)
    again = staa.open_clip(tmp_path / "clip.mp4")
    first, second = (staa.explain(item, model, pad="last", cache=False) for item in (clip, again))
    assert np.array_equal(first.maps, second.maps)


def test_the_newest_window_replaces_the_one_that_waits(model: VideoModel):
    live = staa.live(camera(), model, **QUICK)
    numbers = []
    for e in live.windows():
        numbers.append(e.provenance["live"]["frames"][-1])
        time.sleep(0.4)
        if len(numbers) == 3:
            break
    assert not live.is_running
    assert live.stats.windows_dropped >= 2
    # Each window is the newest one, not the next one.
    assert min(np.diff(numbers)) >= 8


def test_a_slow_model_leaves_frames_out_and_does_not_fall_behind(model: VideoModel, monkeypatch: pytest.MonkeyPatch):
    from staa_widgets.live_video.explainer import WindowExplainer

    explain = WindowExplainer.explain

    def explain_slowly(self, window, report):
        time.sleep(0.3)
        return explain(self, window, report)

    monkeypatch.setattr(WindowExplainer, "explain", explain_slowly)
    live = staa.live(camera(30), model, **QUICK)
    ages: list[float] = []

    def add_age(e: staa.Explanation) -> None:
        assert live._session is not None
        ages.append(live._session.now() - e.provenance["live"]["times"][-1])

    live.on_window(add_age)
    live.start()
    wait_for(lambda: len(ages) >= 6)
    stats = live.stats
    live.stop()
    assert stats.stride >= 0.3
    # A queue would have made the last window some seconds old.
    assert max(ages[2:]) < 2 * min(ages[2:]) + 0.3


def test_numbers_add_up(model: VideoModel):
    live = staa.live(staa.open_clip(FRAMES, fps=40), model, **QUICK)
    windows = list(live.windows())
    stats = live.stats
    assert (live.status.state, stats.offered) == ("ended", 60)
    assert stats.taken + stats.skipped + stats.dropped == 60
    assert stats.taken <= 32
    assert len(windows) + stats.windows_dropped == stats.windows
    assert stats.age_p50 is not None
    assert stats.age_p95 is not None
    assert stats.age_p99 is not None
    assert 0 < stats.age_p50 <= stats.age_p95 <= stats.age_p99 < 5
    assert "60 frames offered" in str(stats)


def test_leaving_the_loop_or_an_error_in_it_stops_the_source(model: VideoModel):
    live = staa.live(camera(), model, **QUICK)

    def interrupt() -> None:
        for _ in live.windows():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert not live.is_running
    windows = live.windows()
    next(windows)
    assert live.is_running
    windows.close()
    assert (live.status.state, live.status.text) == ("stopped", "Stopped.")


def test_stop_ends_the_threads_and_the_loop(model: VideoModel):
    before = threading.active_count()
    live = staa.live(camera(), model, **QUICK)
    count = 0
    for _ in live.windows():
        count += 1
        if count == 2:
            live.stop()
    assert count <= 3
    wait_for(lambda: threading.active_count() <= before)
    live.stop()


def test_it_can_be_started_again(model: VideoModel):
    live = staa.live(staa.open_clip(FRAMES[:20], fps=20), model, **QUICK)
    assert list(live.windows())
    assert list(live.windows())
    assert live.stats.offered == 20


def test_an_error_in_a_callback_is_a_warning_and_not_the_end(model: VideoModel):
    live = staa.live(staa.open_clip(FRAMES[:20], fps=20), model, **QUICK)
    good = []

    @live.on_window
    def bad(e):
        raise ValueError("no")

    live.on_window(good.append)
    with pytest.warns(UserWarning, match="bad raised ValueError: no"):
        assert len(list(live.windows())) <= len(good)
    assert good


def test_an_iterator_that_fails_ends_the_loop_with_its_error(model: VideoModel):
    def broken():
        yield from FRAMES[:12]
        raise RuntimeError("rtsp://u:secret@h is gone")

    live = staa.live(broken(), model, **QUICK)
    with pytest.raises(LiveSourceError, match="frames failed with RuntimeError"):
        list(live.windows())
    assert live.status.state == "failed"
    assert "secret" not in live.status.text


def test_a_camera_over_http_that_is_unplugged(model: VideoModel):
    with run_video_server() as server:
        url = server.url.replace("//", f"//{USER}:{PASSWORD}@") + "/camera"
        live = staa.live(url, model, **QUICK)
        windows = live.windows()
        e = next(windows)
        assert PASSWORD not in f"{e.provenance} {e.clip_name} {live} {live.status}"
        assert "127.0.0.1" in e.clip_name
        server.plugged.clear()
        wait_for(lambda: live.status.state == "waiting")
        assert "connecting again" in live.status.text
        server.plugged.set()
        wait_for(lambda: live.status.state == "running")
        next(windows)
        windows.close()
        wait_for(lambda: not live.is_running)


def test_a_source_that_does_not_exist_is_an_error_at_the_start(model: VideoModel):
    with pytest.raises(LiveSourceError, match="There is no camera /dev/video99"):
        staa.live("/dev/video99", model)
    with run_video_server() as server, pytest.raises(LiveSourceError, match="status 404"):
        next(staa.live(server.url + "/none", model).windows())


def test_the_camera_of_a_page_starts_only_in_the_page(model: VideoModel):
    live = staa.live(None, model)
    for start in (live.start, lambda: next(live.windows()), live.record):
        with pytest.raises(PlayerError):
            start()
    assert live.status.state == "idle"
    assert live.stats.offered == 0


@pytest.mark.parametrize(
    "keywords",
    [{"fps": 0}, {"fps": 1000}, {"window": -1}, {"stride": float("nan")}, {"window": "recipe"}, {"layer": 3}],
)
def test_wrong_keywords_are_refused(model: VideoModel, keywords: dict):
    with pytest.raises(ParameterError):
        staa.live(FRAMES, model, **keywords)


def test_wrong_methods_classes_and_recordings_are_refused(model: VideoModel, tmp_path: Path):
    with pytest.raises(UnknownMethodError):
        staa.live(FRAMES, model, "sta")
    with pytest.raises(ParameterError):
        staa.live(FRAMES, model, target="no such class")
    live = staa.live(FRAMES, model)
    with pytest.raises(ParameterError):
        live.record(0)
    with pytest.raises(FileWriteError):
        live.record(1, tmp_path / "none" / "clip.mp4")
    assert not live.is_running
