"""Errors in a notebook: the type, the message, the hint and the user's own line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import staa_widgets as staa
from tests.helpers.kernel import Kernel


def run_cell(code: str, capsys) -> list[str]:
    """Run a cell in a shell of IPython and return what it prints of its error, without colors."""
    shell = InteractiveShell()
    shell.run_cell(code)
    if shell.history_manager is not None:
        shell.history_manager.end_session()
    return re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).strip().split("\n")


def test_a_missing_video_takes_four_lines(capsys):
    lines = run_cell("import staa_widgets as staa\n\nstaa.explain('missing.mp4')", capsys)
    assert lines[0].startswith("VideoNotFoundError: ")
    assert "missing.mp4" in lines[0]
    assert any(re.fullmatch(r".*line 3: staa\.explain\('missing\.mp4'\)", line) for line in lines)
    assert len(lines) <= 4
    assert not any("site-packages" in line or "staa_widgets/" in line for line in lines)


def test_the_cell_and_the_helper_function_are_named(capsys, tmp_path: Path):
    helper = tmp_path / "helper_of_the_user.py"
    helper.write_text("import staa_widgets as staa\n\ndef show(video):\n    return staa.open_clip(video)\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom helper_of_the_user import show\nshow('missing.mp4')"
    )
    lines = run_cell(code, capsys)
    assert [line for line in lines if line.endswith(": show('missing.mp4')")]
    assert f"File {helper}, line 4: return staa.open_clip(video)" in lines


def test_a_cause_is_shown_if_it_adds_something(capsys):
    code = """
from staa_widgets.errors import ModelLoadError
try:
    raise OSError("disk on fire\\x1b[31m")
except OSError as error:
    raise ModelLoadError("The weights cannot be read.", "Copy them again.") from error
"""
    lines = run_cell(code, capsys)
    assert lines[:2] == ["ModelLoadError: The weights cannot be read.", "Copy them again."]
    assert "Cause: OSError: disk on fire\\x1b[31m" in lines
    stated = run_cell(code.replace("cannot be read.", "cannot be read: disk on fire\\x1b[31m."), capsys)
    assert not any(line.startswith("Cause") for line in stated)


def test_debug_shows_the_whole_traceback(capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(staa, "debug", True, raising=True)
    lines = run_cell("import staa_widgets as staa\nstaa.explain('missing.mp4')", capsys)
    assert len(lines) > 15
    assert "Traceback (most recent call last)" in " ".join(lines)


def test_errors_of_other_packages_are_as_they_were(capsys):
    lines = run_cell("import staa_widgets as staa\nstaa.explain('missing.mp4' + 1)", capsys)
    assert "Traceback (most recent call last)" in " ".join(lines)


def test_short_error_in_a_kernel(tmp_path: Path):
    kernel = Kernel(tmp_path)
    try:
        cell = kernel.start("import staa_widgets as staa\nstaa.explain('missing.mp4')")
        (error,) = [message["content"] for message in kernel.finish(cell) if message["msg_type"] == "error"]
    finally:
        kernel.stop()
    assert error["ename"] == "VideoNotFoundError"
    assert len(error["traceback"]) <= 4
    assert any(re.fullmatch(r"Cell In\[\d+\], line 2: .*missing.*", line) for line in error["traceback"])
