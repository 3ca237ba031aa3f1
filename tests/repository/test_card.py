"""Model cards: what is measured, and what is written about it."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.models import BUNDLED_MODELS
from training.accuracy import Case, Prediction, draw_case, list_cases, predict_case
from training.card import BUNDLED, list_bundled, share_found, write_card
from training.data import CARD_SEEDS, CLEARLY_VISIBLE


def test_clips_are_counted_by_the_visible_share_of_the_action() -> None:
    cases = list_cases(30, 2)
    unseen = [case for case in cases if case.set == "unseen"]
    assert [case.seed for case in unseen] == list(range(CARD_SEEDS, CARD_SEEDS + len(unseen)))
    assert 30 < len(unseen) < 60
    assert [case.set for case in cases[len(unseen) :]] == ["middle"] * 2 + ["second"] * 2 + ["backwards"] * 2


def test_a_card_lists_classes_visible_shares_and_other_clips() -> None:
    predictions = [
        Prediction("unseen", "wave", 1.0, ("wave", "clap")),
        Prediction("unseen", "wave", 0.8, ("clap", "clap")),
        Prediction("unseen", "crouch", 1.0, ("crouch", "crouch")),
        Prediction("unseen", "jump", 0.7, ("squat", "jump")),
        Prediction("unseen", "jump", 0.5, ("jump", "jump")),
        Prediction("second", "kick", 0.5, ("kick", "bow")),
    ]
    text = write_card(BUNDLED, 0, predictions, "Trained once.")
    for row in (
        "| wave | 2 | 50.0% |",
        "| crouch | 1 | 100.0% |",
        "| **all** | 3 | 66.7% |",
        "| 75% or more | 3 | 66.7% |",
        "| 60% to 75% | 1 | 0.0% |",
        "| 50% to 60% | 1 | 100.0% |",
        "slower swings | 1 | 100.0% |",
    ):
        assert row in text
    assert "Trained once." in text
    assert "| jump |" not in text
    assert share_found(predictions, 1) == (pytest.approx(3 / 6), 6)
    assert share_found([], 0)[1] == 0
    assert len(list_bundled()) == len(BUNDLED_MODELS)


def test_a_clip_is_predicted_by_every_model(tmp_path) -> None:
    prediction = predict_case(Case("middle", 3_500_000), (BUNDLED, BUNDLED / "vivit"), str(tmp_path))
    assert prediction.label == draw_case(Case("middle", 3_500_000)).label
    assert prediction.visible == 1
    assert prediction.predicted[0] == prediction.label
    assert len(prediction.predicted) == 2
    assert not list(tmp_path.iterdir())


def test_a_raised_arm_played_backwards_is_a_lowered_arm() -> None:
    forwards, backwards = draw_case(Case("middle", 8)), draw_case(Case("backwards", 8))
    assert backwards.label == "lower_arm"
    assert backwards.frames.shape == forwards.frames.shape
    assert np.array_equal(backwards.when, backwards.where.any(axis=(1, 2)))
    assert backwards.visible_share >= CLEARLY_VISIBLE
