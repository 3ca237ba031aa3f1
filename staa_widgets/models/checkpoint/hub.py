"""Read a repository on the Hugging Face Hub: first the list of its files, then single files, all at one commit.

Without a network, or with ``local_files_only``, only files that were downloaded before are read.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from staa_widgets.errors import ModelLoadError
from staa_widgets.models.checkpoint.known import KNOWN_CHECKPOINTS
from staa_widgets.models.checkpoint.source import (
    CONFIG_FILE,
    FolderSource,
    HubOptions,
    ModelSource,
    first_line,
)
from staa_widgets.utils.time_limit import call_within

PATIENCE_S = 4.5
"""Seconds to wait for the hub's first answer, unless the variable ``HF_HUB_ETAG_TIMEOUT`` is set."""

_CONVERSION_BOT = "SFconvertbot"
_CONVERSION_TITLE = "Adding `safetensors` variant of this model"


@dataclass(frozen=True)
class HubSource(ModelSource):
    """A model in a repository of the hub that can be reached.

    Parameters
    ----------
    name
        Id of the repository.
    options
        Which files to read, and how.
    paths
        Paths of all files of the repository.
    """

    name: str
    options: HubOptions
    paths: frozenset[str]

    def files(self) -> Collection[str]:
        """Return the names of the files beside config.json."""
        folder = PurePosixPath(self.options.subfolder)
        return [path.name for path in map(PurePosixPath, self.paths) if path.parent == folder]

    def subfolders(self) -> Collection[str]:
        """Return the names of folders that hold a config.json."""
        folder = PurePosixPath(self.options.subfolder)
        models = [path.parent for path in map(PurePosixPath, self.paths) if path.name == CONFIG_FILE]
        return [path.name for path in models if path.parent == folder and path != folder]

    def find(self, file_name: str) -> Path | None:
        """Return the path of a file, downloaded if necessary, or ``None`` if the repository has no such file.

        Raises
        ------
        ModelLoadError
            If the repository is gated.
        OSError
            If the hub can no longer be reached.
        """
        if file_name not in self.files():
            return None
        options = self.options
        try:
            return Path(
                hf_hub_download(
                    self.name,
                    file_name,
                    subfolder=options.subfolder or None,
                    revision=options.revision,
                    token=options.token,
                    cache_dir=options.cache_dir,
                )
            )
        except GatedRepoError as error:
            raise _gated_error(self.name) from error
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            return None

    def at_commit_of(self, path: Path) -> HubSource:
        """Return the same source at the commit from which a file was downloaded, so that all files fit together."""
        depth = len(PurePosixPath(self.options.subfolder).parts)
        return self._at(path.parents[depth].name)

    def error(self, error: Exception, hint: str = "") -> ModelLoadError:
        """Return the error to raise if reading this repository has failed with another error."""
        return ModelLoadError(
            f"{self.name!r} could not be loaded from the Hugging Face Hub: {first_line(error)}",
            hint or "Try again, or download the repository and give its folder.",
        )

    def find_converted(self) -> HubSource | None:
        """Return the source at the open pull request in which the hub's bot converted the weights to safetensors.

        Only a pull request of the bot counts, and only one that is based on the newest commit of the main branch.
        """
        if self.options.revision is None:
            return None
        api = HfApi(token=self.options.token)
        newest = api.list_repo_commits(self.name)[0].commit_id
        if newest != self.options.revision:
            return None
        for request in api.get_repo_discussions(self.name, author=_CONVERSION_BOT, discussion_status="open"):
            is_conversion = request.is_pull_request and request.title == _CONVERSION_TITLE
            if not is_conversion or request.author != _CONVERSION_BOT:
                continue
            commits = api.list_repo_commits(self.name, revision=request.git_reference)
            if request.git_reference and [commit.commit_id for commit in commits[1:2]] == [newest]:
                info = api.model_info(self.name, revision=request.git_reference)
                return replace(self._at(request.git_reference), paths=_file_paths(info))
        return None

    def _at(self, revision: str) -> HubSource:
        return replace(self, options=replace(self.options, revision=revision))


