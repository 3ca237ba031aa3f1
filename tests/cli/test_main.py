"""The command line: pages, output, exit codes, and errors on one line each."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants, hf_hub_download

import staa_widgets.engine.many
import staa_widgets.engine.run
from staa_widgets import action_clip, load_model, open_clip, time_profile
from staa_widgets.cli.main import main
from staa_widgets.cli.output import filter_warnings
from staa_widgets.errors import IncompleteAttributionWarning
from staa_widgets.evaluation.benchmark.plan import MAX_PASSES
from staa_widgets.explanation.notices import FILM_MODEL
from staa_widgets.storage import cache
from tests.helpers import paths
from tests.helpers.fake_hub import FakeHub
from tests.helpers.timesformers import tiny_timesformer

ROOT = str(paths.ROOT)
PROCESSOR = '{"size": {"shortest_edge": 24}, "crop_size": {"height": 24, "width": 24}}'


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    # By its name, the model was trained on whole clips, such as the video.
    folder = tmp_path_factory.mktemp("tiny-ssv2-")
    tiny_timesformer().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(PROCESSOR)
    return str(folder)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(action_clip(3, size=48, fps=8).write_mp4(tmp_path_factory.mktemp("videos") / "clip.mp4"))


def run_explain(*arguments: str, model: str) -> int:
    return main(["explain", "--device", "cpu", "--model", model, *arguments])


def test_a_page_is_written_and_its_path_printed(
    video: str, model: str, working_folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert run_explain(video, model=model) == 0
    captured = capsys.readouterr()
    page = working_folder / "clip.staa.html"
    assert page.read_text().startswith("<!doctype html>")
    first, second, *variation, seen, third = captured.out.splitlines()
    assert all(line.endswith("of the attribution lies at other times than on a still film") for line in variation)
    assert first == f"clip.mp4, staa of {Path(model).name}"
    page_sentence = re.search(r'"summary": ?"([^"]*)"', page.read_text())
    assert page_sentence is not None
    assert second == f"  {page_sentence[1]}"
    assert second.startswith("  The model says LABEL ")
    assert seen == "  seen: 4 frames over 4 s in a window; trained with 4 frames over whole clips of about 4 s"
    assert third == "  page: clip.staa.html"
    assert captured.err == ""


def test_options_reach_the_explanation(video: str, model: str, monkeypatch: pytest.MonkeyPatch):
    received_options: dict[str, Any] = {}
    original = staa_widgets.engine.many.explain_many

    def record_options(*arguments: Any, **options: Any) -> Any:
        received_options.update(options, method=arguments[2])
        return original(*arguments, **options)

    monkeypatch.setattr(staa_widgets.engine.many, "explain_many", record_options)
    options = ["--method", "staa_logit", "--target", "label 2", "--start", "1", "--end", "3", "--no-cache"]
    assert run_explain(video, *options, "--window", "2", "--stride", "1.5", model=model) == 0
    assert received_options == {
        "method": "staa_logit",
        "target": "label 2",
        "start": 1,
        "end": 3,
        "window": 2,
        "stride": 1.5,
        "cache": False,
    }
    assert not cache.folder().exists()
    assert run_explain(video, "--method", "staa_logit", "--target", "2", model=model) == 0
    assert received_options["target"] == 2
    assert run_explain(video, "--method", "staa_logit", "--target", "2", "--minus", "label 1", model=model) == 0
    assert received_options["target"] == (2, "label 1")


def test_several_videos_get_a_line_each_and_a_summary(
    video: str, model: str, working_folder: Path, capsys: pytest.CaptureFixture[str]
):
    """A pattern that no shell has expanded, and a folder."""
    (working_folder / "clips").mkdir()
    for name in ("b.mp4", "a.mp4"):
        (working_folder / "clips" / name).write_bytes(Path(video).read_bytes())
    (working_folder / "clips" / "notes.txt").touch()
    for several in ("clips/*.mp4", "clips"):
        assert run_explain(several, model=model) == 0
        first, second, last = capsys.readouterr().out.splitlines()
        assert first.startswith("a.mp4: The model says LABEL ")
        assert first.endswith("page: a.staa.html")
        assert second.endswith("page: b.staa.html")
        assert last == "2 of 2 videos explained"
    assert run_explain("clips/*.avi", model=model) == 1
    assert capsys.readouterr().err.startswith("staa: clips/*.avi: There is no file")


def test_pages_are_written_to_the_chosen_paths(video: str, model: str, working_folder: Path):
    assert run_explain(video, "--out", "pages/of/mine", model=model) == 0
    assert run_explain(video, "--out", "other/one.html", model=model) == 0
    assert run_explain(video, video, model=model) == 0
    pages = sorted(str(path.relative_to(working_folder)) for path in working_folder.rglob("*.html"))
    assert pages == ["clip-2.staa.html", "clip.staa.html", "other/one.html", "pages/of/mine/clip.staa.html"]


@pytest.mark.parametrize(
    ("name", "kind", "signature"),
    [
        ("a.mp4", "movie", b"\0\0\0"),
        ("a.gif", "animation", b"GIF89a"),
        ("a.PNG", "image", b"\x89PNG"),
        ("a.csv", "table", b"method,"),
    ],
)
def test_the_suffix_selects_the_format(
    name: str,
    kind: str,
    signature: bytes,
    video: str,
    model: str,
    working_folder: Path,
    capsys: pytest.CaptureFixture[str],
):
    assert run_explain(video, "--out", f"made/{name}", model=model) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"  {kind}: made/{name}"
    assert (working_folder / "made" / name).read_bytes().startswith(signature)
    if name == "a.mp4":
        clip = open_clip(working_folder / "made" / name)
        assert (len(clip), clip.end) == (32, 4)
    assert run_explain(video, video, "--out", name, model=model) == 2
    assert f"one {kind} for 2 videos" in capsys.readouterr().err


def test_a_failed_video_does_not_stop_the_others(
    video: str, model: str, working_folder: Path, capsys: pytest.CaptureFixture[str]
):
    (working_folder / "text\x1b[31m.mp4").write_text("no video")
    assert run_explain("missing.mp4", "text\x1b[31m.mp4", video, model=model) == 1
    captured = capsys.readouterr()
    first, last = captured.out.splitlines()
    assert first.startswith("clip.mp4: ")
    assert last == "1 of 3 videos explained, 2 failed"
    missing, text = captured.err.splitlines()
    assert missing.startswith("staa: missing.mp4: There is no file")
    assert "text?[31m.mp4" in text
    assert sorted(path.name for path in working_folder.glob("*.html")) == ["clip.staa.html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "stab"], "Did you mean 'staa'?"),
        (["--target", "LABEL_9"], "no class 'LABEL_9'"),
        (["--target", "9"], "no class 9"),
        (["--minus", "1"], "--minus was given without --target"),
        (["--device", "abacus"], "abacus"),
        (["more.mp4", "--out", "one.html"], "one page for 2 videos"),
        (["--out", "heat.webm"], "ends in '.webm'"),
    ],
)
def test_wrong_commands_end_with_2_and_one_line(
    arguments: list[str], message: str, video: str, model: str, working_folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert run_explain(video, *arguments, model=model) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("staa: ")
    assert message in line
    assert not list(working_folder.iterdir())


@pytest.mark.parametrize("arguments", [[], ["explain"], ["explian", "x.mp4"], ["explain", "x", "--start", "soon"]])
def test_unknown_arguments_end_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: staa" in capsys.readouterr().err


def test_a_missing_model_ends_with_1_and_one_line(video: str, capsys: pytest.CaptureFixture[str]):
    assert main(["explain", video, "--model", "./no/such/folder"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no/such/folder" in line


def test_unexpected_errors_are_one_line_unless_debugging(
    video: str, model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def divide_by_zero(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(staa_widgets.engine.many, "finish_run", divide_by_zero)
    assert run_explain(video, model=model) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "unexpected ZeroDivisionError: division by zero" in line
    assert run_explain(video, "--debug", model=model) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_ends_with_130(
    video: str, model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(staa_widgets.engine.many, "finish_run", interrupt)
    assert run_explain(video, video, model=model) == 130
    assert capsys.readouterr().err == "staa: stopped\n"


def test_own_warnings_are_one_line_and_foreign_ones_are_silent(
    video: str, model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    explanation = staa_widgets.explain(video, staa_widgets.load_model(model, device="cpu"), cache=False, preview=False)
    original = staa_widgets.engine.run.choose_windows

    def warn_and_choose(*arguments: Any) -> Any:
        warnings.warn_explicit("old-fashioned", UserWarning, "/elsewhere/transformers.py", 1)
        return original(*arguments)

    monkeypatch.setattr(staa_widgets.engine.run, "choose_windows", warn_and_choose)
    assert run_explain(video, "--target", str((explanation.target + 1) % 5), model=model) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("staa: warning: Method 'staa' does not depend on the class")
    assert run_explain(video, "--debug", "--no-cache", model=model) == 0
    assert "/elsewhere/transformers.py:1: UserWarning: old-fashioned" in capsys.readouterr().err


def test_a_typed_warning_is_one_line_too(capsys: pytest.CaptureFixture[str]):
    with filter_warnings(argparse.Namespace(debug=False)):
        warnings.warn_explicit("does not\nadd up", IncompleteAttributionWarning, staa_widgets.__file__, 1)
    assert capsys.readouterr().err == "staa: warning: does not add up\n"


def test_a_terminal_without_unicode_is_no_failure(video: str, model: str, tmp_path: Path):
    renamed = tmp_path / "Füße.mp4"
    renamed.write_bytes(Path(video).read_bytes())
    command = [sys.executable, "-m", "staa_widgets", "explain", str(renamed), "--model", model, "--device", "cpu"]
    env = {**os.environ, "PYTHONPATH": ROOT, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run(command, env=env, capture_output=True, text=True, encoding="ascii")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("F??e.mp4, staa of ")


def test_a_closed_pipe_gives_no_traceback():
    script = "import sys; from staa_widgets.cli.main import main; sys.exit(main(['cache', 'info']))"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": ROOT},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(60)


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"staa_widgets {staa_widgets.__version__}\n"


@pytest.mark.parametrize("command", ["explain", "demo", "benchmark", "doctor", "cache"])
def test_the_help_of_a_command_describes_every_option(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--debug show the traceback" in text
    if command == "benchmark":
        assert f"up to {MAX_PASSES} passes" in text


def test_the_demo_explains_a_drawn_clip_and_compares_with_the_truth(
    working_folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["demo", "--out", "shown"]) == 0
    assert sorted(path.name for path in (working_folder / "shown").iterdir()) == ["demo.mp4", "demo.staa.html"]
    output = capsys.readouterr().out
    label = action_clip(3, size=16).label
    assert f"  The model says {label} (" in output
    assert ", on the action.\n" in output
    assert f"  ground truth: {label!r}; the limbs move from " in output
    assert "page: shown/demo.staa.html" in output.replace(os.sep, "/")


def test_the_cache_can_be_listed_pruned_and_cleared(video: str, model: str, capsys: pytest.CaptureFixture[str]):
    assert main(["cache", "info"]) == 0
    assert "empty, 0.0 of 2000 MB" in capsys.readouterr().out
    time_profile(load_model(model))  # in memory then, whichever test ran before
    run_explain(video, model=model)
    capsys.readouterr()
    assert main(["cache", "prune"]) == 0
    output = capsys.readouterr().out
    assert "removed 0 entries\n" in output
    assert "1 explanations, 1 previews, " in output
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out.startswith("removed 2 entries\n")
    assert cache.info().entries == {}


# --- doctor ---


def test_a_sound_installation_passes_the_doctor(capsys: pytest.CaptureFixture[str]):
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    for subject in (
        "torch",
        "devices",
        "torchvision",
        "transformers",
        "video readers",
        "bundled model",
        "player",
        "cache",
    ):
        assert f"\nok    {subject} " in output


def test_the_doctor_reports_a_torchvision_that_breaks_transformers(tmp_path: Path):
    fake = tmp_path / "site"
    (fake / "torchvision").mkdir(parents=True)
    (fake / "torchvision" / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    (fake / "torchvision-0.1.dist-info").mkdir()
    (fake / "torchvision-0.1.dist-info" / "METADATA").write_text("Name: torchvision\nVersion: 0.1\n")
    path = os.pathsep.join([str(fake), ROOT])
    run = subprocess.run(
        [sys.executable, "-m", "staa_widgets", "doctor"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    (line,) = (line for line in run.stdout.splitlines() if "torchvision  " in line)
    assert line.startswith("fail  torchvision   0.1 does not fit torch")
    assert line.endswith("pip uninstall torchvision")
    assert "Traceback" not in run.stderr
    code = """
