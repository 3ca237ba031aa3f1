"""Clips with fewer frames than the model takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.engine.request import find_request
from staa_widgets.errors import ParameterError, TooFewFramesError
from staa_widgets.models import VideoModel
from tests.helpers.video_files import barcode_frame

FRAMES = np.stack([barcode_frame(i, 64, 48) for i in range(3)])


def test_a_short_clip_is_refused_unless_it_is_padded(model: VideoModel):
    with pytest.raises(TooFewFramesError, match="pad='last'"):
        staa.explain(FRAMES, model, cache=False)
    with pytest.raises(ParameterError, match="pad is 'first'"):
        staa.explain(FRAMES, model, pad="first")


def test_the_last_frame_is_repeated_and_the_provenance_says_so(model: VideoModel, folder: Path):
    count = model.geometry.frames
    e = staa.explain(FRAMES, model, pad="last")
    sampled = e.sampled_frames.ravel().tolist()
    assert sampled == [0, 1] + [2] * (count - 2)
    sampling = e.provenance["sampling"]
    assert (sampling["pad"], sampling["repeats_of_last_frame"]) == ("last", count - 3)
    # The same frames given in full give the same maps; their times differ.
    padded = np.concatenate([FRAMES, np.repeat(FRAMES[2:], count - 3, axis=0)])
    np.testing.assert_allclose(e.maps, staa.explain(padded, model, cache=False).maps, atol=1e-6)
    assert (e.spans[0, 0], e.spans[-1, 1]) == (0.0, 3 / 25)
    assert np.all(np.diff(e.spans, axis=1) > 0)
    assert staa.explain(FRAMES, model, pad="last").provenance["cache"] == "hit"


def test_a_clip_that_is_long_enough_is_not_padded(model: VideoModel, video: Path):
    e = staa.explain(video, model, pad="last", cache=False)
    assert "pad" not in e.provenance["sampling"]
    np.testing.assert_array_equal(e.sampled_frames, staa.explain(video, model, cache=False).sampled_frames)


def test_all_ways_to_explain_take_short_clips(model: VideoModel, tmp_path: Path):
    options: dict[str, Any] = {"cache": False, "pad": "last"}
    [part] = staa.stream(FRAMES, model, **options)
    [outcome] = staa.explain_many([FRAMES], model, **options)
    comparison = staa.compare(FRAMES, model, ["staa", "occlusion"], **options)
    assert outcome.explanation is not None
    for e in (part, outcome.explanation, *comparison.values()):
        assert len(e.maps) == model.geometry.slices
        e.to_html(tmp_path / "page.html")
    request = find_request(staa.Explanation.from_bytes(part.to_bytes()), None, FRAMES, model)
    assert request is not None
    assert request.pad == "last"
