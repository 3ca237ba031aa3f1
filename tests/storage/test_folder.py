"""The folder of the cache belongs to one user: nobody else can read it, and one that others could fill is not used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from staa_widgets.cli.main import main
from staa_widgets.storage import cache
from staa_widgets.storage.signing import make_secret, read_secret, secret_path

KEY = "ab" * 32
TEXTS = cache.EntryType[str]("explanation", lambda text: ({"text": text}, {}), lambda values, _: values["text"])

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes of files")


@pytest.fixture(autouse=True)
def used_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with one entry."""
    for name in ("warned_folders", "shared_folders"):
        monkeypatch.setattr(cache._state, name, set())
    cache.put(TEXTS, KEY, "old")
    return folder


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_only_the_user_can_read_what_is_stored(used_folder: Path):
    with cache.lock("explanation", KEY):
        paths = [used_folder, *used_folder.rglob("*")]
    assert len(paths) == 6
    assert {mode(path) for path in paths if path.is_dir()} == {0o700}
    assert {mode(path) for path in paths if path.is_file()} == {0o600}
    cache.put(TEXTS, KEY, "newer")
    assert {mode(path) for path in used_folder.rglob("*.safetensors")} == {0o600}


@pytest.mark.parametrize("problem", ["every user may write", "belongs to another user"])
def test_a_folder_that_others_could_fill_is_not_used(
    problem: str, used_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    if problem == "every user may write":
        used_folder.chmod(0o777)
    else:
        other_user = os.geteuid() + 1
        monkeypatch.setattr(os, "geteuid", lambda: other_user)
    before = sorted(used_folder.rglob("*"))
    with pytest.warns(RuntimeWarning, match=problem) as warned:
        assert cache.get_or_compute(TEXTS, KEY, lambda: "new") == ("new", False)
    assert len(warned) == 1
    # A second warning would be an error.
    assert cache.get_or_compute(TEXTS, KEY, lambda: "newest") == ("newest", False)
    assert sorted(used_folder.rglob("*")) == before
    assert main(["cache", "info"]) == 0
    assert f"not used, because {'it ' if problem[0] == 'b' else ''}{problem}" in capsys.readouterr().out


@pytest.mark.parametrize("sticky_mode", [0o1777, 0o1770])
def test_a_folder_from_which_others_cannot_remove_files_is_used(sticky_mode: int, used_folder: Path):
    used_folder.chmod(sticky_mode)
    assert cache.get(TEXTS, KEY) == "old"


def test_a_folder_of_a_group_is_used_after_one_warning(used_folder: Path):
    used_folder.chmod(0o770)
    with pytest.warns(RuntimeWarning, match="chmod g-w") as warned:
        assert cache.get(TEXTS, KEY) == "old"
    assert len(warned) == 1
    assert cache.get(TEXTS, KEY) == "old"


@pytest.mark.parametrize("fault", ["removed", "too short", "writable by others", "a link", "of another user"])
def test_entries_count_only_with_a_secret_of_the_user(
    fault: str, used_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, secret, own_status = secret_path(), make_secret(), os.fstat
    if fault == "removed":
        path.unlink()
    elif fault == "too short":
        path.write_bytes(secret[:20])
    elif fault == "writable by others":
        path.chmod(0o622)
    elif fault == "a link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    else:
        foreign = type("Status", (), {"st_mode": 0o100600, "st_size": 32, "st_uid": os.geteuid() + 1})
        monkeypatch.setattr("staa_widgets.storage.signing.os.fstat", lambda _: foreign)
    assert read_secret() is None
    assert cache.get(TEXTS, KEY) is None
    if fault == "of another user":
        monkeypatch.setattr("staa_widgets.storage.signing.os.fstat", own_status)
        path.unlink()
    cache.put(TEXTS, KEY, "new")
    assert cache.get(TEXTS, KEY) == "new"
    assert read_secret() != secret


def test_a_copy_of_the_folder_can_be_used(used_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    used_folder.rename(tmp_path / "copy")
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "copy"))
    assert cache.get(TEXTS, KEY) == "old"
