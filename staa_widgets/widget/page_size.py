"""Keep a page within a number of megabytes by less quality of its frames; maps and numbers stay as they are."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING

from staa_widgets.errors import ExportError, ParameterError, ReducedQualityWarning
from staa_widgets.video.preview_size import SmallerPreviews, smaller_previews

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.video.preview import Preview

MEGABYTE = 1_000_000

BASE64 = 4 / 3
"""Characters of a page for each byte of its frames."""


def fit_page(
    explanations: Sequence[Explanation], write: Callable[[Sequence[Explanation]], bytes], max_mb: float
) -> bytes:
    """Return a page of at most `max_mb` megabytes (10⁶ bytes), with frames of less quality if it does not fit.

    Parameters
    ----------
    explanations
        Explanations to show.
    write
        Function that returns the page of explanations.
    max_mb
        Largest size of the page.

    Raises
    ------
    ExportError
        If the page does not fit at the lowest quality; the message says how small it can be.
    ParameterError
        If `max_mb` is not a positive number.
    """
    if isinstance(max_mb, bool) or not isinstance(max_mb, Real) or not 0 < max_mb < float("inf"):
        raise ParameterError(f"max_mb is {max_mb!r}.", "Give a number of megabytes above 0, or omit it.")
    page = write(explanations)
    full_size, limit = len(page), max_mb * MEGABYTE
    if full_size <= limit:
        return page
    smallest = full_size
    previews = _distinct_previews(explanations)
    frame_bytes = sum(preview.data.size for preview in previews)
    room = (limit - (full_size - BASE64 * frame_bytes)) / BASE64
    for level in smaller_previews(previews, int(room)) if previews else ():
        page = write([_with_preview(e, previews, level) for e in explanations])
        smallest = min(smallest, len(page))
        if len(page) <= limit:
            warnings.warn(
                f"The page has {_megabytes(len(page))} MB in place of {_megabytes(full_size)}, to fit into max_mb="
                f"{max_mb:g}: its frames have {_describe_level(previews, level)}. Maps and numbers are unchanged.",
                ReducedQualityWarning,
                stacklevel=5,  # The line that called `Explanation.to_html` or `export`.
            )
            return page
    raise ExportError(
        f"The page cannot fit into max_mb={max_mb:g}: it has {_megabytes(full_size)} MB, and {_megabytes(smallest)} MB "
        "with its frames at the lowest quality.",
        f"Give max_mb={_megabytes(smallest)} or more, explain a shorter part of the clip with start= and end=, or "
        "explain with attention=False.",
    )


def _distinct_previews(explanations: Sequence[Explanation]) -> list[Preview]:
    """Return the previews of the explanations; those of one clip count once, because a page holds them once."""
    previews: list[Preview] = []
    for e in explanations:
        if e.preview is not None and not any(_same(e.preview, other) for other in previews):
            previews.append(e.preview)
    return previews


def _same(one: Preview, other: Preview) -> bool:
    return one is other or (one.data.size == other.data.size and one.data.tobytes() == other.data.tobytes())


def _with_preview(e: Explanation, previews: Sequence[Preview], level: SmallerPreviews) -> Explanation:
    """Return an explanation with its preview of a level, named among the details of its run."""
    if e.preview is None:
        return e
    smaller = next(new for old, new in zip(previews, level.previews, strict=True) if _same(old, e.preview))
    return replace(
        e, preview=smaller, provenance={**e.provenance, "frames of this page": _describe_level([e.preview], level)}
    )


def _describe_level(previews: Sequence[Preview], level: SmallerPreviews) -> str:
    text = f"JPEG quality {level.quality}"
    if level.scale < 1:
        sizes = dict.fromkeys(f"{preview.width} × {preview.height}" for preview in previews)
        text += f" and {level.scale:.0%} of the width and height ({', '.join(sizes)} before)"
    return text


def _megabytes(size: int) -> str:
    """Return bytes as megabytes, rounded up to a hundredth."""
    return f"{-(-size // 10_000) / 100:g}"
