"""Notices about an explanation: what a reader must know before believing it, as the player and the pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from staa_widgets.datasets.drawn_actions.style import LIMIT

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

FILM_MODEL = "MCG-NJU/videomae-base-finetuned-kinetics"
"""Published model for films that notices name: it knows 400 actions of people."""

FILM_MODEL_MB = 350
"""Size of this model's files in MB."""

MAX_COMPLETENESS_GAP = 0.05
"""Completeness gap above which attributions count as incomplete."""


class Notice(NamedTuple):
    """Something that a reader must know before believing an explanation.

    Parameters
    ----------
    kind
        ``"incomplete"``, ``"off_recipe"`` or ``"film"``.
    text
        What is the matter, in sentences.
    hint
        What to do about it, in one sentence; may be empty.
    code
        Python code that does it; may be empty.
    """

    kind: str
    text: str
    hint: str = ""
    code: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.text, self.hint, self.code)))


def list_notices(explanation: Explanation) -> list[Notice]:
    """Return the notices about an explanation, the gravest first."""
    notices = (describe_film(explanation), describe_recipe(explanation), describe_completeness(explanation))
    return [notice for notice in notices if notice is not None]


def describe_film(explanation: Explanation) -> Notice | None:
    """Return a notice if a model that knows drawn actions only was given a film or another clip."""
    deviation = explanation.provenance.get("style_deviation")
    if not isinstance(deviation, int | float) or deviation <= LIMIT:
        return None
    return Notice(
        "film",
        f"This small model knows {len(explanation.labels)} drawn actions and nothing of films, and this clip does not "
        "look like one of its drawings.",
        "What it says here means nothing. For a film, take a model that was trained on films:",
        f'staa.explain(video, "{FILM_MODEL}")',
    )


def describe_live_film(explanation: Explanation) -> str:
    """Return the notice of `describe_film` for a live explanation as one text; empty if there is none."""
    notice = describe_film(explanation)
    return "" if notice is None else f'{notice.text} {notice.hint} staa.live(source, "{FILM_MODEL}")'


def describe_completeness(explanation: Explanation) -> Notice | None:
    """Return a notice if the attributions are not complete, as for integrated gradients with too few steps."""
    gap, steps = explanation.provenance.get("completeness_gap"), explanation.params.get("steps")
    if not isinstance(gap, int | float) or gap <= MAX_COMPLETENESS_GAP:
        return None
    hint = f"Raise steps, for example steps={2 * steps}." if isinstance(steps, int) else ""
    return Notice(
        "incomplete",
        f"The attributions of method {explanation.method!r} do not add up: their sum differs by {gap:.0%} from the "
        "difference in the logit between clip and baseline.",
        hint,
    )


def describe_recipe(explanation: Explanation) -> Notice | None:
    """Return a notice if the model saw its frames much farther apart, or much closer, than in training."""
    sampling = explanation.provenance.get("sampling", {})
    if "off_recipe" not in sampling:
        return None
    ratio, recipe = sampling["off_recipe"], sampling.get("recipe", "")
    known = sampling.get("trained_seconds") is not None and isinstance(ratio, int | float)
    if known:
        change = f"{ratio:.3g} times farther apart" if ratio > 1 else f"{1 / ratio:.3g} times closer together"
        text = f"The model saw frames {change} than in training: {recipe}."
    else:
        text = f"The model saw few frames of a long clip: {recipe}."
    if known and ratio < 1:
        hint = "The clip, or window=, is much shorter than what the model was trained with."
    elif known:
        hint = "Give window='recipe', or a shorter window= in seconds."
    else:
        hint = "Give window= in seconds."
    if sampling.get("assumed_rate"):
        hint = f"Give the frames' times: open_clip(frames, fps=…). {hint}"
    return Notice("off_recipe", text, hint)
