"""Colors of the report's figures."""

from __future__ import annotations

# Palette of Okabe and Ito, safe for color-blind readers, without yellow, which is hardly visible on white.
METHOD_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#4b2991", "#7a4b12")
GROUP_COLORS = {"attention": "#0072b2", "gradient": "#d55e00", "perturbation": "#009e73", "control": "#8a919e"}


def make_transparent(color: str) -> str:
    """Return a color ``#rrggbb`` made transparent, so that lines behind it are visible."""
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.13)"
