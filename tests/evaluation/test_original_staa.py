"""What the published formulas measure, and what they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.benchmark import original_staa as published


def test_segment_monotonicity_is_a_constant():
    rng = np.random.default_rng(0)
    draws = [rng.random(8) for _ in range(20)] + [np.linspace(0, 1, 8), 1e-3 * np.arange(8.0)[::-1], 1 - rng.random(8)]
    values = {round(published.segment_monotonicity(probabilities), 4) for probabilities in draws}
    assert values == {-0.5353}
    assert published.segment_monotonicity(draws[0]) == pytest.approx(-19 / np.sqrt(36 * 35))


def test_segment_shapley_by_hand():
    # Coalitions of the other: none, then it alone. First gains 1 and (1 + 3) / 2 - 3; second 3 and (1 + 3) / 2 - 1.
    np.testing.assert_allclose(published.segment_shapley([1, 3]), [(1 - 1) / 2, (3 + 1) / 2])
    probabilities = np.random.default_rng(1).random(6)
    np.testing.assert_array_equal(published.segment_shapley(probabilities).argsort(), probabilities.argsort())


def test_segment_faithfulness_by_hand():
    assert published.segment_faithfulness([0.1, 0.2, 0.6, 0.7]) == pytest.approx(1 - (0.65 - 0.4))


def test_monotonicity_by_hand():
    assert published.monotonicity([1, 2, 3], [4, 5, 6]) == 1
    assert published.monotonicity([1, 2, 3], [6, 5, 4]) == -1
    assert published.monotonicity([1, 2, 3], [1, 1, 2]) == pytest.approx(2 / np.sqrt(3 * 2))
    assert np.isnan(published.monotonicity([1, 2, 3], [1, 1, 1]))


def test_faithfulness_by_hand_is_best_where_nothing_changes():
    assert published.faithfulness([1, 2], [1, 2]) == 1
    assert published.faithfulness([1, 2], [4, 1]) == 1 - (3 + 1) / 2


def test_hiding_applies_positions_in_one_array_to_another():
    frames = np.full((1, 2, 2, 3), 9, np.uint8)
    hidden = published.hide_top_bytes(frames, np.array([[0, 3], [1, 2]]))
    np.testing.assert_array_equal(hidden.ravel(), [9, 0, 9, 0, *[9] * 8])
    assert (frames == 9).all()
    with pytest.raises(ParameterError):
        published.hide_top_bytes(frames, np.zeros(13))


def test_faithfulness_cannot_tell_an_exact_explanation_from_a_shuffled_one():
    """The exact map holds what each cell adds to the likeliest of the classes, each a weighted sum of pixels."""
    rng = np.random.default_rng(0)
    scores = {"exact": [], "shuffled": [], "turned": []}
    for _ in range(300):
        frames = rng.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
        weights = rng.normal(0, 0.002, (10, *frames.shape))

        def classify(frames: np.ndarray, weights: np.ndarray = weights) -> np.ndarray:
            return (weights * frames).sum((1, 2, 3, 4))

        logits = classify(frames)
        # As in attention, a row of scores for every query token: 512 values, put on the first 512 of 768 bytes.
        cells = (weights[logits.argmax()] * frames).reshape(4, 4, 2, 4, 2, 3).sum((2, 4, 5)).reshape(4, 16)
        attention = np.einsum("tp,tq->tpq", np.ones((4, 8)), cells[:, :16])
        for name, changed in {
            "exact": attention,
            "shuffled": rng.permutation(attention.ravel()),
            "turned": -attention,
        }.items():
            scores[name].append(published.faithfulness(logits, classify(published.hide_top_bytes(frames, changed))))
    exact = np.array(scores["exact"])
    for other in ("shuffled", "turned"):
        differences = exact - np.array(scores[other])
        assert abs(differences.mean()) < 3 * differences.std() / np.sqrt(len(differences))
        assert abs(differences.mean()) < 0.25 * exact.std()
