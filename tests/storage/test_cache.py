"""The cache: entries are keyed by content, damaged ones are dropped, and cache errors never stop the work."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from staa_widgets.errors import ParameterError
from staa_widgets.storage import cache
from staa_widgets.storage.format import pack

KEY = "ab" * 32
NUMBERS = cache.EntryType[np.ndarray[Any, Any]]("record", lambda array: ({}, {"array": array}), lambda _, a: a["array"])
TEXTS = cache.EntryType[str]("explanation", lambda text: ({"text": text}, {}), lambda values, _: values["text"])


def make_key(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def make_array(value: float = 1.0, size: int = 4) -> np.ndarray[Any, Any]:
    return np.full(size, value, np.float32)


def read_number(key: str) -> float | None:
    array = cache.get(NUMBERS, key)
    return None if array is None else float(array[0])


def path_of(entry_type: cache.EntryType[Any], key: str) -> Path:
    return cache.folder() / entry_type.kind / key[:2] / f"{key}.safetensors"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("STAA_CACHE_LIMIT", raising=False)
    for name in ("warned_folders", "shared_folders"):
        monkeypatch.setattr(cache._state, name, set())
    return tmp_path / "cache"


def put_entry(name: str, age: float, size: int = 1000) -> None:
    cache.put(NUMBERS, make_key(name), make_array(size=size))
    last_used = time.time() - age
    os.utime(path_of(NUMBERS, make_key(name)), (last_used, last_used))


def compute_slowly(key: str, log: Path, ready: Any) -> None:
    def compute() -> np.ndarray[Any, Any]:
        with log.open("a") as file:
            file.write("computed\n")
        time.sleep(0.3)
        return make_array(5.0)

    ready.wait()
    assert cache.get_or_compute(NUMBERS, key, compute)[0][0] == 5.0


def test_an_entry_is_returned_by_its_key(folder: Path):
    assert read_number(KEY) is None
    cache.put(NUMBERS, KEY, make_array(2.5))
    assert read_number(KEY) == 2.5
    assert cache.get(TEXTS, KEY) is None
    assert (folder / "record" / "ab" / f"{KEY}.safetensors").is_file()
    cache.remove(NUMBERS, KEY)
    assert read_number(KEY) is None


def test_keys_depend_only_on_values():
    one = cache.key(clip="c", params={"a": 1, "b": (1, 2)}, frames=np.array([[0, 4]]))
    assert one == cache.key(frames=[[0, 4]], clip="c", params={"b": [1, 2], "a": np.int64(1)})
    assert one != cache.key(frames=[[0, 5]], clip="c", params={"b": [1, 2], "a": 1})
    with pytest.raises(ParameterError, match="cannot be stored"):
        cache.key(params={"model": object()})


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "replaced", "of another key", "of another answer"])
def test_a_damaged_entry_is_dropped(damage: str):
    cache.put(NUMBERS, KEY, make_array())
    cache.put(NUMBERS, make_key("other"), make_array())
    path = path_of(NUMBERS, KEY)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    damaged_data = {
        "cut": bytes(data[:-7]),
        "flipped": bytes(data),
        "emptied": b"",
        "replaced": pack("record", {}, {"array": make_array()}),
        "of another key": path_of(NUMBERS, make_key("other")).read_bytes(),
        "of another answer": path.read_bytes(),
    }
    path.write_bytes(damaged_data[damage])
    assert cache.get(NUMBERS, KEY, lambda array: array[0] == 2) is None
    assert not path.exists()


def test_anything_in_place_of_an_entry_is_a_miss(tmp_path: Path):
    path = path_of(NUMBERS, KEY)
    path.parent.mkdir(parents=True)
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        assert read_number(KEY) is None
        path.unlink(missing_ok=True)
    path.mkdir()
    cache.put(NUMBERS, make_key("other"), make_array())
    with pytest.warns(RuntimeWarning, match="cannot be used"):
        assert cache.get_or_compute(NUMBERS, KEY, lambda: make_array(3.0))[0][0] == 3.0


def test_an_entry_larger_than_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch):
    cache.put(NUMBERS, KEY, make_array(size=1000))
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("the file was read"))
    monkeypatch.setenv("STAA_CACHE_LIMIT", "1KB")
    assert read_number(KEY) is None


# --- size ---


def test_least_recently_used_entries_go_first(monkeypatch: pytest.MonkeyPatch):
    for name, age in (("a", 30), ("b", 20), ("c", 10)):
        put_entry(name, age)
    assert read_number(make_key("a")) == 1.0  # Now the most recently used.
    size = cache.info().size
    monkeypatch.setenv("STAA_CACHE_LIMIT", str(size))
    put_entry("d", 0)
    remaining = {name for name in "abcd" if read_number(make_key(name))}
    assert remaining == {"a", "c", "d"}
    assert cache.info().size <= size
    assert cache.prune(0) == 3
    assert cache.info().entries == {}


def test_records_go_before_explanations(monkeypatch: pytest.MonkeyPatch):
    cache.put(TEXTS, KEY, "x" * 3000)
    for name in "abc":
        put_entry(name, 0)
    monkeypatch.setenv("STAA_CACHE_LIMIT", str(cache.info().size))
    cache.put(TEXTS, make_key("new"), "x" * 3000)
    assert cache.info().entries == {"explanation": 2, "record": 2}
    put_entry("d", 0)
    assert cache.info().entries == {"explanation": 2, "record": 2}
    cache.prune(cache.info().size - 1)
    assert cache.info().entries == {"explanation": 2, "record": 1}
    monkeypatch.setenv("STAA_CACHE_LIMIT", "7KB")
    cache.put(NUMBERS, make_key("e"), make_array(size=1000))  # Explanations do not make way for a record.
    assert cache.get(TEXTS, KEY)
    assert read_number(make_key("e")) is None


def run_over(names: list[int]) -> int:
    """Ask for entries one after the other, and store those that are missing; return the number of hits."""
    return sum(cache.get_or_compute(NUMBERS, make_key(name), lambda: make_array(size=1000))[1] for name in names)


def forget_process() -> None:
    """Let this process know as little of the cache as a new one."""
    cache._inventories.clear()


@pytest.mark.parametrize("new_process", [False, True])
def test_a_second_run_over_more_than_fits_finds_what_fits(new_process: bool, monkeypatch: pytest.MonkeyPatch):
    run_over([0])
    monkeypatch.setenv("STAA_CACHE_LIMIT", str(10 * cache.info().size))
    assert run_over([*range(30)]) == 1
    for _ in range(3):
        if new_process:
            forget_process()
        assert run_over([*range(30)]) == 10


def test_another_set_takes_the_place_of_an_old_one(monkeypatch: pytest.MonkeyPatch):
    run_over([0])
    monkeypatch.setenv("STAA_CACHE_LIMIT", str(10 * cache.info().size))
    run_over([*range(10)])
    assert run_over([100]) == 0
    assert run_over([100]) == 0  # Asked for again soon, it is stored.
    assert run_over([100]) == 1
    forget_process()
    run_over([*range(200, 210)])
    assert run_over([*range(200, 210)]) == 10


def test_an_entry_larger_than_the_limit_is_not_stored(monkeypatch: pytest.MonkeyPatch):
    cache.put(NUMBERS, KEY, make_array())
    monkeypatch.setenv("STAA_CACHE_LIMIT", "1KB")
    cache.put(NUMBERS, make_key("other"), make_array(size=1000))
    assert read_number(KEY) == 1.0
    assert read_number(make_key("other")) is None


@pytest.mark.parametrize(("text", "size"), [("500MB", 500_000_000), ("1.5 gb", 1_500_000_000), ("12", 12), ("0", 0)])
def test_the_limit_can_be_set(text: str, size: int, monkeypatch: pytest.MonkeyPatch):
    assert cache.info().limit == 2_000_000_000
    monkeypatch.setenv("STAA_CACHE_LIMIT", text)
    assert cache.info().limit == size


@pytest.mark.parametrize("text", ["plenty", "-1", "9" * 400, "1e9", "inf", "2 GiB", "٣"])
def test_a_wrong_limit_is_refused_before_anything_is_computed(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STAA_CACHE_LIMIT", text)
    for use in (cache.info, lambda: cache.get_or_compute(NUMBERS, KEY, lambda: pytest.fail("computed"))):
        with pytest.raises(ParameterError, match="must be a size"):
            use()


# --- files ---


def test_clear_removes_entries_and_nothing_else(folder: Path):
    cache.put(NUMBERS, KEY, make_array())
    cache.put(TEXTS, KEY, "text")
    for name in ("model.safetensors", "notes.txt"):
        (folder / name).write_text("mine")
    (folder / "record" / "ab" / "notes.txt").write_text("mine")
    assert cache.info().entries == {"explanation": 1, "record": 1}
    assert cache.clear() == 2
    assert sorted(path.name for path in folder.rglob("*.*")) == ["model.safetensors", "notes.txt", "notes.txt"]
    assert not (folder / "explanation").exists()
    cache.put(TEXTS, KEY, "again")
    assert cache.get(TEXTS, KEY) == "again"


def test_debris_of_killed_processes_is_counted_and_removed_after_an_hour(folder: Path):
    cache.put(NUMBERS, KEY, make_array())
    size = cache.info().size
    place = folder / "record" / "ab"
    debris = [place / f".{KEY}.safetensors.0123abcd.tmp", place / f"{KEY}.lock"]
    for path in debris:
        path.write_bytes(b"12345")
    cache.prune()
    assert (cache.info().leftovers, cache.info().size) == (2, size + 10)
    hour_ago = time.time() - 3601
    for path in debris:
        os.utime(path, (hour_ago, hour_ago))
    forget_process()
    cache.put(NUMBERS, make_key("next"), make_array())  # The first entry of a process looks around.
    assert cache.info().leftovers == 0
    assert read_number(KEY) == 1.0


def test_an_old_lock_that_is_held_stays():
    with cache.lock("record", KEY):
        lock_path = path_of(NUMBERS, KEY).with_suffix(".lock")
        os.utime(lock_path, (0, 0))
        cache.prune()
        assert lock_path.exists()
    assert not lock_path.exists()


def test_entries_of_old_formats_are_counted_and_removed(folder: Path):
    cache.put(NUMBERS, KEY, make_array())
    for name in (f"record-{KEY}.safetensors", f"record-{KEY}.lock", f".record-{KEY}.safetensors.0123abcd.tmp"):
        (folder / name).write_bytes(bytes(1000))
    assert cache.info().leftovers == 3
    assert cache.info().size > 3000
    assert cache.prune() == 3
    assert cache.info().entries == {"record": 1}
    assert cache.info().leftovers == 0


def test_an_unusable_folder_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "file" / "cache"))

    def use_cache() -> None:
        with cache.lock("record", KEY):
            assert read_number(KEY) is None
            cache.put(NUMBERS, KEY, make_array())

    with pytest.warns(RuntimeWarning, match="STAA_CACHE") as reports:
        use_cache()
    assert len(reports) == 1
    use_cache()  # A second warning would be an error here.
    assert cache.info().size == 0


def test_a_full_disk_leaves_no_partial_entry(folder: Path, monkeypatch: pytest.MonkeyPatch):
    cache.put(NUMBERS, KEY, make_array())

    def write_partly(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_partly)
    with pytest.warns(RuntimeWarning, match="No space left"):
        cache.put(NUMBERS, "cd" * 32, make_array())
    assert sorted(path.name for path in folder.rglob("*.*")) == [f"{KEY}.safetensors", "signing.key"]


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
    assert read_number(KEY) == 5.0
    assert not list(cache.folder().rglob("*.lock"))


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
            cache.put(NUMBERS, KEY, make_array())
