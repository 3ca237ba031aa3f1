"""Files are written in one step, errors name the file, and names are valid on any system."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from staa_widgets.errors import ExportError, FileWriteError, ParameterError, VideoNotFoundError
from staa_widgets.utils.files import atomic_path, export_bytes, export_path, file_stem, write_atomic


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"old")
    with atomic_path(path) as temporary_path:
        temporary_path.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert write_atomic(str(path), b"newer") == path
    assert path.read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"old")

    def write_and_interrupt() -> None:
        with atomic_path(path) as temporary_path:
            temporary_path.write_bytes(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_interrupt()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_export_error_names_content_and_path(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "page.html"
    with pytest.raises(ExportError) as caught:
        export_bytes(path, b"", "page")
    assert "page cannot be written" in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["n" * 250, "é" * 125])
def test_a_name_as_long_as_the_file_system_allows_can_be_written(name: str, tmp_path: Path) -> None:
    assert export_bytes(tmp_path / name, b"x", "page").read_bytes() == b"x"


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(FileWriteError, match=r"cannot be written.*It is not a file"):
            export_bytes(tmp_path / name, b"x", "page")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]


@pytest.mark.parametrize("path", [None, 3, "", "a\0b"])
def test_a_path_that_names_no_file_is_refused(path: Any) -> None:
    with pytest.raises(ParameterError, match="The page cannot be written to"):
        export_bytes(path, b"x", "page")


def test_every_failure_of_saving_is_typed_and_an_os_error(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "x", tmp_path / ("n" * 300), tmp_path):
        for kind in (FileWriteError, ExportError, OSError):
            with pytest.raises(kind, match="The page cannot be written to"):
                export_bytes(path, b"x", "page")


def test_typed_errors_of_the_work_are_raised_unchanged(tmp_path: Path) -> None:
    with pytest.raises(VideoNotFoundError), export_path(tmp_path / "movie.mp4", "movie"):
        raise VideoNotFoundError("The video is gone.")


def test_file_names_are_valid_on_any_system() -> None:
    assert file_stem("my clip (1).mp4") == "my_clip_1_"
    assert file_stem("größe.avi") == "größe"
    assert file_stem("../../.mp4") == "_"
    assert file_stem("") == "clip"
