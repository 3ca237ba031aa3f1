"""Repositories on the hub: which files are read, and what is said if they cannot be."""

from __future__ import annotations

import json
import logging
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants

from staa_widgets.errors import ModelLoadError, ParameterError, UnsupportedModelError
from staa_widgets.models import load_model
from tests.helpers.fake_hub import FakeHub
from tests.helpers.image_processors import VideoMAEProcessor
from tests.helpers.timesformers import tiny_timesformer

NAME = "somebody/walker"
Files = dict[str, str]


@pytest.fixture(scope="module")
def saved_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models in one folder: at the top, in a subfolder, and in another variant; each with its own resize."""
    folder = tmp_path_factory.mktemp("models") / "walker"
    for seed, place, edge in ((0, folder, 30), (1, folder / "checkpoint-500", 31), (2, folder / "checkpoint-90", 32)):
        tiny_timesformer(seed=seed).save_pretrained(place)
        crop = {"height": 24, "width": 24}
        VideoMAEProcessor(size={"shortest_edge": edge}, crop_size=crop).save_pretrained(place)
    tiny_timesformer(seed=3).half().save_pretrained(folder, variant="fp16")
    (folder / "config.json").write_bytes((folder / "checkpoint-90" / "config.json").read_bytes())
    return folder


@pytest.fixture
def repository(saved_folder: Path, hub: FakeHub) -> FakeHub:
    hub.repositories.clear()
    hub.add(NAME, saved_folder, {"v1": saved_folder / "checkpoint-90"})
    hub.requested.clear()
    return hub


def seed_of(model: Any) -> int:
    """Return the seed of the small model that was loaded."""
    weight = model.module.classifier.weight
    return next(
        s
        for s in range(4)
        if torch.equal(weight, tiny_timesformer(seed=s).half().to(weight).classifier.weight)
        or torch.equal(weight, tiny_timesformer(seed=s).classifier.weight)
    )


@pytest.mark.parametrize(
    ("options", "seed", "edge"),
    [
        ({}, 0, 30),
        ({"revision": "v1"}, 2, 32),
        ({"subfolder": "checkpoint-500"}, 1, 31),
        ({"variant": "fp16"}, 3, 30),
        ({"revision": "main", "subfolder": "checkpoint-90"}, 2, 32),
    ],
)
def test_weights_and_processor_are_read_where_the_options_say(
    options: dict[str, Any], seed: int, edge: int, repository: FakeHub, tmp_path: Path
) -> None:
    model = load_model(NAME, device="cpu", cache_dir=tmp_path / "cache", **options)
    assert (seed_of(model), model.transform.shortest_edge) == (seed, edge)
    assert (tmp_path / "cache" / "models--somebody--walker").is_dir()
    repository.requested.clear()
    again = load_model(NAME, device="cpu", cache_dir=tmp_path / "cache", local_files_only=True, **options)
    assert (seed_of(again), again.transform.shortest_edge) == (seed, edge)
    assert repository.requested == []


@pytest.mark.parametrize(
    ("options", "seed", "edge"), [({"subfolder": "checkpoint-500/"}, 1, 31), ({"variant": "fp16"}, 3, 30)]
)
def test_a_folder_has_subfolders_and_variants_too(options: Any, seed: int, edge: int, saved_folder: Path) -> None:
    model = load_model(saved_folder, device="cpu", **options)
    assert (seed_of(model), model.transform.shortest_edge) == (seed, edge)


@pytest.mark.parametrize(
    "options",
    [
        *({"subfolder": value} for value in ("..", "a/../b", "/etc", "a//b", "~", 3)),
        *({"variant": value} for value in ("../x", "a/b", "", 3)),
        *({"revision": value} for value in ("", 3)),
    ],
    ids=str,
)
def test_options_that_lead_elsewhere_are_refused(options: Any, repository: FakeHub) -> None:
    with pytest.raises(ParameterError, match=next(iter(options))):
        load_model(NAME, **options)
    assert repository.requested == []


def test_a_folder_has_no_revision(saved_folder: Path) -> None:
    with pytest.raises(ParameterError, match="'walker' is a folder, which has no revision 'v1'"):
        load_model(saved_folder, revision="v1")


def test_all_files_are_those_of_one_commit(repository: FakeHub, tmp_path: Path) -> None:
    load_model(NAME, device="cpu", cache_dir=tmp_path)
    commit = repository.repositories[NAME].commit("main")
    others = {path for path in repository.requested if "/resolve/" in path and "config.json" not in path.split("/")[-1]}
    assert others == {f"/{NAME}/resolve/{commit}/model.safetensors"}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("facebok/timesformer-base-finetuned-k400", {}, r"Did you mean 'facebook/timesformer-base-finetuned-k400'\?"),
        ("nobody/nothing", {}, r"neither a local folder nor a repository.*Check the spelling\..*hf auth login"),
        ("a" * 97, {}, "is no id of a repository"),
        (NAME, {"revision": "v2"}, r"has no revision 'v2'.*refs/pr/N"),
        (NAME, {"subfolder": "missing"}, r"has no config\.json; it holds no files"),
        (
            NAME,
            {"variant": "bf16"},
            r"no file named model\.bf16\.safetensors, but model\.fp16\.safetensors, model\.safe",
        ),
    ],
)
def test_what_is_not_there_is_named(name: str, options: Any, message: str, repository: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=message):
        load_model(name, cache_dir=tmp_path, **options)


def test_a_gated_repository_says_how_to_get_access(repository: FakeHub, tmp_path: Path) -> None:
    repository.repositories[NAME].gated = True
    with pytest.raises(ModelLoadError, match=rf"is gated.*Accept them at {repository.address}/{NAME}.*hf auth login"):
        load_model(NAME, cache_dir=tmp_path)
    assert seed_of(load_model(NAME, cache_dir=tmp_path, token="hf_member", device="cpu")) == 0


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("HF_HUB_OFFLINE", "HF_HUB_OFFLINE is set"),
        ("closed", "cannot be reached"),
        ("silent", "no answer within 0.2 s"),
    ],
)
def test_without_a_network_the_model_must_be_in_the_cache(
    setting: str,
    reason: str,
    repository: FakeHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    load_model(NAME, device="cpu", cache_dir=tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent, caplog.at_level(logging.DEBUG, "huggingface_hub"):
        address = f"http://127.0.0.1:{silent.getsockname()[1] if setting == 'silent' else 9}"
        if setting == "HF_HUB_OFFLINE":
            monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        else:
            monkeypatch.setattr(constants, "ENDPOINT", address)
        if setting == "silent":
            monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.2")
            monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.2)
        assert seed_of(load_model(NAME, device="cpu", cache_dir=tmp_path)) == 0
        with pytest.raises(ModelLoadError, match=rf"'nobody/nothing' was not downloaded before, and .*{reason}"):
            load_model("nobody/nothing", cache_dir=tmp_path)
    assert [item for item in caplog.records if item.levelno >= logging.INFO] == []


def test_an_incomplete_download_is_named_without_a_network(repository: FakeHub, tmp_path: Path) -> None:
    load_model(NAME, device="cpu", cache_dir=tmp_path)
    for path in tmp_path.rglob("model.safetensors"):
        path.unlink()
    with pytest.raises(ModelLoadError, match=r"no file named .* downloaded before, and local_files_only is set"):
        load_model(NAME, cache_dir=tmp_path, local_files_only=True)


def write(folder: Path, files: Files) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def config(model_type: str, *architectures: str, **rest: Any) -> str:
    return json.dumps({"model_type": model_type, "architectures": list(architectures), **rest})


ADAPTER = '{"base_model_name_or_path": "MCG-NJU/videomae-base"}'
TIMESFORMER = config("timesformer", "TimesformerForVideoClassification")
REFUSED: dict[str, tuple[Files, str]] = {
    "encoder": (
        {"config.json": config("videomae", "VideoMAEForPreTraining"), "model.safetensors": "gigabytes"},
        r"is an encoder without a classifier \(VideoMAEForPreTraining\).*MCG-NJU/videomae-base-finetuned-kinetics",
    ),
    "V-JEPA 2 encoder": (
        {"config.json": config("vjepa2", "VJEPA2Model"), "model.safetensors": "gigabytes"},
        r"is an encoder without a classifier \(VJEPA2Model\).*facebook/vjepa2-vitl-fpc16-256-ssv2",
    ),
    "language model": (
        {"config.json": config("qwen2_5_vl", "Qwen2_5_VLForConditionalGeneration"), "model.safetensors": "gigabytes"},
        r"is a language model \('Qwen2_5_VLForConditionalGeneration'\).*wrap_model",
    ),
    "language model without a class": (
        {"config.json": config("new_vlm", text_config={"model_type": "llama"}), "model.safetensors": "gigabytes"},
        r"is a language model \('new_vlm'\)",
    ),
    "other": (
        {"config.json": config("vit", "ViTForImageClassification"), "model.safetensors": "gigabytes"},
        "has the model type 'vit', which is not supported. Supported: timesformer",
    ),
    "adapter": (
        {"adapter_config.json": ADAPTER, "adapter_model.safetensors": "weights"},
        r"no config\.json: it is an adapter .*from_pretrained\('MCG-NJU/videomae-base'\).*merge_and_unload",
    ),
    "adapter with config": (
        {"config.json": TIMESFORMER, "adapter_config.json": '{"base_model_name_or_path": "../x"}'},
        r"it is an adapter .*from_pretrained\(BASE\)",
    ),
    "output of a Trainer": (
        {f"checkpoint-{step}/config.json": TIMESFORMER for step in (90, 500, 1000)},
        r"folders checkpoint-90, checkpoint-500, checkpoint-1000 have one\..*subfolder='checkpoint-1000'",
    ),
    "Flax": ({"config.json": TIMESFORMER, "flax_model.msgpack": "weights"}, "are for Flax only.*from_flax=True"),
    "TensorFlow": ({"config.json": TIMESFORMER, "tf_model.h5": "weights"}, "are for TensorFlow only.*from_tf=True"),
    "authors' format": ({"vitl.pth": "weights", "README.md": ""}, r"vitl\.pth is in the format of its authors' code"),
    "no weights": ({"config.json": TIMESFORMER, "README.md": ""}, r"model\.safetensors; it holds README\.md, config"),
    "no model": ({"README.md": ""}, r"has no config\.json; it holds README\.md"),
}


@pytest.mark.parametrize("on_hub", [True, False])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_classifier_is_refused_before_its_weights_are_downloaded(
    case: str, on_hub: bool, hub: FakeHub, tmp_path: Path
) -> None:
    files, message = REFUSED[case]
    folder = write(tmp_path / "thing", files)
    hub.add("somebody/thing", folder)
    hub.requested.clear()
    with pytest.raises((ModelLoadError, UnsupportedModelError), match=message):
        load_model("somebody/thing" if on_hub else folder, cache_dir=tmp_path / "cache")
    assert not [path for path in hub.requested if "/resolve/" in path and path.endswith((".safetensors", ".pth"))]


def test_a_trainers_checkpoint_is_loaded_as_the_error_says(saved_folder: Path, hub: FakeHub, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(saved_folder, tmp_path / "run"))
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
    hub.add("somebody/run", folder)
    with pytest.raises(ModelLoadError, match="subfolder='checkpoint-500'"):
        load_model("somebody/run", cache_dir=tmp_path / "cache")
    model = load_model("somebody/run", subfolder="checkpoint-500", cache_dir=tmp_path / "cache", device="cpu")
    assert seed_of(model) == 1
