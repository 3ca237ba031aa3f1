"""Entries of the cache that belong to another question, or are damaged or forged, are computed again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from staa_widgets import Explanation, explain
from staa_widgets.engine.entries import EXPLANATION, PREVIEW, RECORD
from staa_widgets.models import VideoModel
from staa_widgets.storage.cache import EntryType
from staa_widgets.storage.format import Seal, pack, unpack
from staa_widgets.storage.signing import make_secret
from staa_widgets.video.preview import encode_jpeg

pytestmark = pytest.mark.usefixtures("folder")

Change = Callable[[dict[str, Any], dict[str, Any]], object]


def set_values(**values: Any) -> Change:
    return lambda old, _: old.update(values)


def set_arrays(**functions: Callable[[Any], Any]) -> Change:
    return lambda _, arrays: arrays.update({name: change(arrays[name]) for name, change in functions.items()})


def with_nan(array: Any) -> Any:
    array = array.copy()
    array.flat[0] = np.nan
    return array


def remove_class(values: dict[str, Any], arrays: dict[str, Any]) -> None:
    values["labels"].pop()
    arrays.update(logits=arrays["logits"][:-1], window_logits=arrays["window_logits"][:, :-1])


def replace_picture(picture: bytes) -> Change:
    """Replace the first picture of a preview."""

    def replace(_: dict[str, Any], arrays: dict[str, Any]) -> None:
        offsets = arrays["offsets"].copy()
        rest = arrays["data"][offsets[1] :]
        offsets[1:] += len(picture) - offsets[1]
        arrays.update(offsets=offsets, data=np.concatenate([np.frombuffer(picture, np.uint8), rest]))

    return replace


CHANGES: dict[str, tuple[EntryType[Any], Change]] = {
    "another clip": (EXPLANATION, set_values(clip_sha256="0" * 64)),
    "another grid": (EXPLANATION, set_arrays(maps=lambda maps: maps[:, :2], attention=lambda a: a[..., :2, :])),
    "other frames": (EXPLANATION, set_arrays(sampled_frames=lambda frames: frames[::-1])),
    "other spans": (EXPLANATION, set_arrays(spans=lambda spans: spans * 0.5)),
    "fewer labels": (EXPLANATION, remove_class),
    "another class": (EXPLANATION, lambda values, _: values.update(target=(values["target"] + 1) % 5)),
    "another method": (EXPLANATION, set_values(method="rollout")),
    "other parameters": (EXPLANATION, lambda values, _: values["params"].update(residual=0.5)),
    "another transform": (EXPLANATION, lambda values, _: values["provenance"]["model"].update(transform={})),
    "another range": (EXPLANATION, set_values(end=3.0)),
    "another box": (EXPLANATION, set_values(box=[0, 0, 10, 10])),
    "no provenance": (EXPLANATION, set_values(provenance={})),
    "a list as provenance": (EXPLANATION, set_values(provenance={"model": [], "method": [], "sampling": []})),
    "NaN in the maps": (EXPLANATION, set_arrays(maps=with_nan)),
    "a shape that does not fit": (EXPLANATION, set_arrays(attention=lambda attention: attention[..., :1])),
    "text as maps": (EXPLANATION, lambda values, arrays: (values.update(maps="maps"), arrays.pop("maps"))),
    "a huge number": (EXPLANATION, set_values(first_frame=10**300)),
    "a record of another grid": (RECORD, lambda values, _: values["geometry"].update(height=2, width=5)),
    "a record with NaN": (RECORD, set_arrays(mean_rows=with_nan)),
    "a record of another shape": (RECORD, set_arrays(mean_rows=lambda rows: rows[..., :-1])),
    "a record of fewer layers": (RECORD, set_arrays(mean_rows=lambda rows: rows[:-1])),
    "a record without needs": (RECORD, lambda values, _: values.pop("needs")),
    "a preview that is no JPEG": (PREVIEW, replace_picture(b"<svg onload=alert(1)>" * 9)),
    "a preview of another size": (PREVIEW, replace_picture(encode_jpeg(Image.new("RGB", (9, 9)), 80))),
    "a preview of other frames": (PREVIEW, set_arrays(indices=lambda indices: indices + 1)),
}


def path_of(folder: Path, entry_type: EntryType[Any]) -> Path:
    (path,) = folder.glob(f"{entry_type.kind}/*/*.safetensors")
    return path


def assert_computed_again(
    entry_type: EntryType[Any], path: Path, first: Explanation, video: Path, model: VideoModel, forwards: list[int]
) -> None:
    """Explain again, and assert that the planted entry was not used, and that the new one is."""
    planted = path.read_bytes()
    if entry_type is RECORD:
        for explanation_path in path.parents[2].glob("explanation/*/*"):
            explanation_path.unlink()
    passes = len(forwards)
    again = explain(video, model)
    assert again.provenance["cache"] == ("hit" if entry_type is PREVIEW else "miss")
    assert len(forwards) - passes == (entry_type is RECORD)
    np.testing.assert_array_equal(again.maps, first.maps)
    assert again.preview is not None
    assert first.preview is not None
    np.testing.assert_array_equal(again.preview.data, first.preview.data)
    assert path.read_bytes() != planted
    assert explain(video, model).provenance["cache"] == "hit"


@pytest.mark.parametrize("name", CHANGES)
def test_an_entry_with_other_content_is_computed_again(
    name: str, video: Path, model: VideoModel, folder: Path, forwards: list[int]
):
    """Even if it is signed with the secret of the user, under the right key."""
    entry_type, change = CHANGES[name]
    first = explain(video, model)
    path = path_of(folder, entry_type)
    seal = Seal(path.stem, make_secret())
    values, arrays = unpack(entry_type.kind, path.read_bytes(), seal)
    change(values, arrays)
    path.write_bytes(pack(entry_type.kind, values, arrays, seal))
    assert_computed_again(entry_type, path, first, video, model, forwards)


@pytest.mark.parametrize("entry_type", [EXPLANATION, RECORD, PREVIEW], ids=lambda entry_type: entry_type.kind)
@pytest.mark.parametrize(
    "forgery", ["copied", "signed for another key", "signed with another secret", "fresh checksum", "another kind"]
)
def test_a_forged_entry_is_computed_again(
    forgery: str, entry_type: EntryType[Any], video: Path, model: VideoModel, folder: Path, forwards: list[int]
):
    first = explain(video, model)
    path = path_of(folder, entry_type)
    explain(video, model, start=2)
    (other_path,) = {*folder.glob(f"{entry_type.kind}/*/*.safetensors")} - {path}
    seal = Seal(path.stem, make_secret())
    values, arrays = unpack(entry_type.kind, path.read_bytes(), seal)
    reversed_arrays = {name: array[::-1] if name in ("maps", "mean_rows") else array for name, array in arrays.items()}
    data = {
        "copied": other_path.read_bytes(),
        "signed for another key": pack(entry_type.kind, values, arrays, Seal(other_path.stem, seal.secret)),
        "signed with another secret": pack(entry_type.kind, values, reversed_arrays, Seal(path.stem, bytes(32))),
        "fresh checksum": pack(entry_type.kind, values, reversed_arrays),
        "another kind": pack("maps", values, arrays, seal),
    }
    path.write_bytes(data[forgery])
    assert_computed_again(entry_type, path, first, video, model, forwards)


def make_file(metadata: Any, **header: Any) -> bytes:
    content = json.dumps({"__metadata__": metadata, **header}).encode()
    return len(content).to_bytes(8, "little") + content


DEEP = b"[" * 100_000 + b"]" * 100_000
HUGE_TENSOR = {"dtype": "F32", "shape": [2**20, 2**21, 2**21], "data_offsets": [0, 2**62]}
DAMAGED_FILES: dict[str, bytes] = {
    "empty": b"",
    "no header": bytes(8),
    "a header of 2**60 bytes": (2**60).to_bytes(8, "little") + b"{}",
    "a header of the largest number": b"\xff" * 16,
    "a header that is no object": (2).to_bytes(8, "little") + b"[]",
    "a deep header": len(DEEP).to_bytes(8, "little") + DEEP,
    "metadata that is no object": make_file([]),
    "no values": make_file({"staa_widgets": "explanation"}),
    "a huge tensor": make_file({"staa_widgets": "explanation", "values": "{}", "sha256": ""}, maps=HUGE_TENSOR),
    "values that are no object": pack("explanation", [1], {}),  # pyright: ignore[reportArgumentType]
}


@pytest.mark.parametrize("name", DAMAGED_FILES)
def test_a_file_of_any_other_form_is_computed_again(
    name: str, video: Path, model: VideoModel, folder: Path, forwards: list[int]
):
    first = explain(video, model)
    path = path_of(folder, EXPLANATION)
    path.write_bytes(DAMAGED_FILES[name])
    assert_computed_again(EXPLANATION, path, first, video, model, forwards)
