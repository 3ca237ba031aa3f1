"""The preview: all frames of a short clip, some of a long one, within the limit of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from staa_widgets import Clip, open_clip
from staa_widgets.errors import FormatError
from staa_widgets.storage.format import pack, split_fields
from staa_widgets.video.frame_reader import ArrayReader
from staa_widgets.video.preview import Preview, make_preview


def make_clip(count: int, noise: int = 0) -> Clip:
    frames = np.random.default_rng(0).integers(0, noise + 1, (count, 90, 160, 3))
    return open_clip(frames.astype(np.uint8))


def test_a_preview_is_loaded_unchanged_and_damaged_ones_are_refused():
    preview = make_preview(make_clip(3))
    loaded = Preview.from_bytes(preview.to_bytes())
    assert [loaded.jpeg(i) for i in range(3)] == [preview.jpeg(i) for i in range(3)]
    values, arrays = split_fields(preview)
    for data in (b"", pack("record", values, arrays), pack("preview", {**values, "width": 0}, arrays)):
        with pytest.raises(FormatError):
            Preview.from_bytes(data)


def test_long_clips_are_thinned_evenly_with_both_ends_kept():
    preview = make_preview(make_clip(50), max_frames=8)
    np.testing.assert_array_equal(preview.indices, [0, 7, 14, 21, 28, 35, 42, 49])
    np.testing.assert_allclose(preview.times, preview.indices / 25)


def test_frames_are_scaled_down_to_the_longest_side_and_never_up():
    clip = make_clip(3)
    assert (make_preview(clip, max_side=64).width, make_preview(clip, max_side=64).height) == (64, 36)
    assert (make_preview(clip).width, make_preview(clip).height) == (160, 90)


@pytest.mark.parametrize("budget", [200_000, 60_000, 15_000])
def test_the_budget_is_kept_and_used(budget: int):
    preview = make_preview(make_clip(20, 255), max_bytes=budget)
    assert budget / 3 < preview.data.size <= budget


def test_the_budget_is_kept_when_most_frames_are_larger_than_the_probed_ones():
    """All frames are noise except the eight that are probed for their size."""
    frames = np.random.default_rng(0).integers(0, 256, (64, 90, 160, 3), np.uint8)
    frames[np.linspace(0, 63, 8).round().astype(int)] = 0
    assert make_preview(open_clip(frames), max_bytes=200_000).data.size <= 200_000


@dataclass(frozen=True)
class CountingReader(ArrayReader):
    """Reads frames in memory and notes the size of each frame that is decoded; it never decodes several at once."""

    sizes: list[tuple[int, int]] = field(default_factory=list)

    def read(self, indices: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        raise AssertionError("All frames are decoded at once.")

    def iterate(self, indices: np.ndarray, size: tuple[int, int], on_damage: Any = None) -> Iterator[np.ndarray]:
        for frame in super().iterate(indices, size, on_damage):
            self.sizes.append(frame.shape[1::-1])
            yield frame


def test_frames_are_decoded_one_at_a_time_at_their_reduced_size():
    clip = make_clip(20)
    assert isinstance(clip.reader, ArrayReader)
    reader = CountingReader(clip.reader.frames)
    make_preview(replace(clip, reader=reader), max_side=40)
    assert reader.sizes == [(40, 22)] * 20
    # Some frames are tried first where all pictures may not fit.
    reader.sizes.clear()
    make_preview(replace(clip, reader=reader), max_side=40, max_bytes=20 * 40 * 22 // 4 - 1)
    assert len(reader.sizes) >= 8 + 20
