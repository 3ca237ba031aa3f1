"""Still clips: one frame, as it is or disturbed, in which nothing happens."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.datasets.drawn_actions import STILL_KINDS, draw_scene, render, still_clip
from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metrics.localization import score_ground_truth
from staa_widgets.explanation.ground_truth import ground_truth_on_grid

FRAME = np.random.default_rng(0).integers(40, 200, (6, 8, 3)).astype(np.uint8)


@pytest.mark.parametrize("kind", STILL_KINDS)
def test_nothing_happens_in_a_still_clip(kind):
    clip = still_clip(3, kind, size=64, fps=2)
    assert clip.frames.shape == (8, 64, 64, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.label == f"still, {kind}"
    assert not clip.where.any()
    assert not clip.when.any()
    assert not clip.has_temporal_truth
    truth = ground_truth_on_grid(clip, np.arange(8)[:, None], (0, 0, 64, 64), (8, 8))
    assert np.isnan([*score_ground_truth(np.ones((8, 8, 8), np.float32), truth).values()]).all()
    np.testing.assert_array_equal(clip.frames, still_clip(3, kind, size=64, fps=2).frames)


def test_a_plain_still_clip_repeats_the_acting_figure():
    scene = draw_scene(3, kind="middle")
    clip = still_clip(3, size=64, fps=2)
    assert (clip.frames == clip.frames[:1]).all()
    frame, where = render(scene, np.array([(scene.actor.start + scene.actor.stop) / 2]), 64)
    np.testing.assert_array_equal(clip.frames[0], frame[0])
    assert where.any()


def test_noise_has_a_deviation_of_four_gray_levels():
    clip = still_clip(1, "noise", frame=np.full((40, 40, 3), 128, np.uint8), fps=8)
    assert clip.frames.std() == pytest.approx(4, abs=0.1)
    assert clip.frames.mean() == pytest.approx(128, abs=0.1)
    assert not np.array_equal(clip.frames[0], clip.frames[1])


def test_compression_changes_little():
    plain, video = (still_clip(1, kind, size=64, fps=2).frames.astype(int) for kind in ("plain", "mp4"))
    assert 0 < np.abs(plain - video).mean() < 4


def test_brightness_changes_slowly_and_nothing_else_does():
    frames = still_clip(1, "brightness", frame=np.full((4, 4, 3), 100, np.uint8), fps=8).frames
    levels = frames[:, 0, 0, 0].astype(int)
    assert levels[[0, -1]].tolist() == [85, 115]
    assert set(np.diff(levels)) <= {0, 1}


def test_jitter_moves_the_frame_by_at_most_a_pixel():
    frames = still_clip(1, "jitter", frame=FRAME, fps=8).frames
    padded = np.pad(FRAME, [(1, 1), (1, 1), (0, 0)], mode="edge")
    shifted = [padded[y : y + 6, x : x + 8] for y in range(3) for x in range(3)]
    which = [next(n for n, image in enumerate(shifted) if np.array_equal(image, frame)) for frame in frames]
    assert len(set(which)) >= 5


def test_a_real_frame_is_shown_as_it_is():
    clip = still_clip(0, frame=FRAME, fps=2)
    assert clip.frames.shape == (8, 6, 8, 3)
    assert (clip.frames == FRAME).all()


@pytest.mark.parametrize("arguments", [{"kind": "moving"}, {"frame": FRAME.astype(float)}, {"fps": 0}])
def test_bad_arguments_say_what_to_do(arguments):
    with pytest.raises(ParameterError) as caught:
        still_clip(0, **arguments)
    assert caught.value.hint
