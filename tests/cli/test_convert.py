"""``staa convert`` writes safetensors, and runs nothing that it reads."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.torch_version import TorchVersion

from staa_widgets.cli.main import main
from staa_widgets.models import load_model
from staa_widgets.models.checkpoint.known import KNOWN_CHECKPOINTS
from tests.helpers.fake_hub import FakeHub
from tests.helpers.paths import ROOT
from tests.helpers.published import write_published

NAMES = [
    "facebook/timesformer-base-finetuned-k400",
    "MCG-NJU/videomae-base-finetuned-kinetics",
    "google/vivit-b-16x2-kinetics400",
]


class Hostile:
    """Its pickle makes a folder when it is opened without care."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("name", NAMES)
def test_a_converted_checkpoint_is_the_same_model(
    name: str, hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = write_published(KNOWN_CHECKPOINTS[name], tmp_path / "repository")
    hub.add(name, tmp_path / "repository")
    out = tmp_path / "new" / "out"
    assert main(["convert", name, str(out)]) == 0
    captured = capsys.readouterr()
    assert f"written as safetensors to {out}" in captured.out
    assert "which runs no code in it" in captured.err
    files = {path.name for path in out.iterdir()}
    assert {"config.json", "model.safetensors", "preprocessor_config.json"} <= files
    assert not {file for file in files if file.endswith(".bin")}
    model = load_model(out, device="cpu")
    assert len(model.labels) == KNOWN_CHECKPOINTS[name].classes
    weights = model.module.state_dict()
    assert all(torch.equal(weights[key], tensor) for key, tensor in expected.items())
    with pytest.warns(UserWarning, match="runs no code"):
        assert load_model(name, device="cpu").transform == model.transform
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("is_old", [True, False])
def test_it_runs_nothing_and_leaves_nothing(
    is_old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_published(KNOWN_CHECKPOINTS[NAMES[0]], Path("walker"))
    torch.save({"a": Hostile()}, "walker/pytorch_model.bin")
    if is_old:
        monkeypatch.setattr(torch, "__version__", TorchVersion("2.9.1"))
    assert main(["convert", "walker", "out"]) == 1
    assert ("CVE-2026-24747" if is_old else "holds something other than weights") in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["walker"]


def test_a_folder_with_files_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["convert", "bundled", str(tmp_path)]) == 2
    assert "holds files already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_downloads_show_the_hubs_progress_bars_in_a_terminal() -> None:
    import pty
    import termios

    reader, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))  # Without columns there would be no bars.
    command = [sys.executable, "-m", "tests.helpers.download"]
    with subprocess.Popen(command, cwd=ROOT, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # The end of a pseudo-terminal is an error on Linux.
            while part := os.read(reader, 4096):
                shown += part
        os.close(reader)
    text = shown.decode()
    assert process.returncode == 0, text
    assert re.search(r"model\.safetensors: +100%", text), text
    assert "Loading weights" not in text
