"""Each published classifier loads from a hub, with all its weights, and sees the pixels that it was trained to see.

The folders have the published JSON files and the old names of weights, but one narrow layer with random weights.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from transformers.models.vivit.image_processing_vivit import VivitImageProcessor

from docs.checkpoints import PAGE, checkpoints_text, tried_kinds
from staa_widgets.models import load_model
from staa_widgets.models.checkpoint.known import KNOWN_CHECKPOINTS, KnownCheckpoint
from tests.helpers.fake_hub import FakeHub
from tests.helpers.image_processors import VideoMAEProcessor
from tests.helpers.published import published_processor, write_published

CASES = [(name, kind) for name, known in KNOWN_CHECKPOINTS.items() for kind in tried_kinds(known)]


def test_the_page_lists_what_is_tried_here() -> None:
    assert PAGE.read_text("utf-8") == checkpoints_text(), "run `make reference`"


def reference_processor(known: KnownCheckpoint) -> Any:
    """Return transformers' own processor for the published JSON, computed by Pillow."""
    content = {name: value for name, value in published_processor(known)[1].items() if not name.endswith("_type")}
    if known.family == "vivit":
        return VivitImageProcessor(**content)
    # V-JEPA 2's own processor needs torchvision, and resizes to 256/224 of the crop.
    edge = int(known.size * 256 / 224) if known.family == "vjepa2" else known.size
    names = ("do_rescale", "rescale_factor", "image_mean", "image_std", "crop_size", "resample")
    kept = {name: value for name, value in content.items() if name in names}
    return VideoMAEProcessor(size={"shortest_edge": edge}, **kept)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_it_loads_from_the_hub_and_sees_the_pixels_of_its_processor(
    name: str, kind: str, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KNOWN_CHECKPOINTS[name]
    expected = write_published(known, tmp_path / "repository", kind=kind)
    hub.add(name, tmp_path / "repository")
    cache = tmp_path / "cache"
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        model = load_model(name, device="cpu", cache_dir=cache)
    messages = [str(item.message) for item in raised if item.category is UserWarning]
    assert [("torch.load(weights_only=True)" in message) for message in messages] == [True] * kind.startswith("bin")
    assert model.id == name
    assert model.geometry.frames == known.frames
    assert model.geometry.input_size == (known.size, known.size)
    assert len(model.labels) == known.classes
    weights = model.module.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[key], expected[key]) for key in expected)

    frames = np.random.default_rng(0).integers(0, 256, (1, 240, 320, 3), np.uint8)
    pixels = np.asarray(reference_processor(known).preprocess(list(frames))["pixel_values"][0])
    np.testing.assert_allclose(model.transform(frames), pixels, atol=1e-5)

    hub.repositories.clear()
    hub.requested.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = load_model(name, device="cpu", cache_dir=cache)
    assert hub.requested == []
    assert again.transform == model.transform
    assert all(torch.equal(tensor, weights[key]) for key, tensor in again.module.state_dict().items())
