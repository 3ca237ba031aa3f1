"""Models of real videos that ``staa doctor`` finds: downloaded before, or on the Hugging Face Hub.

Neither torch nor transformers is loaded.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from staa_widgets.explanation.notices import FILM_MODEL, FILM_MODEL_MB
from staa_widgets.utils.time_limit import call_within

PATIENCE_S = 3.0
"""Seconds to wait for the hub."""

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


class CachedModel(NamedTuple):
    """A video classifier in the hub's cache: its id, and the bytes of its files."""

    id: str
    size: int


def find_cached_models() -> list[CachedModel]:
    """Return the video classifiers that were downloaded from the hub before, with all their weights."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return []
    models: dict[str, int] = {}
    for repository in [repository for repository in repositories if repository.repo_type == "model"]:
        for revision in repository.revisions:
            paths = {file.file_name: file.file_path for file in revision.files}
            has_weights = any(name in paths for name in _WEIGHTS)
            if has_weights and _is_video_classifier(paths.get("config.json")):
                models[repository.repo_id] = max(models.get(repository.repo_id, 0), revision.size_on_disk)
    return [CachedModel(name, size) for name, size in sorted(models.items())]


def _is_video_classifier(config_path: Any) -> bool:
    try:
        config = json.loads(config_path.read_text("utf-8"))
        return any(str(name).endswith("ForVideoClassification") for name in config["architectures"])
    except (AttributeError, OSError, ValueError, KeyError, TypeError):
        return False


def ask_hub() -> int:
    """Return the bytes of the files that `FILM_MODEL` needs, as the hub states them.

    Raises
    ------
    Exception
        If the hub does not answer within `PATIENCE_S`, or has no such model; errors of the network have many types.
    """
    from huggingface_hub import HfApi

    info: Any = call_within(
        PATIENCE_S, lambda: HfApi().model_info(FILM_MODEL, files_metadata=True, timeout=2 * PATIENCE_S)
    )
    sizes = {file.rfilename: file.size or 0 for file in info.siblings}
    weights = next((name for name in ("model.safetensors", "pytorch_model.bin") if name in sizes), None)
    return sum(size for name, size in sizes.items() if name == weights or name.endswith(".json"))


def describe_film_models() -> tuple[bool, str]:
    """Return whether a model of real videos is at hand or can be loaded, and a text that says so."""
    from huggingface_hub import constants

    cached = find_cached_models()
    if cached:
        return True, ", ".join(f"{model.id} is downloaded ({_megabytes(model.size)})" for model in cached)
    if constants.HF_HUB_OFFLINE:
        return False, _describe_lack("HF_HUB_OFFLINE is set")
    try:
        size = ask_hub()
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        return False, _describe_lack(f"the Hugging Face Hub cannot be reached: {reason}")
    return True, f"none was downloaded; {FILM_MODEL} can be loaded from the Hugging Face Hub ({_megabytes(size)})"


def _describe_lack(reason: str) -> str:
    return (
        f"none was downloaded, and {reason}. Films need one, such as {FILM_MODEL} (about {FILM_MODEL_MB} MB): load it "
        "where there is a network, or give the folder of a copy"
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e6:.2g} MB"
