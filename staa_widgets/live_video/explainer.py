"""`WindowExplainer`: explain a window of live frames by the same functions as `explain`, without hashing and cache."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.engine.attribute import open_inputs, run_method
from staa_widgets.engine.lock import compute_lock
from staa_widgets.engine.options import default_method
from staa_widgets.engine.style_check import window_style
from staa_widgets.engine.time_profile import variation_over_time, with_time_profile
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.methods.registry import get_method
from staa_widgets.methods.staa import BROWSING_NEEDS
from staa_widgets.records.labels import target_index
from staa_widgets.utils.progress import Progress
from staa_widgets.utils.versions import package_versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from staa_widgets.live_video.ring import LiveWindow
    from staa_widgets.methods.result import MethodResult
    from staa_widgets.models.video_model import VideoModel

SEED = 0
"""Seed of methods that use random numbers."""

STYLE_SECONDS = 1.0
"""Seconds after which the style of the frames is measured again, which takes a few milliseconds."""


class WindowExplainer:
    """Explains windows of live frames as `staa_widgets.explain` explains a clip of the same ``T`` frames.

    Parameters
    ----------
    model
        The model.
    method
        Name in `METHODS`; ``None`` for the default of the model.
    target
        Class, by index or label; ``None`` for the class predicted in each window.
    params
        Parameters of the method.
    name
        Name of the source, without passwords.

    Raises
    ------
    MethodError, ParameterError
        If the method, its parameters or the class are unknown.
    """

    def __init__(
        self, model: VideoModel, method: str | None, target: int | str | None, params: Mapping[str, Any], name: str
    ) -> None:
        from staa_widgets.models.batching import samples_queries

        self.model, self.name = model, name
        self.method = get_method(default_method(model) if method is None else method)
        self.method.check_keywords("live", LIVE_KEYWORDS, params)
        self.params = self.method.complete(params)
        self._target = target_index(target, model.labels)
        self._params_with_profile: dict[str, Any] | None = None
        self._style: tuple[float, dict[str, float]] = (-math.inf, {})
        needs = self.method.needs(self.params)
        if self.method.needs_model and model.family.attends:
            # As `explain` does; other needs would change the last bits of the logits.
            needs = needs | BROWSING_NEEDS
        self._needs = replace(needs, exact=needs.exact and samples_queries(model))

    def prepare(self, report: Progress) -> None:
        """Compute the model's time profile, once for a model; `report` as for `compute_lock`."""
        from staa_widgets.models import model_digest

        if self._params_with_profile is None and not self.method.needs_model:
            with compute_lock(report):
                self._params_with_profile = with_time_profile(
                    self.model, partial(model_digest, self.model), self.method, self.params
                )

    def explain(self, window: LiveWindow, report: Progress) -> Explanation:
        """Return the explanation of a window.

        Its seconds are those of the session. `provenance` names the source and the numbers of the frames; there is no
        digest of the video.

        Parameters
        ----------
        window
            The window.
        report
            Called while another thread computes an explanation; it may raise an error to stop waiting.
        """
        target = self._target if self.method.depends_on_class(self.params) else None
        self.prepare(report)
        with compute_lock(report):
            result, logits = self._attribute(window, target)
        return self._explanation(window, result, logits, int(logits.argmax()) if target is None else target)

    def _attribute(self, window: LiveWindow, target: int | None) -> tuple[MethodResult, NDArray[np.float32]]:
        from staa_widgets.models import capture

        if not self.method.needs_model:
            (record,) = capture.record(self.model, window.pixels[None], self._needs, [target])
            return self.method.compute(record, **(self._params_with_profile or self.params)), record.logits
        with open_inputs(self.model, window.pixels, needs=self._needs, target=target, seed=SEED) as inputs:
            return run_method(self.method, self.params, inputs), inputs.record.logits

    def _measure_style(self, window: LiveWindow) -> dict[str, float]:
        """Return the deviation from drawn actions for the provenance, if the model knows nothing else."""
        measured, facts = self._style
        if window.frame.time - measured >= STYLE_SECONDS:
            deviation = window_style(self.model, window.pixels)
            facts = {} if deviation is None else {"style_deviation": round(deviation, 4)}
            self._style = window.frame.time, facts
        return facts

    def _explanation(
        self, window: LiveWindow, result: MethodResult, logits: NDArray[np.float32], target: int
    ) -> Explanation:
        geometry, (height, width) = self.model.geometry, window.frame.image.shape[:2]
        # A frame that stands for several moments is one frame of the clip.
        times, positions = np.unique(window.times, return_inverse=True)
        end = window.times[-1] + window.step / 2
        bounds = end - window.step * geometry.tubelet * np.arange(geometry.slices, -1, -1)
        bounds = np.minimum(bounds, end)
        profile = (self._params_with_profile or {}).get("profile")
        time = {} if profile is None else {"time": {"variation": variation_over_time(result.maps, profile)}}
        return Explanation(
            maps=result.maps,
            spans=np.stack([bounds[:-1], bounds[1:]], axis=1),
            sampled_frames=positions.reshape(geometry.slices, geometry.tubelet),
            box=self.model.transform.box(width, height),
            frame_size=(width, height),
            times=times,
            first_frame=0,
            end=end,
            logits=logits,
            labels=self.model.labels,
            target=target,
            method=self.method.name,
            params=self.params,
            model_id=self.model.id,
            clip_sha256="",
            clip_name=self.name,
            window_logits=logits[None],
            masks=result.masks,
            problem_type=self.model.problem_type,
            provenance={
                "versions": package_versions(),
                "device": str(self.model.device),
                "live": {"source": self.name, "frames": list(window.numbers), "times": list(window.times)},
                **self._measure_style(window),
                **time,
            },
        )


LIVE_KEYWORDS = ("source", "model", "method", "fps", "window", "stride", "target")
"""Keywords of `staa_widgets.live` that are not parameters of a method."""
