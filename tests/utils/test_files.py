"""Files are written in one step, errors name the file, and names are valid on any system."""

from __future__ import annotations

from pathlib import Path

import pytest

from staa_widgets.errors import ExportError, VideoNotFoundError
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


def test_typed_errors_of_the_work_are_raised_unchanged(tmp_path: Path) -> None:
    with pytest.raises(VideoNotFoundError), export_path(tmp_path / "movie.mp4", "movie"):
        raise VideoNotFoundError("The video is gone.")


def test_file_names_are_valid_on_any_system() -> None:
    assert file_stem("my clip (1).mp4") == "my_clip_1_"
    assert file_stem("größe.avi") == "größe"
    assert file_stem("../../.mp4") == "_"
    assert file_stem("") == "clip"
