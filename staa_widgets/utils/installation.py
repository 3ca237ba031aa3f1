"""What is installed, and whether it fits together, read without loading torch."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from staa_widgets.errors import MissingPackageError


def find_torchvision_problem() -> str:
    """Return why the installed torchvision keeps transformers from loading models, or ``""``.

    torchvision is imported unless its requirements name the installed build of torch.
    """
    return "" if find_spec("torchvision") is None or _torchvision_fits_torch() else _import_torchvision()


def model_libraries_error(error: Exception) -> MissingPackageError:
    """Return the error to raise if torch or transformers cannot be imported."""
    problem = "" if find_spec("torchvision") is None else _import_torchvision()
    if problem:
        return MissingPackageError(f"torchvision {problem}.", "Restart Python afterwards.")
    reason = " ".join(str(error).split())[:200]
    return MissingPackageError(f"torch and transformers cannot be imported: {reason}", "Run `staa doctor`.")


def torch_build() -> ModuleType | None:
    """Return torch's module of version facts (``__version__``, ``cuda``, ``hip``) without loading torch."""
    spec = find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return None
    file = Path(spec.submodule_search_locations[0]) / "version.py"
    version_spec = importlib.util.spec_from_file_location("torch_version", file)
    if version_spec is None or version_spec.loader is None:
        return None
    module = importlib.util.module_from_spec(version_spec)
    version_spec.loader.exec_module(module)
    return module


def _import_torchvision() -> str:
    try:
        import torchvision  # noqa: F401  # pyright: ignore[reportMissingImports]
    except Exception as error:  # A library that was built for another release of torch may raise any exception.
        reason = " ".join(str(error).split())[:80]
        return (
            f"{version_of('torchvision')} does not fit torch {version_of('torch')} ({reason}), so transformers "
            "cannot load models. staa_widgets does not need torchvision: pip uninstall torchvision"
        )
    return ""


def _torchvision_fits_torch() -> bool:
    """Return whether torchvision requires exactly the installed build of torch."""
    build = torch_build()
    try:
        matches = [re.match(r"torch\s*\(?==\s*([\w.]+)", text) for text in requires("torchvision") or ()]
    except PackageNotFoundError:
        return False
    releases = [match[1] for match in matches if match is not None]
    if build is None or not releases:
        return False
    release, _, variant = build.__version__.partition("+")
    return releases[0] == release and version_of("torchvision").partition("+")[2] == variant


def version_of(*names: str) -> str:
    """Return the version of the first installed distribution among these names."""
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "of unknown version"
