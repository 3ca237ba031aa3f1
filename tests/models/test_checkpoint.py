"""Folders that other people wrote: nothing in them runs or fetches anything, and what does not fit is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers.utils.import_utils import KERNELS_MIN_VERSION

from staa_widgets.errors import ModelLoadError, UnsupportedModelError
from staa_widgets.models import FAMILIES, load_model
from staa_widgets.models.checkpoint.settings import architecture_settings, make_config
from tests.helpers.paths import ROOT
from tests.helpers.tiny import ATTENDING, PROCESSOR, random_pixels, tiny_classifier

WEIGHTS = "model.safetensors"
JOINT = {"attention_type": "joint_space_time"}
Change = Callable[[Path], object]

HOSTILE_SETTINGS: dict[str, Any] = {
    **dict.fromkeys(
        (
            "_attn_implementation",
            "attn_implementation",
            "_attn_implementation_internal",
            "_attn_implementation_autoset",
            "experts_implementation",
            "_experts_implementation",
            "_experts_implementation_internal",
        ),
        "kernels-community/flash-attn",
    ),
    "quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True},
    "compression_config": {"quant_method": "compressed-tensors"},
    "auto_map": {"AutoConfig": "code.Config", "AutoModelForVideoClassification": "code.Model"},
    "custom_pipelines": {"video-classification": {"impl": "code.Pipeline"}},
    "trust_remote_code": True,
    "configuration_files": ["config.4.0.0.json"],
    "_name_or_path": "nobody/other",
    "name_or_path": "nobody/other",
    "base_model_name_or_path": "nobody/other",
    "transformers_weights": "../other.safetensors",
    "extra_files": ["other.safetensors"],
    "gguf_file": "other.gguf",
    "adapter_kwargs": {"base_model_name_or_path": "nobody/other"},
    "use_kernels": True,
    "kernel_config": {"kernel_mapping": {"LayerNorm": "nobody/kernel"}},
    "fusion_config": {"patch_embeddings": True},
    "distributed_config": {"tp_size": 2},
    "tp_plan": "auto",
    "per_layer_config": {"0": {"hidden_size": 8}},
    "text_config": {"model_type": "bert", "attn_implementation": "kernels-community/flash-attn"},
    "vision_config": {"auto_map": {"AutoConfig": "code.Config"}},
    "dtype": "load",
    "torch_dtype": "float16",
    "output_attentions": True,
    "output_hidden_states": True,
    "return_dict": False,
    "torchscript": True,
    "problem_type": "regression",
    "chunk_size_feed_forward": 1,
    "is_encoder_decoder": True,
    "architectures": ["code.Model"],
    "label2id": {"wrong": 0},
}

PUBLISHED_CONFIGS: dict[str, dict[str, Any]] = {
    "timesformer": {
        "architectures": ["TimesformerForVideoClassification"],
        "attention_type": "divided_space_time",
        "num_frames": 16,
        "image_size": 448,
        "qkv_bias": True,
        "torch_dtype": "float32",
        "transformers_version": "4.25.0.dev0",
    },
    "vivit": {
        "architectures": ["VivitForVideoClassification"],
        "hidden_act": "gelu_fast",
        "num_frames": 32,
        "tubelet_size": [2, 16, 16],
        "video_size": [32, 224, 224],
        "torch_dtype": "float32",
    },
    "videomae": {
        "architectures": ["VideoMAEForVideoClassification"],
        "decoder_hidden_size": 512,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "hidden_size": 1024,
        "norm_pix_loss": False,
        "problem_type": "single_label_classification",
        "qkv_bias": True,
        "use_mean_pooling": False,
    },
    "vjepa2": {
        "architectures": ["VJEPA2ForVideoClassification"],
        "crop_size": 384,
        "image_size": 384,
        "frames_per_clip": 64,
        "hidden_size": 1408,
        "mlp_ratio": 4.363636363636363,
        "num_attention_heads": 22,
        "num_hidden_layers": 40,
        "pred_mlp_ratio": 4.0,
    },
    "videoprism_vision_model": {"num_frames": 16, "num_labels": 400, "tubelet_size": [1, 18, 18]},
}


@pytest.fixture(scope="module")
def saved_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small saved model of each family; do not change them."""
    folders = {}
    for family in ATTENDING:
        folders[family] = tmp_path_factory.mktemp("models") / "walker"
        tiny_classifier(family).save_pretrained(folders[family])
    return folders


