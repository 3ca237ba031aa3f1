"""Traits `method` and `target`: setting one computes, and a failure leaves the player unchanged."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.engine.request import request_of
from staa_widgets.errors import ParameterError, PlayerError, UnknownMethodError, UnsupportedRequestError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.methods import METHODS
from staa_widgets.models import VideoModel
from staa_widgets.widget.payload import pack
from tests.helpers.comm import Pages
from tests.helpers.timesformers import tiny_timesformer

pytestmark = pytest.mark.usefixtures("pages")


def without_request(e: Explanation) -> Explanation:
    return Explanation.from_bytes(e.to_bytes())


def test_method_and_class_are_computed_when_they_are_set(video: Path, model: VideoModel, pages: Pages):
    first = staa.explain(video, model)
    player = staa.Player(first)
    page = pages.page_of(player)
    player.method = "staa_logit"
    assert (player.method, player.target, player.explanation.method) == ("staa_logit", first.target, "staa_logit")
    assert len(page.updates) == 1
    assert "_frames" not in page.updates[0]
    target = (first.target + 1) % 5
    player.target = f"LABEL_{target}"  # pyright: ignore[reportAttributeAccessIssue]
    assert (player.target, player.explanation.target) == (target, target)
    direct = staa.explain(video, model, "staa_logit", target=target)
    np.testing.assert_array_equal(player.explanation.maps, direct.maps)
    assert base64.b64encode(page.state["_maps"]) == base64.b64encode(pack(direct)[1]["maps"])
    player.method = "staa"
    assert player.target == first.target
    player.method = "staa_logit"
    assert player.target == target, "the requested class returns with a class-specific method"


def test_a_misspelled_keyword_of_compute_gets_a_suggestion(video: Path, model: VideoModel):
    player = staa.Player(staa.explain(video, model, preview=False))
    with pytest.raises(ParameterError, match=r"^compute\(\) has no keyword 'targt'\. Did you mean 'target'\?"):
        player.compute(targt=1)
    with pytest.raises(ParameterError, match=r"Did you mean 'layers'\?"):
        player.compute(layer="last")
    assert player.explanation.method == "staa"


def test_compute_returns_and_keeps_parameters_of_the_same_method(video: Path, model: VideoModel):
    player = staa.Player(staa.explain(video, model))
    steps: list[str] = []
    computed = player.compute(layers="mean", progress=lambda step, *_: steps.append(step))
    assert player.explanation is computed
    assert computed.params["layers"] == "mean"
    assert player.compute(contrast=False).params["layers"] == "mean"
    assert player.compute("staa_logit").params["layers"] == METHODS["staa_logit"].defaults["layers"]
    assert player.compute().method == "staa_logit"
    assert steps
    assert staa.Player(computed).hello()["computes"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda player: setattr(player, "method", "staa_logits"), UnknownMethodError),
        (lambda player: setattr(player, "method", None), ParameterError),
        (lambda player: setattr(player, "target", "nobody"), ParameterError),
        (lambda player: setattr(player, "target", 77), ParameterError),
        (lambda player: setattr(player, "target", (player.target + 1) % 5), UnsupportedRequestError),
        (lambda player: player.compute(layer="mean"), ParameterError),
        (lambda player: player.compute("staa_logit", progress=interrupt), KeyboardInterrupt),
    ],
)
def test_a_failure_leaves_the_player_unchanged(
    change: Any, error: type[BaseException], video: Path, model: VideoModel, pages: Pages
):
    first = staa.explain(video, model)
    player = staa.Player(first)
    before = player.get_state()
    with pytest.raises(error):
        change(player)
    assert player.explanation is first
    assert player.get_state() == before
    assert pages.page_of(player).updates == []
    player.target = player.target
    player.method = "staa_logit"
    assert player.explanation.method == "staa_logit"


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_without_video_and_model_computing_is_refused_with_a_hint(video: Path, model: VideoModel):
    loaded = without_request(staa.explain(video, model))
    player = staa.Player(loaded)
    for change in (lambda: setattr(player, "method", "staa_logit"), player.compute):
        with pytest.raises(PlayerError) as caught:
            change()
        assert "staa.Player(explanation, video=" in caught.value.hint
    assert player.method == "staa"


def test_a_loaded_explanation_computes_with_its_video_and_model(video: Path, model: VideoModel):
    weakest = int(staa.explain(video, model, start=1, end=3).logits.argmin())
    original = staa.explain(video, model, "staa_logit", target=weakest, start=1, end=3, layers="mean")
    player = staa.Player(without_request(original), video=video, model=model)
    computed = player.compute()
    np.testing.assert_array_equal(computed.maps, original.maps)
    assert (computed.target, computed.params, computed.provenance["cache"]) == (weakest, original.params, "hit")
    assert player.compute("staa").first_frame == 8


def test_a_player_needs_a_request_or_both_video_and_model(video: Path, model: VideoModel, bars: Explanation):
    original = staa.explain(video, model)
    player = staa.Player(without_request(original), request=request_of(original))
    assert player.compute("staa_logit").method == "staa_logit"
    with pytest.raises(ParameterError, match="another clip or model"):
        staa.Player(bars, request=request_of(original))
    with pytest.raises(ParameterError, match="without video="):
        staa.Player(without_request(original), model=model)


def test_another_video_or_model_is_refused(video: Path, model: VideoModel, tmp_path: Path):
    loaded = without_request(staa.explain(video, model))
    other = staa.action_clip(4, size=48, fps=8).write_mp4(tmp_path / "other.mp4")
    with pytest.raises(ParameterError, match="not the video that was explained"):
        staa.Player(loaded, video=other, model=model)
    larger_model = staa.load_model(tiny_timesformer(num_labels=7), processor=model.transform)
    with pytest.raises(ParameterError, match="not the model that was explained"):
        staa.Player(loaded, video=video, model=larger_model)


def test_a_loaded_explanation_of_the_same_clip_inherits_the_request(video: Path, model: VideoModel):
    first = staa.explain(video, model)
    player = staa.Player(first)
    player.show(without_request(staa.explain(video, model, "staa_logit", target=4, layers="mean")))
    assert (player.method, player.target) == ("staa_logit", 4)
    assert player.compute(contrast=False).target == 4
    player.show(without_request(staa.explain(video, model, start=1)))
    assert not player.hello()["computes"]
