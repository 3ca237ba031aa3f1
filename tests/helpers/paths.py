"""Paths in the repository that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The repository."""
TESTS = ROOT / "tests"
PROTOCOL = TESTS / "protocol"
"""Messages and payloads that Python and TypeScript are both tested against."""
STATIC = ROOT / "staa_widgets" / "widget" / "static"
"""The built player."""
JS_SOURCE = ROOT / "js" / "src"
AXE = ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js"
"""Accessibility checker that runs in a page."""
