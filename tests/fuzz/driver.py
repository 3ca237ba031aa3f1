"""`Driver`: makes hostile inputs of one kind and checks the outcome; its numbered cases depend on the seed only."""

from __future__ import annotations

import re
import time
import traceback
import warnings
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np

from staa_widgets.errors import StaaError

T = TypeVar("T")

MAX_MESSAGE = 3000
"""Maximum characters of the message of a typed error."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]")
_NUMPY_WARNINGS = "(invalid value|divide by zero|overflow|Mean of empty|All-NaN)"


@dataclass
class Case:
    """One case of a driver.

    Parameters
    ----------
    random
        Random numbers of this case: they depend on the seed, the driver and the number only.
    folder
        Empty folder for files.
    notes
        Description of the input, for the report of a failure.
    """

    random: np.random.Generator
    folder: Path
    notes: list[str] = field(default_factory=list)

    def note(self, text: object) -> None:
        """Add to the description of the case."""
        self.notes.append(str(text)[:300])

    def chance(self, probability: float) -> bool:
        """Return ``True`` with a probability."""
        return bool(self.random.random() < probability)

    def number(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high` - 1."""
        return int(self.random.integers(low, max(high, low + 1)))

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of some objects."""
        return choices[self.number(0, len(choices))]


RunCase = Callable[[Case], str]
"""Function that tries a case and returns the kind of the answer. A `StaaError` counts as a refusal, any other error,
such as one of an assertion on the answer, as a failure."""


@dataclass(frozen=True)
class Driver:
    """Makes and checks hostile inputs of one kind.

    Parameters
    ----------
    name
        Name of the driver.
    content
        Description of the cases, for the table.
    start
        Prepares, in a folder, the files that all cases share; the context holds the function that tries one case.
    share
        Share of the time, relative to the other drivers.
    """

    name: str
    content: str
    start: Callable[[Path], AbstractContextManager[RunCase]]
    share: float = 1.0


@dataclass(frozen=True)
class Result:
    """Outcome of a case.

    Parameters
    ----------
    number
        Number of the case.
    outcome
        ``"answer"``, ``"refusal"`` or ``"failure"``.
    detail
        Kind of the answer, type of the error, or report of the failure.
    notes
        Description of the case.
    seconds
        How long it took.
    bytes
        Peak of memory beyond that at the start of the driver.
    """

    number: int
    outcome: str
    detail: str
    notes: str = ""
    seconds: float = 0.0
    bytes: int = 0


def try_case(run_case: RunCase, driver: str, seed: int, number: int) -> Result:
    """Try a case in this process and return its outcome."""
    start = time.perf_counter()
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", _NUMPY_WARNINGS, RuntimeWarning)
        case = Case(np.random.default_rng([seed, zlib.crc32(driver.encode()), number]), Path(folder))
        try:
            outcome, detail = "answer", run_case(case)
        except StaaError as error:
            problem = find_fault(error)
            outcome, detail = ("failure", problem) if problem else ("refusal", type(error).__name__)
        except Exception:
            outcome, detail = "failure", traceback.format_exc()[-2500:]
    return Result(number, outcome, detail, "; ".join(case.notes), time.perf_counter() - start)


def find_fault(error: StaaError) -> str:
    """Return the fault of a typed error: an empty, long or unprintable message; ``""`` if it has none."""
    text = str(error)
    if not error.message.strip() or len(text) > MAX_MESSAGE:
        return f"{type(error).__name__} has a message of {len(text)} characters: {text[:200]!r}"
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"The message of {type(error).__name__} cannot be printed: {text[:200]!r}"
    if _CONTROLS.search(text):
        return f"The message of {type(error).__name__} has control characters: {text[:200]!r}"
    return ""
