"""Code that computes an explanation again, executed."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.export.code import explain_call, python_literal
from tests.helpers.barcodes import barcode_explanation

HOSTILE = "it's \"x\" \\ \n'''; import os  # ü\u2028.mp4"


def run_code(code: str, **names: Any) -> Any:
    return eval(code, {"staa": staa, **names})


@pytest.fixture(scope="module")
def e(video: Path) -> Explanation:
    return staa.explain(video, cache=False, progress=False)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "staa_logit", "target": "wave"},
        {"method": "staa_logit", "target": "jump", "layers": "mean"},
        {"method": "rollout", "start": 1.0, "end": 3.5},
        {"end": 2.0},
        {"model": "bundled/vivit", "window": 2.0, "stride": 1.0, "attention": False},
        {"method": "patch_attention", "patch": [1, 2, 3]},
    ],
    ids=lambda options: "-".join(map(str, options)) or "default",
)
def test_the_code_makes_the_same_explanation(video: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]):
    monkeypatch.chdir(video.parent)
    first = staa.explain(video, progress=False, **options)
    again = run_code(explain_call(first))
    np.testing.assert_allclose(again.maps, first.maps, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(again.times, first.times)
    assert (again.method, again.params, again.target) == (first.method, first.params, first.target)
    assert (again.attention is None) == (first.attention is None)
    assert again.provenance["cost"] == first.provenance["cost"]


@pytest.mark.parametrize("options", [{}, {"end": 2.0}, {"start": 1.0, "end": 3.0}, {"window": 2.0, "stride": 1.0}])
def test_the_code_of_a_saved_explanation_is_the_same(video: Path, tmp_path: Path, options: dict[str, Any]):
    first = staa.explain(video, cache=False, progress=False, **options)
    first.save(tmp_path / "e.safetensors")
    assert explain_call(Explanation.load(tmp_path / "e.safetensors")) == explain_call(first)


def test_the_code_of_a_saved_window_is_the_same(video: Path, tmp_path: Path):
    for first in staa.stream(video, cache=False, preview=True, progress=False, window=2.0, stride=1.0):
        first.save(tmp_path / "e.safetensors")
        assert explain_call(Explanation.load(tmp_path / "e.safetensors")) == explain_call(first)


def test_defaults_are_left_out(e: Explanation):
    assert explain_call(e) == 'staa.explain("clip.mp4", method="staa")'


def test_names_are_literals():
    for text in (HOSTILE, "\ud800", "", "a 'b'", 'a "b"', "\\", "straße.mp4"):
        assert run_code(python_literal(text)) == text
    assert python_literal("clip.mp4") == '"clip.mp4"'
    calls: list[Any] = []

    class Staa:
        @staticmethod
        def explain(*args: Any, **keywords: Any) -> None:
            calls.append((args, keywords))

    labels = ("wave", HOSTILE, "jump", "kick")
    e = barcode_explanation(
        clip_name=HOSTILE, model_id=HOSTILE, labels=labels, target=1, method=HOSTILE, params={HOSTILE: 1}
    )
    eval(explain_call(e), {"staa": Staa})
    assert calls == [((HOSTILE, HOSTILE), {"method": HOSTILE, "target": HOSTILE, "start": 2.0, "end": e.end})]


def test_labels_that_differ_in_case_are_given_by_index():
    e = barcode_explanation(labels=("wave", "Wave", "jump", "kick"), target=1)
    assert "target=1" in explain_call(e)


def test_a_video_or_model_without_a_usable_name_is_a_variable():
    e = barcode_explanation(clip_name="wave\n2", model_id="Net", provenance={"model": {"family": "generic"}})
    code = explain_call(e)
    assert code.startswith('staa.explain(video, model, method="staa", ')
    assert "# video: the source of 'wave\\n2'; model: \"Net\", from staa.wrap_model" in code
    long = explain_call(barcode_explanation(params={90 * "a": 1}))
    assert long.startswith('staa.explain(\n    "bars.mp4",\n    "barcodes",\n    method="staa",\n')
    assert long.endswith(f"    {90 * 'a'}=1,\n)")
    with pytest.raises(NameError, match="video"):
        run_code(code)


def test_the_module_does_not_import_torch():
    code = "import sys; from staa_widgets.export.code import explain_call; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_code_is_valid_python_whatever_the_parameters_are_called(e: Explanation):
    params = dict.fromkeys(("layers", "class", "lambda", "None", "a b", "1x", "", "\n", 'x"', "method", "model"), 1)
    code = explain_call(replace(e, params=params))
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert [keyword.arg for keyword in call.keywords] == ["method", "layers"]
