"""Export an explanation as Python code: the call that computes it again."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from staa_widgets.engine.options import KEYWORDS
from staa_widgets.engine.request import request_of
from staa_widgets.explanation.own_maps import is_own_maps
from staa_widgets.methods import METHODS
from staa_widgets.records.labels import target_index
from staa_widgets.utils.canonical import canonical_json

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

LINE_WIDTH = 88
"""Largest width of a line; a longer call has one argument per line."""

_BUNDLED = re.compile(r"(bundled(?:/[\w-]+)?) \(drawn actions only\)")


def explain_call(explanation: Explanation) -> str:
    """Return the call of `staa_widgets.explain` that computes an explanation again, as Python code.

    An explanation holds only the names of its video and model. If a video or model cannot be opened by its name, such
    as frames in memory or a wrapped module, the code has a variable for it and a comment that names it. Arguments at
    their default are left out.

    Parameters
    ----------
    explanation
        The explanation to compute again.

    Returns
    -------
    str
        An expression; names given by users are quoted as Python literals.
    """
    e = explanation
    if is_own_maps(e.method):
        return f"staa.Explanation.from_arrays({_video_argument(e)}, maps)  # maps: {python_literal(e.method)}"
    arguments, notes = [_video_argument(e)], []
    if arguments[0] == "video":
        notes.append(f"video: the source of {python_literal(e.clip_name)}")
    model = _model_argument(e)
    if model == "model":
        notes.append(f"model: {python_literal(e.model_id)}, from staa.wrap_model")
    if model:
        arguments.append(model)
    if e.target_function:
        notes.append(f"target: the function {python_literal(e.target_function)}")
    arguments += [f"{name}={python_literal(value)}" for name, value in _keyword_arguments(e).items()]
    call = f"staa.explain({', '.join(arguments)})"
    if len(call) > LINE_WIDTH:
        call = "staa.explain(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"
    return call + (f"  # {'; '.join(notes)}" if notes else "")


class Variable(str):
    """Name of a variable that stands for a value in exported code."""

    __slots__ = ()


def python_literal(value: Any) -> str:
    """Return a value as a Python literal; strings are in double quotes if they contain nothing to escape."""
    if isinstance(value, Variable):
        return str(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(python_literal, value))})"
    plain = isinstance(value, str) and value.isprintable() and not {'"', "\\"} & set(value)
    return f'"{value}"' if plain else repr(value)


def _video_argument(e: Explanation) -> str:
    return python_literal(e.clip_name) if re.search(r".\.\w{2,5}$", e.clip_name) else "video"


def _model_argument(e: Explanation) -> str:
    model = e.provenance.get("model")
    if isinstance(model, dict) and model.get("family") == "generic":
        return "model"
    bundled = _BUNDLED.fullmatch(e.model_id)
    if bundled is None:
        return python_literal(e.model_id)
    return "" if bundled[1] == "bundled" else python_literal(bundled[1])


def _class_argument(e: Explanation, index: int) -> str | int:
    """Return the label of a class, or its index if the label is that of another class too."""
    label = e.labels[index]
    return label if target_index(label, e.labels) == index else index


def _keyword_arguments(e: Explanation) -> dict[str, Any]:
    method, request = METHODS.get(e.method), request_of(e)
    keywords: dict[str, Any] = {"method": e.method}
    # A class other than the predicted one must have been requested.
    if e.explained_target is None:
        keywords["target"] = Variable("target")
    elif e.target_minus is not None:
        keywords["target"] = _class_argument(e, e.target), _class_argument(e, e.target_minus)
    elif e.target != int(e.logits.argmax()):
        keywords["target"] = _class_argument(e, e.target)
    if e.first_frame > 0:
        keywords["start"] = float(e.times[0])
    sampling = e.provenance.get("sampling", {})
    if e.first_frame > 0 or sampling.get("cut"):
        keywords["end"] = e.end
    keywords |= {name: sampling[name] for name in ("window", "stride") if sampling.get(name) is not None}
    if request is not None:
        keywords |= {name: False for name in ("preview", "attention") if not getattr(request, name)}
    defaults = {} if method is None else method.defaults
    return keywords | {
        key: value
        for key, value in e.params.items()
        if key.isidentifier()
        and not iskeyword(key)
        and key not in KEYWORDS["explain"]
        and not (key in defaults and canonical_json(value) == canonical_json(defaults[key]))
    }
