"""One sentence that states an explanation: the prediction, when and where the attribution is strongest, the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.explanation.ground_truth import explanation_ground_truth
from staa_widgets.explanation.notices import describe_film
from staa_widgets.explanation.own_maps import OWN_MAPS, is_own_maps
from staa_widgets.explanation.peak import describe_position, describe_total
from staa_widgets.methods import METHODS
from staa_widgets.methods.registry import method_title
from staa_widgets.records.problem import format_score
from staa_widgets.utils.text import readable_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from staa_widgets.explanation.explanation import Explanation

EVEN = 1.02
"""Ratio up to which maps count as even: strongest slice to an equal share, or strongest cell to the weakest."""

CLOSE_TO_EVEN = 1.5
"""Ratio of the strongest slice to an equal share up to which the sentence names the equal share."""


def summarize(explanation: Explanation, map_name: str = "") -> str:
    """Return one sentence: what the model says, when and where it looked most, and whether that is on the action.

    The player, pages, images and the command line all show this sentence.

    Parameters
    ----------
    explanation
        The explanation. The action is known if it has ground truth.
    map_name
        Name of its maps if they are not those of its method, such as ``"attention of layer 2, head 1"``.

    Returns
    -------
    str
        For example: ``"The model says jump (90%) and looked most from 1.20 to 1.60 s (23% of the attribution), at the
        top left, on the action."``
    """
    e = explanation
    subject = f"the {map_name}" if map_name else _name_maps(e)
    parts = [part for part in (_describe_prediction(e), _describe_peak(e, subject)) if part]
    # "The model says wave (90%), though …, and looked …", but "The model says wave (90%), though …; saliency is …".
    sentence = "; ".join(part.removesuffix(",") for part in parts) if subject else " and ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}{_describe_truth(e)}."


def _describe_prediction(e: Explanation) -> str:
    label, score = e.predictions(1)[0]
    score_text = format_score(score, e.problem_type)
    if not score_text:
        return ""
    truth = e.ground_truth
    is_mistaken = truth is not None and truth.label != label and e.problem_type != "regression"
    mistake = f", though the clip shows {readable_name(truth.label)}," if truth is not None and is_mistaken else ""
    if describe_film(e) is not None:
        mistake = ", though it knows drawn actions only,"
    return f"the model says {readable_name(label)} ({score_text}){mistake}"


def _model_looked(e: Explanation) -> bool:
    """Return whether the maps are the model's attention for its prediction, so that "it looked" is true of them."""
    method = METHODS.get(e.method)
    attends = method is not None and method.group == "attention" and not method.exploratory
    return attends and _explains_prediction(e)


def _explains_prediction(e: Explanation) -> bool:
    """Return whether the predicted class is explained, and not another class, a difference or a function."""
    return e.has_predictions and e.explained_target == int(e.logits.argmax())


def _describe_peak(e: Explanation, subject: str) -> str:
    """Return when and where the maps are strongest; without a subject, when and where the model looked most."""
    if _is_even(e.maps):
        return f"{subject} is the same everywhere" if subject else "looked everywhere alike"
    start = f"{subject} is strongest" if subject else "looked most"
    if e.has_predictions and not _explains_prediction(e):
        start += f" for {readable_name(e.target_name)}"
    position = _describe_place(e)
    if _is_even_over_time(e):
        return f"{start} {position}, at all times alike"
    total = describe_total(signed=e.temporal_signed is not None)
    strongest, even = e.temporal[e.peak.slice], 1 / len(e.maps)
    share = f"{strongest:.0%} of the {total}"
    if strongest < CLOSE_TO_EVEN * even:
        share += f"; an even share is {100 * even:.3g}%"
    return f"{start} from {e.peak.start:.2f} to {e.peak.end:.2f} s ({share}), {position}"


def _name_maps(e: Explanation) -> str:
    """Return the subject of a sentence about the maps; an empty string if it is the model, which looked."""
    if _model_looked(e):
        return ""
    method = METHODS.get(e.method)
    if method is not None and method.exploratory:
        return "the attention of the selected patch"
    title = readable_name(method_title(e.method.removeprefix(f"{OWN_MAPS}: ") if is_own_maps(e.method) else e.method))
    return f"the control {title}" if method is not None and method.group == "control" else title


def _describe_place(e: Explanation) -> str:
    even = _is_even(e.maps[e.peak.slice])
    return "over the whole frame" if even else f"at the {describe_position(e.peak, e.frame_size)}"


def _is_even(maps: NDArray[np.float32]) -> bool:
    """Return whether no cell is clearly stronger than the others."""
    magnitude = np.abs(maps)
    return float(magnitude.max()) <= EVEN * float(magnitude.min())


def _is_even_over_time(e: Explanation) -> bool:
    return float(e.temporal.max()) * len(e.maps) <= EVEN


def _describe_truth(e: Explanation) -> str:
    truth, grid = e.ground_truth, explanation_ground_truth(e)
    if truth is None or grid is None or not grid.where.any() or _is_even(e.maps):
        return ""
    peak = e.peak.slice
    cell = np.unravel_index(int(np.abs(e.maps[peak]).argmax()), e.maps.shape[1:])
    spans = " and ".join(f"{start:.2f} to {end:.2f} s" for start, end in truth.spans(e.times, e.end))
    if not grid.when[peak] and not _is_even_over_time(e):
        return f", not on the action, which lasts from {spans}"
    if _is_even(e.maps[peak]):
        return ", while the action lasts"
    slices = slice(None) if _is_even_over_time(e) else peak
    return ", on the action" if grid.where[slices][..., cell[0], cell[1]].any() else ", beside the action"
