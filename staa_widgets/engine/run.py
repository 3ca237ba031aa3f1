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

from staa_widgets.engine.attribute import answer, open_query
from staa_widgets.engine.lock import turn
from staa_widgets.engine.records import Recorded, Shelf, records
from staa_widgets.engine.request import Question
from staa_widgets.errors import FormatError
from staa_widgets.methods import BROWSING, Method, get_method
from staa_widgets.models import VideoModel, weights_digest
from staa_widgets.models.batching import samples_queries, within_memory
from staa_widgets.records.record import Needs, Record
from staa_widgets.storage import cache as store
from staa_widgets.utils.files import pack, unpack
from staa_widgets.utils.progress import Progress
from staa_widgets.video.sampling import Sample
from staa_widgets.video.windows import Windows, choose

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Part:
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
class Job:
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

    question: Question
    report: Progress
    also: Needs = Needs()  # noqa: RUF009  frozen
    about: int | None = None
    shelf: Shelf = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def model(self) -> VideoModel:
        """Who is asked."""
        return self.question.model

    @cached_property
    def method(self) -> Method:
        """How."""
        return get_method(self.question.method)

    @cached_property
    def params(self) -> dict[str, Any]:
        """All parameters of the method."""
        return dict(self.question.params)

    @cached_property
    def class_specific(self) -> bool:
        """Whether the answer depends on the class."""
        return self.method.depends_on_class(self.params)

    @property
    def target(self) -> int | None:
        """Class the method speaks of; ``None`` for the predicted one, and where it does not depend on the class."""
        return self.question.target if self.class_specific else None

    @cached_property
    def needs(self) -> Needs:
        """What its records must hold."""
        own = self.method.needs(self.params)
        # A patch is asked apart: what others need of the same clip is cached without it.
        needs = own if own.query else own | replace(self.also, query=None)
        if self.question.attention and self.model.attends and not own.query:
            needs = needs | BROWSING
        # Others that share its record do not make it exact, and where nothing is sampled everything is.
        return replace(needs, exact=own.exact and samples_queries(self.model))

    @cached_property
    def samples(self) -> Windows:
        """``W`` windows of ``T`` frames."""
        if self.question.frames is not None:
            indices, times = np.array(self.question.frames, np.int64), self.question.clip.times
            return Windows.one(Sample(indices, times[indices]), times)
        return choose(self.question.clip, self.model.geometry, self.question.window, self.question.stride)

    def frames(self, window: int) -> list[int]:
        """Source frames of a window, ``T``."""
        return (self.question.clip.first_frame + self.samples[window].indices).tolist()

    def all_frames(self) -> list[list[int]]:
        """Source frames of each window, ``W`` lists of ``T``."""
        return [self.frames(window) for window in range(len(self.samples))]

    @cached_property
    def weights(self) -> str:
        """Digest of the model's weights, see `renew`."""
        return weights_digest(self.model)

    def renew(self) -> None:
        """Look at the weights again: whoever was given an answer may have changed them since."""
        vars(self).pop("weights", None)

    @contextmanager
    def clock(self, step: str) -> Iterator[None]:
        """Add the time that the block takes to a step."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spend(step, time.perf_counter() - began)

    def spend(self, step: str, seconds: float) -> None:
        """Add time to a step."""
        self.seconds[step] = round(self.seconds.get(step, 0.0) + seconds, 4)

    def since(self, before: Mapping[str, float], parts: int = 1) -> dict[str, float]:
        """Say what was added to `seconds` since a copy was taken, divided by a number of parts."""
        return {
            step: round((seconds - before.get(step, 0.0)) / parts, 4)
            for step, seconds in self.seconds.items()
            if seconds > before.get(step, 0.0)
        }

    def key(self) -> str:
        """Key of the explanation in the cache: all that decides it, and no names."""
        clip = self.question.clip
        return self._key(
            kind="explanation",
            frames=self.all_frames(),
            extent=(clip.first_frame, len(clip), clip.duration),
            method=(self.method.name, self.method.version),
            params=self.params,
            target=self.target,
            attention=self.question.attention,
        )

    def records_key(self) -> str:
        """Name of the lock under which its records are made."""
        return self._key(kind="records", frames=self.all_frames())

    def record_key(self, window: int, target: int | None) -> str:
        """Key of a window's record for a class, ``None`` for the predicted one; exact and sampled ones are two."""
        about = "predicted" if target is None else target
        return self._key(kind="record", frames=self.frames(window), target=about, exact=self.needs.exact)

    def parts(
        self, windows: Sequence[int], target: int | None, step: str = "model", needs: Needs | None = None
    ) -> Generator[Part, None, None]:
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
        about = self.about if not self.class_specific else target
        # Holds none of them while the next batch is made, as a loop would.
        yield from map(partial(self.part, target=target), records(self, windows, needs or self.needs, about, step))

    def part(self, found: Recorded, target: int | None) -> Part:
        """Answer a window from its record; `target` as for `parts`."""
        record, before = found.record, dict(self.seconds)
        with turn(self.report):
            maps, hit = self._maps(found.window, record, found.pixels, target)
        return Part(
            found.window,
            maps,
            record,
            int(record.logits.argmax()) if target is None else target,
            cached=hit and found.cached,
            seconds={**found.seconds, **self.since(before)},
        )

    def kept(
        self, kind: str, key: str, read: Callable[[bytes], T], write: Callable[[T], bytes], make: Callable[[], T]
    ) -> tuple[T, bool]:
        """Look a value up, or make and keep it; also tell whether it was found."""
        if not self.question.cache:
            return make(), False
        if (found := store.get(kind, key, read)) is not None:
            return found, True
        with store.lock(kind, key, self.wait):
            if (found := store.get(kind, key, read)) is not None:
                return found, True
            made = make()
            store.put(kind, key, write(made))
        return made, False

    def wait(self) -> None:
        """Tell that another process is computing the same, which is also when this one can be cancelled."""
        self.report("waiting for another process", 0, 1)

    def _maps(
        self, window: int, record: Record, pixels: Tensor | None, target: int | None
    ) -> tuple[NDArray[np.float32], bool]:
        """Make the maps, or find them; also tell whether the model was left alone."""
        if not self.method.asks:
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
        return self.kept("maps", key, _read_maps, _write_maps, lambda: self._ask(window, record, pixels, about))

    def _ask(self, window: int, record: Record, pixels: Tensor | None, target: int) -> NDArray[np.float32]:
        if pixels is None:
            with self.clock("decode"):
                frames = self.question.clip.frames(self.samples[window].indices)
            with self.clock("transform"):
                pixels = self.model.pixels(frames)
        shown = pixels
        backwards = self.method.cost(self.model.geometry, self.params).backwards > 0
        step = f"window {window + 1} of {len(self.samples)}, passes" if len(self.samples) > 1 else "passes"

        def use(size: int) -> NDArray[np.float32]:
            with open_query(
                self.model,
                shown,
                target=target,
                seed=seed_of(self.question.clip.sha256, self.frames(window)),
                batch_size=size,
                report=lambda done, total: self.report(step, done, total),
                record=record,
            ) as query:
                return answer(self.method, self.params, query)

        with self.clock("method"):
            return within_memory(self.model, use, backwards=backwards, most=self.question.batch_size)

    def _key(self, **parts: Any) -> str:
        return store.key(
            **parts,
            clip=self.question.clip.sha256,
            transform=self.model.transform.describe(),
            weights=self.weights,
            geometry=asdict(self.model.geometry),
            dtype=str(self.model.dtype),
        )


def seed_of(sha256: str, frames: list[int]) -> int:
    """Make a seed of what a window shows, its clip's digest and its frames: the same is answered alike anywhere."""
    return int(hashlib.sha256(f"{sha256} {frames}".encode()).hexdigest()[:8], 16)


def _read_maps(data: bytes) -> NDArray[np.float32]:
    _, arrays = unpack("maps", data)
    if "maps" not in arrays:
        raise FormatError("These maps are of another version.", "Compute them again.")
    return arrays["maps"]


def _write_maps(maps: NDArray[np.float32]) -> bytes:
    return pack("maps", {}, {"maps": maps})
