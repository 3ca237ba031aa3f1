"""`ModelSource`: the files of a model, in a folder or in a repository on the Hugging Face Hub."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from staa_widgets.errors import ModelLoadError, ParameterError

CONFIG_FILE = "config.json"
SAVE_HINT = "Save the model again with save_pretrained."
_NAME = r"[\w-][\w.-]*"


@dataclass(frozen=True)
class HubOptions:
    """Which files of a repository to read, and how; named as in transformers.

    Parameters
    ----------
    revision
        Branch, tag, commit or pull request (``"refs/pr/7"``); ``None`` for the newest commit.
    subfolder
        Folder of the repository, or of a local folder, that holds the model.
    token
        Access token of the hub; ``None`` for the stored one, ``False`` for none.
    cache_dir
        Folder of downloaded files; ``None`` for that of huggingface_hub.
    local_files_only
        Whether to read only files that were downloaded before.
    variant
        Part of the file names of the weights, such as ``"fp16"`` in ``model.fp16.safetensors``.

    Raises
    ------
    ParameterError
        If a value has another type, or the subfolder or variant leads out of the model's folder.
    """

    revision: str | None = None
    subfolder: str = ""
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    local_files_only: bool = False
    variant: str | None = None

    def __post_init__(self) -> None:
        subfolder, variant = self.subfolder or "", self.variant
        if self.cache_dir is not None:
            object.__setattr__(self, "cache_dir", Path(self.cache_dir).expanduser())
        if not isinstance(subfolder, str) or not re.fullmatch(rf"({_NAME}(/{_NAME})*)?/?", subfolder):
            raise ParameterError(
                f"subfolder is {str(subfolder)[:60]!r}, not a folder inside the model's.",
                "Give its path relative to the model, such as 'checkpoint-500'.",
            )
        object.__setattr__(self, "subfolder", subfolder.rstrip("/"))
        if variant is not None and not (isinstance(variant, str) and re.fullmatch(_NAME, variant)):
            raise ParameterError(
                f"variant is {str(variant)[:60]!r}, not a part of a file name.", "Give such as 'fp16'."
            )
        if self.revision is not None and not (isinstance(self.revision, str) and self.revision):
            raise ParameterError(f"revision is {self.revision!r}.", "Give the name of a branch, tag or commit.")


class ModelSource(ABC):
    """The files of a model."""

    name: str
    """Name to show; contains no path of this machine."""
    options: HubOptions
    offline: str = ""
    """Reason why no further files can be fetched from the hub; empty if they can."""

    @abstractmethod
    def files(self) -> Collection[str]:
        """Return the names of the files that lie directly beside config.json."""

    @abstractmethod
    def subfolders(self) -> Collection[str]:
        """Return the names of folders that hold a config.json."""

    @abstractmethod
    def find(self, file_name: str) -> Path | None:
        """Return the path of a file, downloaded if necessary, or ``None`` if there is no such file.

        Raises
        ------
        OSError, ValueError
            If the hub cannot be reached and the file was not downloaded before.
        """

    def at_commit_of(self, path: Path) -> ModelSource:  # noqa: ARG002
        """Return the same source at the commit from which a file was downloaded, so that all files fit together."""
        return self

    @abstractmethod
    def error(self, error: Exception, hint: str = SAVE_HINT) -> ModelLoadError:
        """Return the error to raise if reading this source has failed with another error."""


@dataclass(frozen=True)
class FolderSource(ModelSource):
    """A model in a folder of this machine, which may be the cache of the hub.

    Parameters
    ----------
    name
        Name to show.
    folder
        Folder with config.json.
    options
        Options; only the variant matters here.
    offline
        If the folder is in the hub's cache: reason why no further files can be fetched from the hub.
    """

    name: str
    folder: Path
    options: HubOptions = HubOptions()
    offline: str = ""

    def files(self) -> Collection[str]:
        """Return the names of the files in the folder."""
        return [path.name for path in self.folder.iterdir() if path.is_file()] if self.folder.is_dir() else []

    def subfolders(self) -> Collection[str]:
        """Return the names of folders that hold a config.json."""
        return [path.parent.name for path in self.folder.glob(f"*/{CONFIG_FILE}")]

    def find(self, file_name: str) -> Path | None:
        """Return the path of a file, or ``None`` if there is no such file."""
        path = self.folder / file_name
        return path if path.is_file() else None

    def error(self, error: Exception, hint: str = SAVE_HINT) -> ModelLoadError:
        """Return the error to raise if reading this folder has failed with another error."""
        return ModelLoadError(f"Cannot load the model {self.name!r}: {first_line(error)}", hint)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    return str(error).strip().split("\n")[0] or type(error).__name__
