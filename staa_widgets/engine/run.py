"""A question being answered: what it is known by in the cache, and the answers of its windows."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from staa_widgets.engine.attribute import open_inputs, run_method
from staa_widgets.engine.lock import compute_lock
from staa_widgets.engine.records import MemoryCache, WindowRecord, record_windows
from staa_widgets.engine.request import ExplainRequest
from staa_widgets.errors import FormatError
from staa_widgets.methods import BROWSING_NEEDS, Method, get_method
from staa_widgets.models import VideoModel, weights_digest
from staa_widgets.models.batching import run_within_memory, samples_queries
from staa_widgets.records.record import Needs, Record
from staa_widgets.storage import cache as store
from staa_widgets.utils.files import pack, unpack
from staa_widgets.utils.progress import Progress
from staa_widgets.video.sampling import Sample
from staa_widgets.video.windows import Windows, choose_windows

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class WindowResult:
    """The answer of one window.

    Parameters
    ----------
    window
        Which of the samples.
    maps
        float32 ``(S, h, w)``.
    record
        What it was read from.
    target
        Class that the maps speak of, or the predicted one.
    cached
        Whether the model was asked for nothing.
    seconds
        Time by step; what was done for several windows together is divided evenly.
    """

    window: int
    maps: NDArray[np.float32]
    record: Record
    target: int
    cached: bool
    seconds: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class ExplainRun:
    """One question, ready to be answered.

    Parameters
    ----------
    question
        What is asked about, of whom, and how.
    report
        Told of progress; may raise to cancel.
    also
        What its records shall hold beyond what the question needs.
    about
        Class that records are made for where the question does not depend on it; ``None`` for the predicted one.
    shelf
        Where records of a clip of one window are kept and looked for; shared by questions about the same frames.
    seconds
        Time by step, which grows as the steps are taken.
    """

    request: ExplainRequest
    report: Progress
    extra_needs: Needs = Needs()  # noqa: RUF009  frozen
    record_target: int | None = None
    memory_cache: MemoryCache = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def model(self) -> VideoModel:
        """Who is asked."""
        return self.request.model

    @cached_property
    def method(self) -> Method:
        """How."""
        return get_method(self.request.method)

    @cached_property
    def params(self) -> dict[str, Any]:
        """All parameters of the method."""
        return dict(self.request.params)

    @cached_property
    def class_specific(self) -> bool:
        """Whether the answer depends on the class."""
        return self.method.depends_on_class(self.params)

    @property
    def target(self) -> int | None:
        """Class the method speaks of; ``None`` for the predicted one, and where it does not depend on the class."""
        return self.request.target if self.class_specific else None

    @cached_property
    def needs(self) -> Needs:
        """What its records must hold."""
        own = self.method.needs(self.params)
        # A patch is asked apart: what others need of the same clip is cached without it.
        needs = own if own.patch else own | replace(self.extra_needs, patch=None)
        if self.request.attention and self.model.attends and not own.patch:
            needs = needs | BROWSING_NEEDS
        # Others that share its record do not make it exact, and where nothing is sampled everything is.
        return replace(needs, exact=own.exact and samples_queries(self.model))

    @cached_property
    def windows(self) -> Windows:
        """``W`` windows of ``T`` frames."""
        if self.request.frames is not None:
            indices, times = np.array(self.request.frames, np.int64), self.request.clip.times
            return Windows.one(Sample(indices, times[indices]), times)
        return choose_windows(self.request.clip, self.model.geometry, self.request.window, self.request.stride)

    def frames(self, window: int) -> list[int]:
        """Source frames of a window, ``T``."""
        return (self.request.clip.first_frame + self.windows[window].indices).tolist()

    def all_frames(self) -> list[list[int]]:
        """Source frames of each window, ``W`` lists of ``T``."""
        return [self.frames(window) for window in range(len(self.windows))]

    @cached_property
    def weights(self) -> str:
        """Digest of the model's weights, see `refresh_weights`."""
        return weights_digest(self.model)

    def refresh_weights(self) -> None:
        """Look at the weights again: whoever was given an answer may have changed them since."""
        vars(self).pop("weights", None)

    @contextmanager
    def clock(self, step: str) -> Iterator[None]:
        """Add the time that the block takes to a step."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add_time(step, time.perf_counter() - began)

    def add_time(self, step: str, seconds: float) -> None:
        """Add time to a step."""
        self.seconds[step] = round(self.seconds.get(step, 0.0) + seconds, 4)

    def time_since(self, before: Mapping[str, float], parts: int = 1) -> dict[str, float]:
        """Say what was added to `seconds` since a copy was taken, divided by a number of parts."""
        return {
            step: round((seconds - before.get(step, 0.0)) / parts, 4)
            for step, seconds in self.seconds.items()
            if seconds > before.get(step, 0.0)
        }

    def explanation_key(self) -> str:
        """Key of the explanation in the cache: all that decides it, and no names."""
        clip = self.request.clip
        return self._key(
            kind="explanation",
            frames=self.all_frames(),
            extent=(clip.first_frame, len(clip), clip.end),
            method=(self.method.name, self.method.version),
            params=self.params,
            target=self.target,
            attention=self.request.attention,
        )

    def records_key(self) -> str:
        """Name of the lock under which its records are made."""
        return self._key(kind="records", frames=self.all_frames())

    def record_key(self, window: int, target: int | None) -> str:
        """Key of a window's record for a class, ``None`` for the predicted one; exact and sampled ones are two."""
        about = "predicted" if target is None else target
        return self._key(kind="record", frames=self.frames(window), target=about, exact=self.needs.exact)

    def window_results(
        self, windows: Sequence[int], target: int | None, step: str = "model", needs: Needs | None = None
    ) -> Generator[WindowResult, None, None]:
        """Answer windows one after the other; what is left when the iterator is closed is not begun.

        Parameters
        ----------
        windows
            Which of the samples, rising.
        target
            Class to speak of, ``None`` for the one predicted in each window.
        step
            What to report the passes as.
        needs
            What their records must hold; default: the question's.
        """
        about = self.record_target if not self.class_specific else target
        # Holds none of them while the next batch is made, as a loop would.
        yield from map(
            partial(self.window_result, target=target), record_windows(self, windows, needs or self.needs, about, step)
        )

    def window_result(self, found: WindowRecord, target: int | None) -> WindowResult:
        """Answer a window from its record; `target` as for `window_results`."""
        record, before = found.record, dict(self.seconds)
        with compute_lock(self.report):
            maps, hit = self._maps(found.window, record, found.pixels, target)
        return WindowResult(
            found.window,
            maps,
            record,
            int(record.logits.argmax()) if target is None else target,
            cached=hit and found.cached,
            seconds={**found.seconds, **self.time_since(before)},
        )

    def get_or_compute(
        self, kind: str, key: str, read: Callable[[bytes], T], write: Callable[[T], bytes], make: Callable[[], T]
    ) -> tuple[T, bool]:
        """Look a value up, or make and keep it; also tell whether it was found."""
        if not self.request.cache:
            return make(), False
        if (found := store.get(kind, key, read)) is not None:
            return found, True
        with store.lock(kind, key, self.report_waiting):
            if (found := store.get(kind, key, read)) is not None:
                return found, True
            made = make()
            store.put(kind, key, write(made))
        return made, False

    def report_waiting(self) -> None:
        """Tell that another process is computing the same, which is also when this one can be cancelled."""
        self.report("waiting for another process", 0, 1)

    def _maps(
        self, window: int, record: Record, pixels: Tensor | None, target: int | None
    ) -> tuple[NDArray[np.float32], bool]:
        """Make the maps, or find them; also tell whether the model was left alone."""
        if not self.method.needs_model:
            with self.clock("method"):
                return self.method(record, **self.params), True
        about = int(record.logits.argmax()) if target is None else target
        key = self._key(
            kind="maps",
            frames=self.frames(window),
            method=(self.method.name, self.method.version),
            params=self.params,
            target=about if self.class_specific else None,
        )
        # Maps that take more than the recorded pass are kept.
        return self.get_or_compute(
            "maps", key, _read_maps, _write_maps, lambda: self._ask(window, record, pixels, about)
        )

    def _ask(self, window: int, record: Record, pixels: Tensor | None, target: int) -> NDArray[np.float32]:
        if pixels is None:
            with self.clock("decode"):
                frames = self.request.clip.frames(self.windows[window].indices)
            with self.clock("transform"):
                pixels = self.model.pixels(frames)
        shown = pixels
        backwards = self.method.cost(self.model.geometry, self.params).backwards > 0
        step = f"window {window + 1} of {len(self.windows)}, passes" if len(self.windows) > 1 else "passes"

        def use(size: int) -> NDArray[np.float32]:
            with open_inputs(
                self.model,
                shown,
                target=target,
                seed=window_seed(self.request.clip.sha256, self.frames(window)),
                batch_size=size,
                report=lambda done, total: self.report(step, done, total),
                record=record,
            ) as query:
                return run_method(self.method, self.params, query)

        with self.clock("method"):
            return run_within_memory(self.model, use, backward=backwards, max_size=self.request.batch_size)

    def _key(self, **parts: Any) -> str:
        return store.key(
            **parts,
            clip=self.request.clip.sha256,
            transform=self.model.transform.describe(),
            weights=self.weights,
            geometry=asdict(self.model.geometry),
            dtype=str(self.model.dtype),
        )


def window_seed(sha256: str, frames: list[int]) -> int:
    """Make a seed of what a window shows, its clip's digest and its frames: the same is answered alike anywhere."""
    return int(hashlib.sha256(f"{sha256} {frames}".encode()).hexdigest()[:8], 16)


def _read_maps(data: bytes) -> NDArray[np.float32]:
    _, arrays = unpack("maps", data)
    if "maps" not in arrays:
        raise FormatError("These maps are of another version.", "Compute them again.")
    return arrays["maps"]


def _write_maps(maps: NDArray[np.float32]) -> bytes:
    return pack("maps", {}, {"maps": maps})
