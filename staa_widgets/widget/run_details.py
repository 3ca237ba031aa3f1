"""List the details of a run as names and texts, enough to repeat the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from staa_widgets.utils.canonical import to_json_value

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation


def run_details(e: Explanation) -> list[tuple[str, str]]:
    """Return the names and values that describe a run, as the player lists them; unknown values are left out.

    Raises
    ------
    ParameterError
        If the explanation's parameters or provenance cannot be written as JSON.
    """
    slices, rows, columns = e.maps.shape
    width, height = e.frame_size
    # The provenance also holds the box and the parameters, but these are listed separately.
    provenance = [
        (name, value)
        for name, value in _flatten(to_json_value(e.provenance))
        if name != "box" and not name.startswith("method · params")
    ]
    details = [
        ("method", e.method),
        *_flatten(to_json_value(e.params), "parameter · "),
        ("model", e.model_id),
        ("explained class" if isinstance(e.explained_target, int) else "explained", e.target_name),
        ("clip", e.clip_name),
        ("clip SHA-256", e.clip_sha256),
        ("frame size", f"{width} × {height}"),
        ("time", f"{e.spans[0, 0]:.2f} s – {e.spans[-1, 1]:.2f} s, {len(e.times)} frames"),
        ("preview", _describe_preview(e)),
        ("map", f"{slices} slices of {rows} × {columns} patches"),
        ("model input box (x0, y0, x1, y1)", ", ".join(f"{edge:.1f}" for edge in e.box)),
        ("sampled frames", ", ".join("+".join(map(str, frames)) for frames in e.sampled_frames.tolist())),
        *provenance,
    ]
    texts = [(name, _format_value(value)) for name, value in details]
    return [(name, text) for name, text in texts if text]


def _describe_preview(e: Explanation) -> str:
    if e.preview is None:
        return "none"
    kept_count, total = len(e.preview), len(e.times)
    frames = "all frames" if kept_count == total else f"{kept_count} of {total} frames"
    return f"{frames}, {e.preview.width} × {e.preview.height}"


def _flatten(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings, each with the path of names that leads to it."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{path}{name} · ")
        else:
            yield path + name, value


def _format_value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_format_value, value))
    return f"{value:.5g}" if isinstance(value, float) else str(value)
