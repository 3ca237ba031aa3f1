"""Drawn actions: what is drawn, and that the truth about it is true."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import av
import numpy as np
import pytest

from staa_widgets.actions import ACTIONS, STEPS, action_clip, draw_scene
from staa_widgets.actions.drawing import pose_at
from staa_widgets.errors import ParameterError
from staa_widgets.evaluate.truth import score, truth_on_grid
from staa_widgets.methods import controls


def test_shapes_types_and_times():
    clip = action_clip(1, size=64, fps=8, seconds=4)
    assert clip.frames.shape == (32, 64, 64, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.where.shape == (32, 64, 64)
    assert clip.where.dtype == clip.when.dtype == bool
    np.testing.assert_allclose(clip.times, np.arange(32) / 8)
    with pytest.raises(FrozenInstanceError):
        clip.label = "other"  # type: ignore[misc]


def test_a_seed_is_a_scene_at_any_size_and_rate():
    small, again = action_clip(7, size=64, fps=4), action_clip(7, size=64, fps=4)
    np.testing.assert_array_equal(small.frames, again.frames)
    large = action_clip(7, size=320, fps=8)
    assert large.label == small.label
    shrunk = large.frames[::2].reshape(16, 64, 5, 64, 5, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small.frames).mean() < 2
    assert not np.array_equal(action_clip(8, size=64, fps=4).frames, small.frames)


@pytest.mark.parametrize("name", ACTIONS)
def test_the_action_fills_three_to_five_of_eight_steps(name):
    for seed in range(10):
        scene = draw_scene(seed, name)
        assert 3 <= scene.actor.stop - scene.actor.start <= 5
        clip = action_clip(seed, name, size=16, fps=16, seconds=4)
        assert clip.label == name
        assert 3 <= clip.when.sum() / (len(clip.when) / STEPS) <= 5.2


def test_where_is_marked_only_while_the_action_happens():
    for seed in range(10):
        clip = action_clip(seed, size=64, fps=4)
        assert clip.where[clip.when].any(axis=(1, 2)).all()
        assert not clip.where[~clip.when].any()


def test_where_covers_what_changes_when_only_the_action_changes():
    """Two actions of the same arm: whatever differs between the two clips lies in one of their truths."""
    wave, punch = action_clip(3, "wave", size=128, fps=4), action_clip(3, "punch", size=128, fps=4)
    differs = np.abs(wave.frames.astype(int) - punch.frames).max(axis=-1) > 100
    assert not differs[~wave.when].any()
    seen, truth = differs[wave.when], (wave.where | punch.where)[wave.when]
    assert seen.sum() > 200
    assert (seen & truth).sum() > 0.9 * seen.sum()


def test_raise_backwards_is_lower():
    raised, lowered = draw_scene(5, "raise_arm").actor, draw_scene(5, "lower_arm").actor
    middles = [(actor.start + actor.stop) / 2 for actor in (raised, lowered)]
    for away in np.linspace(-2.2, 2.2, 9):
        up, down = pose_at(raised, middles[0] + away), pose_at(lowered, middles[1] - away)
        assert up.upper_arm_right == pytest.approx(down.upper_arm_right)


def test_every_clip_has_something_that_moves_and_says_nothing():
    for seed in range(300):
        scene = draw_scene(seed)
        assert scene.ball or (scene.bystander and scene.bystander.does in {"march", "drift"})


def test_distractors_do_not_depend_on_the_class():
    for seed in range(20):
        scenes = [draw_scene(seed, name) for name in ("wave", "squat")]
        assert scenes[0].ball == scenes[1].ball
        assert scenes[0].patch == scenes[1].patch
        assert scenes[0].bystander == scenes[1].bystander


def test_motion_energy_alone_does_not_find_the_action():
    """The set is worth something only if frame differences point right in at most 30 % of clips, at AP up to .25."""
    sampled = (np.arange(8) * 2 + 1)[:, None]
    found = []
    for seed in range(6_000_000, 6_000_200):
        clip = action_clip(seed, size=64, fps=4)
        truth = truth_on_grid(clip, sampled, (0, 0, 64, 64), (8, 8))
        found.append(score(controls.motion_energy(clip.frames[sampled[:, 0]], (8, 8, 8)), truth))
    assert np.mean([f["pointing"] for f in found]) <= 0.30
    assert np.mean([f["average_precision"] for f in found]) <= 0.25


def test_write_mp4_keeps_frames_and_times(tmp_path):
    clip = action_clip(2, size=64, fps=12.5, seconds=2)
    path = clip.write_mp4(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    np.testing.assert_allclose([f.time for f in frames], clip.times, atol=1e-4)
    decoded = np.stack([f.to_ndarray(format="rgb24") for f in frames])
    assert np.abs(decoded.astype(int) - clip.frames).mean() < 4


@pytest.mark.parametrize(
    "arguments", [{"name": "dance"}, {"size": 15}, {"size": 8}, {"fps": 0}, {"fps": 1}, {"seconds": -1}, {"seed": -1}]
)
def test_bad_arguments_say_what_to_do(arguments):
    with pytest.raises(ParameterError) as caught:
        action_clip(**{"seed": 0, **arguments})
    assert caught.value.hint
