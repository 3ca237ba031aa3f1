"""Clips and iterators as live sources, by a clock that moves only while the source waits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import staa_widgets as staa
from staa_widgets.errors import FrameArrayError
from staa_widgets.live_video.sources.choose import open_source
from staa_widgets.live_video.sources.played import ClipSource, IteratorSource
from tests.helpers.live_sink import FakeSink

FRAMES = np.random.default_rng(0).integers(0, 256, (20, 6, 8, 3), dtype=np.uint8)


def test_a_clip_is_played_at_its_own_speed():
    times = np.array([0, 0.1, 0.5, 0.6, 2.0])
    sink = FakeSink()
    sink.clock = 7.0
    ClipSource(staa.open_clip(FRAMES[:5], times=times)).run(sink)
    assert [seconds for seconds, _ in sink.frames] == pytest.approx(7 + times)
    assert np.array_equal([image for _, image in sink.frames], FRAMES[:5])
    assert sink.clock == pytest.approx(9.0 + 0.3, abs=0.4)  # the last frame is shown for its time


def test_a_range_of_a_clip_begins_at_once():
    sink = FakeSink()
    ClipSource(staa.open_clip(FRAMES, 1.0, 1.5, fps=10)).run(sink)
    assert [seconds for seconds, _ in sink.frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_an_iterator_that_does_not_wait_is_played_at_the_rate():
    sink = FakeSink()
    IteratorSource(iter(FRAMES), fps=10).run(sink)
    assert [seconds for seconds, _ in sink.frames] == pytest.approx(np.arange(20) / 10)
    assert np.array_equal([image for _, image in sink.frames], FRAMES)


@pytest.mark.parametrize("rate", [60, 30, 2])
def test_an_iterator_that_waits_sets_its_own_speed(rate: int):
    sink = FakeSink()
    IteratorSource(sink.camera(FRAMES, 1 / rate), fps=8).run(sink)
    seconds = [seconds for seconds, _ in sink.frames][6:]
    assert np.diff(seconds) == pytest.approx(1 / rate)
    assert len(sink.frames) == 20


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_short_iterator_loses_no_frame(count: int):
    sink = FakeSink()
    IteratorSource(iter(FRAMES[:count]), fps=10).run(sink)
    assert [image.tobytes() for _, image in sink.frames] == [frame.tobytes() for frame in FRAMES[:count]]


def test_a_source_ends_when_it_is_told_to():
    for source in (ClipSource(staa.open_clip(FRAMES, fps=10)), IteratorSource(iter(FRAMES), fps=10)):
        sink = FakeSink(limit=7)
        source.run(sink)
        assert len(sink.frames) == 7


@pytest.mark.parametrize("convert", [Image.fromarray, torch.from_numpy, lambda frame: frame.transpose(2, 0, 1)])
def test_frames_of_an_iterator_may_be_images_and_tensors(convert):
    sink = FakeSink()
    IteratorSource(map(convert, FRAMES), fps=10).run(sink)
    assert np.array_equal([image for _, image in sink.frames], FRAMES)


def test_what_is_no_frame_is_refused():
    with pytest.raises(FrameArrayError, match=r"Cannot read|shape"):
        IteratorSource(iter(["a"]), fps=10).run(FakeSink())


def test_the_kind_of_a_source(tmp_path):
    file = staa.action_clip(3, size=48, fps=8).write_mp4(tmp_path / "clip.mp4")
    for source in (file, str(file), file.as_uri(), FRAMES, list(FRAMES), staa.open_clip(file), staa.action_clip(3)):
        assert isinstance(open_source(source, 8), ClipSource)
    assert isinstance(open_source(iter(FRAMES), 8), IteratorSource)
    assert isinstance(open_source((frame for frame in FRAMES), 8), IteratorSource)
    assert open_source(None, 8).name == "camera of the page"
