"""The lines of Python that make an explanation again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from staa_widgets.engine.request import question_of
from staa_widgets.methods import METHODS
from staa_widgets.records.labels import target_index
from staa_widgets.utils.files import canonical

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

WIDTH = 88
"""Letters of a line beyond which each argument stands on a line of its own."""

_BUNDLED = re.compile(r"(bundled(?:/[\w-]+)?) \(drawn actions only\)")


def recipe(explanation: Explanation) -> str:
    """Return a call of `staa_widgets.explain` that makes an explanation again.

    Of the video only its name is known, of the model its name: what has none that Python could open, such as frames in
    memory or a wrapped module, stands as a variable, and a comment says what it was. What is at its default is left
    out.

    Parameters
    ----------
    explanation
        What to make again.

    Returns
    -------
    str
        An expression; names of users are quoted as Python literals.
    """
    e = explanation
    arguments, notes = [_video(e)], []
    if arguments[0] == "video":
        notes.append(f"video: what {literal(e.clip_name)} was read from")
    model = _model(e)
    if model == "model":
        notes.append(f"model: {literal(e.model_id)}, made by staa.wrap_model")
    arguments += [model] * (model != "")
    arguments += [f"{name}={literal(value)}" for name, value in _named(e).items()]
    call = f"staa.explain({', '.join(arguments)})"
    if len(call) > WIDTH:
        call = "staa.explain(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"
    return call + (f"  # {'; '.join(notes)}" if notes else "")


def literal(value: Any) -> str:
    """Write a value as Python would read it, strings in double quotes where that needs nothing escaped."""
    plain = isinstance(value, str) and value.isprintable() and not {'"', "\\"} & set(value)
    return f'"{value}"' if plain else repr(value)


def _video(e: Explanation) -> str:
    return literal(e.clip_name) if re.search(r".\.\w{2,5}$", e.clip_name) else "video"


def _model(e: Explanation) -> str:
    model = e.provenance.get("model")
    if isinstance(model, dict) and model.get("family") == "generic":
        return "model"
    bundled = _BUNDLED.fullmatch(e.model_id)
    if bundled is None:
        return literal(e.model_id)
    return "" if bundled[1] == "bundled" else literal(bundled[1])


def _named(e: Explanation) -> dict[str, Any]:
    method, question = METHODS.get(e.method), question_of(e)
    named: dict[str, Any] = {"method": e.method}
    # As `question.restated` has it: a class that was not the predicted one must have been asked for.
    if e.target != int(e.logits.argmax()):
        label = e.labels[e.target]
        named["target"] = label if target_index(label, e.labels) == e.target else e.target
    if e.first_frame > 0:
        named["start"] = float(e.times[0])
    sampling = e.provenance.get("sampling", {})
    if e.first_frame > 0 or sampling.get("cut"):
        named["end"] = e.duration
    named |= {name: sampling[name] for name in ("window", "stride") if sampling.get(name) is not None}
    if question is not None:
        named |= {name: False for name in ("preview", "attention") if not getattr(question, name)}
    usual = {} if method is None else method.defaults
    return named | {
        key: value
        for key, value in e.params.items()
        if key.isidentifier() and not (key in usual and canonical(value) == canonical(usual[key]))
    }
