"""Training: augmentation of clips, dropout and the saved model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from training import train as training
from training.augment import PAINTED_CLIPS, augment_clips
from training.nets import NETS, count_slices


def make_clips(count: int = 40) -> np.ndarray:
    """Return clips of gray ground 40 with a light bar that covers less than half of every token."""
    frames = np.full((count, 8, 64, 64, 3), 40, np.uint8)
    frames[:, :, :, ::8] = 200
    return frames


def test_painting_hides_whole_tokens_of_some_clips() -> None:
    seen = augment_clips(make_clips(), 4, 0.25, 0, np.random.default_rng(0))
    lit = (seen == seen.max(axis=(1, 2, 3, 4), keepdims=True)).any(-1)
    tokens = lit.reshape(40, 4, 2, 8, 8, 8, 8).transpose(0, 1, 3, 5, 2, 4, 6).reshape(40, 4, 8, 8, -1).sum(-1)
    assert set(np.unique(tokens)) == {0, 16}
    hidden = (tokens == 0).mean(axis=(1, 2, 3))
    assert abs((hidden > 0).mean() - PAINTED_CLIPS) < 0.2
    assert abs(hidden[hidden > 0].mean() - 0.25) < 0.03


def test_a_shift_moves_the_whole_clip_by_no_more_than_asked() -> None:
    dot = np.zeros((200, 8, 64, 64, 3), np.uint8)
    dot[:, :, 32, 20] = 255
    seen = augment_clips(dot, 8, 0, 6, np.random.default_rng(1))
    where = [np.argwhere(clip[..., 0] > 100) for clip in seen]
    assert all(len(found) == 8 and (found[:, 1:] == found[0, 1:]).all() for found in where)
    rows, columns = np.array([found[0, 1:] for found in where]).T
    assert rows.min() == 26
    assert rows.max() == 38
    assert set(columns) <= set(range(14, 27)) | set(range(37, 50))


def test_a_stage_keeps_the_weights_and_the_saved_model_drops_nothing(tmp_path: Path) -> None:
    for family, make in NETS.items():
        model = make()
        renewed = training.with_dropout(model, 0.15)
        state = renewed.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
        pixels = training.to_model_input(make_clips(2))
        torch.manual_seed(0)
        learning = renewed.train()(pixel_values=pixels).logits
        assert not torch.allclose(learning, renewed(pixel_values=pixels).logits), family
        still, before = (net.eval()(pixel_values=pixels).logits for net in (renewed, model))
        torch.testing.assert_close(still, before, rtol=1e-5, atol=1e-5)
        training.save(renewed, tmp_path / family)
        assert json.loads((tmp_path / family / "config.json").read_text())["attention_probs_dropout_prob"] == 0


def test_one_epoch_of_a_stage_changes_the_model() -> None:
    model = training.with_dropout(NETS["timesformer"](), 0.1)
    before = model.classifier.weight.clone()
    stage = training.Stage(epochs=2, rate=1e-3, warm_up=1, dropout=0.1, painted=0.1, shift=2)
    labels = np.arange(32) % 10
    losses = list(training.train_epochs(model, stage, make_clips(32), labels, np.random.default_rng(0)))
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    assert not torch.equal(before, model.classifier.weight)


def test_slices_are_those_of_the_family() -> None:
    assert {name: count_slices(make().config) for name, make in NETS.items()} == {
        "timesformer": 8,
        "vivit": 4,
        "videomae": 4,
    }
