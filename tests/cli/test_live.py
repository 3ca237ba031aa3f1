"""``staa live``: a line for each window, a recording, and errors on one line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import staa_widgets as staa
from staa_widgets.cli.main import main
from tests.helpers.video_server import PASSWORD, USER, run_video_server


def test_a_file_is_explained_line_by_line_and_recorded(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code = main(["live", str(video), "--window", "1", "--fps", "20", "--record", str(tmp_path / "live.mp4")])
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert code == 0
    assert output.err == ""
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


def test_a_film_under_the_bundled_model_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    noise = np.random.default_rng(0).integers(0, 256, (24, 96, 96, 3), dtype=np.uint8)
    clip = staa.action_clip(3, size=96, fps=8, seconds=3)
    film = replace(clip, frames=noise).write_mp4(tmp_path / "film.mp4")
    assert main(["live", str(film), "--window", "1"]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "drawn actions" in line]
    assert line.startswith("staa: This small model knows 12 drawn actions and nothing of films")
    assert line.endswith('staa.live(source, "MCG-NJU/videomae-base-finetuned-kinetics")')


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
