"""What a cached clip answers without the model: records and explanations are kept apart."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from joints import tiny_joint_model

import staa_widgets.tap
from staa_widgets import explain
from staa_widgets.models import VideoModel

LAYERS: tuple[Any, ...] = ("last", "mean", "rollout", [0, -1])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def forwards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of windows of each recorded pass so far."""
    passes: list[int] = []
    original = staa_widgets.tap.record

    def counted(model: VideoModel, pixels: torch.Tensor, *rest: Any) -> Any:
        passes.append(len(pixels))
        return original(model, pixels, *rest)

    monkeypatch.setattr(staa_widgets.tap, "record", counted)
    return passes


def test_one_pass_answers_every_reading_of_plain_attention(video: Path, model: VideoModel, forwards: list[int]):
    explain(video, model, preview=False)
    for layers, contrast, time, residual in product(LAYERS, (True, False), (True, False), (0.5, 0.7)):
        explain(video, model, layers=layers, contrast=contrast, time=time, residual=residual, preview=False)
    assert forwards == [1]


def test_every_weighting_takes_one_pass_and_then_all_are_answered(video: Path, model: VideoModel, forwards: list[int]):
    for count, weighting in enumerate(("none", "value", "logit", "gradient"), 1):
        for layers in ("rollout", *LAYERS):
            explain(video, model, layers=layers, weighting=weighting, preview=False)
        assert len(forwards) == count, weighting
    for weighting, layers in product(("none", "value", "logit", "gradient"), LAYERS):
        asked = {"layers": layers, "weighting": weighting, "contrast": False, "residual": 0.6}
        found = explain(video, model, **asked, preview=False)
        assert len(forwards) == 4
        fresh = explain(video, model, **asked, preview=False, cache=False)
        np.testing.assert_allclose(found.maps, fresh.maps, rtol=1e-3, atol=1e-6)
        forwards.pop()
    explain(video, model, "staa_logit", preview=False)
    assert len(forwards) == 4


def test_joint_attention_keeps_what_was_recorded_too(video: Path, forwards: list[int]):
    vivit = tiny_joint_model("vivit")
    for _ in range(2):
        for weighting, layers in product(("none", "value", "logit", "gradient"), ("rollout", "mean", "last")):
            explain(video, vivit, layers=layers, weighting=weighting, preview=False)
        assert len(forwards) == 4


def test_a_named_class_is_recorded_beside_the_predicted_one(video: Path, model: VideoModel, forwards: list[int]):
    predicted = explain(video, model, "staa_logit", preview=False).target
    other = (predicted + 1) % 5
    for target in (predicted, other, None, other, predicted):
        found = explain(video, model, "staa_logit", target=target, preview=False)
        assert found.target == (predicted if target is None else target)
    explain(video, model, preview=False)
    assert len(forwards) == 2