@pytest.fixture
def folder(saved_folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the saved TimeSformer that a test may change."""
    return Path(shutil.copytree(saved_folders["timesformer"], tmp_path / "walker"))


def settings(**changes: Any) -> Change:
    """Return a change of settings in a folder's config.json."""

    def apply(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return apply


def config_text(text: str) -> Change:
    return lambda folder: (folder / "config.json").write_text(text)


def weights(change: Callable[[dict[str, Tensor]], object]) -> Change:
    """Return a change of the dictionary of weights in a folder."""

    def apply(folder: Path) -> None:
        tensors = {name: tensor.clone() for name, tensor in load_file(folder / WEIGHTS).items()}
        change(tensors)
        save_file(tensors, folder / WEIGHTS)

    return apply


def weights_of(family: str = "timesformer", **changes: Any) -> Change:
    """Return a change to the weights of another model."""

    def apply(folder: Path) -> None:
        config = (folder / "config.json").read_bytes()
        tiny_classifier(family, **changes).save_pretrained(folder)
        (folder / "config.json").write_bytes(config)

    return apply


def header(**entries: Any) -> Change:
    """Return a change to a file with these entries in its header, and 64 bytes of data."""
    text = json.dumps(entries).encode()
    return lambda folder: (folder / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + bytes(64))


def two_shards(weight_map: Callable[[str], str] | None = None, *, first: str = "a.safetensors") -> Change:
    """Return a change to two files of weights with an index."""

    def apply(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        (folder / WEIGHTS).unlink()
        names = {name: first if name.startswith("classifier") else "b.safetensors" for name in tensors}
        for file in set(names.values()):
            save_file({name: tensors[name] for name in tensors if names[name] == file}, folder / file)
        if weight_map is not None:
            names = {name: weight_map(file) for name, file in names.items()}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))

    return apply


def logits(folder: Path) -> Tensor:
    with torch.no_grad():
        return load_model(folder, processor=PROCESSOR, device="cpu").module(random_pixels(1)).logits


@pytest.mark.parametrize("family", ATTENDING)
def test_settings_that_run_or_fetch_something_change_nothing(
    family: str, saved_folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(saved_folders[family], tmp_path / "walker"))
    clean: Any = load_model(folder, processor=PROCESSOR).module.config
    settings(**HOSTILE_SETTINGS)(folder)
    module: Any = load_model(folder, processor=PROCESSOR).module
    assert module.config.to_dict() == clean.to_dict()
    assert module.config._attn_implementation == ("sdpa" if type(module)._supports_sdpa else "eager")


@pytest.mark.parametrize("family", ATTENDING)
def test_settings_of_published_models_are_kept(family: str) -> None:
    content = {"model_type": family, **PUBLISHED_CONFIGS[family]}
    architecture: Any = FAMILIES[family].architecture
    config_class = architecture.config_class
    config, expected = make_config(FAMILIES[family], content, [(400,)] * 40), config_class(**content)
    for name in architecture_settings(config_class) - {"qkv_bias"}:
        assert getattr(config, name) == getattr(expected, name), name
    assert config.num_labels == expected.num_labels


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "nobody/other"}'),
        lambda folder: (folder / "generation_config.json").write_text('{"custom_generate": "nobody/other"}'),
        lambda folder: (folder / "configuration.py").write_text("raise SystemExit"),
        two_shards(),
        weights(
            lambda tensors: tensors.update({name: t.half() for name, t in tensors.items() if "classifier" in name})
        ),
    ],
    ids=["adapter", "generation", "code", "shards", "one weight in half precision"],
)
def test_other_files_change_nothing(change: Change, folder: Path, saved_folders: dict[str, Path]) -> None:
    change(folder)
    torch.testing.assert_close(logits(folder), logits(saved_folders["timesformer"]), rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("family", "unused"),
    [
        ("videomae", ("decoder.norm.weight", "encoder_to_decoder.weight", "mask_token", "position_embeddings")),
        ("vivit", ("vivit.pooler.dense.weight", "vivit.pooler.dense.bias", "pooler.dense.bias")),
    ],
)
def test_weights_of_pretraining_are_left_out(
    family: str, unused: tuple[str, ...], saved_folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(saved_folders[family], tmp_path / "walker"))
    weights(lambda tensors: tensors.update({name: torch.zeros(3, dtype=torch.int8) for name in unused}))(folder)
    torch.testing.assert_close(logits(folder), logits(saved_folders[family]))


def test_old_and_new_names_of_videomaes_biases_are_read(saved_folders: dict[str, Path], tmp_path: Path) -> None:
    expected = logits(saved_folders["videomae"])
    stored = load_file(saved_folders["videomae"] / WEIGHTS)
    for query, value in (("q_bias", "v_bias"), ("query.bias", "value.bias")):
        folder = Path(shutil.copytree(saved_folders["videomae"], tmp_path / query))
        names = {name: name.replace("q_bias", "query.bias").replace("v_bias", "value.bias") for name in stored}
        names = {name: new.replace("query.bias", query).replace("value.bias", value) for name, new in names.items()}
        save_file({names[name]: tensor for name, tensor in stored.items()}, folder / WEIGHTS)
        torch.testing.assert_close(logits(folder), expected)