import staa_widgets as staa
clip = staa.action_clip(3, size=48, fps=8)
for call in (lambda: staa.load_model(), lambda: staa.explain(clip), lambda: staa.load_model()):
    try:
        call()
    except staa.errors.MissingPackageError as error:
        print(error)
"""
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    text = line.removeprefix("fail  torchvision   ")
    assert run.stdout.splitlines() == [f"torchvision {text}. Restart Python afterwards."] * 3, run.stderr


def test_the_doctor_reports_a_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "file" / "cache"))
    main(["doctor"])
    assert "\nwarn  cache " in capsys.readouterr().out


def install_torchvision(folder: Path, needs_torch: str) -> None:
    """Put a torchvision that cannot be imported into a folder."""
    from torch import __version__ as torch_version

    variant = torch_version.partition("+")[2]
    (folder / "torchvision").mkdir(parents=True)
    (folder / "torchvision" / "__init__.py").write_text("raise RuntimeError('imported')")
    info = folder / "torchvision-0.1.dist-info"
    info.mkdir()
    name = f"0.1+{variant}" if variant else "0.1"
    (info / "METADATA").write_text(f"Name: torchvision\nVersion: {name}\nRequires-Dist: torch=={needs_torch}\n")


@pytest.mark.parametrize("fits", [True, False])
def test_the_doctor_imports_a_torchvision_only_if_it_is_for_another_torch(
    fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from torch import __version__ as torch_version

    install_torchvision(tmp_path, torch_version.partition("+")[0] if fits else "1.0")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["doctor"]) == (0 if fits else 1)
    assert f"\n{'ok  ' if fits else 'fail'}  torchvision " in capsys.readouterr().out


def test_the_full_doctor_explains_a_clip_with_the_bundled_model(capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", "--full"]) == 0
    text = capsys.readouterr().out
    assert f"\nok    explanation   {action_clip(3, size=16).label!r} (" in text
    assert "\nok    devices       cpu (" in text


# --- doctor: models of films ---


@pytest.fixture
def film_hub(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A hub with an empty cache and a small classifier under the name of a model of films."""
    folder = tmp_path / "films"
    tiny_timesformer().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(PROCESSOR)
    (folder / "pytorch_model.bin").write_bytes(bytes(10_000_000))  # not needed, because there are safetensors
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    hub.repositories.clear()
    hub.add(FILM_MODEL, folder)
    return hub


