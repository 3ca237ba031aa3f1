"""Write explanations as one HTML file that plays in any browser, without a network."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staa_widgets.render.style import HeatStyle
from staa_widgets.utils.files import export_bytes
from staa_widgets.utils.html import escape_text, source_hash
from staa_widgets.widget.bundle import read_bundle
from staa_widgets.widget.page_size import fit_page
from staa_widgets.widget.panes import PaneInput, as_panes, own_names, pack_panes
from staa_widgets.widget.settings import check_settings

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="staa_widgets">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body class="staa-page">
<noscript>This page needs JavaScript to play the video and its heat map.</noscript>
{payload}
<script>{script}</script>
</body>
</html>
"""


def to_html(
    explanation: PaneInput,
    path: str | os.PathLike[str],
    style: HeatStyle | None = None,
    *,
    max_mb: float | None = None,
    **settings: Any,
) -> Path:
    """Write an HTML page that plays the clip under its heat map.

    The page is one file. It opens from disk and inside ``<iframe sandbox="allow-scripts" srcdoc="…">``. It loads
    nothing from a network; its Content-Security-Policy forbids this.

    Parameters
    ----------
    explanation
        Explanation to show; or up to four explanations or a `Comparison`, to show side by side. Without a preview the
        heat map is drawn on a plain background.
    path
        File to write; an existing file is replaced atomically.
    style
        Style of the heat map when the page opens.
    max_mb
        Largest size of the page in megabytes (10⁶ bytes). If the page is larger, its frames are encoded again with
        less quality, then with fewer pixels, and a `ReducedQualityWarning` and the details of the run say so. Maps and
        numbers stay as they are. Default: no limit.
    **settings
        Other settings of `staa_widgets.Player` when the page opens, such as ``layer=3, opacity=0.5``; they take
        precedence over `style`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ExportError
        If the file cannot be written, the page cannot fit into `max_mb`, or the player was not built.
    ParameterError
        If `max_mb` is not a positive number.
    SettingError
        If a setting has an invalid value.
    TypeError
        If a setting does not exist.
    """
    if style is not None:
        settings = {**asdict(style), **settings}

    panes = as_panes(explanation)
    names = own_names(explanation, len(panes))

    def write(panes: Sequence[Explanation]) -> bytes:
        return _page_text(panes, names, **settings).encode()

    content = write(panes) if max_mb is None else fit_page(panes, write, max_mb)
    return export_bytes(path, content, "page")


def page_text(explanation: PaneInput, **settings: Any) -> str:
    """Return the text of the page that `to_html` writes; raises the same errors."""
    panes = as_panes(explanation)
    return _page_text(panes, own_names(explanation, len(panes)), **settings)


def _page_text(panes: Sequence[Explanation], names: Sequence[str], **settings: Any) -> str:
    state = check_settings(panes, settings, "to_html")
    descriptions = [f"{e.target_name} · {e.method}" for e in panes]
    title = f"{panes[0].clip_name or 'Clip'} · {' | '.join(descriptions)}"
    return payload_page(pack_panes(panes, names), state, title)


def payload_page(payload: Mapping[str, Any], state: Mapping[str, Any], title: str) -> str:
    """Return the text of a page that plays a payload.

    Parameters
    ----------
    payload
        As returned by `staa_widgets.widget.panes.pack_panes`.
    state
        Settings of the player, as stored by `staa_widgets.Player`.
    title
        Title of the page.
    """
    script, style = read_bundle("page.js"), read_bundle("widget.css")
    elements = [_payload_element(name, value) for name, value in {**payload, "state": state}.items()]
    return _PAGE.format(
        policy=f"default-src 'none'; script-src {source_hash(script)}; style-src {source_hash(style)}; img-src data:",
        title=escape_text(title),
        style=style,
        payload="\n".join(elements),
        script=script,
    )


def _payload_element(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        return f'<script type="text/plain" data-staa="{name}">{base64.b64encode(value).decode()}</script>'
    # Names given by users may contain "</script" or "<!--", which would end the script element: escape every "<".
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" data-staa="{name}">{text}</script>'
