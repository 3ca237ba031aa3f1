"""`InputOptions`: the keywords of `open_clip` that decide how an input is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from staa_widgets.errors import ParameterError
from staa_widgets.utils.numbers import is_positive_number
from staa_widgets.utils.text import quote_value
from staa_widgets.video.clock import RATE_HINT


@dataclass(frozen=True)
class InputOptions:
    """How an input is read.

    Parameters
    ----------
    fps, times, square_pixels
        As for `staa_widgets.open_clip`.
    """

    fps: float | None = None
    times: Any = None
    square_pixels: bool = True

    def __post_init__(self) -> None:
        if self.fps is not None and not is_positive_number(self.fps):
            raise ParameterError(
                f"fps must be a positive number, got {quote_value(self.fps)}.",
                "Use frames per second: fps=25.",
            )
        if self.fps is not None:
            object.__setattr__(self, "fps", float(self.fps))  # such as from a fraction, as PyAV gives rates

    @property
    def assumes_rate(self) -> bool:
        """Whether the times of frames are not known."""
        return self.fps is None and self.times is None

    def refuse_times(self) -> None:
        """Raise `ParameterError` if times were given, for inputs that have their own."""
        if self.times is not None:
            raise ParameterError(RATE_HINT, "Leave them out: a file has its own frame times.")

    def refuse_rate(self) -> None:
        """Raise `ParameterError` if a rate or times were given, for inputs that have their own times."""
        self.refuse_times()
        if self.fps is not None:
            raise ParameterError(RATE_HINT, "Leave them out: a file has its own frame times.")