def film_line(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["doctor"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "film model" in line)
    return line


def test_the_doctor_says_that_a_film_model_can_be_loaded_and_how_large_it_is(
    film_hub: FakeHub, capsys: pytest.CaptureFixture[str]
):
    folder = film_hub.repositories[FILM_MODEL].folders["main"]
    names = ("model.safetensors", "config.json", "preprocessor_config.json")
    size = sum((folder / name).stat().st_size for name in names) / 1e6
    assert size < 1
    assert film_line(capsys) == (
        f"ok    film model    none was downloaded; {FILM_MODEL} can be loaded from the Hugging Face Hub ({size:.2g} MB)"
    )


def test_the_doctor_names_the_film_models_that_were_downloaded(
    film_hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    other = tmp_path / "pictures"
    other.mkdir()
    (other / "config.json").write_text('{"architectures": ["ViTForImageClassification"]}')
    (other / "model.safetensors").write_bytes(b"weights")
    film_hub.add("somebody/pictures", other)
    film_hub.add("somebody/unfinished", film_hub.repositories[FILM_MODEL].folders["main"])
    hf_hub_download("somebody/pictures", "config.json", cache_dir=constants.HF_HUB_CACHE)
    hf_hub_download("somebody/pictures", "model.safetensors", cache_dir=constants.HF_HUB_CACHE)
    hf_hub_download("somebody/unfinished", "config.json", cache_dir=constants.HF_HUB_CACHE)
    assert "none was downloaded" in film_line(capsys)
    load_model(FILM_MODEL, device="cpu", cache_dir=constants.HF_HUB_CACHE)
    film_hub.requested.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    line = film_line(capsys)
    assert line.startswith(f"ok    film model    {FILM_MODEL} is downloaded (0.")
    assert line.endswith(" MB)")
    assert not film_hub.requested


@pytest.mark.parametrize(("offline", "reason"), [(True, "HF_HUB_OFFLINE is set"), (False, "cannot be reached: ")])
def test_the_doctor_says_that_no_film_model_can_be_had(
    offline: bool,
    reason: str,
    film_hub: FakeHub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    film_hub.repositories.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    line = film_line(capsys)
    assert line.startswith("warn  film model    none was downloaded, and ")
    assert reason in line
    assert f"{FILM_MODEL} (about 350 MB)" in line
