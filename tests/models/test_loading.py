"""Models are loaded completely or refused, and identified by a digest of their weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import ViTConfig, ViTForImageClassification
from transformers.utils import logging

from staa_widgets.datasets.drawn_actions import CLASSES
from staa_widgets.errors import ModelLoadError, ParameterError, UnsupportedModelError
from staa_widgets.models import BUNDLED_MODELS, Transform, load_model, weights_digest
from staa_widgets.models.capture import record
from staa_widgets.records.record import Needs
from tests.helpers.fake_hub import FakeHub
from tests.helpers.image_processors import VideoMAEProcessor
from tests.helpers.timesformers import tiny_timesformer, tiny_timesformer_model
from tests.helpers.tiny import PROCESSOR, random_pixels, tiny_classifier


@pytest.fixture(scope="module")
def saved_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "walker"
    module = tiny_timesformer(id2label={0: "bow", 1: "clap", 2: "jump", 3: "kick", 4: "wave"})
    module.save_pretrained(folder)
    VideoMAEProcessor(size={"shortest_edge": 30}, crop_size={"height": 24, "width": 24}).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved_folder: Path, tmp_path: Path) -> Path:
    """A copy of the saved folder that a test may damage."""
    return Path(shutil.copytree(saved_folder, tmp_path / "walker"))


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_is_loaded_with_its_processor(saved_folder: Path) -> None:
    for source in (saved_folder, str(saved_folder)):
        model = load_model(source, device="cpu")
        assert model.id == "walker"
        assert model.family.name == "timesformer"
        assert model.labels == ("bow", "clap", "jump", "kick", "wave")
        assert model.transform == Transform(shortest_edge=30, crop=(24, 24), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        assert (model.geometry.frames, model.geometry.height, model.geometry.width) == (4, 3, 3)
        assert (model.device, model.dtype) == (torch.device("cpu"), torch.float32)
        assert not model.module.training
        (clip_record,) = record(model, random_pixels(1), Needs(rows=True), [None])
        (expected,) = record(tiny_timesformer_model(), random_pixels(1), Needs(rows=True), [None])
        np.testing.assert_allclose(clip_record.logits, expected.logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", BUNDLED_MODELS)
def test_bundled_models_are_loaded_by_name(name: str) -> None:
    model = load_model(name)
    assert name.removeprefix("bundled/").split("-")[0] == model.family.name
    assert model.id == f"{name} (drawn actions only)"
    assert model.labels == tuple(CLASSES)


def test_the_default_model_is_loaded_by_the_name_that_it_shows() -> None:
    assert load_model("bundled").id == load_model().id == "bundled (drawn actions only)"


def test_the_first_bundled_model_is_the_default() -> None:
    assert weights_digest(load_model(next(iter(BUNDLED_MODELS)))) == weights_digest(load_model())


def test_a_misspelled_bundled_model_gets_a_suggestion() -> None:
    with pytest.raises(ModelLoadError, match="Did you mean 'bundled/timesformer'"):
        load_model("bundled/timesformr")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Bundle", "Choose from bundled, bundled/timesformer"),
        ("vivit", r"Did you mean 'bundled/vivit'\?"),
        ("TimeSformer-1", r"Did you mean 'bundled/timesformer-1'\?"),
    ],
)
def test_a_name_near_a_bundled_model_is_refused_without_asking_the_hub(
    name: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("staa_widgets.models.model_source.open_repository", pytest.fail)
    with pytest.raises(ModelLoadError, match=f"There is no folder or bundled model '{name}'. {hint}"):
        load_model(name)


@pytest.mark.parametrize(
    "name", ["gpt2", "videomae-base-finetuned-kinetics", "facebook/timesformer-base", "bundle/timesformer"]
)
def test_other_names_are_sought_on_the_hub(name: str, hub: FakeHub) -> None:
    hub.requested.clear()
    with pytest.raises(ModelLoadError, match=f"'{name}' is neither a local folder nor a repository on the Hugging"):
        load_model(name)
    assert hub.requested.count(f"/api/models/{name}") == 1  # huggingface_hub asks for other things too, once a process


def test_frames_become_the_models_input(saved_folder: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 40, 60, 3), np.uint8)
    model = load_model(saved_folder, device="cpu")
    pixels = model.pixels(frames)
    assert pixels.dtype == torch.float32
    assert pixels.shape == (4, 3, 24, 24)
    record(model, pixels[None], Needs(rows=True), [None])


def test_a_video_processor_is_read_without_an_image_processor(folder: Path) -> None:
    (folder / "preprocessor_config.json").rename(folder / "video_preprocessor_config.json")
    assert load_model(folder).transform.shortest_edge == 30


def test_the_bundled_model_needs_no_network() -> None:
    model = load_model()
    assert model.id == "bundled (drawn actions only)"
    assert model.labels == tuple(CLASSES)
    assert model.geometry.input_size == (64, 64)
    assert model.geometry.slices == 8


def test_a_module_in_memory_is_not_changed() -> None:
    module = tiny_timesformer().train()
    model = load_model(module, processor=PROCESSOR, id="mine")
    assert model.module is module
    assert module.training
    assert model.id == "mine"
    with pytest.raises(ParameterError, match="has the dtype torch"):
        load_model(module, processor=PROCESSOR, dtype="float16")
    with pytest.raises(ParameterError, match="is on cpu"):
        load_model(module, processor=PROCESSOR, device="meta")


def test_processors_are_accepted_in_every_form() -> None:
    image_processor = VideoMAEProcessor(size={"shortest_edge": 30}, crop_size={"height": 24, "width": 24})
    transform = Transform.from_json(image_processor.to_dict())
    for processor in (image_processor, image_processor.to_dict(), transform):
        assert load_model(tiny_timesformer(), processor=processor).transform == transform


def test_without_a_processor_a_default_is_used_with_a_warning(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    for source in (folder, tiny_timesformer()):
        with pytest.warns(UserWarning, match="without a processor.*shortest edge of 24.*mean 0.45"):
            assert load_model(source).transform == PROCESSOR


@pytest.mark.parametrize(
    ("family", "expected", "message"),
    [
        (
            "vivit",
            Transform(27, crop=(24, 24), scale=1 / 127.5, offset=-1, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
            "shortest edge of 27 pixels and cropped at the center, scaled from -1 to 1 and normalized with mean 0.5",
        ),
        (
            "vjepa2",
            Transform(27, crop=(24, 24), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
            "shortest edge of 27 pixels and cropped at the center, scaled from 0 to 1 and normalized with mean 0.485",
        ),
    ],
)
def test_without_a_processor_frames_are_what_the_familys_own_processor_makes(
    family: str, expected: Transform, message: str
) -> None:
    with pytest.warns(UserWarning, match=message):
        assert load_model(tiny_classifier(family)).transform == expected


def test_a_processor_that_makes_another_size_is_refused() -> None:
    for processor, size in ((Transform(size=(32, 32)), "32x32"), (Transform(shortest_edge=24), "any size")):
        with pytest.raises(ModelLoadError, match=f"outputs frames of {size}, but the model expects 24x24"):
            load_model(tiny_timesformer(), processor=processor)


def test_half_precision_is_loaded_on_request(saved_folder: Path) -> None:
    model = load_model(saved_folder, device="cpu", dtype="bfloat16")
    assert model.dtype == torch.bfloat16
    (clip_record,) = record(model, random_pixels(1), Needs(rows=True), [None])
    assert clip_record.rows is not None
    assert clip_record.rows.dtype == np.float32


def test_loading_is_quiet_and_restores_logging(saved_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load_model(saved_folder)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_weights_that_are_missing_are_named(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tiny_timesformer().timesformer.save_pretrained(folder)
    edit_json(folder / "config.json", architectures=["TimesformerForVideoClassification"])
    with pytest.raises(ModelLoadError, match=r"classifier\.bias, classifier\.weight are missing"):
        load_model(folder)
    assert "MISSING" not in capfd.readouterr().err


def test_weights_of_another_size_are_named(folder: Path) -> None:
    edit_json(folder / "config.json", intermediate_size=64)
    with pytest.raises(ModelLoadError, match=r"encoder\.layer\.0\..* and 6 more are missing or of another size"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("model.safetensors", lambda data: data[: len(data) // 2], "damaged"),
        ("model.safetensors", lambda _: b"", "Cannot load the model"),
        ("model.safetensors", None, "no file named model.safetensors"),
        ("config.json", lambda data: data[:20], "is not valid JSON"),
        (
            "config.json",
            lambda data: data.replace(b'"hidden_size": 32', b'"hidden_size": "x"'),
            "Cannot load the model",
        ),
        ("config.json", None, "has no config.json"),
        ("preprocessor_config.json", lambda data: data[:20], "is not valid JSON"),
    ],
)
def test_damaged_files_are_refused(folder: Path, name: str, change: Any, message: str) -> None:
    path = folder / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ModelLoadError, match=message):
        load_model(folder)


def test_unsupported_models_are_refused_with_the_supported_types(folder: Path) -> None:
    image_model = ViTForImageClassification(
        ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, image_size=16)
    )
    image_model.save_pretrained(folder)
    for source, kind in (
        (folder, "type 'vit'"),
        (image_model, "ViTForImageClassification"),
        (tiny_timesformer().timesformer, "TimesformerModel"),
        (torch.nn.Linear(1, 1), "Linear"),
        (tiny_timesformer(num_labels=0), "has no classes"),
    ):
        with pytest.raises(UnsupportedModelError, match=rf"{kind}.*Supported: timesformer \(Timesformer"):
            load_model(source)
    edit_json(folder / "config.json", model_type="a_new_one", auto_map={"AutoConfig": "code.Config"})
    with pytest.raises(UnsupportedModelError, match="a_new_one"):
        load_model(folder)


def test_a_missing_path_is_not_searched_on_the_hub(tmp_path: Path, folder: Path) -> None:
    for source in (tmp_path / "no", str(tmp_path / "no"), "./no", "~/no/such/folder"):
        with pytest.raises(ModelLoadError, match="There is no folder"):
            load_model(source)
    with pytest.raises(ModelLoadError, match="is a file"):
        load_model(folder / "model.safetensors")


@pytest.mark.parametrize("params", [{"device": "abacus"}, {"device": "meta9x"}, {"dtype": "int8"}, {"dtype": "half"}])
def test_device_and_dtype_are_checked(saved_folder: Path, params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        load_model(saved_folder, **params)


def test_the_digest_depends_on_weights_and_configuration(saved_folder: Path) -> None:
    digest = weights_digest(load_model(saved_folder))
    assert len(digest) == 64
    assert digest == weights_digest(load_model(saved_folder)) == weights_digest(tiny_timesformer())
    others = [
        weights_digest(tiny_timesformer(seed=1)),
        weights_digest(tiny_timesformer().half()),
        weights_digest(tiny_timesformer(num_attention_heads=2)),
        weights_digest(tiny_timesformer(hidden_act="relu")),
    ]
    assert len({digest, *others}) == 5
