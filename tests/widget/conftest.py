"""Fixtures of the tests of the player without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from staa_widgets.explanation.explanation import Explanation
from tests.helpers.barcodes import barcode_explanation
from tests.helpers.comm import Pages, replace_comms


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pages:
    """The pages of the players that a test makes, which has a cache of its own."""
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    return replace_comms(monkeypatch)


@pytest.fixture(scope="module")
def bars() -> Explanation:
    """The explanation whose pictures carry their frame's index."""
    return barcode_explanation()
