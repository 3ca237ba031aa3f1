"""From the answers of windows to explanations: of the whole clip, or of one window's part of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.engine.merge import merge_windows, slice_layout
from staa_widgets.engine.records import WindowRecord, record_windows
from staa_widgets.explanation.explanation import Explanation, class_probabilities
from staa_widgets.methods import attention_maps
from staa_widgets.records.record import Needs, Record
from staa_widgets.utils.versions import package_versions
from staa_widgets.video.clip import open_clip
from staa_widgets.video.sampling import slice_spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from staa_widgets.engine.run import ExplainRun, WindowResult
    from staa_widgets.video.clip import Clip

ATTENTION_LIMIT = 32_000_000
"""Bytes of attention by layer and head beyond which it is left out: long clips of large models."""


@dataclass(frozen=True, eq=False)
class SliceLayout:
    """Where and when the slices of a clip's windows lie.

    Parameters
    ----------
    job
        Whose windows.
    """

    job: ExplainRun

    @cached_property
    def _laid(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        geometry = self.job.model.geometry
        seen = np.array(self.job.all_frames())
        return slice_layout(seen.reshape(len(seen), geometry.slices, geometry.tubelet))

    @property
    def sampled(self) -> NDArray[np.int64]:
        """int64 ``(S', k)``, the source frames of each slice of the clip."""
        return self._laid[0]

    @property
    def slice_index(self) -> NDArray[np.int64]:
        """int64 ``(W, S)``, which of them each slice of a window is."""
        return self._laid[1]

    def patch_window(self, needs: Needs) -> tuple[int | None, Needs]:
        """Find the window that a query is asked in, and put it in words of that window; ``None`` where none is.

        Of several windows that saw its slice it is the one in which that is nearest to the middle.

        Raises
        ------
        ParameterError
            If the clip has no such patch.
        """
        if not needs.patch:
            return None, needs
        geometry = self.job.model.geometry
        at, row, column = geometry.resolve_patch(needs.patch, len(self.sampled))
        windows, slices = np.nonzero(self.slice_index == at)
        best = int(np.abs(slices - (geometry.slices - 1) / 2).argmin())
        return int(windows[best]), replace(needs, patch=(int(slices[best]), row, column))

    @cached_property
    def spans(self) -> NDArray[np.float64]:
        """float64 ``(S', 2)``, half-open seconds that tile the clip."""
        clip = self.job.request.clip
        moments = clip.times[(self.sampled - clip.first_frame).ravel()]
        return slice_spans(moments, float(clip.times[0]), clip.end, self.sampled.shape[1])


def explain_clip(job: ExplainRun) -> Explanation:
    """Ask all windows and lay their answers end to end."""
    layout = SliceLayout(job)
    gathered = WindowAccumulator(job, layout)
    target = gathered.ask()
    window_logits = gathered.logits
    shown = range(len(job.windows)) if gathered.asked is None else [gathered.asked]
    weights = dict.fromkeys(range(len(job.windows)), 0.0) | dict.fromkeys(shown, 1.0)
    maps = [gathered.maps[i] for i in shown]
    if len(shown) > 1:
        # A window's share of the clip is for its weight to say, not for the scale of its maps.
        maps = [found / mass if (mass := float(np.abs(found).sum())) else found for found in maps]
        weights = dict(enumerate(class_probabilities(window_logits)[:, target].tolist()))
    where = layout.slice_index[shown], [weights[i] for i in shown], len(layout.sampled)
    attention = None
    if gathered.browsed:
        browsed = [np.moveaxis(gathered.browsed.pop(i), 2, 0) for i in shown]
        attention = np.moveaxis(merge_windows(browsed, *where), 0, 2).astype(np.float16)
    return Explanation(
        maps=merge_windows(maps, *where),
        spans=layout.spans,
        sampled_frames=layout.sampled,
        logits=window_logits.mean(0),
        target=target,
        attention=attention,
        window_logits=window_logits,
        provenance=_provenance(
            job, range(len(job.windows)), [*weights.values()], [*gathered.errors.values()], job.seconds
        ),
        **_facts(job, job.request.clip),
    )


def explain_window(job: ExplainRun, layout: SliceLayout, part: WindowResult) -> tuple[Explanation, Clip]:
    """Explain the part of the clip for which one window stands; give that part too.

    Windows that lie end to end have parts that tile the clip; those of windows that overlap overlap.
    """
    place = layout.slice_index[part.window]
    times = layout.spans[place]
    clip = open_clip(job.request.clip, float(times[0, 0]), float(times[-1, 1]))
    logits = part.record.logits
    browses = job.request.attention and (part.record.rows is not None or part.record.patch_rows is not None)
    attention = attention_maps(part.record) if browses else None
    explanation = Explanation(
        maps=part.maps,
        spans=times,
        sampled_frames=layout.sampled[place],
        logits=logits,
        target=part.target,
        attention=None if attention is None or attention.nbytes > ATTENTION_LIMIT else attention,
        window_logits=logits[None],
        provenance=_provenance(job, [part.window], [1.0], [part.record.sampling_errors], part.seconds),
        **_facts(job, clip),
    )
    return explanation, clip


class WindowAccumulator:
    """What is kept of each window until all are there: the maps, the logits, and the attention if there is room.

    Maps and logits lie in one array each: small ones, made between passes, would keep memory from being given back.
    """

    def __init__(self, job: ExplainRun, layout: SliceLayout) -> None:
        self.job = job
        self.asked, self._needs = layout.patch_window(job.needs)
        self.maps = np.empty((len(job.windows), *_shape(job)), np.float32)
        self.logits = np.empty((len(job.windows), len(job.model.labels)), np.float32)
        self.browsed: dict[int, NDArray[np.float16]] = {}
        self.errors: dict[int, Mapping[str, float]] = {}
        self._targets = np.empty(len(job.windows), np.int64)

    def ask(self) -> int:
        """Answer all windows and return the class that they speak of."""
        job, everything = self.job, range(len(self.job.windows))
        if self.asked is not None:
            self._add([self.asked], None, needs=self._needs)
            for found in record_windows(job, [i for i in everything if i != self.asked], Needs(), None):
                self.logits[found.window] = found.record.logits
            return self._predicted()
        if job.target is not None or not job.class_specific or len(everything) == 1:
            self._add(everything, job.target)
            return self._predicted() if job.target is None else job.target
        # Which class is predicted only all windows can tell.
        if job.method.needs_model:
            # These records do not depend on the class, and their methods read no more of them than logits.
            slim = [self._slim(found) for found in record_windows(job, everything, job.needs, None)]
            target = self._predicted()
            for found in slim:
                self._keep(job.window_result(found, target))
        else:
            self._add(everything, None)
            target = self._predicted()
            others = [i for i in everything if self._targets[i] != target]
            self._add(others, target, "model, for the class predicted over all windows")
        return target

    def _add(self, windows: Sequence[int], target: int | None, step: str = "model", needs: Needs | None = None) -> None:
        for part in self.job.window_results(windows, target, step, needs):
            self._browse(part.window, part.record)
            self._keep(part)
            # Or its record would stay while the next batch is made.
            del part

    def _keep(self, part: WindowResult) -> None:
        self.maps[part.window], self.logits[part.window] = part.maps, part.record.logits
        self._targets[part.window] = part.target
        if part.record.sampling_errors:
            self.errors[part.window] = part.record.sampling_errors

    def _slim(self, found: WindowRecord) -> WindowRecord:
        record = found.record
        self.logits[found.window] = record.logits
        self._browse(found.window, record)
        logits = self.logits[found.window]
        kept = Record(
            record.geometry, record.attention_type, logits, record.target, sampling_errors=record.sampling_errors
        )
        return WindowRecord(found.window, kept)

    def _browse(self, window: int, record: Record) -> None:
        rows = record.rows if record.patch_rows is None else record.patch_rows
        if not self.job.request.attention or rows is None:
            return
        if 2 * rows.size * len(self.job.windows) <= ATTENTION_LIMIT:
            with self.job.clock("method"):
                self.browsed[window] = attention_maps(record)

    def _predicted(self) -> int:
        return int(self.logits.mean(0).argmax())


def _shape(job: ExplainRun) -> tuple[int, int, int]:
    geometry = job.model.geometry
    return geometry.slices, geometry.height, geometry.width


def _facts(job: ExplainRun, clip: Clip) -> dict[str, Any]:
    return {
        "box": job.model.transform.box(clip.width, clip.height),
        "frame_size": (clip.width, clip.height),
        "times": clip.times,
        "first_frame": clip.first_frame,
        "end": clip.end,
        "labels": job.model.labels,
        "method": job.method.name,
        "params": job.params,
        "model_id": job.model.id,
        "clip_sha256": clip.sha256,
    }


def _provenance(
    job: ExplainRun,
    windows: Sequence[int],
    weights: list[float],
    errors: Sequence[Mapping[str, float]],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    cost = job.method.cost(job.model.geometry, job.params)
    clip = job.request.clip
    names = dict.fromkeys(name for of in errors for name in of)
    return {
        "versions": package_versions(),
        "model": {"family": job.model.family, "weights": job.weights, "transform": job.model.transform.describe()},
        "device": str(job.model.device),
        "dtype": str(job.model.dtype).removeprefix("torch."),
        "method": {"name": job.method.name, "version": job.method.version, "params": job.params},
        "sampling": {
            "frames": [job.frames(i) for i in windows],
            "times": [job.windows[i].times for i in windows],
            "window_weights": weights,
        },
        "box": job.model.transform.box(clip.width, clip.height),
        # Of what was estimated from sampled queries, see `Record.sampling_errors`; the mean over windows.
        "standard_errors": {name: float(np.mean([of[name] for of in errors if name in of])) for name in names},
        "cost": {name: len(windows) * passes for name, passes in cost._asdict().items()},
        "seconds": dict(seconds),
    }