def open_repository(name: str, options: HubOptions) -> ModelSource:
    """Return the files of a repository: those on the hub or, if it cannot or must not be reached, those in its cache.

    Parameters
    ----------
    name
        Id of the repository.
    options
        Which files to read, and how.

    Raises
    ------
    ModelLoadError
        If there is no such repository or revision, it is gated, or the hub does not answer within `PATIENCE_S` and the
        model was not downloaded before.
    """
    if options.local_files_only:
        return _open_cache(name, options, "local_files_only is set")
    if constants.HF_HUB_OFFLINE:
        return _open_cache(name, options, "HF_HUB_OFFLINE is set")
    patience = constants.HF_HUB_ETAG_TIMEOUT if "HF_HUB_ETAG_TIMEOUT" in os.environ else PATIENCE_S
    api = HfApi(token=options.token)
    try:
        # Each step of the request has a longer limit, so that the limit of the whole request is reached first.
        info: Any = call_within(
            patience,
            lambda: api.model_info(name, revision=options.revision, timeout=2 * patience),
            "HF_HUB_ETAG_TIMEOUT=30 waits for 30 s",
        )
    except GatedRepoError as error:
        raise _gated_error(name) from error
    except RepositoryNotFoundError as error:
        raise _not_found_error(name) from error
    except RevisionNotFoundError as error:
        raise ModelLoadError(
            f"{name!r} has no revision {options.revision!r} on the Hugging Face Hub.",
            "Give the name of a branch, tag or commit, or 'refs/pr/N' for a pull request.",
        ) from error
    except HFValidationError as error:
        raise ModelLoadError(f"{name!r} is no id of a repository: {first_line(error)}", "Give 'owner/name'.") from error
    except Exception as error:  # Errors of the network have many types.
        return _open_cache(name, options, f"the Hugging Face Hub cannot be reached: {first_line(error)}", error)
    return HubSource(name, options, _file_paths(info))


def _file_paths(info: Any) -> frozenset[str]:
    return frozenset(sibling.rfilename for sibling in info.siblings or ())


def _open_cache(name: str, options: HubOptions, reason: str, error: Exception | None = None) -> FolderSource:
    """Return the files of a repository in the hub's cache."""
    path = "/".join(filter(None, (options.subfolder, CONFIG_FILE)))
    config_path = try_to_load_from_cache(name, path, cache_dir=options.cache_dir, revision=options.revision)
    if isinstance(config_path, str):
        return FolderSource(name, Path(config_path).parent, options, offline=reason)
    revision = "" if options.revision is None else f" at revision {options.revision!r}"
    raise ModelLoadError(
        f"{name!r}{revision} was not downloaded before, and {reason}.",
        f"{_spelling_hint(name)}Check the network connection, or download the model elsewhere and give its folder.",
    ) from error


def _not_found_error(name: str) -> ModelLoadError:
    hint = _spelling_hint(name) or "Check the spelling. "
    return ModelLoadError(
        f"{name!r} is neither a local folder nor a repository on the Hugging Face Hub.",
        f"{hint}If the repository is private, log in with 'hf auth login', or give token='hf_…'.",
    )


def _spelling_hint(name: str) -> str:
    """Return a question with the known checkpoint most similar to an unknown name, or nothing."""
    matches = [] if name in KNOWN_CHECKPOINTS else get_close_matches(name, KNOWN_CHECKPOINTS, 1, cutoff=0.75)
    return f"Did you mean {matches[0]!r}? " if matches else ""


def _gated_error(name: str) -> ModelLoadError:
    return ModelLoadError(
        f"{name!r} is gated: its owners give access only to users who accept their conditions.",
        f"Accept them at {constants.ENDPOINT}/{name}, then log in with 'hf auth login', or give token='hf_…'.",
    )
