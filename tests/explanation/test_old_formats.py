"""Files written before fields and methods were renamed are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from staa_widgets import Explanation
from staa_widgets.storage.format import unpack
from tests.helpers.paths import ROOT

DATA = ROOT / "tests" / "data"


@pytest.fixture(params=["explanation-format-2", "explanation-format-2-query"])
def path(request: pytest.FixtureRequest) -> Path:
    return DATA / f"{request.param}.safetensors"


def test_every_field_of_format_2_is_read(path: Path):
    e = Explanation.load(path)
    values, arrays = unpack("explanation", path.read_bytes())
    assert values["format"] == 2
    assert (e.start, e.end, e.first_frame) == (0.0, 4.0, 0)
    assert (e.box, e.frame_size, e.clip_name) == ((0.0, 0.0, 48.0, 48.0), (48, 48), "wave")
    assert (e.clip_sha256, e.model_id) == (values["clip_sha256"], "bundled (drawn actions only)")
    assert e.predictions(1)[0] == ("wave", pytest.approx(0.96, abs=0.005))
    np.testing.assert_array_equal(e.sampled_frames, arrays["sampled"])
    for name in ("maps", "spans", "times", "logits", "window_logits"):
        np.testing.assert_array_equal(getattr(e, name), arrays[name])
    assert e.ground_truth
    assert (e.ground_truth.label, e.ground_truth.size) == ("wave", (48, 48))
    for name in ("when", "runs", "offsets"):
        np.testing.assert_array_equal(getattr(e.ground_truth, name), arrays[f"truth.{name}"])
    again = Explanation.from_bytes(e.to_bytes())
    assert repr(again) == repr(e)
    np.testing.assert_array_equal(again.sampled_frames, e.sampled_frames)


def test_preview_and_attention_of_format_2_are_read():
    e = Explanation.load(DATA / "explanation-format-2.safetensors")
    assert e.method == "staa"
    assert e.params["layers"] == "rollout"
    assert e.attention is not None
    assert e.attention.shape == (4, 4, 8, 8, 8)
    assert e.preview is not None
    assert len(e.preview) == 32


def test_renamed_methods_and_parameters_have_their_new_names():
    e = Explanation.load(DATA / "explanation-format-2-query.safetensors")
    assert e.method == "patch_attention"
    assert dict(e.params) == {"layers": "mean", "patch": [3, 2, 2]}
    assert e.provenance["method"]["name"] == "patch_attention"
    assert e.provenance["method"]["params"] == e.params
