"""Kinds of synthetic clips: actions anywhere in time, held poses, clips cut to their action."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from staa_widgets.datasets.drawn_actions import (
    ACTIONS,
    HELD_POSES,
    KINDS,
    STEPS,
    VARIANTS,
    action_clip,
    draw_scene,
    render,
)
from staa_widgets.datasets.drawn_actions.scene import Figure
from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metrics.localization import score_ground_truth
from staa_widgets.explanation.ground_truth import ground_truth_on_grid
from staa_widgets.methods import controls

CENTERS = np.arange(STEPS) + 0.5
"""Middles of the eight steps."""


def describe(actor: Figure) -> str:
    """Return where in time an action lies."""
    if actor.second_start is not None:
        return "twice"
    if actor.start <= 0 and actor.stop >= STEPS:
        return "filling"
    return "cut at the start" if actor.start < 0 else "cut at the end" if actor.stop > STEPS else "inside"


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_moment_is_likelier_than_another(variant):
    """A curve that knows no clip cannot find the action: each slice acts in the same share of the clips."""
    when = np.array([draw_scene(n, variant=variant, kind="anywhere").actor.is_moving(CENTERS) for n in range(2000)])
    shares = when.mean(axis=0)
    assert np.abs(shares - shares.mean()).max() <= 0.05
    middle = np.mean(
        [draw_scene(n, variant=variant, kind="middle").actor.is_moving(CENTERS) for n in range(2000)], axis=0
    )
    assert np.abs(middle - middle.mean()).max() > 0.4


@pytest.mark.parametrize("name", ["wave", "raise_arm", "lower_arm"])
def test_no_moment_is_likelier_within_a_class(name):
    when = np.array([draw_scene(n, name, kind="anywhere").actor.is_moving(CENTERS) for n in range(2000)])
    shares = when.mean(axis=0)
    assert np.abs(shares - shares.mean()).max() <= 0.05


def test_actions_begin_inside_are_cut_off_fill_the_clip_or_happen_twice():
    actors = [draw_scene(seed, kind="anywhere").actor for seed in range(2000)]
    counts = Counter(map(describe, actors))
    assert all(counts[form] >= 100 for form in ("inside", "cut at the start", "cut at the end", "filling", "twice"))
    assert {actor.motion for actor in actors if actor.second_start is not None} == {
        name for name, action in ACTIONS.items() if not action.once
    }
    shares = np.array([actor.visible_share() for actor in actors])
    assert shares.min() >= 0.5
    assert (shares >= 0.75).mean() >= 0.6


def test_a_seed_draws_the_same_scene_at_another_time():
    for seed in range(40):
        middle, anywhere = draw_scene(seed, kind="middle"), draw_scene(seed, kind="anywhere")
        times = {"start": 0, "stop": 1, "second_start": None}
        assert replace(anywhere.actor, **times) == replace(middle.actor, **times)
        assert anywhere.ground == middle.ground
        assert anywhere.waves == middle.waves


def test_an_action_done_twice_rests_between():
    scenes = [draw_scene(seed, kind="anywhere") for seed in range(300)]
    twice = [scene.actor for scene in scenes if scene.actor.second_start is not None]
    assert len(twice) >= 20
    for actor in twice:
        assert actor.second_start is not None
        length = actor.stop - actor.start
        assert actor.second_start - actor.stop >= 0.99 * length
        moments = np.array([actor.start + length / 2, actor.stop + length / 2, actor.second_start + length / 2])
        inside = (moments >= 0) & (moments < STEPS)
        np.testing.assert_array_equal(actor.is_moving(moments)[inside], np.array([True, False, True])[inside])
        assert actor.visible_share() >= 0.75


def test_visible_share_by_hand():
    actor = replace(draw_scene(0).actor, start=-1, stop=3)
    assert actor.visible_share() == pytest.approx(3 / 4)
    assert replace(actor, start=6.5, stop=9.5).visible_share() == pytest.approx(1.5 / 3)
    assert replace(actor, start=-1, stop=1, second_start=4).visible_share() == pytest.approx(3 / 4)
    assert replace(actor, start=-1, stop=9).visible_share() == 1
    assert replace(actor, start=2, stop=6).visible_share(first=3, last=6) == 1
    assert replace(actor, start=2, stop=4).visible_share(first=3, last=8) == pytest.approx(1 / 2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_truth_is_marked_only_while_the_action_happens(variant):
    for seed in range(30):
        clip = action_clip(seed, size=48, fps=4, variant=variant, kind="anywhere")
        assert clip.kind == "anywhere"
        assert clip.where[clip.when].any(axis=(1, 2)).all()
        assert not clip.where[~clip.when].any()
        assert clip.has_temporal_truth == (describe(draw_scene(seed, None, variant, "anywhere").actor) != "filling")


@pytest.mark.parametrize("name", HELD_POSES)
def test_a_held_pose_stays_while_other_things_move(name):
    for seed in range(10):
        clip = action_clip(seed, name, size=64, fps=4, kind="stay")
        assert clip.label == name
        assert clip.when.all()
        assert not clip.has_temporal_truth
        # The figure sways slightly; no pixel that is surely part of the pose becomes ground.
        assert (clip.where.all(axis=0).sum() / clip.where.sum(axis=(1, 2)).mean()) > 0.5
        scene = draw_scene(seed, name, kind="stay")
        assert scene.ball or scene.flicker or scene.bystander
        assert np.abs(np.diff(clip.frames.astype(int), axis=0)).max() > 40


def test_held_poses_are_told_apart_by_their_own_limbs():
    arm, crouch = (action_clip(4, name, size=64, fps=4, kind="stay") for name in ("hold_arm", "crouch"))
    differs = np.abs(arm.frames.astype(int) - crouch.frames).max(axis=-1) > 100
    assert differs.any(axis=(1, 2)).all()
    assert arm.where.sum() < 0.4 * crouch.where.sum()


def test_a_cut_clip_shows_the_action_and_nothing_else():
    for seed in range(10):
        scene = draw_scene(seed, kind="cut")
        clip = action_clip(seed, size=48, fps=8, kind="cut")
        assert clip.when.all()
        assert clip.visible_share == 1
        assert len(clip.frames) == round(32 * (scene.actor.stop - scene.actor.start) / STEPS)
        np.testing.assert_allclose(np.diff(clip.times), 1 / 8)
        np.testing.assert_array_equal(clip.frames[:1], render(scene, np.array([scene.actor.start]), 48)[0])
    assert len(action_clip(0, size=48, fps=2, kind="cut").frames) == STEPS


def test_temporal_metrics_are_undefined_where_the_action_fills_the_clip():
    sampled = (np.arange(8) * 2 + 1)[:, None]
    for kind in ("stay", "cut"):
        clip = action_clip(2, size=64, fps=8, kind=kind)
        truth = ground_truth_on_grid(clip, sampled[: len(clip.frames) // 2], (0, 0, 64, 64), (8, 8))
        scores = score_ground_truth(controls.uniform(truth.where.shape), truth)
        assert np.isnan([scores["temporal_auc"], scores["temporal_pointing"]]).all()
        assert np.isfinite([scores["pointing"], scores["mass"], scores["average_precision"]]).all()


@pytest.mark.parametrize(
    "arguments", [{"kind": "somewhere"}, {"kind": "stay", "name": "wave"}, {"kind": "anywhere", "name": "crouch"}]
)
def test_bad_kinds_say_what_to_do(arguments):
    with pytest.raises(ParameterError) as caught:
        action_clip(0, **arguments)
    assert caught.value.hint
    assert set(KINDS) == {"middle", "anywhere", "stay", "cut"}
