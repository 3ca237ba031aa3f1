"""Run a student's functions in a process of their own: arrays in, arrays out, with limits on time and memory."""

from __future__ import annotations

import json
import math
import os
import select
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

CHILD = Path(__file__).with_name("child.py")
SECONDS = 20
"""Longest time of one call."""
START_SECONDS = 120
"""Longest time until the process has loaded numpy and the answer."""
CPU_SECONDS = 120
"""Longest time of all calls on a processor."""
MEGABYTES = 1024
"""Address space of the process."""
MAX_ANSWER = 1 << 26
"""Largest answer in bytes."""
FORBIDDEN_EXIT = 13
MAX_SIDE = 4096
"""Largest side of an array in an answer: a side alone can make a reference allocate its square."""
PLAIN_DTYPES = {f"{order}{kind}" for order in "<|" for kind in ("b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")}
PLAIN_DTYPES |= {"<f2", "<f4", "<f8"}


class AnswerError(Exception):
    """A student's function failed, or left its limits; the text is for the student."""


class Sandbox:
    """A process with a student's functions.

    Parameters
    ----------
    sources
        Sources of cells, as `source_check.extract_functions` returns them.
    provided
        Functions that stand in for earlier parts of the student: they run on this side, and only arrays pass.
    seconds
        Longest time of one call.
    """

    def __init__(
        self,
        sources: Sequence[str],
        provided: Mapping[str, Callable[..., Any]] | None = None,
        seconds: float = SECONDS,
    ):
        self.provided = dict(provided or {})
        self.seconds = seconds
        self._room = tempfile.TemporaryDirectory(prefix="answer-")
        packages = Path(np.__file__).parent.parent
        shelf = Path(self._room.name) / "packages"
        shelf.mkdir()
        for name in ("numpy", "numpy.libs"):
            if (packages / name).exists():
                (shelf / name).symlink_to(packages / name)
        work = Path(self._room.name) / "work"
        work.mkdir()
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(CHILD), str(shelf), str(MEGABYTES), str(CPU_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=work,
            env={"PATH": "", "LANG": "C.UTF-8", **threads},
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )
        try:
            self._write({"sources": list(sources), "provided": sorted(self.provided)}, [])
            self._read_answer(time.monotonic() + START_SECONDS)
        except AnswerError:
            self.close()
            raise

    def call(self, name: str, *args: Any) -> Any:
        """Return what a function of the student returns: numbers, texts, arrays, and lists of them.

        Parameters
        ----------
        name
            Name of the function.
        *args
            Numbers, texts, arrays, and lists of them.

        Raises
        ------
        AnswerError
            If the function raises, returns something else, or leaves its limits.
        """
        parts: list[bytes] = []
        self._write({"call": name, "args": _encode(list(args), parts)}, parts)
        return self._read_answer(time.monotonic() + self.seconds)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._room.cleanup()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_answer(self, deadline: float) -> Any:
        while True:
            head, blob = self._read(deadline)
            if isinstance(head.get("ask"), str) and head["ask"] in self.provided:
                parts: list[bytes] = []
                try:
                    value = self.provided[head["ask"]](*_decode(head.get("args", []), blob))
                except Exception:
                    raise AnswerError(f"{head['ask']} was called with arrays that do not fit") from None
                self._write({"value": _encode(value, parts)}, parts)
                continue
            if "error" in head:
                raise AnswerError(str(head["error"])[:300])
            return _decode(head.get("value"), blob)

    def _write(self, head: dict[str, Any], parts: Sequence[bytes]) -> None:
        text, blob = json.dumps(head).encode(), b"".join(parts)
        assert self._process.stdin is not None
        try:
            data = memoryview(struct.pack("<II", len(text), len(blob)) + text + blob)
            while data:
                data = data[self._process.stdin.write(data) :]
        except OSError:
            raise self._end() from None

    def _read(self, deadline: float) -> tuple[dict[str, Any], bytes]:
        size, blob = struct.unpack("<II", self._read_exactly(8, deadline))
        if size > 1 << 20 or blob > MAX_ANSWER:
            raise AnswerError("the result is too large")
        try:
            head = json.loads(self._read_exactly(size, deadline))
        except (ValueError, RecursionError):
            head = None
        if not isinstance(head, dict):
            raise AnswerError("the result cannot be read")
        return head, self._read_exactly(blob, deadline)

    def _read_exactly(self, count: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        number, chunks = self._process.stdout.fileno(), []
        while count:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([number], [], [], left)[0]:
                self._process.kill()
                raise AnswerError(f"the function took longer than {self.seconds:g} s")
            chunk = os.read(number, min(count, 1 << 20))
            if not chunk:
                raise self._end()
            chunks.append(chunk)
            count -= len(chunk)
        return b"".join(chunks)

    def _end(self) -> AnswerError:
        """Return why the process ended."""
        code = self._process.wait()
        if code == FORBIDDEN_EXIT:
            return AnswerError("the answer tried to use a file, another module or another process")
        return AnswerError("the answer's process ended: too much memory or time, or it was made to end")


def _encode(value: Any, parts: list[bytes]) -> Any:
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        parts.append(array.tobytes())
        return {"dtype": array.dtype.str, "shape": list(value.shape), "at": sum(map(len, parts[:-1]))}
    if isinstance(value, list | tuple):
        return [_encode(item, parts) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _decode(value: Any, blob: bytes) -> Any:
    """Return a value of an answer, which may be anything: arrays of numbers are checked before they are made."""
    if isinstance(value, list):
        return [_decode(item, blob) for item in value[:64]]
    if not isinstance(value, dict):
        return value
    try:
        shape = [int(side) for side in value["shape"]]
        if value["dtype"] not in PLAIN_DTYPES or not all(0 <= side <= MAX_SIDE for side in shape) or len(shape) > 16:
            raise ValueError
        return np.frombuffer(blob, value["dtype"], math.prod(shape), int(value["at"])).reshape(shape).copy()
    except (KeyError, TypeError, ValueError, OverflowError):
        raise AnswerError("the result cannot be read") from None
