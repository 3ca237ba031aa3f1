"""Every TypeScript file and folder of the player says what it holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.paths import JS_SOURCE

FILES = sorted(JS_SOURCE.rglob("*.ts"))
FOLDERS = sorted({JS_SOURCE, *(path for path in JS_SOURCE.rglob("*") if path.is_dir())})

HEAD_COMMENT = re.compile(r"\A// .+\n(?:// .+\n)?\n")
"""One or two lines of comment and an empty line, before anything else."""


def relative(path: Path) -> str:
    return path.relative_to(JS_SOURCE).as_posix()


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_a_file_begins_with_what_it_holds(file: Path):
    text = file.read_text("utf-8")
    assert HEAD_COMMENT.match(text), "begin with one or two lines of comment that say what the file holds"
    assert text.count("\n") <= 300, "split the file"


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_a_folder_says_what_it_holds_and_where_to_begin(folder: Path):
    title, empty, *lines = (folder / "README.md").read_text("utf-8").splitlines()
    assert title.startswith("# ")
    assert empty == ""
    assert len(lines) == 2
    named = re.findall(r"`([\w/]+\.(?:ts|css))`", " ".join(lines))
    assert "Begin with" in lines[1]
    assert named, "name the file to begin with"
    for name in named:
        assert (folder / name).exists() or (JS_SOURCE / name).exists(), name
