"""Files of explanations that somebody else wrote: entries planted in the cache, and files that are shared."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import staa_widgets as staa
from staa_widgets.engine.entries import EXPLANATION, MAPS, PREVIEW, RECORD
from staa_widgets.storage.cache import EntryType
from staa_widgets.storage.format import Seal, pack, unpack
from staa_widgets.widget.page import page_text
from tests.fuzz.driver import Case, Driver, RunCase
from tests.helpers.foreign_files import pack_anything

KINDS: tuple[EntryType[Any], ...] = (EXPLANATION, RECORD, PREVIEW, MAPS)
METHODS = ("staa", "occlusion")
"""Methods of the explanations in the cache; only the second has an entry of kind `MAPS`."""

_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 10**300, 1e308, -1e308, "", "x" * 10**6, "</script><script>alert(1)</script>", "\ud800",
    "\u202egpj.exe", "=cmd|' /C calc'!A0", [], {}, [[]], [1] * 10**5, {"__proto__": {}}, [None], 0.5,
)  # fmt: skip


@dataclass(frozen=True)
class SharedFiles:
    """A cache with the explanations of a clip and of part of it, from which each case gets a copy.

    Parameters
    ----------
    folder
        The cache.
    video
        The clip.
    paths
        Relative path of the entry of the clip, and of another one, by kind.
    explanations
        Explanations by method.
    with_ground_truth
        Explanation of a drawn clip.
    """

    folder: Path
    video: Path
    paths: dict[str, tuple[Path, Path]]
    explanations: dict[str, staa.Explanation]
    with_ground_truth: staa.Explanation


@contextmanager
def start(folder: Path) -> Iterator[RunCase]:
    """Explain a clip and part of it."""
    from tests.helpers.timesformers import tiny_timesformer_model

    previous = os.environ.get("STAA_CACHE")
    os.environ["STAA_CACHE"] = str(folder / "shared")
    try:
        video = staa.action_clip(3, size=48, fps=8).write_mp4(folder / "clip.mp4")
        model = tiny_timesformer_model()
        explanations = {method: staa.explain(video, model, method=method) for method in METHODS}
        drawn = staa.explain(staa.action_clip(3, size=48, fps=8), model, cache=False)
        own = {kind.kind: [*(folder / "shared").glob(f"{kind.kind}/*/*.safetensors")] for kind in KINDS}
        for method in METHODS:
            staa.explain(video, model, method=method, start=2)
        paths: dict[str, tuple[Path, Path]] = {}
        for kind, files in own.items():
            others = {*(folder / "shared").glob(f"{kind}/*/*.safetensors")} - {*files}
            if files and others:
                names = (sorted(files)[0], sorted(others)[0])
                paths[kind] = names[0].relative_to(folder / "shared"), names[1].relative_to(folder / "shared")
        yield partial(run, SharedFiles(folder / "shared", video, paths, explanations, drawn))
    finally:
        os.environ["STAA_CACHE"] = previous or ""


def run(shared: SharedFiles, case: Case) -> str:
    """Plant an entry in a cache, or write a file, and read it."""
    return read_shared_file(shared, case) if case.chance(0.4) else plant_entry(shared, case)


def plant_entry(shared: SharedFiles, case: Case) -> str:
    """Plant an entry and explain the clip again: the explanation is the same, unless the user's own secret was used."""
    from tests.helpers.timesformers import tiny_timesformer_model

    folder = case.folder / "cache"
    shutil.copytree(shared.folder, folder)
    kind = case.pick([kind for kind in KINDS if kind.kind in shared.paths])
    path, other = (folder / part for part in shared.paths[kind.kind])
    forgery = case.pick([*FORGERIES])
    case.note(f"{kind.kind} {forgery}")
    FORGERIES[forgery](case, kind, path, other)
    if kind in (RECORD, MAPS):  # These are read only if the explanation is not there.
        shutil.rmtree(folder / "explanation")
    os.environ["STAA_CACHE"] = str(folder)
    method = "occlusion" if kind is MAPS else "staa"
    expected = shared.explanations[method]
    e = staa.explain(shared.video, tiny_timesformer_model(), method=method)
    assert e.maps.shape == expected.maps.shape, f"maps of shape {e.maps.shape}"
    assert np.isfinite(e.maps).all(), "maps are not finite"
    assert e.labels == expected.labels or forgery == "signed", "other labels"
    if forgery != "signed":
        # Maps that are computed again in batches of another size may differ in the last digits.
        np.testing.assert_allclose(e.maps, expected.maps, rtol=0, atol=1e-6)
        np.testing.assert_allclose(e.logits, expected.logits, rtol=0, atol=1e-5)
        assert e.preview is not None, "no preview"
        assert expected.preview is not None
        np.testing.assert_array_equal(e.preview.data, expected.preview.data)
    return f"{kind.kind}: the right answer"


