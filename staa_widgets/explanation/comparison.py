"""`Comparison`: a mapping of explanations that differ in method, parameters, class, model or clip."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from staa_widgets.errors import ParameterError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.explanation.exports import Exportable
from staa_widgets.methods.registry import method_title
from staa_widgets.storage.format import pack, read_file, refuse_damaged, unpack
from staa_widgets.utils.canonical import canonical_json
from staa_widgets.utils.files import export_bytes
from staa_widgets.utils.text import check_text

MAX_PANES = 4
"""Largest number of explanations that a player or a page shows at once."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Exportable, Mapping[str, Explanation]):
    """Explanations by name, in order: a read-only mapping, which a notebook shows as a player with several panes.

    Parameters
    ----------
    explanations
        Explanations by name; `Comparison.of` makes the names.

    Raises
    ------
    ParameterError
        If there are no explanations, a name is not a string, or a value is not an `Explanation`.
    """

    explanations: Mapping[str, Explanation]

    def __post_init__(self) -> None:
        if not isinstance(self.explanations, Mapping) or not self.explanations:
            raise ParameterError(
                "A comparison needs at least one explanation.", "Pass explanations: Comparison.of(a, b)."
            )
        for name, e in self.explanations.items():
            if not (isinstance(name, str) and isinstance(e, Explanation)):
                raise ParameterError(
                    f"A comparison maps names to explanations, but {name!r} maps to {type(e).__name__}.",
                    "Pass explanations: Comparison.of(a, b).",
                )
            check_text("A name in a comparison", name)
        object.__setattr__(self, "explanations", MappingProxyType(dict(self.explanations)))

    @classmethod
    def of(cls, *explanations: Explanation) -> Comparison:
        """Make a comparison whose names state only how the explanations differ.

        Parameters
        ----------
        *explanations
            Explanations in order; they may differ in method, parameters, class, model and clip.

        Raises
        ------
        ParameterError
            If there are no explanations, or an argument is not an `Explanation`.
        """
        for e in explanations:
            if not isinstance(e, Explanation):
                raise ParameterError(f"Cannot compare {type(e).__name__}.", "Pass explanations from staa.explain.")
        return cls(dict(zip(distinguishing_names(explanations), explanations, strict=True)))

    def only(self, *names: str) -> Comparison:
        """Return a comparison of only these names, in this order; raises `ParameterError` for an unknown name."""
        for name in names:
            if name not in self.explanations:
                raise ParameterError(
                    f"The comparison has no {name!r}.", f"It has {', '.join(map(repr, self.explanations))}."
                )
        return Comparison({name: self.explanations[name] for name in names})

    def panes(self) -> list[Explanation]:
        """Return the explanations for a player or a page; raises `ParameterError` for more than `MAX_PANES`."""
        if len(self) > MAX_PANES:
            first_names = ", ".join(repr(name) for name in list(self)[:2])
            raise ParameterError(
                f"Cannot show {len(self)} explanations at once: the maximum is {MAX_PANES}.",
                f"Select some by name: comparison.only({first_names}).",
            )
        return list(self.explanations.values())

    def titles(self) -> dict[str, str]:
        """Return the text to show for each name: the name itself if a user chose it, or the title of the method."""
        titles = with_own_names(distinguishing_titles(list(self.values())), self.own_names())
        return dict(zip(self, make_unique(titles), strict=True))

    def own_names(self) -> list[str]:
        """Return the names that a user chose; ``""`` for a name that `of` or `compare` made."""
        made = distinguishing_names(list(self.values()))
        return [
            "" if name == made_name or re.fullmatch(rf"{re.escape(e.method)}( \(\d+\)|.*[=·].*)?", name) else name
            for (name, e), made_name in zip(self.items(), made, strict=True)
        ]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the comparison to one safetensors file, in one step, and return its path; `load` reads it back."""
        return export_bytes(path, self._to_bytes(), "comparison")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Comparison:
        """Read a comparison from a file that `save` wrote.

        Raises
        ------
        FormatError
            If the file is not a comparison, or is truncated, altered, or of a newer format.
        OSError
            If it cannot be read.
        """
        return read_file(path, cls._from_bytes)

    def _to_bytes(self) -> bytes:
        arrays = {str(i): np.frombuffer(e.to_bytes(), np.uint8) for i, e in enumerate(self.explanations.values())}
        return pack("comparison", {"names": list(self.explanations)}, arrays)

    @classmethod
    def _from_bytes(cls, data: bytes) -> Comparison:
        values, arrays = unpack("comparison", data)
        with refuse_damaged("The saved comparison is inconsistent:", "Make the comparison again.", with_cause=True):
            names = values["names"]
            explanations = [Explanation.from_bytes(arrays[str(i)].tobytes()) for i in range(len(names))]
            return cls(dict(zip(names, explanations, strict=True)))

    def __getitem__(self, name: str) -> Explanation:
        return self.explanations[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.explanations)

    def __len__(self) -> int:
        return len(self.explanations)

    def __reduce__(self) -> tuple[Callable[[bytes], Comparison], tuple[bytes]]:
        return Comparison._from_bytes, (self._to_bytes(),)

    def __repr__(self) -> str:
        lines = [f"  {name}: {e!r}" for name, e in self.explanations.items()]
        return "\n".join(["<Comparison", *lines]) + ">"


def distinguishing_names(explanations: Sequence[Explanation]) -> list[str]:
    """Return names that state how explanations differ: in method, parameters, class, model, clip and time range."""
    return _describe_differing_aspects(explanations, [e.method for e in explanations])


def distinguishing_titles(explanations: Sequence[Explanation]) -> list[str]:
    """Return `distinguishing_names` for readers, with the titles of methods, such as ``"STAA"``."""
    return _describe_differing_aspects(explanations, [method_title(e.method) for e in explanations])


def with_own_names(titles: Sequence[str], own_names: Sequence[str]) -> list[str]:
    """Return the user's own names, and titles where there is none."""
    return [name or title for name, title in zip(own_names, titles, strict=True)]


