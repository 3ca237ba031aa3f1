"""Training: augmentation of clips, dropout and the saved model."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training import attention, data
from training import train as training
from training.augment import PAINTED_CLIPS, augment_clips
from training.data import NAMES, NONE, TrainingClips, draw_training_clip
from training.nets import NETS, count_slices


def make_clips(count: int = 40) -> np.ndarray:
    """Clips with a gray background of 40 and a light bar over less than half of every token."""
    frames = np.full((count, 8, 64, 64, 3), 40, np.uint8)
    frames[:, :, :, ::8] = 200
    return frames


def test_painting_hides_whole_tokens_of_some_clips() -> None:
    augmented = augment_clips(make_clips(), 4, 0.25, 0, np.random.default_rng(0))
    is_bright = (augmented == augmented.max(axis=(1, 2, 3, 4), keepdims=True)).any(-1)
    tokens = is_bright.reshape(40, 4, 2, 8, 8, 8, 8).transpose(0, 1, 3, 5, 2, 4, 6).reshape(40, 4, 8, 8, -1).sum(-1)
    assert set(np.unique(tokens)) == {0, 16}
    hidden = (tokens == 0).mean(axis=(1, 2, 3))
    assert abs((hidden > 0).mean() - PAINTED_CLIPS) < 0.2
    assert abs(hidden[hidden > 0].mean() - 0.25) < 0.03


def test_a_shift_moves_the_whole_clip_by_at_most_the_limit() -> None:
    dot = np.zeros((200, 8, 64, 64, 3), np.uint8)
    dot[:, :, 32, 20] = 255
    augmented = augment_clips(dot, 8, 0, 6, np.random.default_rng(1))
    bright_pixels = [np.argwhere(clip[..., 0] > 100) for clip in augmented]
    assert all(len(pixels) == 8 and (pixels[:, 1:] == pixels[0, 1:]).all() for pixels in bright_pixels)
    rows, columns = np.array([pixels[0, 1:] for pixels in bright_pixels]).T
    assert rows.min() == 26
    assert rows.max() == 38
    assert set(columns) <= set(range(14, 27)) | set(range(37, 50))


def test_dropout_keeps_the_weights_and_the_saved_model_has_none(tmp_path: Path) -> None:
    for family, make in NETS.items():
        model = make()
        with_dropout = training.with_dropout(model, 0.15)
        state = with_dropout.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
        pixels = training.to_model_input(make_clips(2))
        torch.manual_seed(0)
        training_logits = with_dropout.train()(pixel_values=pixels).logits
        assert not torch.allclose(training_logits, with_dropout(pixel_values=pixels).logits), family
        logits, expected = (net.eval()(pixel_values=pixels).logits for net in (with_dropout, model))
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
        training.save(with_dropout, tmp_path / family)
        assert json.loads((tmp_path / family / "config.json").read_text())["attention_probs_dropout_prob"] == 0


def test_random_bytes_drop_the_share_and_keep_the_mean() -> None:
    torch.manual_seed(0)
    values = torch.full((3, 101, 77), 2.0, requires_grad=True)
    after = attention.drop(values, 0.15)
    after.sum().backward()
    scale = 256 / (256 - 38)
    assert after.unique().tolist() == pytest.approx([0, 2 * scale])
    assert (after == 0).float().mean().item() == pytest.approx(38 / 256, abs=0.01)
    assert values.grad is not None
    torch.testing.assert_close(values.grad, (after != 0).float() * scale)


STAGE = training.Stage(epochs=2, rate=1e-3, warm_up=1, dropout=0.1, painted=0.1, shift=2)


def train_small(folder: Path, report: Callable[[list[float]], object] = len, settings: str = "small") -> Any:
    """Train a small stage and return the model with the losses of its epochs."""
    torch.manual_seed(0)
    model = training.with_dropout(NETS["timesformer"](), 0.1)
    before = model.classifier.weight.clone()
    clips = TrainingClips(make_clips(32), np.arange(32) % len(NAMES), np.ones(32))
    losses = training.train_stage(model, STAGE, clips, [0, 1], folder / "stage-1.pt", settings, report)
    assert not torch.equal(before, model.classifier.weight)
    return model, losses


def stop_training(losses: list[float]) -> None:
    """Stop a stage after its first epoch, as a killed process does."""
    raise KeyboardInterrupt


def test_a_stopped_stage_goes_on_where_it_stopped(tmp_path: Path) -> None:
    model, losses = train_small(tmp_path / "once")
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    with pytest.raises(KeyboardInterrupt):
        train_small(tmp_path / "stopped", stop_training)
    assert [path.name for path in (tmp_path / "stopped").iterdir()] == ["stage-1.pt"]
    epochs: list[list[float]] = []
    resumed, same_losses = train_small(tmp_path / "stopped", lambda so_far: epochs.append(list(so_far)))
    assert same_losses == losses
    assert len(epochs) == 1
    state = resumed.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    train_small(tmp_path / "stopped", stop_training)  # Finished: no epoch is left that could be stopped.
    with pytest.raises(KeyboardInterrupt):
        train_small(tmp_path / "stopped", stop_training, "other settings")


def test_training_skips_finished_stages_and_saves_at_the_end(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(training.STAGES, "vivit", (STAGE, STAGE))
    monkeypatch.setattr(training, "load_clips", lambda *_: (clips, clips))
    clips = TrainingClips(make_clips(32), np.arange(32) % len(NAMES), np.linspace(0.5, 1, 32))
    options = Namespace(family="vivit", seed=1, clips=32, stages=1, store=tmp_path, out=tmp_path / "model")
    training.train(options)
    assert not options.out.exists()
    options.stages = 2
    training.train(options)
    assert "stage 1 is finished" in capsys.readouterr().out
    config = json.loads((options.out / "config.json").read_text())
    assert [config["id2label"][str(n)] for n in range(len(NAMES))] == NAMES
    assert (tmp_path / "vivit-1" / "stage-2.pt").exists()
    stages = [tmp_path / "vivit-1" / f"stage-{number}" / "model.safetensors" for number in (1, 2)]
    assert stages[1].read_bytes() == (options.out / "model.safetensors").read_bytes() != stages[0].read_bytes()


def test_a_training_clip_shows_at_least_half_of_its_action() -> None:
    clips = [draw_training_clip(seed, 16, 0, idle=False) for seed in range(400)]
    frames, labels, visible = zip(*clips, strict=True)
    assert {clip.shape for clip in frames} == {(8, 16, 16, 3)}
    assert set(labels) == set(range(len(NAMES)))
    assert min(visible) >= 0.5
    assert np.mean(np.array(visible) >= 0.75) > 0.6
    assert draw_training_clip(7, 16, 0, idle=True)[1] == NONE


def test_drawn_training_clips_are_kept_by_shard(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(data, "SHARD", 3)
    clips = data.load_training_clips(5, 4, 16, 0, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(data, "ProcessPoolExecutor", None)
    again = data.load_training_clips(5, 4, 16, 0, tmp_path)
    np.testing.assert_array_equal(clips.frames, again.frames)
    np.testing.assert_array_equal(clips.frames[3], draw_training_clip(8, 16, 0, idle=False)[0])


def test_number_of_slices_per_family() -> None:
    assert {name: count_slices(make().config) for name, make in NETS.items()} == {
        "timesformer": 8,
        "vivit": 4,
        "videomae": 4,
    }
