"""``staa doctor``: check the installation, and print what is missing and what to do about it.

The default checks read versions and files only; they do not load torch or transformers, because loading takes seconds.
They ask the Hugging Face Hub for one model, unless a model of real videos was downloaded before.
`--full` loads everything, tries every device and explains a synthetic clip.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from staa_widgets._version import __version__
from staa_widgets.cli.output import DONE, FAILED, printable
from staa_widgets.utils.installation import find_torchvision_problem, torch_build, version_of

_PACKAGE = Path(__file__).parents[1]


class Check(NamedTuple):
    """Result of one check.

    Parameters
    ----------
    level
        ``"ok"``, ``"warn"`` if it works in part, ``"fail"`` if it does not work.
    subject
        Name of what was checked.
    text
        The result of the check, and what to do about it.
    """

    level: Literal["ok", "warn", "fail"]
    subject: str
    text: str


def run_doctor(options: argparse.Namespace) -> int:
    """Print every check; return 1 if one of them failed."""
    code = DONE
    for check in run_checks(options.full):
        print(f"{check.level:<4}  {check.subject:<13} {printable(check.text)}", flush=True)
        code = FAILED if check.level == "fail" else code
    return code


def run_checks(full: bool = False) -> Iterator[Check]:
    """Yield the results of the checks of everything that explaining a video needs, one by one.

    Parameters
    ----------
    full
        Whether to also load torch and the bundled model, try every device and explain a synthetic clip.
    """
    yield Check("ok", "staa_widgets", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    for subject, run in {**_CHECKS, **(_TRIALS if full else {})}.items():
        try:
            yield from (Check(check.level, subject, check.text) for check in run())
        except Exception as error:
            yield Check("fail", subject, " ".join(f"{type(error).__name__}: {error}".split()))


def _ok(text: str) -> Check:
    return Check("ok", "", text)


def _warn(text: str) -> Check:
    return Check("warn", "", text)


def _fail(text: str) -> Check:
    return Check("fail", "", text)


def _check_torch() -> Iterator[Check]:
    build = torch_build()
    if build is None:
        yield _fail("not installed; install it as described at https://pytorch.org/get-started/locally/")
    else:
        yield _ok(f"{build.__version__}, {os.cpu_count()} cores")


def _check_devices() -> Iterator[Check]:
    build = torch_build()
    if build is not None and build.cuda is not None:
        if _has_nvidia_driver():
            yield _ok("cpu; cuda: driver found ('staa doctor --full' tests it)")
        else:
            yield _ok("cpu")
            yield _warn("this PyTorch is built for CUDA, but no NVIDIA driver was found: models run on the CPU")
    elif build is not None and getattr(build, "hip", None):
        yield _ok("cpu; PyTorch is built for ROCm ('staa doctor --full' tests it)")
    else:
        yield _ok("cpu, mps" if (sys.platform, platform.machine()) == ("darwin", "arm64") else "cpu")


def _check_torchvision() -> Iterator[Check]:
    if find_spec("torchvision") is None:
        yield _ok("not installed (not needed)")
        return
    problem = find_torchvision_problem()
    yield _fail(problem) if problem else _ok(f"{version_of('torchvision')} (not needed)")


def _check_transformers() -> Iterator[Check]:
    installed = version_of("transformers")
    if installed.split(".")[0] == "5":
        yield _ok(installed)
    else:
        yield _fail(f"{installed} is installed, but version 5 is required: pip install 'transformers>=5,<6'")


def _check_readers() -> Iterator[Check]:
    import av

    yield _ok(f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}")
    try:
        import decord  # noqa: F401
    except (ImportError, OSError):
        yield _warn("decord cannot be imported: PyAV decodes all videos, which is slower")
    else:
        yield _ok(f"decord {version_of('decord', 'decord2')}")


def _check_bundled_model() -> Iterator[Check]:
    from safetensors import safe_open

    folder = _PACKAGE / "models" / "bundled"
    config = json.loads((folder / "config.json").read_text("utf-8"))
    with safe_open(folder / "model.safetensors", "numpy") as weights:
        count = len(weights.keys())
    yield _ok(f"{len(config['id2label'])} classes, {config['num_frames']} frames, {count} weight tensors")


def _check_film_model() -> Iterator[Check]:
    from staa_widgets.cli.film_models import describe_film_models

    is_available, text = describe_film_models()
    yield _ok(text) if is_available else _warn(text)


def _check_player() -> Iterator[Check]:
    folder = _PACKAGE / "widget" / "static"
    missing = [
        name for name in ("page.js", "widget.js", "widget.css", "live.js", "live.css") if not (folder / name).is_file()
    ]
    if missing:
        yield _fail(f"{', '.join(missing)} not built: run 'npm ci && npm run build' in js/, or reinstall staa_widgets")
    else:
        yield _ok("built")


def _check_cache() -> Iterator[Check]:
    from staa_widgets.storage import cache

    info = cache.info()
    existing_path = next(path for path in (info.path, *info.path.parents) if path.exists())
    text = f"{info.path}, {info.size / 1e6:.1f} of {info.limit / 1e6:.0f} MB"
    access = cache.describe_access()
    if access:
        yield _warn(f"{text}, {access}")
    elif existing_path.is_dir() and os.access(existing_path, os.W_OK | os.X_OK):
        yield _ok(text)
    else:
        yield _warn(f"{text}, not writable: set STAA_CACHE to a writable folder")


def _try_devices() -> Iterator[Check]:
    import torch

    names = [f"cpu ({torch.get_num_threads()} threads)"]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            torch.ones(1, device=f"cuda:{index}").item()  # A driver that is too old for torch fails only here.
            memory = torch.cuda.get_device_properties(index).total_memory / 2**30
            names.append(f"cuda:{index} ({torch.cuda.get_device_name(index)}, {memory:.0f} GiB)")
    if torch.backends.mps.is_available():
        names.append("mps")
    yield _ok(", ".join(names))


def _try_explaining() -> Iterator[Check]:
    from staa_widgets.datasets.drawn_actions import action_clip
    from staa_widgets.engine.explain import explain
    from staa_widgets.models import load_model

    model = load_model()
    clip = action_clip(seed=3)
    label, probability = explain(clip, model, cache=False, preview=False, progress=False).predictions(1)[0]
    text = f"{label!r} ({probability:.0%}) predicted for a synthetic video of {clip.label!r}, on {model.device}"
    yield _ok(text) if label == clip.label else _fail(text)


def _has_nvidia_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


_CHECKS: dict[str, Callable[[], Iterator[Check]]] = {
    "torch": _check_torch,
    "devices": _check_devices,
    "torchvision": _check_torchvision,
    "transformers": _check_transformers,
    "video readers": _check_readers,
    "bundled model": _check_bundled_model,
    "film model": _check_film_model,
    "player": _check_player,
    "cache": _check_cache,
}
_TRIALS: dict[str, Callable[[], Iterator[Check]]] = {"devices": _try_devices, "explanation": _try_explaining}
