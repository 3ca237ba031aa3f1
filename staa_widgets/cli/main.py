"""The command line: ``staa explain``, ``staa demo``, ``staa benchmark``, ``staa doctor``, ``staa cache``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from staa_widgets._version import __version__
from staa_widgets.cli.benchmark import run_benchmark_command
from staa_widgets.cli.cache import run_cache
from staa_widgets.cli.demo import run_demo
from staa_widgets.cli.doctor import run_doctor
from staa_widgets.cli.explain import run_explain
from staa_widgets.cli.output import FAILED, INTERRUPTED, report_error, show_own_warnings
from staa_widgets.explanation.exports import FORMATS_BY_SUFFIX


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv
        Arguments after ``staa``; default: those of the process.

    Returns
    -------
    int
        Exit code: 0 for success, 1 for a failure, 2 for invalid arguments, 130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # A label that the terminal cannot encode is no failure.
    options = _parser().parse_args(argv)
    try:
        with show_own_warnings(options):
            code = options.run(options)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        print("staa: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout has closed it. Redirect it, since Python flushes it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return report_error(error, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="staa", description="See where and when a video transformer looked.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"staa_widgets {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show where an error comes from")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    explain = commands.add_parser(
        "explain", parents=[common], help="explain videos and write a page for each", allow_abbrev=False
    )
    explain.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    explain.add_argument("--model", help="hub id or folder (default: the bundled model)")
    explain.add_argument("--method", default="staa", help="default: %(default)s")
    explain.add_argument("--target", help="class to explain, a label or an index (default: the predicted one)")
    explain.add_argument("--start", type=float, metavar="S", help="seconds at which to begin")
    explain.add_argument("--end", type=float, metavar="S", help="seconds at which to end")
    explain.add_argument(
        "--out",
        type=Path,
        help=f"folder for the pages (default: this folder), or for one video a file: {', '.join(FORMATS_BY_SUFFIX)}",
    )
    explain.add_argument("--open", action="store_true", help="open the pages in a browser")
    explain.add_argument("--no-cache", dest="cache", action="store_false", help="neither read nor write the cache")
    explain.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: %(default)s)")
    explain.set_defaults(run=run_explain)

    demo = commands.add_parser(
        "demo", parents=[common], help="explain a drawn clip whose truth is known", allow_abbrev=False
    )
    demo.add_argument("--out", type=Path, default=Path("staa-demo"), help="folder to write to (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=3, help="which clip is drawn (default: %(default)s)")
    demo.add_argument("--open", action="store_true", help="open the page in a browser")
    demo.set_defaults(run=run_demo)

    benchmark = commands.add_parser(
        "benchmark",
        parents=[common],
        help="score methods on drawn clips whose truth is known, beside controls",
        allow_abbrev=False,
    )
    benchmark.add_argument("--full", action="store_true", help="500 clips and every metric: takes many hours")
    benchmark.add_argument("--clips", type=int, metavar="N", help="measure on N clips")
    benchmark.add_argument("--models", nargs="+", metavar="MODEL", help="default: all that are bundled")
    benchmark.add_argument("--methods", nargs="+", metavar="METHOD", help="default: all of up to 1000 passes")
    benchmark.add_argument(
        "--out", type=Path, default=Path("staa-benchmark"), help="folder to write to (default: %(default)s)"
    )
    benchmark.add_argument("--no-cache", dest="cache", action="store_false", help="neither read nor write the cache")
    benchmark.set_defaults(run=run_benchmark_command)

    doctor = commands.add_parser("doctor", parents=[common], help="check this installation", allow_abbrev=False)
    doctor.add_argument(
        "--full", action="store_true", help="also load torch, try every device and explain a drawn clip (some seconds)"
    )
    doctor.set_defaults(run=run_doctor)

    cache = commands.add_parser("cache", parents=[common], help="look after the cache", allow_abbrev=False)
    cache.add_argument("action", choices=("info", "clear", "prune"), help="say what it holds, empty it, shorten it")
    cache.set_defaults(run=run_cache)
    return parser
