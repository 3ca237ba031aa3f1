"""Pickled weights: read without running anything in them, refused where that is not safe, and after safetensors."""

from __future__ import annotations

import os
import shutil
import socket
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.torch_version import TorchVersion
from transformers import modeling_utils

from staa_widgets.errors import ModelLoadError
from staa_widgets.models import load_model
from tests.helpers.fake_hub import FakeHub
from tests.helpers.published import write_weights
from tests.helpers.timesformers import tiny_timesformer
from tests.helpers.tiny import PROCESSOR

WORD = r"torch\.load\(weights_only=True\), which runs no code"


class Hostile:
    """Its pickle makes a file when it is opened without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def saved_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "walker"
    tiny_timesformer().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved_folder: Path, tmp_path: Path) -> Path:
    """A copy without weights."""
    copy = Path(shutil.copytree(saved_folder, tmp_path / "walker"))
    (copy / "model.safetensors").unlink()
    return copy


def assert_same_weights(module: Any) -> None:
    for name, tensor in tiny_timesformer().state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor), name


@pytest.mark.parametrize("kind", ["bin", "bin in two files"])
def test_they_are_read_with_a_warning(kind: str, folder: Path) -> None:
    write_weights(folder, tiny_timesformer().state_dict(), kind)
    with pytest.warns(UserWarning, match=rf"'walker' has no safetensors weights: pytorch_model.*{WORD}"):
        model = load_model(folder, processor=PROCESSOR)
    assert_same_weights(model.module)


def test_files_of_torch_before_1_6_are_read(folder: Path) -> None:
    torch.save(tiny_timesformer().state_dict(), folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    with pytest.warns(UserWarning, match=WORD):
        assert_same_weights(load_model(folder, processor=PROCESSOR).module)


def test_weights_outlive_their_file(folder: Path) -> None:
    path = folder / "pytorch_model.bin"
    torch.save(tiny_timesformer().state_dict(), path)
    with pytest.warns(UserWarning, match=WORD):
        model = load_model(folder, processor=PROCESSOR)
    path.write_bytes(bytes(path.stat().st_size))
    assert_same_weights(model.module)


def test_safetensors_come_first(saved_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(saved_folder, tmp_path / "walker"))
    torch.save({"extra": Hostile(tmp_path / "ran")}, folder / "pytorch_model.bin")
    assert_same_weights(load_model(folder, processor=PROCESSOR).module)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("forced", [True, False])
def test_nothing_in_them_runs(zipped: bool, forced: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    content = {**tiny_timesformer().state_dict(), "extra": Hostile(folder / "ran")}
    torch.save(content, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelLoadError, match=r"pytorch_model\.bin holds something other than weights"):
        load_model(folder, processor=PROCESSOR)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list, not weights by name"),
        ({"state_dict": {"classifier.bias": torch.zeros(5)}}, "holds values that are no weights: state_dict"),
        ({1: torch.zeros(5)}, "holds values that are no weights: 1"),
        ({"a": torch.zeros(3, dtype=torch.int8)}, r"not supported: a \(int8\)"),
        ({"a": torch.zeros(2, 2).to_sparse()}, "holds values that are no weights: a"),
        ({**tiny_timesformer().state_dict(), "classifier.bias": torch.zeros(1).expand(2**40)}, "of another size"),
        (OrderedDict(), "there are only 0 weights"),
    ],
)
def test_other_content_is_refused(content: Any, message: str, folder: Path) -> None:
    torch.save(content, folder / "pytorch_model.bin")
    with pytest.raises(ModelLoadError, match=message):
        load_model(folder, processor=PROCESSOR)


@pytest.mark.parametrize("length", [0, 10, 0.5, 0.99])
def test_damaged_files_are_refused(length: float, folder: Path) -> None:
    path = folder / "pytorch_model.bin"
    torch.save(tiny_timesformer().state_dict(), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(length if length > 1 else length * len(data))])
    with pytest.raises(ModelLoadError, match=r"pytorch_model\.bin (is damaged|holds something other)"):
        load_model(folder, processor=PROCESSOR)


@pytest.mark.parametrize("version", ["2.6.0", "2.9.1+cu128"])
def test_an_old_torch_does_not_open_them(version: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"extra": Hostile(folder / "ran")}, folder / "pytorch_model.bin")
    monkeypatch.setattr(torch, "__version__", TorchVersion(version))
    monkeypatch.setattr(torch, "load", pytest.fail)
    with pytest.raises(ModelLoadError, match=r"CVE-2026-24747.*Update torch to 2\.10.*`staa convert walker OUT`"):
        load_model(folder, processor=PROCESSOR)


@pytest.mark.parametrize(
    ("author", "base", "loads"), [("SFconvertbot", None, True), ("somebody", None, False), ("SFconvertbot", "c", False)]
)
def test_with_an_old_torch_the_weights_of_the_hubs_own_bot_are_read(
    author: str,
    base: str | None,
    loads: bool,
    saved_folder: Path,
    folder: Path,
    hub: FakeHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.save(tiny_timesformer(seed=1).state_dict(), folder / "pytorch_model.bin")
    hub.add("somebody/walker", folder)
    hub.add_request("somebody/walker", saved_folder, author=author, base=base and base * 40)
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.9.0"))
    if loads:
        with pytest.warns(UserWarning, match=r"conversion bot were read\. revision='refs/pr/7' reads them without"):
            model = load_model("somebody/walker", processor=PROCESSOR, cache_dir=tmp_path / "cache")
        assert_same_weights(model.module)
    else:
        with pytest.raises(ModelLoadError, match="CVE-2026-24747"):
            load_model("somebody/walker", processor=PROCESSOR, cache_dir=tmp_path / "cache")


def test_a_new_torch_reads_no_pull_request_unless_it_is_named_and_asks_nobody_to_convert(
    saved_folder: Path, folder: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses, connect = [], socket.socket.connect

    def note_and_connect(self: socket.socket, address: Any) -> None:
        addresses.append(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", note_and_connect)
    monkeypatch.setattr(modeling_utils, "auto_conversion", pytest.fail)
    torch.save(tiny_timesformer(seed=1).state_dict(), folder / "pytorch_model.bin")
    hub.add("somebody/runner", folder)
    hub.add_request("somebody/runner", saved_folder)
    hub.requested.clear()
    with pytest.warns(UserWarning, match=WORD):
        main = load_model("somebody/runner", processor=PROCESSOR)
    assert not [path for path in hub.requested if "pr/7" in path or "discussions" in path]
    request = load_model("somebody/runner", processor=PROCESSOR, revision="refs/pr/7")
    assert_same_weights(request.module)
    with pytest.raises(AssertionError):
        assert_same_weights(main.module)
    assert {*addresses} <= {"127.0.0.1"}  # None, if the connection of an earlier test is used again.
