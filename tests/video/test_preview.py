"""The preview: all pictures of a short clip, some of a long one, never more bytes than allowed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from staa_widgets import Clip, open_clip
from staa_widgets.errors import FormatError
from staa_widgets.storage.format import pack, split_fields
from staa_widgets.video.preview import Preview, make_preview


def make_clip(count: int, noise: int = 0) -> Clip:
    made = np.random.default_rng(0).integers(0, noise + 1, (count, 90, 160, 3))
    return open_clip(made.astype(np.uint8))


def test_pictures_come_back_from_a_file_or_are_refused():
    preview = make_preview(make_clip(3))
    again = Preview.from_bytes(preview.to_bytes())
    assert [again.jpeg(i) for i in range(3)] == [preview.jpeg(i) for i in range(3)]
    values, arrays = split_fields(preview)
    for broken in (b"", pack("record", values, arrays), pack("preview", {**values, "width": 0}, arrays)):
        with pytest.raises(FormatError):
            Preview.from_bytes(broken)


def test_long_clips_are_thinned_evenly_with_both_ends_kept():
    preview = make_preview(make_clip(50), max_frames=8)
    np.testing.assert_array_equal(preview.indices, [0, 7, 14, 21, 28, 35, 42, 49])
    np.testing.assert_allclose(preview.times, preview.indices / 25)


def test_pictures_shrink_to_the_longest_side_and_never_grow():
    clip = make_clip(3)
    assert (make_preview(clip, max_side=64).width, make_preview(clip, max_side=64).height) == (64, 36)
    assert (make_preview(clip).width, make_preview(clip).height) == (160, 90)


@pytest.mark.parametrize("budget", [200_000, 60_000, 15_000])
def test_the_budget_is_kept_and_used(budget: int):
    preview = make_preview(make_clip(20, 255), max_bytes=budget)
    assert budget / 3 < preview.data.size <= budget


def test_the_budget_is_kept_where_most_frames_are_harder_than_the_probes():
    """Only frames that are not looked at beforehand are noise."""
    made = np.random.default_rng(0).integers(0, 256, (64, 90, 160, 3), np.uint8)
    made[np.linspace(0, 63, 8).round().astype(int)] = 0
    assert make_preview(open_clip(made), max_bytes=200_000).data.size <= 200_000


def test_frames_are_decoded_in_chunks(monkeypatch: pytest.MonkeyPatch):
    clip = make_clip(20)
    asked: list[int] = []

    def remember(indices: np.ndarray) -> np.ndarray:
        asked.append(len(indices))
        return clip._decode(indices)

    counted = replace(clip, _decode=remember)
    monkeypatch.setattr("staa_widgets.video.preview.CHUNK_BYTES", 3 * 160 * 90 * 9)
    make_preview(counted)
    assert max(asked) == 9
    assert sum(asked) == 20 + 8
