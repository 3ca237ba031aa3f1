"""`SliceLayout`: the slices of a clip, and the windows that contain each slice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.engine.merge import slice_layout
from staa_widgets.video.sampling import slice_spans, spread_repeats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.engine.run import ExplainRun
    from staa_widgets.records.record import Needs


@dataclass(frozen=True, eq=False)
class SliceLayout:
    """The slices of a clip, with their source frames, their spans in seconds, and the windows that contain them.

    Parameters
    ----------
    run
        The run whose windows contain the slices.
    """

    run: ExplainRun

    @cached_property
    def _layout(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        geometry = self.run.model.geometry
        frames = np.array(self.run.all_frames()).reshape(-1, geometry.slices, geometry.tubelet)
        if len(frames) == 1:  # a padded clip has the same frames in several slices
            return frames[0], np.arange(geometry.slices)[None]
        return slice_layout(frames)

    @property
    def sampled_frames(self) -> NDArray[np.int64]:
        """int64 ``(S', k)``, the source frames of each slice of the clip."""
        return self._layout[0]

    @property
    def slice_index(self) -> NDArray[np.int64]:
        """int64 ``(W, S)``, for every slice of every window its index in `sampled_frames`."""
        return self._layout[1]

    @cached_property
    def spans(self) -> NDArray[np.float64]:
        """float64 ``(S', 2)``, half-open intervals of seconds that tile the clip."""
        clip = self.run.request.clip
        sampled_times = spread_repeats(clip.times[(self.sampled_frames - clip.first_frame).ravel()], clip.end)
        return slice_spans(sampled_times, float(clip.times[0]), clip.end, self.sampled_frames.shape[1])

    def patch_window(self, needs: Needs) -> tuple[int | None, Needs]:
        """Return the window chosen for a patch, and the needs with the patch's slice counted within that window.

        If several windows contain the patch's slice, the window in which the slice is nearest to the middle is chosen.

        Returns
        -------
        window, needs
            ``None`` and the unchanged `needs` if no patch is requested.

        Raises
        ------
        ParameterError
            If the clip has no such patch.
        """
        if not needs.patch:
            return None, needs
        geometry = self.run.model.geometry
        clip_slice, row, column = geometry.resolve_patch(needs.patch, len(self.sampled_frames))
        windows, slices = np.nonzero(self.slice_index == clip_slice)
        nearest_index = int(np.abs(slices - (geometry.slices - 1) / 2).argmin())
        return int(windows[nearest_index]), replace(needs, patch=(int(slices[nearest_index]), row, column))
