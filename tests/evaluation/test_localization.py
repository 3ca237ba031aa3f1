"""Scores against truth, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from staa_widgets.errors import ParameterError
from staa_widgets.evaluation.metric import Case
from staa_widgets.evaluation.metrics import METRICS, localization
from staa_widgets.explanation.ground_truth import GroundTruthGrid

HALF_TRUE = torch.tensor([True, True, False, False])
FIRST_TRUE = torch.tensor([True, False, False, False])
SCORES = (localization.pointing, localization.mass, localization.average_precision, localization.auc)


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float32)


def test_average_precision_by_hand():
    hits = torch.tensor([True, False, True, False])
    values = torch.tensor([[4.0, 3, 2, 1], [1, 2, 3, 4], [2, 2, 2, 1], [1, 3, 1, 1]])
    by_hand = [(1 / 1 + 2 / 3) / 2, (1 / 2 + 2 / 4) / 2, 2 / 3, 2 / 4]
    np.testing.assert_allclose(localization.average_precision(values, hits), by_hand)


def test_auc_and_pointing_by_hand():
    values = torch.tensor([[3.0, 1, 2, 0], [0, 1, 2, 3], [1, 1, 1, 0]])
    np.testing.assert_allclose(localization.auc(values, HALF_TRUE), [3 / 4, 0, 3 / 4])
    np.testing.assert_allclose(localization.pointing(values, HALF_TRUE), [1, 0, 2 / 3])


def test_mass_by_hand_where_negative_values_carry_none():
    values = torch.tensor([[1.0, 2, 3, 4], [-5, 1, 1, 0], [-1, -1, -1, -1]])
    np.testing.assert_allclose(localization.mass(values, HALF_TRUE), [0.3, 0.5, 0.5])


def test_constant_maps_score_what_chance_scores():
    for constant in (row(1, 1, 1, 1), row(0, 0, 0, 0)):
        assert localization.average_precision(constant, FIRST_TRUE).item() == 0.25
        assert localization.pointing(constant, FIRST_TRUE).item() == 0.25
        assert localization.mass(constant, FIRST_TRUE).item() == 0.25
        assert localization.auc(constant, FIRST_TRUE).item() == 0.5


def test_binary_maps():
    half = row(1, 0, 1, 0)
    assert [score(half, HALF_TRUE).item() for score in SCORES] == [0.5, 0.5, 0.5, 0.5]
    assert [score(HALF_TRUE[None].float(), HALF_TRUE).item() for score in SCORES] == [1, 1, 1, 1]


def test_each_map_of_a_batch_may_have_its_own_truth():
    values = torch.rand(3, 2, 2, 2, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    hits = torch.rand(3, 2, 2, 2, generator=torch.Generator().manual_seed(1)) < 0.4
    for score in SCORES:
        together = score(values, hits)
        assert together.tolist() == [score(values[n : n + 1], hits[n]).item() for n in range(3)]


def test_without_true_or_without_false_cells_scores_are_nan():
    for empty in (torch.zeros(4, dtype=torch.bool), torch.ones(4, dtype=torch.bool)):
        assert all(math.isnan(score(row(1, 2, 3, 4), empty).item()) for score in SCORES)
    scores = localization.score_ground_truth(
        np.ones((2, 2, 2)), GroundTruthGrid(np.zeros((2, 2, 2), bool), np.array([True, False]))
    )
    assert [name for name, value in scores.items() if math.isnan(value)] == [
        "pointing",
        "mass",
        "mass_equal_entropy",
        "average_precision",
    ]
    scores = localization.score_ground_truth(
        np.ones((2, 2, 2)), GroundTruthGrid(np.eye(2, dtype=bool)[None].repeat(2, 0), np.array([True] * 2))
    )
    assert [name for name, value in scores.items() if math.isnan(value)] == ["temporal_auc", "temporal_pointing"]


def test_a_map_of_another_shape_is_refused():
    with pytest.raises(ParameterError, match="truth"):
        localization.score_ground_truth(
            np.ones((2, 3, 2)), GroundTruthGrid(np.zeros((2, 2, 2), bool), np.array([True, False]))
        )


def test_a_shuffled_map_scores_as_chance():
    rng = np.random.default_rng(0)
    where = np.zeros((8, 8, 8), bool)
    where[:3, 2:4, 2:4] = True
    truth = GroundTruthGrid(where, np.arange(8) // 3 == 0)
    assert set(localization.score_ground_truth(where.astype(np.float32), truth).values()) == {1.0}
    shuffled = torch.from_numpy(rng.permuted(np.tile(where.ravel(), (400, 1)), axis=1).reshape(-1, 8, 8, 8)).float()
    hits, when = torch.from_numpy(where), torch.from_numpy(truth.when)
    assert localization.pointing(shuffled, hits).mean().item() == pytest.approx(where.mean(), abs=0.01)
    assert localization.mass(shuffled, hits).mean().item() == pytest.approx(where.mean(), abs=0.01)
    assert localization.average_precision(shuffled, hits).mean().item() == pytest.approx(where.mean(), abs=0.01)
    curves = localization.temporal_curve(shuffled)
    assert localization.auc(curves, when).mean().item() == pytest.approx(METRICS["temporal_auc"].chance_level, abs=0.03)
    assert localization.pointing(curves, when).mean().item() == pytest.approx(3 / 8, abs=0.05)


def test_at_equal_entropy_maps_that_differ_by_a_power_have_the_same_mass():
    maps = torch.rand((1, 4, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    truth = torch.zeros((4, 6, 6), dtype=torch.bool)
    truth[1, 2:4] = True
    assert not torch.allclose(localization.mass(maps, truth), localization.mass(maps**3, truth))
    once, cubed = (localization.sharpen(each, 0.1) for each in (maps, maps**3))
    torch.testing.assert_close(once, cubed, rtol=1e-6, atol=1e-9)
    shares = once / once.sum()
    entropy = -(shares * shares.log()).sum()
    assert float(entropy.exp()) / 144 == pytest.approx(0.1, rel=1e-4)


def test_sharpening_by_hand_and_where_it_cannot_sharpen():
    # Two values a and b with b = a²: shares 1 / (1 + r) and r / (1 + r); the half and half of equal ones stays.
    two = torch.tensor([[0.5, 0.25, 0.0, -1.0]])
    sharp = localization.sharpen(two, 0.4)
    assert sharp[0, 0] == 1
    assert sharp[0, 2] == sharp[0, 3] == 0
    share = float(sharp[0, 1] / sharp.sum())
    entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share))
    assert np.exp(entropy) / 4 == pytest.approx(0.4, rel=1e-4)
    flat = torch.ones((1, 8))
    torch.testing.assert_close(localization.sharpen(flat, 0.1), flat.double())
    torch.testing.assert_close(localization.sharpen(torch.zeros((1, 8)), 0.1), torch.zeros((1, 8), dtype=torch.float64))


def test_mass_at_equal_entropy_is_a_parameter_of_mass():
    where = np.zeros((2, 2, 2), bool)
    where[0, 0, 0] = True
    truth = GroundTruthGrid(where, np.array([True, False]))
    maps = np.arange(8, 0, -1, dtype=np.float32).reshape(2, 2, 2)
    case = Case(maps, truth)
    plain, sharp = METRICS["mass"](case), METRICS["mass"](case, effective_share=1.5 / 8)
    equal = METRICS["mass_equal_entropy"](case)
    assert equal == METRICS["mass"](case, effective_share=0.05)
    # Sharpening by hand changes mass, and not mass at equal entropy.
    assert METRICS["mass"](Case(maps**3, truth)) > plain + 0.1
    assert METRICS["mass_equal_entropy"](Case(maps**3, truth)) == pytest.approx(equal, abs=1e-6)
    assert plain == pytest.approx(8 / 36)
    assert sharp > 0.8
