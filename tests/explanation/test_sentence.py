"""The sentence that states an explanation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.explanation.ground_truth import explanation_ground_truth
from staa_widgets.explanation.sentence import summarize
from tests.helpers.explanations import explanation_with_ground_truth, make_explanation

PEAK = "from 1.50 to 2.00 s (75% of the attribution), at the bottom right"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, f"The model says wave (75%) and looked most {PEAK}."),
        ({"method": "center"}, f"The model says wave (75%); the control Center is strongest {PEAK}."),
        ({"method": "grad_cam"}, f"The model says wave (75%) and looked most {PEAK}."),
        ({"method": "occlusion", "target": 0}, f"The model says wave (75%); Occlusion is strongest for clap {PEAK}."),
        (
            {"method": "occlusion", "target_minus": 0},
            f"The model says wave (75%); Occlusion is strongest for wave − clap {PEAK}.",
        ),
        (
            {"maps": np.array([[[0, 0, 0], [0, 0, 9]], [[0, 0, 0], [0, 0, 11]]])},
            "The model says wave (75%) and looked most from 1.50 to 2.00 s (55% of the attribution; an even share is "
            "50%), at the bottom right.",
        ),
        ({"method": "my_method"}, f"The model says wave (75%); my method is strongest {PEAK}."),
        ({"method": "own maps: gaze", "has_predictions": False}, f"Gaze is strongest {PEAK}."),
        ({"problem_type": "regression"}, f"The model says wave (1.099) and looked most {PEAK}."),
        ({"maps": np.ones((2, 2, 3))}, "The model says wave (75%) and looked everywhere alike."),
        (
            {"method": "center", "maps": np.array([[[0, 1, 0], [0, 0, 0]]] * 2)},
            "The model says wave (75%); the control Center is strongest at the top, at all times alike.",
        ),
        (
            {"method": "bell", "maps": np.stack([np.ones((2, 3)), np.full((2, 3), 4)])},
            "The model says wave (75%); the control Middle of time is strongest from 1.50 to 2.00 s (80% of the "
            "attribution), over the whole frame.",
        ),
    ],
)
def test_sentence_of_maps_without_ground_truth(changes: dict, sentence: str):
    assert summarize(make_explanation(**changes)) == sentence


def maps_with_peak(slice_index: int, row: int, column: int) -> np.ndarray:
    maps = np.zeros((2, 2, 3), np.float32)
    maps[slice_index, row, column] = 1
    return maps


def test_sentence_says_whether_the_peak_lies_on_the_action():
    e = explanation_with_ground_truth()
    truth = e.ground_truth
    assert truth is not None
    endings = {}
    for cell in np.ndindex(e.maps.shape):
        shown = explanation_with_ground_truth(maps=maps_with_peak(*cell))
        endings[cell] = summarize(shown).split("), ")[-1].split(", ", 1)[1]
    grid = explanation_ground_truth(e)
    assert grid is not None
    assert {cell for cell, ending in endings.items() if ending == "on the action."} == set(
        map(tuple, np.argwhere(grid.where).tolist())
    )


def test_wrong_prediction_is_named():
    clip = staa.action_clip(3, size=96, fps=8)
    e = staa.explain(clip, method="center", cache=False)
    wrong = np.zeros_like(e.logits)
    wrong[(e.labels.index(clip.label) + 1) % len(wrong)] = 3
    assert f", though the clip shows {clip.label}; the control " in summarize(replace(e, logits=wrong))
    looked = replace(e, logits=wrong, method="staa", target=int(wrong.argmax()))
    assert f", though the clip shows {clip.label}, and looked most" in summarize(looked)
    assert "though" not in summarize(e)
    value = replace(e, logits=e.logits[:1], labels=("angle",), target=0, window_logits=None, problem_type="regression")
    assert "though" not in summarize(value)


def test_a_prediction_for_a_film_by_a_model_of_drawings_has_a_reservation() -> None:
    film = make_explanation(provenance={"style_deviation": 3.0})
    says = "The model says wave (75%), though it knows drawn actions only"
    assert summarize(film) == f"{says}, and looked most {PEAK}."
    assert summarize(replace(film, method="occlusion")) == f"{says}; Occlusion is strongest {PEAK}."
    assert summarize(make_explanation(provenance={"style_deviation": 0.9})) == summarize(make_explanation())