def _describe_differing_aspects(explanations: Sequence[Explanation], methods: list[str]) -> list[str]:
    clips = [e.clip_name or "clip" for e in explanations]
    ranges = [f"{e.times[0]:.2f}–{e.end:.2f} s" for e in explanations]
    of_predicted_class = [e.target == int(e.logits.argmax()) for e in explanations]
    one_clip = len({(e.clip_sha256, e.model_id) for e in explanations}) == 1
    aspects = [
        methods,
        _differing_parameters(explanations),
        # Several clips or models predict different classes anyway, so the class says nothing about the request.
        [e.target_name for e in explanations] if one_clip or not all(of_predicted_class) else [""],
        _brief_model_names(explanations),
        clips,
        # Different clips have different ranges anyway.
        ranges if len({*zip(clips, ranges, strict=True)}) > len({*clips}) else [],
    ]
    differing = [aspect for aspect in aspects if len(set(aspect)) > 1] or aspects[:1]
    return make_unique([" · ".join(filter(None, parts)) for parts in zip(*differing, strict=True)])


def _brief_model_names(explanations: Sequence[Explanation]) -> list[str]:
    """Return ``"vivit"`` for ``"org/vivit (drawn only)"``; the full ids if the brief names of two models are equal."""
    model_ids = [e.model_id for e in explanations]
    brief_names = [re.sub(r"^[^ ]*/| \(.*\)$", "", model_id) for model_id in model_ids]
    return model_ids if len({*brief_names}) < len({*model_ids}) else brief_names


def _differing_parameters(explanations: Sequence[Explanation]) -> list[str]:
    """Return for each explanation, as text, the parameters that differ between explanations of its method."""
    descriptions: list[str] = []
    for e in explanations:
        same_method_params = [other.params for other in explanations if other.method == e.method]
        descriptions.append(describe_differences(e.params, same_method_params))
    return descriptions


def describe_differences(params: Mapping[str, Any], alike: Sequence[Mapping[str, Any]]) -> str:
    """Return the parameters that are not equal in all of `alike` as text, such as ``layers=last``."""
    common_keys = [key for key in params if all(key in other for other in alike)]
    differing_keys = [key for key in common_keys if len({canonical_json(other[key]) for other in alike}) > 1]
    return ", ".join(f"{key}={params[key]}" for key in differing_keys)


def make_unique(names: Sequence[str]) -> list[str]:
    """Return unique names: each name that repeats an earlier one gets a number, such as ``"rollout (2)"``."""
    unique: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in unique:
            number += 1
            candidate = f"{name} ({number})"
        unique.append(candidate)
    return unique
