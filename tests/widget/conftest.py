"""Fixtures for tests of the player without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from staa_widgets.explanation.explanation import Explanation
from tests.helpers.barcodes import barcode_explanation
from tests.helpers.comm import Pages, replace_comms


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pages:
    """Simulated pages of the players of a test; the test has its own cache."""
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    return replace_comms(monkeypatch)


@pytest.fixture(scope="module")
def bars() -> Explanation:
    """An explanation whose frames show their index as a barcode."""
    return barcode_explanation()
