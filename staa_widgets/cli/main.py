"""The command line: ``staa explain``, ``live``, ``demo``, ``benchmark``, ``convert``, ``doctor`` and ``cache``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from staa_widgets._version import __version__
from staa_widgets.cli.benchmark import run_benchmark_command
from staa_widgets.cli.cache import run_cache
from staa_widgets.cli.convert import run_convert
from staa_widgets.cli.demo import run_demo
from staa_widgets.cli.doctor import run_doctor
from staa_widgets.cli.explain import run_explain
from staa_widgets.cli.live import run_live
from staa_widgets.cli.output import FAILED, INTERRUPTED, filter_warnings, report_error
from staa_widgets.explanation.exports import FORMATS_BY_SUFFIX


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv
        Arguments after ``staa``; default: the arguments of the process.

    Returns
    -------
    int
        Exit code: 0 for success, 1 for a failure, 2 for invalid arguments, 130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # A label that the terminal cannot encode must not be an error.
    options = _parser().parse_args(argv)
    try:
        with filter_warnings(options):
            code = options.run(options)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        print("staa: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has closed stdout. Redirect stdout, because Python flushes it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return report_error(error, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="staa",
        description="Explain video transformers: show where and when in a video a model looked.",
        epilog="Start with 'staa demo'. 'staa COMMAND --help' lists the options of a command.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"staa_widgets {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_explain(commands)
    _add_live(commands)
    _add_demo(commands)
    _add_benchmark(commands)
    _add_convert(commands)
    _add_doctor(commands)
    _add_cache(commands)
    return parser


def _add_command(
    commands: Any, name: str, summary: str, run: Callable[[argparse.Namespace], int], details: str = ""
) -> argparse.ArgumentParser:
    """Add a command; its help shows the summary, then the details."""
    command = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {details}".strip(), allow_abbrev=False
    )
    command.add_argument(
        "--debug", action="store_true", help="show the traceback of errors, and the warnings and logs of libraries"
    )
    command.set_defaults(run=run)
    return command


def _add_explain(commands: Any) -> None:
    explain = _add_command(
        commands,
        "explain",
        "show where and when a model looked in videos, and write a page for each",
        run_explain,
        "The page is one HTML file, which plays the video under a heat map and works offline.",
    )
    explain.add_argument(
        "videos",
        nargs="+",
        type=Path,
        metavar="VIDEO",
        help="video file, folder of videos, or pattern in quotes such as 'clips/*.mp4'",
    )
    explain.add_argument(
        "--model",
        help="model on the Hugging Face Hub, such as owner/name, or a local folder (default: the small model included "
        "in this package, which knows only the synthetic videos of 'staa demo')",
    )
    explain.add_argument("--revision", help="branch, tag, commit or pull request of the model on the hub")
    explain.add_argument(
        "--method", default="staa", help="attribution method, such as staa_logit or rollout (default: %(default)s)"
    )
    explain.add_argument("--target", help="class to explain, as label or index (default: the predicted class)")
    explain.add_argument("--minus", help="second class: explain the logit of --target minus the logit of this class")
    explain.add_argument("--start", type=float, metavar="S", help="explain only from this second on")
    explain.add_argument("--end", type=float, metavar="S", help="explain only up to this second")
    explain.add_argument(
        "--window",
        type=_window,
        metavar="W",
        help="what one pass of the model spans: recipe (what the model was trained with), whole (the whole clip), or "
        "seconds (default: recipe, but whole for models trained on whole clips)",
    )
    explain.add_argument(
        "--stride", type=float, metavar="S", help="seconds from one window to the next (default: end to end)"
    )
    explain.add_argument(
        "--out",
        type=Path,
        help="folder for the pages (default: the current folder); for a single video also a file that ends in "
        f"{', '.join(FORMATS_BY_SUFFIX)}",
    )
    explain.add_argument("--open", action="store_true", help="open each page in the web browser")
    _add_no_cache(explain)
    explain.add_argument(
        "--device", default="auto", help="where to run the model: auto, cpu, cuda or mps (default: %(default)s)"
    )


def _add_live(commands: Any) -> None:
    live = _add_command(
        commands,
        "live",
        "explain a camera or a stream while it runs, and print a line for each window",
        run_live,
        "Frames for which there is no time are left out; nothing queues up.",
    )
    live.add_argument(
        "source",
        metavar="SOURCE",
        help="address such as rtsp://host/path or http://host/path, camera such as /dev/video0, or video file, which "
        "is played at its own speed",
    )
    live.add_argument("--model", help="model on the Hugging Face Hub, or a local folder (default: the bundled model)")
    live.add_argument("--method", default=None, help="attribution method (default: as for 'staa explain')")
    live.add_argument("--target", help="class to explain, as label or index (default: the predicted class)")
    live.add_argument("--fps", type=float, default=8.0, metavar="N", help="frames a second to take (default: 8)")
    live.add_argument("--window", type=float, default=2.0, metavar="S", help="seconds that one pass spans (default: 2)")
    live.add_argument("--stride", type=float, default=0.25, metavar="S", help="seconds between windows (default: 0.25)")
    live.add_argument("--seconds", type=float, metavar="S", help="stop after this time (default: when the source ends)")
    live.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="also write the frames that the model sees, without loss (.mp4 or .mkv)",
    )
    live.add_argument(
        "--device", default="auto", help="where to run the model: auto, cpu, cuda or mps (default: %(default)s)"
    )


def _window(text: str) -> float | str:
    """Return the value of ``--window``: a number if it is one; `explain` checks it."""
    try:
        return float(text)
    except ValueError:
        return text


def _add_demo(commands: Any) -> None:
    demo = _add_command(
        commands, "demo", "explain a synthetic video, and compare the result with the ground truth", run_demo
    )
    demo.add_argument(
        "--out", type=Path, default=Path("staa-demo"), help="folder for the video and its page (default: %(default)s)"
    )
    demo.add_argument(
        "--seed", type=int, default=3, help="number of the video; each number gives another one (default: %(default)s)"
    )
    demo.add_argument("--open", action="store_true", help="open the page in the web browser")


def _add_benchmark(commands: Any) -> None:
    benchmark = _add_command(
        commands,
        "benchmark",
        "compare attribution methods on synthetic videos with ground truth",
        run_benchmark_command,
        "Controls that know nothing about the model, such as random maps, are scored too.",
    )
    benchmark.add_argument(
        "--full", action="store_true", help="score all methods by all metrics on 500 clips; this takes many hours"
    )
    benchmark.add_argument("--clips", type=int, metavar="N", help="number of clips, at least 2")
    benchmark.add_argument(
        "--models", nargs="+", metavar="MODEL", help="models, such as vivit (default: all models in this package)"
    )
    benchmark.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="methods to score beside staa and the controls (default: all of up to 600 passes per clip)",
    )
    benchmark.add_argument(
        "--out", type=Path, default=Path("staa-benchmark"), help="folder for the report (default: %(default)s)"
    )
    _add_no_cache(benchmark)


def _add_convert(commands: Any) -> None:
    convert = _add_command(
        commands,
        "convert",
        "write a checkpoint as a folder with safetensors weights",
        run_convert,
        "Pickled weights (.bin) are read without running code in them, which needs torch 2.10 or newer.",
    )
    convert.add_argument("model", help="model on the Hugging Face Hub, such as owner/name, or a local folder")
    convert.add_argument("out", type=Path, metavar="OUT", help="new folder, which 'staa explain --model OUT' reads")
    convert.add_argument("--revision", help="branch, tag, commit or pull request, such as refs/pr/7")
    convert.add_argument("--subfolder", default="", help="folder inside the repository that holds the model")
    convert.add_argument("--variant", help="variant of the weights, such as fp16")


def _add_doctor(commands: Any) -> None:
    doctor = _add_command(
        commands, "doctor", "check the installation, and say how to fix what does not work", run_doctor
    )
    doctor.add_argument(
        "--full",
        action="store_true",
        help="also load PyTorch, test every device and explain a synthetic video; this takes some seconds",
    )


def _add_cache(commands: Any) -> None:
    cache = _add_command(
        commands,
        "cache",
        "show, clear or prune the cache",
        run_cache,
        "The cache stores results on disk, so that nothing is computed twice.",
    )
    cache.add_argument(
        "action",
        choices=("info", "clear", "prune"),
        help="info: show the folder, content and size; clear: remove everything; prune: remove the least recently used "
        "results until the size is below the limit",
    )


def _add_no_cache(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--no-cache", dest="cache", action="store_false", help="compute everything again, and store nothing on disk"
    )
