"""Typed errors and warnings: the message says what is wrong, and the hint of an error says what to do next."""

from __future__ import annotations

import linecache
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that control a terminal, turn the direction of text or cannot be written; not tabs and line feeds."""


_PACKAGE = str(Path(__file__).parent)
_MAX_USER_LINES = 3
"""Maximum number of lines of the user's code in a short traceback."""


class StaaError(Exception):
    """Base class of all errors of this package.

    A notebook shows the type, the message, the hint and the user's own line; with ``staa_widgets.debug = True`` it
    shows the whole traceback. Characters that control a terminal or the direction of text are escaped.

    Parameters
    ----------
    message
        What is wrong, in one sentence.
    hint
        What to do next, in one sentence. May be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        message, hint = map(_escape, (message, hint))
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        """Function by which IPython renders the error; with ``staa_widgets.debug`` missing, and IPython shows all."""
        if getattr(sys.modules["staa_widgets"], "debug", False):
            raise AttributeError("_render_traceback_")
        return lambda: list(_short_traceback(self))


def _short_traceback(error: StaaError) -> Iterator[str]:
    """Yield the lines that a notebook shows of an error: its type, message, hint, the user's lines and causes."""
    yield f"{type(error).__name__}: {error.message}"
    if error.hint:
        yield error.hint
    for place, line in _user_lines(error):
        yield f"{place}: {line}" if line else place
    stated, cause = str(error), error.__cause__
    while cause is not None:
        text = _escape(str(cause).strip().split("\n")[0])
        # A missing file, say, is what the error itself states.
        is_same = isinstance(cause, OSError) and isinstance(error, type(cause))
        if text and text not in stated and not is_same:
            yield f"Cause: {type(cause).__name__}: {text}"
            stated += text
        cause = cause.__cause__
    yield "For the whole traceback: staa_widgets.debug = True, then run this again."


def _user_lines(error: StaaError) -> list[tuple[str, str]]:
    """Return place and text of the last lines of the user's code before the package was entered."""
    lines: list[tuple[str, str]] = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        if name.startswith(_PACKAGE):
            break
        if f"{Path('site-packages', 'IPython')}" in name or "<frozen " in name:
            continue
        line = linecache.getline(name, number, frame.f_globals).strip()
        lines.append((f"{_name_of_code(name)}, line {number}", _escape(line)))
    return lines[-_MAX_USER_LINES:]


def _name_of_code(name: str) -> str:
    """Return the name of a file for readers: ``Cell In[3]`` for a cell of a notebook."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    if shell is not None and (words := shell.compile.format_code_name(name)):
        return " ".join(words)
    return f"File {_escape(name)}"


def _escape(text: str) -> str:
    """Return text in which characters that control a terminal or the direction of text are escaped."""
    return _UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


class VideoError(StaaError, ValueError):
    """A video cannot be read or has too few frames."""


class VideoNotFoundError(VideoError, FileNotFoundError):
    """The path of a video does not name a file."""


class UnreadableVideoError(VideoError):
    """The bytes are not a video that the readers understand, or are truncated."""


class FrameArrayError(VideoError):
    """An array given as a video has the wrong shape, type or times."""


class TooFewFramesError(VideoError):
    """The video, or the requested range, has fewer frames than the model needs."""


class VideoTooLargeError(VideoError):
    """The frames would take more memory than the limit allows."""


class LiveSourceError(VideoError):
    """A live source, such as a camera or an address, cannot be opened or was lost."""


class ModelError(StaaError, ValueError):
    """A model cannot be loaded or explained."""


class ModelLoadError(ModelError):
    """A model's files are missing, damaged or incomplete."""


class UnsupportedModelError(ModelError):
    """The architecture is not supported."""


class WrongInputError(ModelError):
    """The input does not fit the model, so that the output would be meaningless."""


class DeviceMemoryError(ModelError):
    """Not even one window fits into the memory of the device."""


class ForkedProcessError(ModelError, RuntimeError):
    """Models cannot run in this process, because it was forked from a process that was using them."""


class MethodError(StaaError, ValueError):
    """An attribution method is unknown or does not support a request."""


class UnknownMethodError(MethodError):
    """No method of that name is registered."""


class UnsupportedRequestError(MethodError):
    """The method or the model does not support this request, such as maps over time from space-only attention."""


class TooSlowError(MethodError):
    """The method would take very long on this device; ``force=True`` runs it anyway."""


class ParameterError(StaaError, ValueError):
    """A parameter has an unknown name or a value out of range."""


class MissingPackageError(StaaError, ImportError):
    """A package is not installed, or cannot be imported together with the others."""


class FormatError(StaaError, ValueError):
    """A file is damaged, of another kind, or of a version that cannot be read."""


class ExportError(StaaError, RuntimeError):
    """An explanation cannot be exported."""


class FileWriteError(ExportError, OSError):
    """A file cannot be written: its folder is missing, not writable or full, or its name is too long."""


class PlayerError(StaaError, RuntimeError):
    """A player lacks something that an operation needs, such as the clip or the model."""


class ProtocolError(StaaError, ValueError):
    """A message to a player is not valid."""


class CancelledError(StaaError):
    """The computation was cancelled; finished parts stay in the cache."""


class IncompleteAttributionWarning(UserWarning):
    """Attributions do not add up to the difference in the logit that they should explain."""


class ReducedQualityWarning(UserWarning):
    """A file shows frames of less quality than asked for without a limit, so that it fits into its limit."""


class OutOfDomainWarning(UserWarning):
    """A model that knows drawn actions only, as the bundled ones, was given a film or another clip."""


def suggest_name(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return a hint with the known name most similar to an unknown one, or `otherwise` if no name is similar."""
    matches = get_close_matches(name, list(known), 1)
    return f"Did you mean {matches[0]!r}?" if matches else otherwise
