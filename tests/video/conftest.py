"""Files of each video format, written when first requested."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from staa_widgets.video.probe import probe
from staa_widgets.video.video_file import VideoFile
from tests.helpers.video_files import write_video
from tests.helpers.video_formats import COUNT, FORMATS


@pytest.fixture(scope="session")
def format_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Function that returns the path of a format's file."""
    folder = tmp_path_factory.mktemp("formats")

    def write(name: str) -> Path:
        if not (folder / name).exists():
            write_video(folder / name, COUNT, **FORMATS[name][1])
        return folder / name

    return write


@pytest.fixture
def video_case(
    format_file: Callable[[str], Path], request: pytest.FixtureRequest
) -> tuple[VideoFile, np.ndarray, dict[str, Any]]:
    """Description, times and options of the file of a format."""
    options = FORMATS[request.param][1]
    times = options.get("times", np.arange(COUNT) / options.get("fps", 25))
    return probe(format_file(request.param), request.param), times, options


@pytest.fixture
def short_groups(format_file: Callable[[str], Path]) -> Path:
    """File with a key frame every ten frames."""
    return format_file("short_groups.mp4")
