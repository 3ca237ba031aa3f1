"""Errors for folders and repositories that cannot be loaded, raised before any weights are downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from staa_widgets.errors import ModelLoadError, UnsupportedModelError
from staa_widgets.models.checkpoint.json_file import read_json
from staa_widgets.models.checkpoint.known import KNOWN_CHECKPOINTS
from staa_widgets.models.checkpoint.source import CONFIG_FILE, ModelSource
from staa_widgets.models.family import Family
from staa_widgets.utils.text import list_names, quote_value

_CLASSIFIER = "ForVideoClassification"
_LANGUAGE_CLASSES = ("ForConditionalGeneration", "ForCausalLM", "LMHeadModel")
_ADAPTER_FILE = "adapter_config.json"
# Files that transformers 5 no longer reads.
_OTHER_FRAMEWORKS = {"flax_model.msgpack": ("Flax", "from_flax"), "tf_model.h5": ("TensorFlow", "from_tf")}
_ORIGINAL_SUFFIXES = (".pth", ".pt", ".ckpt", ".pyth", ".npz")


def refuse_encoder(name: str, family: Family, content: Mapping[str, Any]) -> None:
    """Raise `UnsupportedModelError` if a configuration says that the model has no classifier.

    Parameters
    ----------
    name
        Name of the model.
    family
        Its family.
    content
        Contents of its config.json.
    """
    prefix = family.architecture.__name__.removesuffix(_CLASSIFIER)
    classes = [str(item) for item in _as_list(content.get("architectures"))]
    family_classes = [item for item in classes if item.startswith(prefix)]
    classifier_name = family.architecture.__name__
    if not family_classes or any(item == classifier_name or item.endswith(_CLASSIFIER) for item in family_classes):
        return
    classifiers = [known.id for known in KNOWN_CHECKPOINTS.values() if known.family == family.name]
    # The id of a classifier begins with that of its encoder: videomae-base, videomae-base-finetuned-kinetics.
    stem = name.rpartition("/")[2].casefold()
    classifiers.sort(key=lambda item: not item.rpartition("/")[2].startswith(stem))
    published = f"Classifiers with this architecture: {', '.join(classifiers[:4])}."
    if not classifiers:
        published = "No classifier with this architecture is published."
    raise UnsupportedModelError(
        f"{name!r} is an encoder without a classifier ({family_classes[0]}): it predicts no classes.",
        f"{published} Or train it first as a {prefix}{_CLASSIFIER}.",
    )


def refuse_language_model(name: str, content: Mapping[str, Any]) -> None:
    """Raise `UnsupportedModelError` if a configuration describes a language model."""
    classes = [str(item) for item in _as_list(content.get("architectures"))]
    language = [item for item in classes if item.endswith(_LANGUAGE_CLASSES)]
    if not language and not isinstance(content.get("text_config"), dict):
        return
    kind = language[0] if language else content.get("model_type")
    raise UnsupportedModelError(
        f"{name!r} is a language model ({quote_value(kind)}): it answers in words and has no classes.",
        "Ask it a question with a few fixed answers, such as 'yes' and 'no': give staa_widgets.wrap_model a function "
        "from clips to the logits of their first tokens, and use a method without attention, such as 'occlusion'.",
    )


def missing_config_error(source: ModelSource) -> ModelLoadError:
    """Return the error to raise for a source without config.json; it says what the source holds instead."""
    message = f"The model {source.name!r} has no {CONFIG_FILE}"
    files, subfolders = source.files(), source.subfolders()
    if _ADAPTER_FILE in files:
        return _adapter_error(source, message)
    if subfolders:
        checkpoints = sorted(subfolders, key=_natural_key)
        return ModelLoadError(
            f"{message}, but its folders {list_names(checkpoints)} have one.",
            f"Give one of them: load_model({source.name!r}, subfolder={checkpoints[-1]!r}) for a repository, or its "
            "path for a local folder.",
        )
    originals = [name for name in sorted(files) if name.endswith(_ORIGINAL_SUFFIXES)]
    if originals:
        return ModelLoadError(
            f"{message}: {list_names(originals)} is in the format of its authors' code.",
            "Use the checkpoint that was converted for transformers, or build the model with that code and give the "
            "module to staa_widgets.wrap_model.",
        )
    return ModelLoadError(f"{message}{_describe_files(files)}.", "Give a folder written by save_pretrained.")


def missing_weights_error(source: ModelSource) -> ModelLoadError:
    """Return the error to raise for a source without weights; it says what the source holds instead."""
    files, variant = source.files(), source.options.variant
    message = f"The model {source.name!r} has no file named model.{variant + '.' if variant else ''}safetensors"
    if source.offline:
        return ModelLoadError(
            f"{message} among the files that were downloaded before, and {source.offline}.",
            "Load it once with a network connection, or download it elsewhere and give its folder.",
        )
    weights = [name for name in sorted(files) if name.endswith((".safetensors", ".bin"))]
    if variant and weights:
        return ModelLoadError(f"{message}, but {list_names(weights)}.", "Give another variant, or none.")
    if _ADAPTER_FILE in files:
        return _adapter_error(source, message)
    for name, (framework, keyword) in _OTHER_FRAMEWORKS.items():
        if name in files:
            return ModelLoadError(
                f"{message}: its weights are for {framework} only ({name}).",
                f"With transformers 4 and {framework} installed, convert them: AutoModelForVideoClassification."
                f"from_pretrained({source.name!r}, {keyword}=True).save_pretrained('folder'). Then load that folder.",
            )
    return ModelLoadError(f"{message}{_describe_files(files)}.", "Copy or download all files of the model.")


def _adapter_error(source: ModelSource, message: str) -> ModelLoadError:
    path = source.find(_ADAPTER_FILE)
    base = None if path is None else read_json(path).get("base_model_name_or_path")
    base_text = repr(base) if isinstance(base, str) and re.fullmatch(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}", base) else "BASE"
    return ModelLoadError(
        f"{message}: it is an adapter (PEFT), which changes the weights of another model.",
        "Load that model, merge the adapter, and give the module: base = AutoModelForVideoClassification."
        f"from_pretrained({base_text}); module = PeftModel.from_pretrained(base, {source.name!r}).merge_and_unload(); "
        "load_model((module, processor)).",
    )


def _describe_files(files: Iterable[str]) -> str:
    names = sorted(files)
    return f"; it holds {list_names(names)}" if names else "; it holds no files"


def _natural_key(name: str) -> tuple[int, str]:
    number = name.rpartition("-")[2]
    return (int(number) if number.isdecimal() and len(number) < 20 else -1, name)


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
