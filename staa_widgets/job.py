"""One question about one clip: what it is known by in the cache, and the records that answer it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from staa_widgets import cache as store
from staa_widgets.answer import answer, open_query
from staa_widgets.capacity import passes_at_once
from staa_widgets.clip import Clip
from staa_widgets.errors import FormatError
from staa_widgets.files import pack, unpack
from staa_widgets.methods import Method
from staa_widgets.models import VideoModel, weights_digest
from staa_widgets.progress import Progress
from staa_widgets.record import Needs, Record
from staa_widgets.sampling import Sample

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """One question, ready to be answered.

    Parameters
    ----------
    clip, model, method
        What is asked about, of whom, and how.
    params
        All parameters of the method.
    needs
        What its records must hold.
    target
        Class the method speaks of; ``None`` for the predicted one, and where it does not depend on the class.
    samples
        ``W`` windows of ``T`` frames.
    attention
        Whether attention by layer and head is wanted.
    cache
        Whether the disk may be read and written.
    batch_size
        Windows a forward pass.
    report
        Told of progress; may raise to cancel.
    seconds
        Time by step, which grows as the steps are taken.
    """

    clip: Clip
    model: VideoModel
    method: Method
    params: dict[str, Any]
    needs: Needs
    target: int | None
    samples: tuple[Sample, ...]
    attention: bool
    cache: bool
    batch_size: int
    report: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def clock(self, step: str) -> Iterator[None]:
        """Add the time that the block takes to a step."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = round(self.seconds.get(step, 0.0) + time.perf_counter() - began, 4)

    @cached_property
    def frames(self) -> list[list[int]]:
        """Source frames of each window, ``W`` lists of ``T``."""
        return [(self.clip.first_frame + sample.indices).tolist() for sample in self.samples]

    @cached_property
    def weights(self) -> str:
        """Digest of the model's weights."""
        return weights_digest(self.model)

    def key(self) -> str:
        """Key of the explanation in the cache: all that decides it, and no names."""
        return self._key(
            kind="explanation",
            frames=self.frames,
            extent=(self.clip.first_frame, len(self.clip), self.clip.duration),
            method=(self.method.name, self.method.version),
            params=self.params,
            target=self.target,
            attention=self.attention,
        )

    def records(self, needs: Needs, target: int | None) -> Iterator[Record]:
        """Give one record a window, in order; what the cache does not hold is computed a batch at a time.

        Parameters
        ----------
        needs
            What each record must hold.
        target
            Class to speak of, ``None`` for the one predicted in each window.
        """
        with ExitStack() as stack:
            if self.cache:
                everything = self._key(kind="records", frames=self.frames)
                stack.enter_context(store.lock("record", everything, self.wait))
            for first in range(0, len(self.samples), self.batch_size):
                batch = range(first, min(first + self.batch_size, len(self.samples)))
                held = {i: self._look_up(i, needs, target) for i in batch}
                missing = [i for i in batch if held[i][0] is None]
                # What an entry holds already is recorded again beside what is new, so that it goes on answering both.
                union = needs
                for i in missing:
                    union = union | held[i][1]
                if missing and first == 0:
                    self.report("model", 0, len(self.samples))
                made = dict(zip(missing, self._run(missing, union, target), strict=True)) if missing else {}
                for i, record in made.items():
                    if self.cache:
                        store.put("record", self._record_key(i, needs, target), store.record_to_bytes(record, union))
                self.report("model", batch.stop, len(self.samples))
                yield from (held[i][0] or made[i] for i in batch)

    def maps(self, window: int, record: Record, target: int | None) -> NDArray[np.float32]:
        """Give the maps of one window, ``(S, h, w)``; those that take more than the recorded pass are kept.

        Parameters
        ----------
        window
            Which of the samples.
        record
            Of this window.
        target
            Class to speak of, ``None`` for the predicted one.
        """
        if not self.method.asks:
            with self.clock("method"):
                return self.method(record, **self.params)
        about = int(record.logits.argmax()) if target is None else target
        key = self._key(
            kind="maps",
            frames=self.frames[window],
            method=(self.method.name, self.method.version),
            params=self.params,
            target=about if self.method.depends_on_class(self.params) else None,
        )
        return self.kept("maps", key, _read_maps, _write_maps, lambda: self._ask(window, record, about))[0]

    def kept(
        self, kind: str, key: str, read: Callable[[bytes], T], write: Callable[[T], bytes], make: Callable[[], T]
    ) -> tuple[T, bool]:
        """Look a value up, or make and keep it; also tell whether it was found."""
        if not self.cache:
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

    def _look_up(self, window: int, needs: Needs, target: int | None) -> tuple[Record | None, Needs]:
        """Find a record that suffices, and what the entry to be replaced holds."""
        held = Needs()
        if not self.cache:
            return None, held
        # What was recorded for the predicted class answers for that class by name too.
        for wanted in dict.fromkeys((target, None)):
            found = store.get("record", self._record_key(window, needs, wanted), store.record_from_bytes)
            if found is not None:
                record, has = found
                if has | needs == has and (not needs.target or target in (None, record.target)):
                    return record, has
                if wanted == target or not needs.target:
                    held = has
        return None, held

    def _run(self, windows: list[int], needs: Needs, target: int | None) -> list[Record]:
        import torch

        from staa_widgets.tap import record

        pixels = torch.stack(self._pixels(windows))
        with self.clock("forward"):
            return record(self.model, pixels, needs, [target if needs.target else None] * len(windows))

    def _ask(self, window: int, record: Record, target: int) -> NDArray[np.float32]:
        (pixels,) = self._pixels([window])
        backwards = self.method.cost(self.model.geometry, self.params).backwards > 0
        step = f"window {window + 1} of {len(self.samples)}, passes" if len(self.samples) > 1 else "passes"
        with (
            self.clock("method"),
            open_query(
                self.model,
                pixels,
                target=target,
                seed=self._seed(window),
                batch_size=passes_at_once(self.model, backwards=backwards),
                report=lambda done, total: self.report(step, done, total),
                record=record,
            ) as query,
        ):
            return answer(self.method, self.params, query)

    def _pixels(self, windows: list[int]) -> list[Tensor]:
        with self.clock("decode"):
            frames = self.clip.frames(np.concatenate([self.samples[i].indices for i in windows]))
        with self.clock("transform"):
            return [self.model.pixels(part) for part in np.split(frames, len(windows))]

    def _seed(self, window: int) -> int:
        return seed_of(self.clip.sha256, self.frames[window])

    def _record_key(self, window: int, needs: Needs, target: int | None) -> str:
        about = ("predicted" if target is None else target) if needs.target else None
        return self._key(kind="record", frames=self.frames[window], target=about)

    def _key(self, **parts: Any) -> str:
        return store.key(
            **parts,
            clip=self.clip.sha256,
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
