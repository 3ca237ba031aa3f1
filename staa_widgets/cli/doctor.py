"""Check an installation: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from typing import Literal, NamedTuple

from staa_widgets._version import __version__


class Check(NamedTuple):
    """One finding.

    Parameters
    ----------
    level
        ``"ok"``, ``"warn"`` for what works in part, ``"fail"`` for what does not work.
    subject
        What was looked at.
    text
        What was found, and what to do about it.
    """

    level: Literal["ok", "warn", "fail"]
    subject: str
    text: str


def run_checks() -> Iterator[Check]:
    """Look at everything that explaining a video needs, one thing after the other."""
    yield Check("ok", "staa_widgets", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    for subject, look in _LOOKS.items():
        try:
            yield from (Check(check.level, subject, check.text) for check in look())
        except Exception as error:
            yield Check("fail", subject, " ".join(f"{type(error).__name__}: {error}".split()))


def _ok(text: str) -> Check:
    return Check("ok", "", text)


def _warn(text: str) -> Check:
    return Check("warn", "", text)


def _torch() -> Iterator[Check]:
    import torch

    yield _ok(f"{torch.__version__}, {torch.get_num_threads()} of {os.cpu_count()} cores")


def _devices() -> Iterator[Check]:
    import torch

    found = ["cpu"]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            torch.ones(1, device=f"cuda:{index}").item()  # A driver too old for this build shows only now.
            memory = torch.cuda.get_device_properties(index).total_memory / 2**30
            found.append(f"cuda:{index} ({torch.cuda.get_device_name(index)}, {memory:.0f} GiB)")
    if torch.backends.mps.is_available():
        found.append("mps")
    yield _ok(", ".join(found))
    if torch.version.cuda and not torch.cuda.is_available():
        yield _warn("this torch is built for CUDA, but no GPU or driver is to be found: everything runs on the CPU")


def _transformers() -> Iterator[Check]:
    import transformers

    found = transformers.__version__
    if found.split(".")[0] == "5":
        yield _ok(found)
    else:
        yield Check("fail", "", f"{found} is installed, 5 is needed: pip install 'transformers>=5,<6'")


def _torchvision() -> Iterator[Check]:
    if find_spec("torchvision") is None:
        yield _ok("not installed, and not needed")
        return
    try:
        import torchvision  # pyright: ignore[reportMissingImports]
    except Exception as error:  # Whatever a library built for another torch does.
        reason = " ".join(str(error).split())[:80]
        yield Check(
            "fail",
            "",
            f"{_version('torchvision')} does not fit torch {_version('torch')} ({reason}), and transformers loads no "
            "model beside it. It is not needed here: pip uninstall torchvision",
        )
    else:
        yield _ok(f"{torchvision.__version__}, not needed")


def _readers() -> Iterator[Check]:
    import av

    from staa_widgets.video.decode import _load_decord

    yield _ok(f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}")
    if _load_decord() is not None:
        yield _ok(f"decord {_version('decord', 'decord2')}")
    else:
        yield _warn("decord cannot be imported: PyAV decodes everything, more slowly")


def _model() -> Iterator[Check]:
    from staa_widgets.models import load_model

    model = load_model()
    yield _ok(f"{len(model.labels)} classes, {model.geometry.frames} frames, on {model.device}")


def _player() -> Iterator[Check]:
    held = files("staa_widgets.widget").joinpath("static")
    missing = [name for name in ("page.js", "widget.js", "widget.css") if not held.joinpath(name).is_file()]
    if missing:
        yield Check("fail", "", f"{', '.join(missing)} not built: npm install && npm run build in js/, or reinstall")
    else:
        yield _ok("built")


def _cache() -> Iterator[Check]:
    from staa_widgets.storage import cache

    held = cache.info()
    home = next(path for path in (held.path, *held.path.parents) if path.exists())
    text = f"{held.path}, {held.size / 1e6:.1f} of {held.limit / 1e6:.0f} MB"
    if home.is_dir() and os.access(home, os.W_OK | os.X_OK):
        yield _ok(text)
    else:
        yield _warn(f"{text}, cannot be written: point STAA_CACHE to a folder that can")


def _version(*names: str) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "of unknown version"


_LOOKS: dict[str, Callable[[], Iterator[Check]]] = {
    "torch": _torch,
    "devices": _devices,
    "torchvision": _torchvision,
    "transformers": _transformers,
    "readers": _readers,
    "bundled model": _model,
    "player": _player,
    "cache": _cache,
}
