"""A model that knows drawn actions only says so when it is given a film or another clip."""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.non_drawings import non_drawing
from staa_widgets import Explanation, action_clip, compare, explain, explain_many, load_model, open_clip, stream
from staa_widgets.cli.main import main
from staa_widgets.engine.style_check import window_style
from staa_widgets.errors import OutOfDomainWarning
from staa_widgets.explanation.notices import FILM_MODEL, list_notices
from staa_widgets.models.checkpoint.known import KNOWN_CHECKPOINTS
from staa_widgets.models.model_source import BUNDLED_FOLDER
from staa_widgets.video.encode import encode_h264
from tests.helpers.timesformers import tiny_timesformer_model

pytestmark = pytest.mark.usefixtures("folder")

OPTIONS: dict[str, Any] = {"progress": False, "preview": False, "attention": False}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cartoon of eight frames over four seconds."""
    path = tmp_path_factory.mktemp("films") / "swimmer.mp4"
    path.write_bytes(encode_h264(non_drawing("cartoon", 5), 2))
    return path


@pytest.fixture(scope="module")
def bundled() -> Any:
    return load_model()


def film_warnings(recorded: list[warnings.WarningMessage]) -> list[str]:
    return [str(item.message) for item in recorded if item.category is OutOfDomainWarning]


def test_a_film_gets_one_warning_that_names_the_clip_the_classes_and_another_model(film: Path, bundled: Any) -> None:
    with pytest.warns(OutOfDomainWarning) as recorded:
        explanation = explain(film, bundled, **OPTIONS)
    (text,) = film_warnings(list(recorded))
    assert text.startswith(
        f"swimmer.mp4: This small model knows {len(bundled.labels)} drawn actions and nothing of films"
    )
    assert text.endswith(f'staa.explain(video, "{FILM_MODEL}")')
    assert recorded[0].filename == __file__
    assert [notice.kind for notice in list_notices(explanation)] == ["film"]
    assert FILM_MODEL in KNOWN_CHECKPOINTS


def test_a_cached_explanation_gets_the_same_warning(film: Path, bundled: Any) -> None:
    with pytest.warns(OutOfDomainWarning) as computed:
        first = explain(film, bundled, **OPTIONS)
    with pytest.warns(OutOfDomainWarning) as cached:
        again = explain(film, bundled, **OPTIONS)
    with pytest.warns(OutOfDomainWarning) as other_method:
        other = explain(film, bundled, "staa_logit", **OPTIONS)  # from the cached record
    assert (first.provenance["cache"], again.provenance["cache"]) == ("miss", "hit")
    assert film_warnings(list(computed)) == film_warnings(list(cached)) == film_warnings(list(other_method))
    values = [e.provenance["style_deviation"] for e in (first, again, other)]
    assert values[0] == values[1] == values[2] > 1


def test_a_saved_explanation_keeps_the_notice(film: Path, bundled: Any, tmp_path: Path) -> None:
    explanation = explain(film, bundled, **OPTIONS)
    explanation.save(tmp_path / "film.safetensors")
    loaded = Explanation.load(tmp_path / "film.safetensors")
    assert list_notices(loaded) == list_notices(explanation) != []


@pytest.mark.parametrize("value", ["far", None, True])
def test_a_changed_file_gets_no_notice_and_no_error(value: Any, film: Path, bundled: Any) -> None:
    explanation = explain(film, bundled, **OPTIONS)
    changed = replace(explanation, provenance={**explanation.provenance, "style_deviation": value})
    assert list_notices(changed) == []


def test_a_drawn_clip_and_a_film_under_another_model_get_none(film: Path, bundled: Any) -> None:
    drawn = explain(action_clip(3, size=96, fps=8), bundled, **OPTIONS)
    other = explain(film, tiny_timesformer_model(), **OPTIONS)
    assert list_notices(drawn) == list_notices(other) == []
    assert drawn.provenance["style_deviation"] <= 1
    assert "style_deviation" not in other.provenance


def test_every_film_is_warned_of_once(film: Path, bundled: Any, tmp_path: Path) -> None:
    shutil.copy(film, tmp_path / "diver.mp4")
    drawn = action_clip(3, size=96, fps=8).write_mp4(tmp_path / "drawn.mp4")
    with pytest.warns(OutOfDomainWarning) as recorded:
        assert all(o.explanation for o in explain_many([film, drawn, tmp_path / "diver.mp4"], bundled, **OPTIONS))
    assert [text.partition(":")[0] for text in film_warnings(list(recorded))] == ["swimmer.mp4", "diver.mp4"]
    for call in (
        lambda: compare(film, bundled, ["staa", "rollout"], cache=False, **OPTIONS),
        lambda: list(stream(film, bundled, progress=False)),
    ):
        with pytest.warns(OutOfDomainWarning) as recorded:
            call()
        assert len(film_warnings(list(recorded))) == 1


def test_a_film_in_several_windows_is_one_too(bundled: Any) -> None:
    clip = open_clip(np.concatenate([non_drawing("plasma", seed) for seed in range(4)]), fps=2)
    explanation = explain(clip, bundled, window=8, cache=False, **OPTIONS)
    assert explanation.provenance["sampling"]["windows"] == 2
    assert "film" in [notice.kind for notice in list_notices(explanation)]


def test_a_copy_of_a_bundled_model_is_known_by_what_its_configuration_says(tmp_path: Path) -> None:
    shutil.copytree(BUNDLED_FOLDER, tmp_path / "mine", ignore=shutil.ignore_patterns("*-1", "vi*", "README.md"))
    assert load_model(tmp_path / "mine").drawings_only
    # Trained further on other classes, it knows more than drawn actions.
    config = json.loads((tmp_path / "mine" / "config.json").read_text())
    config["id2label"]["0"] = "tap dancing"
    (tmp_path / "mine" / "config.json").write_text(json.dumps(config))
    assert not load_model(tmp_path / "mine").drawings_only


def test_the_frames_are_those_that_the_model_sees_whatever_its_normalization(bundled: Any) -> None:
    frames = non_drawing("stars", 3)
    centered = replace(bundled, transform=replace(bundled.transform, scale=2 / 255, offset=-1.0, mean=(0.1, 0.2, 0.3)))
    expected = window_style(bundled, bundled.pixels(frames))
    assert expected is not None
    assert window_style(centered, centered.pixels(frames)) == pytest.approx(expected)


def test_the_command_line_warns(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(film), "--device", "cpu", "--out", str(tmp_path / "page.html")]) == 0
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if "nothing of films" in line]
    assert len(lines) == 1
    assert lines[0].startswith("staa: warning: swimmer.mp4: This small model knows")
    assert FILM_MODEL in lines[0]
    assert "nothing of films" in (tmp_path / "page.html").read_text("utf-8")
