"""The cache: entries are keyed by content, damaged ones are dropped, and cache errors never stop the work."""

from __future__ import annotations

import multiprocessing
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from staa_widgets.errors import ParameterError
from staa_widgets.storage import cache
from staa_widgets.storage.format import pack, unpack

KEY = "ab" * 32


def entry_bytes(value: float = 1.0, size: int = 4) -> bytes:
    return pack("record", {"value": value}, {"array": np.full(size, value, np.float32)})


def read_value(data: bytes) -> float:
    return unpack("record", data)[0]["value"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("STAA_CACHE_LIMIT", raising=False)
    monkeypatch.setattr(cache._state, "warned_folders", set())
    return tmp_path / "cache"


def put_entry(name: str, age: float, size: int = 1000) -> None:
    cache.put("record", name * 64, entry_bytes(size=size))
    last_used = time.time() - age
    os.utime(cache.folder() / f"record-{name * 64}.safetensors", (last_used, last_used))


def compute_slowly(key: str, log: Path, ready: object) -> None:
    ready.wait()  # pyright: ignore[reportAttributeAccessIssue]
    with cache.lock("record", key):
        if cache.get("record", key, read_value) is None:
            with log.open("a") as file:
                file.write("computed\n")
            time.sleep(0.3)
            cache.put("record", key, entry_bytes(5.0))


def test_an_entry_is_returned_by_its_key():
    assert cache.get("record", KEY, read_value) is None
    cache.put("record", KEY, entry_bytes(2.5))
    assert cache.get("record", KEY, read_value) == 2.5
    assert cache.get("explanation", KEY, read_value) is None


def test_keys_depend_only_on_values():
    one = cache.key(clip="c", params={"a": 1, "b": (1, 2)}, frames=np.array([[0, 4]]))
    assert one == cache.key(frames=[[0, 4]], clip="c", params={"b": [1, 2], "a": np.int64(1)})
    assert one != cache.key(frames=[[0, 5]], clip="c", params={"b": [1, 2], "a": 1})
    with pytest.raises(ParameterError, match="cannot be stored"):
        cache.key(params={"model": object()})


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "replaced"])
def test_a_damaged_entry_is_dropped(damage: str, folder: Path):
    cache.put("record", KEY, entry_bytes())
    (path,) = folder.glob("*.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    damaged_data = {
        "cut": bytes(data[:-7]),
        "flipped": bytes(data),
        "emptied": b"",
        "replaced": pack("preview", {}, {}),
    }
    path.write_bytes(damaged_data[damage])
    assert cache.get("record", KEY, read_value) is None
    assert not path.exists()


def test_least_recently_used_entries_go_first(monkeypatch: pytest.MonkeyPatch):
    for name, age in (("a", 30), ("b", 20), ("c", 10)):
        put_entry(name, age)
    assert cache.get("record", "a" * 64, read_value) == 1.0  # Now the most recently used.
    size = cache.info().size
    monkeypatch.setenv("STAA_CACHE_LIMIT", str(size))
    put_entry("d", 0)
    remaining = {name for name in "abcd" if cache.get("record", name * 64, read_value)}
    assert remaining == {"a", "c", "d"}
    assert cache.info().size <= size
    assert cache.prune(0) == 3
    assert cache.info().entries == {}


def test_an_entry_larger_than_the_limit_is_not_stored(monkeypatch: pytest.MonkeyPatch):
    cache.put("record", KEY, entry_bytes())
    monkeypatch.setenv("STAA_CACHE_LIMIT", "1KB")
    cache.put("record", "cd" * 32, entry_bytes(size=1000))
    assert cache.get("record", KEY, read_value) == 1.0
    assert cache.get("record", "cd" * 32, read_value) is None


@pytest.mark.parametrize(("text", "size"), [("500MB", 500_000_000), ("1.5 gb", 1_500_000_000), ("12", 12)])
def test_the_limit_can_be_set(text: str, size: int, monkeypatch: pytest.MonkeyPatch):
    assert cache.info().limit == 2_000_000_000
    monkeypatch.setenv("STAA_CACHE_LIMIT", text)
    assert cache.info().limit == size
    monkeypatch.setenv("STAA_CACHE_LIMIT", "plenty")
    with pytest.raises(ParameterError, match="plenty"):
        cache.info()


def test_clear_removes_entries_and_nothing_else(folder: Path):
    cache.put("record", KEY, entry_bytes())
    cache.put("preview", KEY, entry_bytes())
    for name in ("model.safetensors", "notes.txt"):
        (folder / name).write_text("mine")
    assert cache.info().entries == {"preview": 1, "record": 1}
    assert cache.clear() == 2
    assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors", "notes.txt"]


def test_leftovers_of_a_killed_process_are_removed_after_a_day(folder: Path):
    cache.put("record", KEY, entry_bytes())
    leftovers = [folder / f".record-{KEY}.safetensors.0123abcd.tmp", folder / f"record-{KEY}.lock"]
    for path in leftovers:
        path.touch()
    cache.prune()
    assert all(path.exists() for path in leftovers)
    for path in leftovers:
        os.utime(path, (0, 0))
    cache.prune()
    assert not any(path.exists() for path in leftovers)
    assert cache.get("record", KEY, read_value) == 1.0


def test_an_unusable_folder_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "file" / "cache"))

    def use_cache() -> None:
        with cache.lock("record", KEY):
            assert cache.get("record", KEY, read_value) is None
            cache.put("record", KEY, entry_bytes())

    with pytest.warns(RuntimeWarning, match="STAA_CACHE") as reports:
        use_cache()
    assert len(reports) == 1
    use_cache()  # A second warning would be an error here.
    assert cache.info().size == 0


def test_a_full_disk_leaves_no_partial_entry(folder: Path, monkeypatch: pytest.MonkeyPatch):
    cache.put("record", KEY, entry_bytes())

    def write_partly(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_partly)
    with pytest.warns(RuntimeWarning, match="No space left"):
        cache.put("record", "cd" * 32, entry_bytes())
    assert [path.name for path in folder.iterdir()] == [f"record-{KEY}.safetensors"]


def test_two_processes_with_one_key_compute_once(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    ready, log = context.Barrier(2), tmp_path / "log"
    workers = [context.Process(target=compute_slowly, args=(KEY, log, ready)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert log.read_text() == "computed\n"
    assert cache.get("record", KEY, read_value) == 5.0


def test_waiting_for_the_lock_can_be_canceled():
    class CanceledWait(Exception):  # noqa: N818
        pass

    def cancel_wait() -> None:
        raise CanceledWait

    with cache.lock("record", KEY), pytest.raises(CanceledWait), cache.lock("record", KEY, cancel_wait):
        raise AssertionError("the lock is held already")


def test_errors_inside_the_lock_are_raised_unchanged():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FileNotFoundError), cache.lock("record", KEY):
            raise FileNotFoundError("a video")
        with cache.lock("record", KEY):
            cache.put("record", KEY, entry_bytes())
