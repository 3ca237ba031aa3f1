"""``staa live``: a line for each window, a recording, and errors on one line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.cli.main import main
from tests.helpers.video_server import PASSWORD, USER, run_video_server


def test_a_file_is_explained_line_by_line_and_recorded(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code = main(["live", str(video), "--window", "1", "--fps", "20", "--record", str(tmp_path / "live.mp4")])
    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[0] == "clip.mp4, staa of bundled (drawn actions only); Ctrl-C stops"
    windows = [line for line in lines if re.match(r" +[0-9.]+ s  .*, [0-9]+%; .*; age [0-9]+ ms$", line)]
    assert len(windows) >= 3
    seconds = [float(line.split()[0]) for line in windows]
    assert seconds == sorted(seconds)
    assert lines[-2].startswith("The source has no more frames. 32 frames offered")
    assert lines[-1].startswith(f"recording: {tmp_path / 'live.mp4'} (")
    frames = staa.open_clip(tmp_path / "live.mp4")
    originals = {frame.tobytes() for frame in staa.open_clip(video).frames(np.arange(32))}
    assert {frame.tobytes() for frame in frames.frames(np.arange(len(frames)))} <= originals


def test_it_stops_after_the_given_seconds(capsys: pytest.CaptureFixture[str]):
    with run_video_server() as server:
        url = server.url.replace("//", f"//{USER}:{PASSWORD}@") + "/camera"
        assert main(["live", url, "--window", "0.5", "--fps", "20", "--seconds", "2"]) == 0
    output = "".join(capsys.readouterr())
    assert "Stopped." in output
    assert PASSWORD not in output


def test_a_source_that_fails_is_an_error_on_one_line(capsys: pytest.CaptureFixture[str]):
    with run_video_server() as server:
        url = server.url.replace("//", f"//{USER}:{PASSWORD}@") + "/none"
        assert main(["live", url]) == 1
    output = capsys.readouterr()
    assert len(output.err.splitlines()) == 1
    assert "status 404" in output.err
    assert PASSWORD not in output.out + output.err
    assert main(["live", "nowhere.mp4"]) == 1
    assert main(["live", "nowhere.mp4", "--fps", "0"]) == 2
