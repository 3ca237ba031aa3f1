"""Find the files of a model in a folder or on the Hugging Face Hub, and read its JSON files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from staa_widgets.errors import ModelLoadError

CONFIG_FILE = "config.json"
PROCESSOR_FILES = ("preprocessor_config.json", "video_preprocessor_config.json")
_WEIGHTS_FILE = "model.safetensors"
_INDEX_FILE = "model.safetensors.index.json"
_MAX_JSON_BYTES = 16 * 2**20
_CONVERTED_TITLE = "Adding `safetensors` variant of this model"
_SAVE_HINT = "Save the model again with save_pretrained."


@dataclass(frozen=True)
class ModelSource:
    """A folder of this machine, or a repository on the Hugging Face Hub.

    Parameters
    ----------
    location
        Path of the folder, or id of the repository.
    name
        Name to show; contains no path of this machine.
    revision
        Commit or branch of the repository; ``None`` for the newest commit.
    """

    location: str
    name: str
    revision: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder of this machine."""
        return Path(self.location).is_dir()

    def find(self, file_name: str) -> Path | None:
        """Return the path of a file, downloaded if necessary, or ``None`` if there is no such file.

        Raises
        ------
        OSError, ValueError
            If the hub cannot be reached and the file was not downloaded before.
        """
        if self.is_folder:
            path = Path(self.location, file_name)
            return path if path.is_file() else None
        try:
            return Path(hf_hub_download(self.location, file_name, revision=self.revision))
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            return None

    def at_commit_of(self, path: Path) -> ModelSource:
        """Return the same source at the commit from which a file was downloaded, so that all files fit together."""
        commit = path.parent.name
        return replace(self, revision=commit) if re.fullmatch("[0-9a-f]{40}", commit) else self

    def error(self, error: Exception, hint: str = _SAVE_HINT) -> ModelLoadError:
        """Return the error to raise if reading this source has failed with another error."""
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        if self.is_folder:
            return ModelLoadError(f"Cannot load the model {self.name!r}: {reason}", hint)
        return ModelLoadError(
            f"{self.name!r} is not a local folder and could not be loaded from the Hugging Face Hub: {reason}",
            "Check the spelling and the network connection, or download the model and give its folder.",
        )


def read_json(path: Path, hint: str = _SAVE_HINT) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Raises
    ------
    ModelLoadError
        If the file is not valid JSON, holds something else or a number that is not finite, or is larger than 16 MB.
    """
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise ModelLoadError(f"{path.name} is larger than {_MAX_JSON_BYTES // 2**20} MB.", hint)
    try:
        content = json.loads(path.read_text("utf-8"), parse_float=_parse_float, parse_constant=_parse_float)
    except (ValueError, RecursionError) as error:
        raise ModelLoadError(f"{path.name} is not valid JSON: {error}", hint) from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path.name} holds no JSON object, but a {type(content).__name__}.", hint)
    return content


def find_weight_files(source: ModelSource) -> tuple[Path, ...]:
    """Return the safetensors files of a model: one file, or the files that its index lists.

    A repository whose weights were converted to safetensors by the bot of the Hugging Face Hub, in a pull request that
    is still open, is read from this pull request.

    Raises
    ------
    ModelLoadError
        If there are no safetensors weights, or the index names a file that is missing or elsewhere.
    """
    path = source.find(_WEIGHTS_FILE)
    if path is not None:
        return (path,)
    index = source.find(_INDEX_FILE)
    if index is not None:
        return _find_listed_files(source, index)
    converted = None if source.is_folder else _find_converted_path(source)
    if converted is not None:
        return (converted,)
    raise ModelLoadError(
        f"The model {source.name!r} has no file named {_WEIGHTS_FILE}.",
        "Weights of other kinds can contain code: if you trust them, load them with transformers and save the model "
        "with save_pretrained.",
    )


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number


def _find_listed_files(source: ModelSource, index: Path) -> tuple[Path, ...]:
    listed = read_json(index).get("weight_map")
    names: Iterable[Any] = listed.values() if isinstance(listed, dict) else ()
    paths = []
    for name in dict.fromkeys(map(str, names)):
        if not re.fullmatch(r"[\w-][\w.-]*\.safetensors", name):
            raise ModelLoadError(
                f"{index.name} of {source.name!r} names {name!r}, which is no safetensors file beside it.", _SAVE_HINT
            )
        path = source.find(name)
        if path is None:
            raise ModelLoadError(
                f"{name} of the model {source.name!r} is missing.", "Copy or download all files of the model."
            )
        paths.append(path)
    if not paths:
        raise ModelLoadError(f"{index.name} of {source.name!r} lists no files.", _SAVE_HINT)
    return tuple(paths)


def _find_converted_path(source: ModelSource) -> Path | None:
    """Find the weights in the open pull request of the hub's conversion bot, if it is based on the newest commit."""
    api = HfApi()
    for request in api.get_repo_discussions(source.location, author="SFconvertbot", discussion_status="open"):
        if request.title != _CONVERTED_TITLE or not request.is_pull_request or request.author != "SFconvertbot":
            continue
        newest = api.list_repo_commits(source.location)[0].commit_id
        commits = api.list_repo_commits(source.location, revision=request.git_reference)
        if newest in [commit.commit_id for commit in commits[1:2]]:
            return replace(source, revision=request.git_reference).find(_WEIGHTS_FILE)
    return None
