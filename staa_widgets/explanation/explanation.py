"""`Explanation`: the attribution of a clip over space and time, as a frozen value of numpy arrays."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staa_widgets.explanation.checks import check_explanation
from staa_widgets.explanation.exports import Exportable
from staa_widgets.explanation.file_format import explanation_fields, explanation_parts
from staa_widgets.explanation.own_maps import class_fields, map_fields, method_name
from staa_widgets.explanation.peak import Peak, describe_position, find_peak
from staa_widgets.explanation.provenance import check_provenance
from staa_widgets.records.masks import Masks
from staa_widgets.records.problem import ProblemType, check_problem_type, class_probabilities, format_score
from staa_widgets.records.target import target_name as name_target
from staa_widgets.storage.format import Parts, pack, read_file, refuse_damaged, unpack
from staa_widgets.utils.canonical import to_json_value
from staa_widgets.utils.files import export_bytes
from staa_widgets.utils.frozen import freeze, make_read_only, require
from staa_widgets.video.ground_truth import GroundTruth
from staa_widgets.video.open import open_clip
from staa_widgets.video.preview import Preview, make_preview


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Exportable):
    """Where and when a video classifier looked: its attribution maps and all that is needed to show them.

    Arrays are copied and made read-only; to change a field, use `dataclasses.replace`.

    Parameters
    ----------
    maps
        float32 ``(S, h, w)``, the attribution of the clip over time slices and the token grid. Non-negative for
        attention methods. Never scaled slice by slice.
    spans
        float64 ``(S, 2)``, the half-open interval of seconds that each slice covers; the intervals tile the clip.
    sampled_frames
        int64 ``(S, k)``, the source frames that the model saw for each slice.
    box
        ``(x0, y0, x1, y1)`` in pixels of the displayed source frame: the part that the model saw.
    frame_size
        ``(width, height)`` of the displayed source frame in pixels.
    times
        float64 ``(F,)``, seconds of every frame of the clip.
    first_frame
        Source index of the clip's first frame; not 0 if only a range of the video was explained.
    end
        Seconds at which the clip ends.
    logits
        float32 ``(K,)``; with several windows, the mean of their logits.
    labels
        ``K`` names of the classes.
    target
        Index of the explained class; for a method that does not depend on the class, the predicted one. If a difference
        of classes is explained, its first class; if a function of the logits, the predicted class. `target_name` says
        what is explained.
    method, params
        Name and parameters of the attribution method.
    model_id
        Name of the model.
    clip_sha256
        SHA-256 digest of the video's content.
    clip_name
        File name or other short name of the video, for headings.
    provenance
        Versions, sampling, transform, seconds per step; JSON values only.
    attention
        float16 ``(L, H, S, h, w)``, attention of each layer and head, to look at in the player.
    window_logits
        float32 ``(W, K)``, the logits of each window.
    preview
        Packed JPEG frames.
    ground_truth
        Where and when the action happens, for clips with annotations.
    masks
        Masks by area that the maps are made from, for `step` and `extremal`.
    problem_type
        What the logits mean: exclusive classes, independent labels, or values; as in transformers.
    has_predictions
        Whether the logits are those of a model. If not, as for maps of another tool, no predictions are shown.
    target_minus
        Index of the class whose logit is subtracted, if a difference of classes is explained.
    target_function
        Name of the function of the logits, if one is explained.

    request
        The `ExplainRequest` that led to the explanation, if it was computed in this process. It is not a constructor
        argument, not saved, and not copied by `dataclasses.replace`.

    Raises
    ------
    ParameterError
        If a field has the wrong shape or does not fit the others; the message names the field.
    """

    maps: NDArray[np.float32]
    spans: NDArray[np.float64]
    sampled_frames: NDArray[np.int64]
    box: tuple[float, float, float, float]
    frame_size: tuple[int, int]
    times: NDArray[np.float64]
    first_frame: int
    end: float
    logits: NDArray[np.float32]
    labels: tuple[str, ...]
    target: int
    method: str
    params: Mapping[str, Any]
    model_id: str
    clip_sha256: str
    clip_name: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    attention: NDArray[np.float16] | None = None
    window_logits: NDArray[np.float32] | None = None
    preview: Preview | None = None
    ground_truth: GroundTruth | None = None
    masks: Masks | None = None
    problem_type: ProblemType = "single_label_classification"
    has_predictions: bool = True
    target_minus: int | None = None
    target_function: str = ""
    request: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        freeze(self, "maps", np.float32, (None, None, None))
        slices = len(self.maps)
        freeze(self, "spans", np.float64, (slices, 2))
        freeze(self, "sampled_frames", np.int64, (slices, None))
        freeze(self, "times", np.float64, (None,))
        freeze(self, "logits", np.float32, (None,))
        classes = len(self.logits)
        if self.window_logits is not None:
            freeze(self, "window_logits", np.float32, (None, classes))
        if self.attention is not None:
            freeze(self, "attention", np.float16, (None, None, *self.maps.shape))
        for name, convert in _SCALAR_TYPES.items():
            object.__setattr__(self, name, convert(getattr(self, name)))
        for name in ("params", "provenance"):
            require(isinstance(getattr(self, name), Mapping), f"Explanation.{name} must be a mapping.")
            object.__setattr__(self, name, MappingProxyType(to_json_value(getattr(self, name))))
        check_provenance(self.provenance)
        check_problem_type(self.problem_type)
        check_explanation(self)

    @cached_property
    def temporal(self) -> NDArray[np.float64]:
        """float64 ``(S,)``, the share of ``|maps|`` in each slice; sums to 1.

        Maps that are zero everywhere give equal shares and a warning.
        """
        mass = np.abs(self.maps, dtype=np.float64).sum(axis=(1, 2))
        if not mass.any():
            warnings.warn(
                "The maps are zero everywhere, so every slice gets an equal share.", RuntimeWarning, stacklevel=3
            )
            mass = np.ones_like(mass)
        return make_read_only(mass / mass.sum())

    @cached_property
    def temporal_signed(self) -> NDArray[np.float64] | None:
        """float64 ``(S,)``, sum of each slice's map over the sum of ``|maps|``; ``None`` if no value is negative."""
        if self.maps.min() >= 0:
            return None
        mass = self.maps.sum(axis=(1, 2), dtype=np.float64)
        return make_read_only(mass / np.abs(self.maps, dtype=np.float64).sum())

    @cached_property
    def spatial(self) -> NDArray[np.float32]:
        """float32 ``(S, h, w)``, the maps divided by the clip's maximum of ``|maps|``: values within -1 … 1."""
        top = np.abs(self.maps).max()
        return make_read_only(self.maps / top if top else self.maps.copy())

    @property
    def variation_over_time(self) -> float | None:
        """Share of the attribution, 0 to 1, that lies at other times than on clips in which nothing moves.

        Of the curve over time before it is divided by the model's time profile; ``None`` for methods that divide by
        none.
        """
        time = self.provenance.get("time")
        return time.get("variation") if isinstance(time, Mapping) else None

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """float64 ``(K,)``, the probability of each class: they sum to 1, or are independent for a multi-label model.

        Without predictions, and for a regression, all are NaN.
        """
        if not self.has_predictions:
            return make_read_only(np.full(len(self.logits), np.nan))
        return make_read_only(class_probabilities(self.logits, self.problem_type))

    @cached_property
    def slice_of_frame(self) -> NDArray[np.int64]:
        """int64 ``(F,)``, the index of the slice that stands for each frame of the clip."""
        slices = np.searchsorted(self.spans[:, 0], self.times, side="right") - 1
        return make_read_only(np.clip(slices, 0, len(self.spans) - 1))

    @cached_property
    def peak(self) -> Peak:
        """The strongest patch of the strongest slice, in seconds and pixels of the displayed frame."""
        return find_peak(self.maps, self.temporal, self.spans, self.box)

    @property
    def target_name(self) -> str:
        """Name of what is explained: a class, a difference such as ``"wave − clap"``, or a function of the logits."""
        return self.target_function or name_target(self.explained_target or self.target, self.labels)

    @property
    def explained_target(self) -> int | tuple[int, int] | None:
        """Index of the explained class, or the pair of classes of a difference; ``None`` for a function."""
        if self.target_function:
            return None
        return self.target if self.target_minus is None else (self.target, self.target_minus)

    @property
    def start(self) -> float:
        """Seconds at which the clip starts."""
        return float(self.times[0])

    def predictions(self, n: int = 5) -> list[tuple[str, float]]:
        """Return the `n` most probable classes as ``(label, probability)``, the most probable first.

        For a regression: ``(label, value)``, the largest value first. Probabilities that are not known are NaN.
        """
        shows_values = self.problem_type == "regression" and self.has_predictions
        scores = self.logits if shows_values else self.probabilities
        best = np.argsort(-scores, kind="stable")[:n]
        return [(self.labels[k], float(scores[k])) for k in best]

    @classmethod
    def from_arrays(
        cls,
        video: Any,
        maps: Any,
        spans: Any = None,
        labels: Sequence[str] | None = None,
        *,
        name: str = "",
        logits: Any = None,
        target: int | str | None = None,
        problem_type: ProblemType = "single_label_classification",
        box: Sequence[float] | None = None,
        sampled_frames: Any = None,
        model_id: str = "",
        start: float | None = None,
        end: float | None = None,
        preview: bool = True,
    ) -> Explanation:
        """Return maps of your own as an explanation: to play, export and compare gaze or the output of another tool.

        Its method is ``"own maps: NAME"``. The maps are shown as they are, and never scaled slice by slice.

        Parameters
        ----------
        video
            The video, as for `staa_widgets.explain`.
        maps
            ``(S, h, w)``, array, tensor or nested list of finite numbers; negative values speak against. One map for
            each time slice, rows from top to bottom.
        spans
            ``(S, 2)``, seconds at which each slice starts and ends; the slices must follow each other without gaps.
            Default: slices of equal length over the clip.
        labels
            Names of ``K`` classes. Default: the name of the maps only.
        name
            Short name of the maps, such as ``"gaze"`` or ``"SAE feature 12"``.
        logits
            ``(K,)``, logits of a model. Without them no predictions are shown.
        target
            Class that the maps are for, by index or label; default: the class with the largest logit, or the first.
        problem_type
            What the logits mean, as for `Explanation`.
        box
            ``(x0, y0, x1, y1)`` in pixels of the displayed frame: the part that the maps cover; default: all of it.
        sampled_frames
            ``(S, k)``, source frames that each slice was computed from; default: the frame in the middle of each slice.
        model_id
            Name of the model that the maps are about, if there is one.
        start, end
            Seconds of the part of the video; default: all of it.
        preview
            Whether to add preview pictures of the video, which the player shows.

        Raises
        ------
        ParameterError
            If the maps have another shape or are not finite, or other arguments do not fit them.
        VideoError
            If the video cannot be read.
        """
        clip = open_clip(video, start, end)
        return cls(
            **map_fields(clip, maps, spans, sampled_frames, box),
            **class_fields(labels, logits, target, name),
            method=method_name(name),
            params={},
            model_id=model_id,
            preview=make_preview(clip) if preview else None,
            problem_type=problem_type,
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the explanation to one safetensors file, in one step, and return its path; `load` reads it back.

        Raises
        ------
        FileWriteError
            If the folder is missing, not writable or full.
        """
        return export_bytes(path, self.to_bytes(), "explanation")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Explanation:
        """Read an explanation from a file that `save` wrote.

        Raises
        ------
        FormatError
            If the file is not an explanation, or is truncated, altered, or of a newer format.
        OSError
            If it cannot be read.
        """
        return read_file(path, cls.from_bytes)

    def to_bytes(self) -> bytes:
        """Return the content of the file that `save` writes."""
        return pack("explanation", *self.to_parts())

    @classmethod
    def from_bytes(cls, data: bytes) -> Explanation:
        """Read the content of a file that `save` wrote; raises `FormatError` as `load` does."""
        return cls.from_parts(*unpack("explanation", data))

    def to_parts(self) -> Parts:
        """Return the JSON values and the arrays from which `from_parts` makes the explanation again."""
        return explanation_parts(self)

    @classmethod
    def from_parts(cls, values: dict[str, Any], arrays: dict[str, Any]) -> Explanation:
        """Make an explanation from the values and arrays of a file; raises `FormatError` as `load` does."""
        with refuse_damaged("The saved explanation is inconsistent:", "Explain the video again.", with_cause=True):
            return cls(**explanation_fields(values, arrays))

    def panes(self) -> list[Explanation]:
        """Return a list with this explanation only: its player or page has one pane."""
        return [self]

    def __reduce__(self) -> tuple[Callable[[bytes], Explanation], tuple[bytes]]:
        return Explanation.from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        label, score = self.predictions(1)[0]
        score_text = format_score(score, self.problem_type)
        explained = self.target_name
        target = "" if label == explained else f" for {explained!r}, predicted"
        prediction = f"{target}: {label!r} {score_text}" if score_text else f": {explained!r}"
        return (
            f"<Explanation of {self.clip_name or 'a clip'!r} by {self.method}{prediction}, "
            f"mostly at {self.peak.start:.2f}–{self.peak.end:.2f} s, {describe_position(self.peak, self.frame_size)}>"
        )


def same_clip(one: Explanation, other: Explanation) -> bool:
    """Return whether both explanations are of the same frames of the same video."""
    return (one.clip_sha256, one.first_frame, len(one.times)) == (
        other.clip_sha256,
        other.first_frame,
        len(other.times),
    )


_SCALAR_TYPES: dict[str, Callable[[Any], Any]] = {
    "box": lambda box: tuple(float(edge) for edge in box),
    "frame_size": lambda size: tuple(int(side) for side in size),
    "labels": lambda labels: tuple(str(label) for label in labels),
    "first_frame": int,
    "end": float,
    "target": int,
}
