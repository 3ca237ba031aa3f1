"""Frames of the site that show exported pages."""

from __future__ import annotations

import html


def player_frame(path: str, title: str, height: int = 640) -> str:
    """Return the HTML of a frame that shows an exported page.

    Parameters
    ----------
    path
        Path of the exported page, as seen from the page with the frame.
    title
        Title of the frame, for screen readers.
    height
        Height in CSS pixels.
    """
    path, title = html.escape(path), html.escape(title)
    return (
        f'<figure class="staa-frame"><iframe src="{path}" title="{title}" loading="lazy" style="height: {height}px">'
        f'</iframe><figcaption>{title} <a href="{path}">Open this page by itself</a></figcaption></figure>'
    )
