"""Drawn actions: their scenes and their ground truth."""

from __future__ import annotations

import hashlib
import json
from dataclasses import FrozenInstanceError, asdict, replace

import av
import numpy as np
import pytest

from staa_widgets.datasets.drawn_actions import ACTIONS, STEPS, VARIANTS, action_clip, draw_scene, render
from staa_widgets.datasets.drawn_actions.drawing import pose_at
from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metrics.localization import score_ground_truth
from staa_widgets.explanation.ground_truth import ground_truth_on_grid
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


def test_a_seed_gives_one_scene_at_any_size_and_rate():
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
        scene = draw_scene(seed, name, kind="middle")
        assert 3 <= scene.actor.stop - scene.actor.start <= 5
        clip = action_clip(seed, name, size=16, fps=16, seconds=4, kind="middle")
        assert clip.label == name
        assert 3 <= clip.when.sum() / (len(clip.when) / STEPS) <= 5.2


def test_where_is_marked_only_while_the_action_happens():
    for seed in range(10):
        clip = action_clip(seed, size=64, fps=4)
        assert clip.where[clip.when].any(axis=(1, 2)).all()
        assert not clip.where[~clip.when].any()


def test_where_covers_pixels_that_change_with_the_action():
    """Two actions of the same arm: pixels that differ between the clips lie in one of their ground truths."""
    wave, punch = action_clip(3, "wave", size=128, fps=4), action_clip(3, "punch", size=128, fps=4)
    differs = np.abs(wave.frames.astype(int) - punch.frames).max(axis=-1) > 100
    assert not differs[~wave.when].any()
    changed_pixels, truth = differs[wave.when], (wave.where | punch.where)[wave.when]
    assert changed_pixels.sum() > 200
    assert (changed_pixels & truth).sum() > 0.9 * changed_pixels.sum()


def test_lowering_is_raising_reversed_in_time():
    raised, lowered = (draw_scene(5, name, kind="middle").actor for name in ("raise_arm", "lower_arm"))
    middles = [(actor.start + actor.stop) / 2 for actor in (raised, lowered)]
    for offset in np.linspace(-2.2, 2.2, 9):
        up, down = pose_at(raised, middles[0] + offset), pose_at(lowered, middles[1] - offset)
        assert up.upper_arm_right == pytest.approx(down.upper_arm_right)


def test_every_clip_has_a_moving_distractor():
    for seed in range(300):
        scene = draw_scene(seed)
        assert scene.ball or (scene.bystander and scene.bystander.motion in {"march", "drift"})


def test_distractors_do_not_depend_on_the_class():
    for seed in range(20):
        scenes = [draw_scene(seed, name) for name in ("wave", "squat")]
        assert scenes[0].ball == scenes[1].ball
        assert scenes[0].flicker == scenes[1].flicker
        assert scenes[0].bystander == scenes[1].bystander


