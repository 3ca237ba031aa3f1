"""Typed errors: each says what was wrong and, in its hint, what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class StaaError(Exception):
    """Base of every error this package raises on purpose.

    Parameters
    ----------
    message
        What was wrong, in one sentence.
    hint
        What to do next, in one sentence. May be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class VideoError(StaaError, ValueError):
    """A video cannot be read or does not hold what is needed."""


class VideoNotFoundError(VideoError, FileNotFoundError):
    """The path of a video does not name a file."""


class UnreadableVideoError(VideoError):
    """The bytes are no video that the readers understand, or they break off."""


class FrameArrayError(VideoError):
    """An array given as a video has the wrong shape, type or times."""


class TooFewFramesError(VideoError):
    """The video, or the range asked for, has fewer frames than the model needs."""


class ModelError(StaaError, ValueError):
    """A model cannot be loaded or explained."""


class ModelLoadError(ModelError):
    """A model's files are missing, damaged or incomplete."""


class UnsupportedModelError(ModelError):
    """The architecture is not one that this package knows how to read."""


class WrongInputError(ModelError):
    """The input does not fit the model, which would otherwise run and mean nothing."""


class DeviceMemoryError(ModelError):
    """Not even one window fits the memory of the device."""


class MethodError(StaaError, ValueError):
    """An attribution method is unknown or cannot answer what was asked."""


class UnknownMethodError(MethodError):
    """No method of that name is registered."""


class UnsupportedRequestError(MethodError):
    """The method or the model cannot answer this question, such as time from space-only attention."""


class ParameterError(StaaError, ValueError):
    """A parameter has an unknown name or a value out of range."""


class MissingPackageError(StaaError, ImportError):
    """A package is not installed that only some of what this package does asks for."""


class FormatError(StaaError, ValueError):
    """A file is no explanation that this version can read."""


class ExportError(StaaError, RuntimeError):
    """An explanation cannot be written as asked."""


class PlayerError(StaaError, RuntimeError):
    """A player lacks what it would need to do this."""


class ProtocolError(StaaError, ValueError):
    """A message to a player is not one that it understands."""


class CancelledError(StaaError):
    """The work was cancelled; what was finished is kept."""


def suggest_name(name: str, known: Iterable[str], otherwise: str) -> str:
    """Hint at the known name nearest to an unknown one, or say `otherwise`."""
    close = get_close_matches(name, list(known), 1)
    return f"Did you mean {close[0]!r}?" if close else otherwise
