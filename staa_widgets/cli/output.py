"""Output of the command line: summaries, warnings and errors on one line each; exit codes."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from staa_widgets.errors import ParameterError, StaaError, UnknownMethodError
from staa_widgets.explanation.exports import find_format

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation


DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""

_PACKAGE = str(Path(__file__).parents[1])


def print_summary(explanation: Explanation, page: Path, *, brief: bool = False) -> None:
    """Print the sentence that states an explanation, and its file; on one line if `brief`."""
    from tqdm import tqdm

    from staa_widgets.explanation.sentence import summarize

    e, kind, sentence = explanation, find_format(page).label, summarize(explanation)
    lines = [
        f"{e.clip_name}, {e.method} of {e.model_id}",
        f"  {sentence}",
        f"  seen: {e.provenance['sampling']['recipe']}",
        f"  {kind}: {page}",
    ]
    if (variation := e.variation_over_time) is not None:
        lines.insert(2, f"  {variation:.0%} of the attribution lies at other times than on a still film")
    for line in [f"{e.clip_name}: {sentence} {kind}: {page}"] if brief else lines:
        tqdm.write(printable(line), file=sys.stdout)  # Not `print`, which would break a progress bar.
    sys.stdout.flush()


def report_error(error: Exception, options: argparse.Namespace, video: Path | None = None) -> int:
    """Print an error on one line, and return the exit code."""
    if options.debug:
        traceback.print_exception(error)
    prefix = "" if video is None else f"{video}: "
    if isinstance(error, StaaError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{error.strerror}: {str(error.filename)!r}"
    else:
        advice = "--debug shows the traceback, 'staa doctor --full' checks the installation"
        text = f"unexpected {type(error).__name__}: {error} ({advice})"
    print_warning(f"staa: {prefix}{' '.join(text.split())}")
    return USAGE if isinstance(error, ParameterError | UnknownMethodError) else FAILED


@contextmanager
def filter_warnings(options: argparse.Namespace) -> Iterator[None]:
    """Show this package's warnings on one line each; show warnings and logs of libraries only with ``--debug``."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001
        line: str | None = None,
    ) -> None:
        if filename.startswith(_PACKAGE) and issubclass(category, UserWarning | RuntimeWarning):
            print_warning(f"staa: warning: {' '.join(str(message).split())}")
        elif options.debug:
            print_warning(warnings.formatwarning(message, category, filename, lineno, line).rstrip())

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        disabled_level = logging.root.manager.disable
        logging.disable(disabled_level if options.debug else max(disabled_level, logging.WARNING))
        try:
            yield
        finally:
            logging.disable(disabled_level)


def print_warning(text: str) -> None:
    """Print a warning to standard error, above a progress bar if there is one."""
    from tqdm import tqdm

    tqdm.write("\n".join(map(printable, text.split("\n"))), file=sys.stderr)
    sys.stderr.flush()


def open_in_browser(page: Path) -> None:
    """Open a written page in the default browser."""
    import webbrowser

    webbrowser.open(page.resolve().as_uri())


def printable(text: str) -> str:
    """Return text without unprintable characters, so that names cannot send control sequences to the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