@pytest.mark.parametrize("kind", ["middle", "anywhere"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_motion_energy_alone_does_not_find_the_action(variant, kind):
    """Frame differences must point to the action in at most 30 % of clips, at a mean AP of at most 0.25."""
    sampled = (np.arange(8) * 2 + 1)[:, None]
    scores = []
    for seed in range(8_000_000, 8_000_120):
        clip = action_clip(seed, size=64, fps=4, variant=variant, kind=kind)
        truth = ground_truth_on_grid(clip, sampled, (0, 0, 64, 64), (8, 8))
        scores.append(score_ground_truth(controls.motion_energy(clip.frames[sampled[:, 0]], (8, 8, 8)), truth))
    assert np.mean([f["pointing"] for f in scores]) <= 0.30
    assert np.mean([f["average_precision"] for f in scores]) <= 0.25


def test_standard_scenes_never_change():
    """The bundled models were trained on them, and the default method was chosen on them."""
    scenes = [draw_scene(seed, kind="middle") for seed in (0, 3, 7, 11, 4_000_000, 5_500_000)]
    scenes += [draw_scene(5, name, kind="middle") for name in ("wave", "lower_arm")]
    assert all(scene.actor.second_start is None for scene in scenes)
    # Nothing in these clips happens twice: they were drawn before anything could.
    fields = [asdict(scene, dict_factory=_without_second_start) for scene in scenes]
    digest = hashlib.sha256(json.dumps(fields).encode()).hexdigest()
    assert digest == "126777b12d362e5891bcdaaa10302e9fa15eb18c156d4664206f30722317edd7"


def _without_second_start(fields: list[tuple[str, object]]) -> dict[str, object]:
    return {name: value for name, value in fields if name != "second_start"}


@pytest.mark.parametrize(
    ("seed", "label", "mean", "spread", "true_pixels"),
    [
        (0, "kick", 52.518926, 54.815677, 651),
        (3, "wave", 65.543162, 62.110049, 412),
        (4_000_000, "lower_arm", 70.523303, 66.519010, 532),
    ],
)
def test_standard_clips_never_change(seed, label, mean, spread, true_pixels):
    """Moments are compared and not bits, because processors round a sine differently."""
    clip = action_clip(seed, size=64, fps=4, kind="middle")
    assert clip.label == label
    assert clip.frames.mean() == pytest.approx(mean, abs=1e-4)
    assert clip.frames.std() == pytest.approx(spread, abs=1e-4)
    assert clip.where.sum() == pytest.approx(true_pixels, abs=1)


def test_the_second_set_has_its_own_style_and_a_bystander_that_moves():
    """Standard clips never have its sizes, backgrounds and tempo; the bystander always moves, as no class does."""
    for seed in range(200):
        first, second = (draw_scene(seed, None, variant, "middle") for variant in ("standard", "second"))
        assert second.actor.height < 0.7 <= first.actor.height
        assert second.actor.period >= 2
        assert second.bystander is not None
        assert second.bystander.motion in {"march", "sway"}
        assert second.bystander.stop - second.bystander.start >= 3
        assert 3 <= second.actor.stop - second.actor.start <= 5
    labels = [draw_scene(seed, variant="second").label for seed in range(200)]
    assert set(labels) == set(ACTIONS)
    assert labels != [draw_scene(seed).label for seed in range(200)]


def test_truth_of_the_second_set_marks_the_actor_alone():
    """The moving limbs of the bystander are not marked."""
    for seed in range(12):
        scene = draw_scene(seed, variant="second")
        clip = action_clip(seed, size=64, fps=4, variant="second")
        assert clip.label == scene.label
        assert clip.where[clip.when].any(axis=(1, 2)).all()
        assert not clip.where[~clip.when].any()
        actor_mask = render(replace(scene, bystander=None, ball=None, flicker=None), np.arange(16) / 2, 64)[1]
        np.testing.assert_array_equal(clip.where, actor_mask)


def test_both_figures_of_the_second_set_move():
    moving_shares = []
    for seed in range(12):
        scene = draw_scene(seed, variant="second")
        assert scene.bystander is not None
        still = replace(scene.bystander, motion="idle")
        steps = np.arange(32) / 4
        frames = [render(replace(scene, bystander=b), steps, 64)[0].astype(int) for b in (scene.bystander, still)]
        moving_shares.append((np.abs(frames[0] - frames[1]).max(axis=(1, 2, 3)) > 40).mean())
    assert min(moving_shares) >= 0.25


def test_write_mp4_keeps_frames_and_times(tmp_path):
    clip = action_clip(2, size=64, fps=12.5, seconds=2)
    path = clip.write_mp4(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    np.testing.assert_allclose([f.time for f in frames], clip.times, atol=1e-4)
    decoded = np.stack([f.to_ndarray(format="rgb24") for f in frames])
    assert np.abs(decoded.astype(int) - clip.frames).mean() < 4


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "dance"},
        {"variant": "third"},
        {"size": 15},
        {"size": 8},
        {"fps": 0},
        {"fps": 1},
        {"seconds": -1},
        {"seed": -1},
    ],
)
def test_wrong_arguments_are_refused_with_a_hint(arguments):
    with pytest.raises(ParameterError) as caught:
        action_clip(**{"seed": 0, **arguments})
    assert caught.value.hint
