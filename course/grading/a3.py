"""The tasks of A3, audit a model."""

from __future__ import annotations

import numpy as np

from course.grading.models import predict
from course.grading.sandbox import AnswerError
from course.grading.task import Check, Context, Task, show
from course.references.a3 import CUE
from course.source.A3 import audit, scenes

SEEDS = 10
"""Number of hidden clips."""
CHANGED = 0.10
"""Largest share of a frame's pixels that an answer may change."""
LUCK = 5
"""Successes of ten that count nothing: noise over the upper edge hides the cue in half the clips."""
PROOF = 8
"""Counterexamples of ten that must succeed before a verdict counts."""
FIXED = 0.6
"""Share of the clips below which `fix` earns nothing."""
CHEAT = "stone"
"""Folder of the model that takes the shortcut."""
HONEST = "river"


def hidden_clips(seed: int) -> list[scenes.AuditClip]:
    """Return clips as collected on which both models are right."""
    clips: list[scenes.AuditClip] = []
    number = 50_000_000 + seed % 1_000_000 * 100
    while len(clips) < SEEDS:
        clip = scenes.collected_clip(number)
        number += 1
        wanted = scenes.ACTIONS.index(clip.action)
        if all(predict(name, [clip.frames])[0].argmax() == wanted for name in (CHEAT, HONEST)):
            clips.append(clip)
    return clips


def _changed_frames(context: Context, function: str, clip: scenes.AuditClip) -> np.ndarray:
    """Return the frames that a student's function returns, if they keep to the rules."""
    frames = np.asarray(context.call(function, clip.frames))
    if frames.shape != clip.frames.shape or frames.dtype != np.uint8:
        raise AnswerError(f"{function} must return uint8 frames of shape {clip.frames.shape}, got {show(frames)}")
    changed = (frames != clip.frames).any(-1)
    if changed.mean((1, 2)).max() > CHANGED:
        raise AnswerError(f"{function} changes more than {CHANGED:.0%} of the pixels of a frame")
    action = clip.where.copy()
    for corner in scenes.CORNERS:
        action[:, *scenes.mark_area(corner)] = False
    if (changed & action).any():
        raise AnswerError(f"{function} changes pixels of the acting limbs")
    return frames


def _grade_counterexample(context: Context) -> float:
    hits, reasons = 0, []
    for clip in hidden_clips(context.seed):
        right = scenes.ACTIONS.index(clip.action)
        try:
            frames = _changed_frames(context, "counterexample", clip)
        except AnswerError as error:
            reasons.append(str(error))
            if "process" in str(error):
                break
            continue
        if predict(HONEST, [frames])[0].argmax() != right:
            reasons.append("the honest model does not recognize the action any more")
        elif predict(CHEAT, [frames])[0].argmax() == right:
            reasons.append("the model with the shortcut is still right")
        else:
            hits += 1
    if hits <= LUCK:
        raise AnswerError(f"{hits} counterexamples of {SEEDS} succeed, where {LUCK} may be luck: {reasons[0]}")
    return (hits - LUCK) / (SEEDS - LUCK)


def _grade_fix(context: Context) -> float:
    """Show the same clip with the mark in each corner: after `fix`, the prediction must not depend on it."""
    hits, reasons = 0, []
    for clip in hidden_clips(context.seed + 1):
        right = scenes.ACTIONS.index(clip.action)
        seed = int(np.random.default_rng([context.seed, hits, len(reasons)]).integers(60_000_000, 70_000_000))
        variants = [scenes.draw_clip(seed, clip.action, corner, clip.ball) for corner in scenes.CORNERS]
        try:
            fixed = [_changed_frames(context, "fix", variant) for variant in [*variants, clip]]
        except AnswerError as error:
            reasons.append(str(error))
            if "process" in str(error):
                break
            continue
        if len(set(predict(CHEAT, fixed[:-1]).argmax(1).tolist())) > 1:
            reasons.append("after fix, the model's answer still depends on the cue")
        elif predict(HONEST, fixed[-1:])[0].argmax() != right:
            reasons.append("after fix, the honest model does not recognize the action any more")
        else:
            hits += 1
    share = hits / SEEDS
    if share < FIXED:
        raise AnswerError(f"fix succeeds on {hits} clips of {SEEDS}: {reasons[0]}")
    return share


def _grade_verdict(context: Context) -> float:
    """Compare the verdict; without counterexamples it is a guess between a few answers, and earns nothing."""
    if context.earned.get("a3_counterexample", 0) < PROOF - LUCK:
        raise AnswerError(f"a verdict counts when at least {PROOF} of the {SEEDS} counterexamples succeed")
    letter = next(letter for letter, name in audit.pair(context.student).items() if name == CHEAT)
    if context.constants.get("CHEAT") != letter:
        raise AnswerError("the model that you name does not take the shortcut")
    if context.constants.get("CUE") != CUE:
        raise AnswerError("the model does not follow the cue that you name")
    return 1.0


TASKS = (
    Task("a3_counterexample", (Check("counterexamples on ten clips", SEEDS - LUCK, _grade_counterexample),)),
    Task("a3_fix", (Check("clips without the cue", 4, _grade_fix),)),
    Task("a3_verdict", (Check("which model, and by what cue", 2, _grade_verdict),), functions=False),
)

PROVIDED: dict[str, dict[str, object]] = {}
