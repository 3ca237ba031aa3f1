"""The command line: ``staa explain``, ``staa demo``, ``staa benchmark``, ``staa doctor``, ``staa cache``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from staa_widgets._version import __version__
from staa_widgets.errors import ParameterError, StaaError, UnknownMethodError
from staa_widgets.explanation.exports import FORMATS_BY_SUFFIX, find_format

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""

_HERE = str(Path(__file__).parents[1])


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv
        What follows ``staa``; by default what the process was started with.

    Returns
    -------
    int
        0 where all went well, 1 where something failed, 2 for a command that makes no sense, 130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # A label that the terminal has no letters for is no failure.
    options = _parser().parse_args(argv)
    try:
        with _own_words_only(options):
            code = options.run(options)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        print("staa: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever was reading has left: nothing more can be said, not even while Python closes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _tell(error, options)


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
    explain.set_defaults(run=_explain)

    demo = commands.add_parser(
        "demo", parents=[common], help="explain a drawn clip whose truth is known", allow_abbrev=False
    )
    demo.add_argument("--out", type=Path, default=Path("staa-demo"), help="folder to write to (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=3, help="which clip is drawn (default: %(default)s)")
    demo.add_argument("--open", action="store_true", help="open the page in a browser")
    demo.set_defaults(run=_demo)

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
    benchmark.set_defaults(run=_benchmark)

    doctor = commands.add_parser("doctor", parents=[common], help="check this installation", allow_abbrev=False)
    doctor.add_argument(
        "--full", action="store_true", help="also load torch, try every device and explain a drawn clip (some seconds)"
    )
    doctor.set_defaults(run=_doctor)

    cache = commands.add_parser("cache", parents=[common], help="look after the cache", allow_abbrev=False)
    cache.add_argument("action", choices=("info", "clear", "prune"), help="say what it holds, empty it, shorten it")
    cache.set_defaults(run=_cache)
    return parser


def _explain(options: argparse.Namespace) -> int:
    from staa_widgets.engine.many import explain_many, list_videos
    from staa_widgets.methods import get_method
    from staa_widgets.models import load_model

    get_method(options.method)
    model = load_model(options.model, device=options.device)
    target = options.target
    if target is not None:
        target = int(target) if target.isdecimal() and target not in model.labels else target
    videos = [Path(video) for video in list_videos(options.videos)]
    pages = iter(_pages(videos, options.out))
    outcomes = explain_many(
        videos, model, options.method, target=target, start=options.start, end=options.end, cache=options.cache
    )
    failed = 0
    for outcome in outcomes:
        page, found = next(pages), outcome.explanation
        try:
            if found is None:
                raise outcome.error or RuntimeError("There is no explanation.")
            found.export(page, video=Path(outcome.video))
        except Exception as error:
            failed += 1
            _tell(error, options, outcome.video)
            continue
        _report(found, page, brief=len(videos) > 1)
        if options.open:
            _open(page)
    if len(videos) > 1:
        print(f"{len(videos) - failed} of {len(videos)} videos explained" + (f", {failed} failed" if failed else ""))
    return FAILED if failed else DONE


def _demo(options: argparse.Namespace) -> int:
    from staa_widgets.datasets.drawn_actions import action_clip
    from staa_widgets.engine.explain import explain
    from staa_widgets.video.ground_truth import GroundTruth

    options.out.mkdir(parents=True, exist_ok=True)
    clip = action_clip(options.seed)
    video = clip.write_mp4(options.out / "demo.mp4")
    print(f"A drawn clip of {clip.label!r}: {video}")
    # A file does not know what was drawn in it.
    found = replace(explain(video), ground_truth=GroundTruth.from_clip(clip))
    page = found.to_html(options.out / "demo.staa.html")
    _report(found, page)
    print(f"  truth: {_compare(found)}")
    if options.open:
        _open(page)
    return DONE


def _benchmark(options: argparse.Namespace) -> int:
    from staa_widgets.evaluation.benchmark.plan import DEFAULT_PLAN, FULL_PLAN
    from staa_widgets.evaluation.benchmark.report import write_report
    from staa_widgets.evaluation.benchmark.run import run_benchmark
    from staa_widgets.evaluation.benchmark.verdict import verdict

    plan = FULL_PLAN if options.full else DEFAULT_PLAN
    if options.clips is not None:
        plan = plan.limit_clips(options.clips)
    found = run_benchmark(plan, options.models, methods=options.methods, cache=options.cache)
    report = write_report(found, found.save(options.out))
    for line in verdict(found):
        print(_printable(f"{line.answer:<4} {line.model or 'all models'}: {line.question}: {line.reason}"))
    failures = len(found.first.failures) + len(found.second.failures) + len(found.shuffled.failures)
    if failures:
        print(f"{failures} questions could not be answered: the report says which and why")
    print(_printable(f"report: {report}, beside it the values as JSON"), flush=True)
    return DONE


def _doctor(options: argparse.Namespace) -> int:
    from staa_widgets.cli.doctor import run_checks

    code = DONE
    for check in run_checks(options.full):
        print(f"{check.level:<4}  {check.subject:<13} {_printable(check.text)}", flush=True)
        code = FAILED if check.level == "fail" else code
    return code


def _cache(options: argparse.Namespace) -> int:
    from staa_widgets.storage import cache

    if options.action == "clear":
        print(f"removed {cache.clear()} entries")
    elif options.action == "prune":
        print(f"removed {cache.prune()} entries")
    held = cache.info()
    kinds = ", ".join(f"{count} {kind}s" for kind, count in held.entries.items()) or "empty"
    print(f"{held.path}: {kinds}, {held.size / 1e6:.1f} of {held.limit / 1e6:.0f} MB")
    return DONE


def _pages(videos: list[Path], out: Path | None) -> list[Path]:
    """Choose where the page of each video goes; two videos of one name get two pages."""
    if out is not None and out.suffix.lower() in FORMATS_BY_SUFFIX:
        if len(videos) > 1:
            label = find_format(out).label
            raise ParameterError(f"{str(out)!r} is one {label} for {len(videos)} videos.", "Give a folder to --out.")
        out.parent.mkdir(parents=True, exist_ok=True)
        return [out]
    folder = out or Path()
    folder.mkdir(parents=True, exist_ok=True)
    pages: dict[str, Path] = {}  # by what a disk that minds no capitals takes for one name
    for video in videos:
        name, number = f"{video.stem}.staa.html", 1
        while name.casefold() in pages:
            number += 1
            name = f"{video.stem}-{number}.staa.html"
        pages[name.casefold()] = folder / name
    return list(pages.values())


def _report(found: Explanation, page: Path, *, brief: bool = False) -> None:
    from tqdm import tqdm

    from staa_widgets.explanation.peak import describe_position

    (label, probability), peak = found.predictions(1)[0], found.peak
    about = "" if label == found.labels[found.target] else f" about {found.labels[found.target]!r}"
    share = f"{found.temporal[peak.slice]:.0%} of the attribution"
    predicted = f"{found.clip_name}: {label!r}, {probability:.1%}, by {found.model_id}"
    most = f"most{about} from {peak.start:.2f} to {peak.end:.2f} s"
    kind, position = find_format(page).label, describe_position(peak, found.frame_size)
    lines = [predicted, f"  {most} ({share}), there at the {position}", f"  {kind}: {page}"]
    for line in [f"{predicted}, {most}, {kind}: {page}"] if brief else lines:
        tqdm.write(_printable(line), file=sys.stdout)  # A bar on the same terminal makes room for it.
    sys.stdout.flush()


def _compare(found: Explanation) -> str:
    from staa_widgets.evaluation.ground_truth import explanation_ground_truth
    from staa_widgets.evaluation.metrics.localization import score_ground_truth

    known, truth = found.ground_truth, explanation_ground_truth(found)
    assert known is not None
    assert truth is not None
    start, end = known.spans(found.times, found.end)[0]
    named = found.labels[int(found.logits.argmax())] == known.label
    scores = score_ground_truth(found.maps, truth)
    hit = scores["pointing"] == 1
    return (
        f"{known.label!r}, which the model {'found' if named else 'missed'}; its limbs move from {start:.2f} to "
        f"{end:.2f} s; the strongest point {'lies' if hit else 'does not lie'} on them, with "
        f"{scores['mass']:.0%} of the attribution (chance: {truth.where.mean():.0%})"
    )


def _tell(error: Exception, options: argparse.Namespace, video: Path | None = None) -> int:
    """Say on one line what went wrong and give the exit code for it."""
    if options.debug:
        traceback.print_exception(error)
    where = "" if video is None else f"{video}: "
    if isinstance(error, StaaError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{error.strerror}: {str(error.filename)!r}"
    else:
        advice = "--debug shows where, 'staa doctor --full' checks the installation"
        text = f"unexpected {type(error).__name__}: {error} ({advice})"
    _warn(f"staa: {where}{' '.join(text.split())}")
    return USAGE if isinstance(error, ParameterError | UnknownMethodError) else FAILED


@contextmanager
def _own_words_only(options: argparse.Namespace) -> Iterator[None]:
    """Show this package's warnings on one line each; what libraries log and warn of is for `--debug`."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,  # noqa: ARG001
        file: TextIO | None = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        if filename.startswith(_HERE) and category in (UserWarning, RuntimeWarning):
            _warn(f"staa: warning: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        before = logging.root.manager.disable
        logging.disable(before if options.debug else max(before, logging.WARNING))
        try:
            yield
        finally:
            logging.disable(before)


def _warn(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(_printable(line), file=sys.stderr)
    sys.stderr.flush()


def _open(page: Path) -> None:
    import webbrowser

    webbrowser.open(page.resolve().as_uri())


def _printable(text: str) -> str:
    """Keep names of files and classes from steering the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