def test_a_bias_of_videomaes_keys_changes_no_logit(saved_folders: dict[str, Path], tmp_path: Path) -> None:
    """Some releases of transformers have such a bias; it adds the same number to all scores of a query."""
    folder = Path(shutil.copytree(saved_folders["videomae"], tmp_path / "walker"))
    stored = load_file(folder / WEIGHTS)
    keys = [name.replace(".key.weight", ".key.bias") for name in stored if name.endswith(".key.weight")]
    save_file(stored | {name: torch.full((32,), 3.0) for name in keys}, folder / WEIGHTS)
    assert keys
    torch.testing.assert_close(logits(folder), logits(saved_folders["videomae"]))


HOSTILE_WEIGHTS: dict[str, tuple[Change, str]] = {
    "joint, but divided weights": (settings(**JOINT), r"layer\.0\.temporal_attention.* and 21 more are unexpected"),
    "space only, but divided weights": (settings(attention_type="space_only"), r"temporal.* are unexpected"),
    "divided, but joint weights": (weights_of(**JOINT), r"temporal_attention.* and 21 more are missing"),
    "joint, but space-only weights": (weights_of(attention_type="space_only"), "time_embeddings are missing|temporal"),
    "another family": (weights_of("vivit"), r"timesformer.* missing .*; vivit.* and \d+ more are unexpected"),
    "one unexpected weight": (weights(lambda t: t.update(extra=torch.zeros(1))), "json: extra are unexpected"),
    "no classifier": (weights(lambda t: t.pop("classifier.weight")), r"classifier\.weight are missing"),
    "int8": (weights(lambda t: t.update(extra=torch.zeros(1, dtype=torch.int8))), r"not supported: extra \(I8\)"),
    "complex": (
        weights(lambda t: t.update({"classifier.bias": torch.zeros(5, dtype=torch.complex64)})),
        r"not supported: classifier\.bias \(C64\)",
    ),
    "bool": (weights(lambda t: t.update(mask=torch.zeros(1, dtype=torch.bool))), r"mask \(BOOL\)"),
    "float8": (weights(lambda t: t.update(x=torch.zeros(1).to(torch.float8_e4m3fn))), r"x \(F8_E4M3\)"),
    "NaN": (weights(lambda t: t["classifier.bias"].fill_(torch.nan)), r"not finite in float32: classifier\.bias"),
    "infinite": (weights(lambda t: t["classifier.weight"][0].fill_(torch.inf)), r"not finite.*classifier\.weight"),
    "too large for float32": (
        weights(lambda t: t.update({"classifier.bias": torch.full((5,), 1e300, dtype=torch.float64)})),
        r"not finite in float32: classifier\.bias",
    ),
    "an absurd shape": (
        header(extra={"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 64]}),
        "damaged",
    ),
    "an absurd shape without values": (
        header(**{"classifier.weight": {"dtype": "F32", "shape": [0, 2**50], "data_offsets": [0, 0]}}),
        "damaged|classifier",
    ),
    "a shard above the folder": (two_shards(lambda name: f"../walker/{name}"), r"'\.\./walker/.*' *, which is no"),
    "an absolute shard": (two_shards(lambda name: f"/tmp/{name}"), r"'/tmp/.*', which is no safetensors file"),
    "a pickled shard": (two_shards(lambda _: "pytorch_model.bin"), r"'pytorch_model\.bin', which is no safetensors"),
    "a missing shard": (two_shards(lambda _: "c.safetensors"), r"c\.safetensors of the model 'walker' is missing"),
    "no shard": (lambda f: (two_shards()(f), (f / "model.safetensors.index.json").write_text("{}")), "lists no files"),
    "a weight in two shards": (
        lambda f: (two_shards()(f), save_file({"classifier.bias": torch.zeros(5)}, f / "b.safetensors")),
        r"The weight classifier\.bias is in two files",
    ),
}


@pytest.mark.parametrize("case", HOSTILE_WEIGHTS)
def test_weights_that_do_not_fit_are_refused_by_name(case: str, folder: Path) -> None:
    change, message = HOSTILE_WEIGHTS[case]
    change(folder)
    with pytest.raises(ModelLoadError, match=message):
        load_model(folder, processor=PROCESSOR)


LABELS = {str(index): "walk" for index in range(5)}
HOSTILE_CONFIGS: dict[str, tuple[Change, str]] = {
    "a list": (config_text("[]"), "holds no JSON object, but a list"),
    "null": (config_text("null"), "holds no JSON object"),
    "deep": (config_text("[" * 200_000), "is not valid JSON"),
    "large": (config_text(" " * (2**24 + 1)), "is larger than 16 MB"),
    "not text": (lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe{}"), "is not valid JSON"),
    "NaN": (config_text('{"model_type": "timesformer", "layer_norm_eps": NaN}'), "NaN is not a finite number"),
    "1e999": (config_text('{"model_type": "timesformer", "layer_norm_eps": 1e999}'), "1e999 is not a finite number"),
    "a number of 400 digits": (settings(hidden_size=10**400), "hidden_size is 1000000000.*…, which is not between"),
    "text": (settings(hidden_size="x"), "hidden_size"),
    "an object": (settings(hidden_act={"impl": "code.act"}), "hidden_act is .* not a number"),
    "unknown activation": (settings(hidden_act="nobody/act"), "nobody/act"),
    "unknown attention": (settings(attention_type="other"), "other"),
    "negative": (settings(patch_size=-8), "patch_size is -8, which is not between 0 and"),
    "zero": (settings(patch_size=0), "no grid of tokens"),
    "no frames": (settings(num_frames=0), "a grid of 0 slices"),
    "larger patch than frame": (settings(patch_size=48), "a grid of 4 slices of 0x0 patches"),
    "absurd frame": (settings(image_size=2**22), "tokens of 32 values, which is too much"),
    "absurd depth": (settings(num_hidden_layers=10**7), "num_hidden_layers is 10000000, but there are only"),
    "absurd width": (settings(intermediate_size=2**24), "intermediate.dense.* missing or of another size"),
    "absurd classes": (lambda f: settings(id2label=None, num_labels=10**9)(f), "num_labels is 1000000000"),
    "labels with a gap": (settings(id2label={"0": "a", "2": "b"}), "2 labels, but none for class 1"),
    "labels in a list": (settings(id2label=["a", "b"]), "id2label is a list"),
    "labels without a number": (settings(id2label={"walk": "a"}), "not a whole number"),
    "half a character": (
        settings(id2label={**LABELS, "3": "\ud83d"}),
        r"label of class 3 is '\\ud83d', which is not valid",
    ),
    "one class too many": (settings(id2label={**LABELS, "5": "run"}), "classifier.* missing or of another size"),
}


@pytest.mark.parametrize("case", HOSTILE_CONFIGS)
def test_configurations_that_describe_no_model_are_refused_before_one_is_made(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, message = HOSTILE_CONFIGS[case]
    change(folder)
    monkeypatch.setattr(FAMILIES["timesformer"].architecture, "from_pretrained", pytest.fail)
    with pytest.raises(ModelLoadError, match=message):
        load_model(folder, processor=PROCESSOR)


@pytest.mark.parametrize("model_type", [["timesformer"], {"a": 1}, None, 3, "generic", "nobody/other"])
def test_other_model_types_are_refused(model_type: Any, folder: Path) -> None:
    settings(model_type=model_type)(folder)
    with pytest.raises(UnsupportedModelError, match="which is not supported"):
        load_model(folder, processor=PROCESSOR)


def test_pipes_are_not_opened(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    os.mkfifo(folder / "preprocessor_config.json")
    with pytest.raises(ModelLoadError, match="has no file named model"):
        load_model(folder)


# Run in a process of its own, because transformers looks for these packages when it is imported.
_LOAD_WITH_STAND_INS = """
import socket, sys, warnings
calls = []
socket.socket.connect = lambda *_: calls.append("network") or sys.exit("network")
import kernels, peft
kernels.calls = peft.calls = calls
from staa_widgets.models import load_model
warnings.simplefilter("ignore")
for folder in sys.argv[1:]:
    load_model(folder)
    assert calls == [], calls
print("loaded", len(sys.argv) - 1)
"""
# Its decorators mark classes of transformers at import; all its other functions download or run something.
_STAND_IN = """
calls = []
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    if name.startswith("use_kernel"):
        return lambda *_, **__: lambda part: part
    return type(name, (), {"__init__": lambda *args, **settings: calls.append(name)})
"""


def test_stand_ins_of_packages_that_fetch_code_are_never_called(saved_folders: dict[str, Path], tmp_path: Path) -> None:
    for name, version in (("kernels", KERNELS_MIN_VERSION), ("peft", "99.0")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(_STAND_IN)
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    folders = []
    for family in ATTENDING:
        folders.append(Path(shutil.copytree(saved_folders[family], tmp_path / f"folder-{family}")))
        settings(**HOSTILE_SETTINGS)(folders[-1])
        (folders[-1] / "adapter_config.json").write_text('{"base_model_name_or_path": "nobody/other"}')
    process = subprocess.run(
        [sys.executable, "-c", _LOAD_WITH_STAND_INS, *map(str, folders)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))},
        capture_output=True,
        text=True,
    )
    assert process.stdout.strip() == f"loaded {len(ATTENDING)}", process.stderr
