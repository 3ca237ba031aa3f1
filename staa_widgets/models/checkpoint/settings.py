"""Make a configuration from config.json: only settings that describe the architecture, and the class labels.

transformers has many other settings: code to run, kernels and base models to download, attention implementations,
quantization, weights under another name. None of them is read from a model's file.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from transformers import PreTrainedConfig

from staa_widgets.errors import ModelLoadError, ParameterError
from staa_widgets.models.family import Family
from staa_widgets.utils.text import check_text, quote_value

MAX_SIZE = 2**24
"""Greatest whole number in a configuration."""

MAX_TOKEN_VALUES = 2**25
"""Greatest number of tokens times their width; the largest published classifiers have 26 million."""

_HINT = "Use the config.json that belongs to the weights."
# Published configurations of VideoMAE give `qv_bias` this name.
_OLD_NAMES = frozenset({"qkv_bias"})


def architecture_settings(config_class: type[PreTrainedConfig]) -> frozenset[str]:
    """Return the names of the settings that a configuration class adds to those common to all models."""
    names = frozenset(inspect.signature(config_class).parameters)
    common = frozenset(inspect.signature(PreTrainedConfig).parameters)
    aliases = {alias for alias, name in config_class.attribute_map.items() if name in names - common}
    return names - common - {"kwargs"} | aliases | _OLD_NAMES


def make_config(family: Family, content: Mapping[str, Any], shapes: Collection[tuple[int, ...]]) -> Any:
    """Make the configuration of a classifier from the contents of config.json.

    Parameters
    ----------
    family
        Its family.
    content
        Contents of config.json. Settings that do not describe the architecture are ignored.
    shapes
        Shapes of all stored weights. A configuration with more layers or classes than they allow is refused.

    Returns
    -------
    PreTrainedConfig
        Configuration of the family's class, with attention by sdpa or, where the family has none, by eager code.

    Raises
    ------
    ModelLoadError
        If a value has the wrong type or is out of range.
    """
    architecture: Any = family.architecture
    names = architecture_settings(architecture.config_class)
    settings = {name: value for name, value in content.items() if name in names}
    parameters = inspect.signature(architecture.config_class).parameters
    for name, value in settings.items():
        _check_value(name, value, len(shapes))
        if isinstance(value, str) and name in parameters and not isinstance(parameters[name].default, str):
            raise _config_error(f"{name} is {quote_value(value)}, not a number")
    widest = max((size for shape in shapes for size in shape), default=0)
    settings["id2label"] = dict(enumerate(_read_labels(content, widest)))
    try:
        config = architecture.config_class(**settings)
    except Exception as error:  # Configuration classes raise errors of many types.
        raise _config_error(str(error).strip().replace("\n", " ") or type(error).__name__) from error
    config.label2id = {label: index for index, label in config.id2label.items()}
    config._attn_implementation = "sdpa" if architecture._supports_sdpa else "eager"
    _check_tokens(family, config)
    return config


def check_labels(labels: object) -> tuple[str, ...]:
    """Return the labels of classes 0 to K-1 as text.

    Parameters
    ----------
    labels
        ``id2label`` of a configuration: class indices, as numbers or text, to labels.

    Raises
    ------
    ModelLoadError
        If it is no mapping, a class is missing, or a label is not valid text.
    """
    hint = "Give id2label a label for each class, from 0."
    if not isinstance(labels, Mapping):
        raise ModelLoadError(f"id2label is a {type(labels).__name__}, not a mapping of classes to labels.", hint)
    try:
        by_index = {int(index): label for index, label in labels.items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelLoadError(f"A class in id2label is not a whole number: {error}", hint) from error
    missing = [index for index in range(len(labels)) if index not in by_index]
    if missing:
        raise ModelLoadError(f"id2label has {len(labels)} labels, but none for class {missing[0]}.", hint)
    texts = tuple(str(by_index[index]) for index in range(len(labels)))
    for index, text in enumerate(texts):
        try:
            check_text(f"The label of class {index}", text)
        except ParameterError as error:
            raise ModelLoadError(error.message, hint) from error
    return texts


def _read_labels(content: Mapping[str, Any], widest: int) -> Iterable[str]:
    labels = content.get("id2label")
    if labels is not None:
        return check_labels(labels)
    count = content.get("num_labels", 2)
    if not isinstance(count, int) or not 0 <= count <= widest:
        raise _config_error(f"num_labels is {quote_value(count)}, which no weight fits")
    return [f"LABEL_{index}" for index in range(count)]


def _check_value(name: str, value: Any, weight_count: int) -> None:
    values = value if isinstance(value, list) else [value]
    if len(values) > 8 or not all(item is None or isinstance(item, bool | int | float | str) for item in values):
        raise _config_error(f"{name} is {quote_value(value)}, not a number, a few numbers or a name")
    for number in values:
        if isinstance(number, int) and not 0 <= number <= MAX_SIZE:
            raise _config_error(f"{name} is {quote_value(number)}, which is not between 0 and {MAX_SIZE}")
    if name.endswith("_layers") and isinstance(value, int) and value > weight_count:
        raise _config_error(f"{name} is {value}, but there are only {weight_count} weights")


def _check_tokens(family: Family, config: Any) -> None:
    try:
        geometry = family.geometry(config)
        tokens = geometry.slices * geometry.height * geometry.width
    except (TypeError, ValueError, ZeroDivisionError) as error:
        if isinstance(error, ValueError) and hasattr(error, "hint"):
            raise
        raise _config_error(f"it describes no grid of tokens ({error})") from error
    if min(tokens, *geometry.input_size) < 1:
        raise _config_error(
            f"it describes a grid of {geometry.slices} slices of {geometry.height}x{geometry.width} patches"
        )
    if tokens * config.hidden_size > MAX_TOKEN_VALUES:
        raise _config_error(f"it describes {tokens} tokens of {config.hidden_size} values, which is too much")


def _config_error(what: str) -> ModelLoadError:
    return ModelLoadError(f"Cannot load the model from its config.json: {what}.", _HINT)