def read_shared_file(shared: SharedFiles, case: Case) -> str:
    """Change a saved explanation and its checksum, which anybody can compute, and load it; then show it."""
    values, arrays = unpack("explanation", shared.with_ground_truth.to_bytes())
    for _ in range(case.pick([1, 1, 2])):
        change_parts(case, values, arrays)
    try:
        data = pack_anything("explanation", values, arrays)
    except Exception:  # The change cannot be written at all.
        data = make_file({"staa_widgets": "explanation", "values": json.dumps(values), "sha256": "0"})
    if case.chance(0.2):
        data = damage(case, data)
    path = case.folder / "shared.safetensors"
    path.write_bytes(data)
    e = staa.Explanation.load(path)
    assert np.isfinite(e.maps).all() or not np.isfinite(arrays["maps"]).all(), "maps are not finite"
    repr(e)
    page = page_text(e)
    page.encode()
    assert "<script>alert" not in page, "a script of the file is in the page"
    e.to_csv(case.folder / "table.csv")
    if case.chance(0.1):
        e.to_png(case.folder / "image.png")
    return "shared file: shown"


def change_parts(case: Case, values: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Change a value or an array at random."""
    if case.chance(0.5):
        name = case.pick([*arrays])
        change = case.pick([*ARRAY_CHANGES])
        case.note(f"{name} {change}")
        with np.errstate(all="ignore"):
            arrays[name] = ARRAY_CHANGES[change](case, arrays[name])
        return
    place: Any = values
    names: list[Any] = []
    while True:
        name = case.pick([*place]) if isinstance(place, dict) else case.number(0, len(place))
        names.append(name)
        child = place[name]
        if not isinstance(child, dict | list) or not child or case.chance(0.3):
            break
        place = child
    case.note(names)
    action = case.pick(["remove", "add", "set", "set", "set", "set"])
    if action == "remove":
        del place[name]
    elif action == "add" and isinstance(place, dict):
        place[case.pick(["request", "maps", "__class__", "new", ""])] = case.pick(_VALUES)
    else:
        value = case.pick(_VALUES)
        case.note(repr(value)[:40])
        place[name] = value


ARRAY_CHANGES: dict[str, Any] = {
    "reversed": lambda case, a: a[::-1],
    "cut": lambda case, a: a[:-1],
    "empty": lambda case, a: a[:0],
    "nothing": lambda case, a: np.zeros((), a.dtype),
    "NaN": lambda case, a: np.full_like(a, np.nan) if a.dtype.kind == "f" else a,
    "infinite": lambda case, a: np.full_like(a, -np.inf) if a.dtype.kind == "f" else a,
    "zero": lambda case, a: np.zeros_like(a),
    "negative": lambda case, a: -a.astype(np.int64),
    "huge": lambda case, a: np.full_like(a, largest_value(a.dtype)),
    "text": lambda case, a: np.frombuffer(a.tobytes(), np.uint8),
    "as bool": lambda case, a: a.astype(bool),
    "as float64": lambda case, a: a.astype(np.float64) * 1e300,
    "one more axis": lambda case, a: a[None],
    "long": lambda case, a: np.resize(a, (10**5, *a.shape[1:])) if a.size < 1000 else a,
    "flipped byte": lambda case, a: np.frombuffer(damage(case, a.tobytes(), cut=False), a.dtype).reshape(a.shape),
}


def largest_value(dtype: np.dtype[Any]) -> float | int | bool:
    """Return the largest finite value of a type of numbers."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).max)
    return True if dtype.kind == "b" else int(np.iinfo(dtype).max)


def damage(case: Case, data: bytes, *, cut: bool = True) -> bytes:
    """Return data that are cut, or in which some bytes are others."""
    if not data:
        return data
    if cut and case.chance(0.3):
        return data[: case.number(0, len(data))]
    changed = bytearray(data)
    for _ in range(case.pick([1, 1, 5, 100])):
        place = case.number(0, len(changed) if case.chance(0.5) else min(len(changed), 500))
        changed[place] = case.number(0, 256)
    return bytes(changed)


def make_file(metadata: Any, **header: Any) -> bytes:
    """Return a safetensors file without arrays."""
    content = json.dumps({"__metadata__": metadata, **header}).encode()
    return len(content).to_bytes(8, "little") + content


def make_absurd(case: Case) -> bytes:
    """Return a file whose header makes no sense."""
    deep = b"[" * 100_000 + b"]" * 100_000
    tensor = {"dtype": "F32", "shape": [2**20, 2**21, 2**21], "data_offsets": [0, 2**62]}
    texts = ["[]", "null", "NaN", '{"maps": NaN}', '{"a":' * 50_000, "[" * 10**5, '{"a": 1e999}', "9" * 10**5, "\ud800"]
    return case.pick(
        [
            b"",
            bytes(8),
            (2**60).to_bytes(8, "little") + b"{}",
            b"\xff" * 64,
            len(deep).to_bytes(8, "little") + deep,
            make_file([]),
            make_file({"staa_widgets": "explanation", "values": "{}", "sha256": ""}, maps=tensor),
            *(make_file({"staa_widgets": "explanation", "values": text, "hmac": "", "key": ""}) for text in texts),
            case.random.bytes(case.number(1, 10_000)),
        ]
    )


def _forge(case: Case, kind: EntryType[Any], path: Path, seal: Seal | None) -> None:
    values, arrays = unpack(kind.kind, path.read_bytes(), Seal(path.stem, _secret(path)))
    reversed_maps = {name: a[::-1] if name in ("maps", "rows", "data") else a for name, a in arrays.items()}
    path.write_bytes(pack(kind.kind, values, reversed_maps, seal))


def _sign_changed(case: Case, kind: EntryType[Any], path: Path, _: Path) -> None:
    seal = Seal(path.stem, _secret(path))
    values, arrays = unpack(kind.kind, path.read_bytes(), seal)
    change_parts(case, values, arrays)
    try:
        path.write_bytes(pack_anything(kind.kind, values, arrays, seal))
    except Exception:  # The change cannot be written.
        path.write_bytes(b"")


def _replace(path: Path, make: Any) -> None:
    path.unlink()
    make(path)


def _secret(path: Path) -> bytes:
    return (path.parents[2] / "signing.key").read_bytes()


FORGERIES: dict[str, Any] = {
    "copied": lambda case, kind, path, other: shutil.copy(other, path),
    "with a fresh checksum": lambda case, kind, path, other: _forge(case, kind, path, None),
    "with another secret": lambda case, kind, path, other: _forge(case, kind, path, Seal(path.stem, bytes(32))),
    "with another key": lambda case, kind, path, other: _forge(case, kind, path, Seal(other.stem, _secret(path))),
    "signed": _sign_changed,
    "damaged": lambda case, kind, path, other: path.write_bytes(damage(case, path.read_bytes())),
    "absurd": lambda case, kind, path, other: path.write_bytes(make_absurd(case)),
    "a folder": lambda case, kind, path, other: _replace(path, Path.mkdir),
    "a pipe": lambda case, kind, path, other: _replace(path, os.mkfifo),
    "a link": lambda case, kind, path, other: _replace(path, lambda p: p.symlink_to(other)),
    "a link to a device": lambda case, kind, path, other: _replace(path, lambda p: p.symlink_to("/dev/zero")),
    "a loop of links": lambda case, kind, path, other: _replace(path, lambda p: p.symlink_to(p)),
    "without the secret": lambda case, kind, path, other: (path.parents[2] / "signing.key").unlink(),
    "with a damaged secret": lambda case, kind, path, other: (path.parents[2] / "signing.key").write_bytes(b"x" * 31),
}
"""Functions that replace an entry, from the case, the kind, its path and that of another entry."""

DRIVER = Driver("entries", "entries planted in the cache, and saved explanations that were changed", start, share=2.0)
