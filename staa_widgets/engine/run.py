"""`ExplainRun`: the computation of one request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from staa_widgets.engine.recipe_check import describe_sampling, resolve_window
from staa_widgets.engine.request import ExplainRequest
from staa_widgets.engine.timing import StepTimer
from staa_widgets.methods.registry import Method, get_method
from staa_widgets.methods.staa import BROWSING_NEEDS
from staa_widgets.models.batching import samples_queries
from staa_widgets.models.fingerprint.digest import model_digest
from staa_widgets.models.video_model import VideoModel
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.target import Target
from staa_widgets.storage import cache
from staa_widgets.storage.cache import EntryType
from staa_widgets.utils.progress import Progress
from staa_widgets.video.sampling import Sample
from staa_widgets.video.windows import Windows, choose_windows

T = TypeVar("T")

MemoryCache = dict[str, tuple[Record, Needs]]
"""In-memory cache of records of clips with one window, each with the needs that it meets, by record key."""


@dataclass(frozen=True, eq=False)
class ExplainRun:
    """The computation of one request: the values derived from the request, and the seconds of each step.

    Parameters
    ----------
    request
        The request to compute.
    report
        Progress callback; it may raise an error to cancel.
    extra_needs
        Arrays that the run's records must hold in addition to the arrays that the method needs.
    record_target
        Class of the records if the method does not depend on the class; ``None`` for the predicted class.
    memory_cache
        Records of clips with one window, which runs on the same frames share; ``None`` to keep none in memory.
    keep_records
        Whether records stay in the disk cache after the explanation is done, for other parameters and methods.
    temporary_records
        Keys of the records that this run stored only until its explanation is done.
    timer
        Seconds by step.
    """

    request: ExplainRequest
    report: Progress
    extra_needs: Needs = Needs()  # noqa: RUF009  frozen
    record_target: Target | None = None
    memory_cache: MemoryCache | None = None
    keep_records: bool = True
    temporary_records: list[str] = field(default_factory=list)
    timer: StepTimer = field(default_factory=StepTimer)

    @property
    def model(self) -> VideoModel:
        """The model to explain."""
        return self.request.model

    @cached_property
    def method(self) -> Method:
        """The attribution method."""
        return get_method(self.request.method)

    @cached_property
    def params(self) -> dict[str, Any]:
        """All parameters of the method."""
        return dict(self.request.params)

    @cached_property
    def class_specific(self) -> bool:
        """Whether the maps depend on the class."""
        return self.method.depends_on_class(self.params)

    @property
    def target(self) -> Target | None:
        """Target to explain; ``None`` for the predicted class, and if the maps do not depend on the class."""
        return self.request.target if self.class_specific else None

    @cached_property
    def needs(self) -> Needs:
        """Arrays that the run's records must hold."""
        method_needs = self.method.needs(self.params)
        # A record for a patch holds only what its method needs; other records name no patch, so that all methods share
        # them.
        needs = method_needs if method_needs.patch else method_needs | replace(self.extra_needs, patch=None)
        if self.request.attention and self.model.family.attends and not method_needs.patch:
            needs = needs | BROWSING_NEEDS
        # Only the run's own method decides whether the record is exact; a model that samples no queries is always
        # exact.
        return replace(needs, exact=method_needs.exact and samples_queries(self.model))

    @cached_property
    def windows(self) -> Windows:
        """``W`` windows of ``T`` frames."""
        request = self.request
        if request.frames is not None:
            indices, times = np.array(request.frames, np.int64), request.clip.times
            return Windows.single(Sample(indices, times[indices]), times)
        seconds = resolve_window(request.window, request.stride, self.model)
        return choose_windows(request.clip, self.model.geometry, seconds, request.stride, request.pad)

    @cached_property
    def sampling(self) -> dict[str, Any]:
        """Seconds that the windows span and that the model was trained with, see `describe_sampling`."""
        return describe_sampling(self.model, self.request.clip, self.windows)

    def frames(self, window: int) -> list[int]:
        """Return the ``T`` source frame numbers of a window."""
        return (self.request.clip.first_frame + self.windows[window].indices).tolist()

    def all_frames(self) -> list[list[int]]:
        """Return the source frame numbers of each window: ``W`` lists of ``T`` numbers."""
        return [self.frames(window) for window in range(len(self.windows))]

    @cached_property
    def model_digest(self) -> str:
        """Digest of all that the model computes; see `refresh_model_digest`."""
        return model_digest(self.model)

    def refresh_model_digest(self) -> None:
        """Recompute the digest of the model when it is next read: the caller may change the model between results."""
        vars(self).pop("model_digest", None)

    def get_or_compute(
        self, entry_type: EntryType[T], make_key: Callable[[], str], compute: Callable[[], T], fits: Callable[[T], bool]
    ) -> tuple[T, bool]:
        """Return a value from the disk cache, or compute and store it; without the cache, compute it.

        Parameters
        ----------
        entry_type, fits
            Type of the entry, and whether a cached value answers the question, see `staa_widgets.engine.entries`.
        make_key
            Function that returns the key, see `staa_widgets.engine.keys`.
        compute
            Function that computes the value; two processes never run it for the same key at the same time.

        Returns
        -------
        value, hit
            `hit` is true if the value was in the cache.
        """
        if not self.request.uses_cache:
            return compute(), False
        return cache.get_or_compute(entry_type, make_key(), compute, fits, self.report_waiting)

    def report_waiting(self) -> None:
        """Report that another process computes the same value; the callback may raise an error to cancel."""
        self.report("waiting for another process", 0, 1)
