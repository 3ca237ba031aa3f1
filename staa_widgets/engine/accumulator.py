"""`WindowAccumulator`: collects maps, logits and attention until all windows of a clip are done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.engine.records import RUNNING_MODEL, WindowRecord, record_windows
from staa_widgets.engine.window_maps import WindowResult, attribute_window, attribute_windows
from staa_widgets.methods.staa import attention_maps
from staa_widgets.records.masks import Masks
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.target import Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.engine.layout import SliceLayout
    from staa_widgets.engine.run import ExplainRun

ATTENTION_LIMIT = 32_000_000
"""Maximum bytes of the attention by layer and head that are kept; long clips of large models exceed this limit."""


class WindowAccumulator:
    """Collects the maps, logits and attention of a clip's windows.

    All maps are stored in one array, and so are all logits: small arrays allocated between passes would keep the
    process from returning freed memory to the system.

    Parameters
    ----------
    run
        The run whose windows are computed.
    layout
        The slices of the run's clip.
    """

    def __init__(self, run: ExplainRun, layout: SliceLayout) -> None:
        geometry, count = run.model.geometry, len(run.windows)
        self._run = run
        self.patch_window, self._patch_needs = layout.patch_window(run.needs)
        self.maps = np.empty((count, geometry.slices, geometry.height, geometry.width), np.float32)
        self.logits = np.empty((count, len(run.model.labels)), np.float32)
        self.attention: dict[int, NDArray[np.float16]] = {}
        self.errors: dict[int, Mapping[str, float]] = {}
        self.completeness_gaps: dict[int, float] = {}
        self.masks: dict[int, Masks] = {}
        self.style_deviations: dict[int, float] = {}
        self.target: Target = 0
        self._targets: dict[int, Target] = {}

    def collect(self) -> None:
        """Record and attribute all windows, and set `target` to what the maps explain."""
        run, windows = self._run, range(len(self.maps))
        if self.patch_window is not None:
            self._collect_patch(self.patch_window)
        elif run.target is not None:
            self._attribute(windows, run.target)
            self.target = run.target
        elif not run.class_specific or len(windows) == 1:
            self._attribute(windows, None)
            self.target = self._predicted_class()
        elif run.method.needs_model:
            self._record_then_attribute(windows)
        else:
            self._attribute_then_correct(windows)

    def _collect_patch(self, patch_window: int) -> None:
        """Attribute the window chosen for the patch; record only the logits of the other windows."""
        self._attribute([patch_window], None, needs=self._patch_needs)
        other_windows = [window for window in range(len(self.maps)) if window != patch_window]
        for window_record in record_windows(self._run, other_windows, Needs(), None):
            self.logits[window_record.window] = window_record.record.logits
        self.target = self._predicted_class()

    def _record_then_attribute(self, windows: Sequence[int]) -> None:
        """Record all windows, then attribute each to the class predicted over all windows.

        For a method that calls the model: its records do not depend on the class, and it reads only their logits.
        """
        run = self._run
        records_without_attention = [
            self._without_attention(item) for item in record_windows(run, windows, run.needs, None)
        ]
        self.target = self._predicted_class()
        for window_record in records_without_attention:
            self._add(attribute_window(run, window_record, self.target))

    def _attribute_then_correct(self, windows: Sequence[int]) -> None:
        """Attribute each window to its own predicted class, then again if all windows together predict another."""
        self._attribute(windows, None)
        self.target = self._predicted_class()
        other_windows = [window for window in windows if self._targets[window] != self.target]
        self._attribute(other_windows, self.target, "running the model for the class predicted over all windows")

    def _attribute(
        self, windows: Sequence[int], target: Target | None, step: str = RUNNING_MODEL, needs: Needs | None = None
    ) -> None:
        for result in attribute_windows(self._run, windows, target, step, needs):
            self._add_attention(result.window, result.record)
            self._add(result)
            # Otherwise the record would stay in memory while the next batch is made.
            del result

    def _add(self, result: WindowResult) -> None:
        self.maps[result.window], self.logits[result.window] = result.maps, result.record.logits
        self._targets[result.window] = result.target
        if result.standard_errors:
            self.errors[result.window] = result.standard_errors
        if result.completeness_gap is not None:
            self.completeness_gaps[result.window] = result.completeness_gap
        if result.masks is not None:
            self.masks[result.window] = result.masks
        if result.record.style_deviation is not None:
            self.style_deviations[result.window] = result.record.style_deviation

    def _without_attention(self, window_record: WindowRecord) -> WindowRecord:
        """Store the attention and logits of a window, and return its record reduced to the logits."""
        window, record = window_record.window, window_record.record
        self.logits[window] = record.logits
        self._add_attention(window, record)
        logits = self.logits[window]
        logits_only = Record(
            record.geometry,
            record.attention_type,
            logits,
            record.target,
            sampling_errors=record.sampling_errors,
            style_deviation=record.style_deviation,
        )
        return WindowRecord(window, logits_only)

    def _add_attention(self, window: int, record: Record) -> None:
        rows = record.heads if record.patch_rows is None else record.patch_rows
        if rows is None or not self._run.request.attention:
            return
        if 2 * rows.size * len(self.maps) <= ATTENTION_LIMIT:
            with self._run.timer.clock("method"):
                self.attention[window] = attention_maps(record)

    def _predicted_class(self) -> int:
        return int(self.logits.mean(0).argmax())
