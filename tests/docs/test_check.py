"""The check of the built site reports each kind of fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.site import check


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<a href="none.html">', "index.html: there is no none.html"),
        ('<a href="other.html#none">', "index.html: there is no anchor other.html#none"),
        ('<a href="#none">', "index.html: there is no anchor #none"),
        ('<img src="none.png">', "index.html: there is no none.png"),
        (
            '<script src="https://cdn.example/x.js"></script>',
            "index.html: loads https://cdn.example/x.js from elsewhere",
        ),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "index.html: loads //cdn.example/x.css from elsewhere"),
        ('<iframe src="http://example.org"></iframe>', "index.html: loads http://example.org from elsewhere"),
    ],
)
def test_faults_of_a_page(tmp_path: Path, html: str, fault: str):
    (tmp_path / "other.html").write_text('<p id="here">')
    (tmp_path / "index.html").write_text(html)
    assert check.find_faults(tmp_path) == [fault]


def test_a_good_site_has_no_faults(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "index.html").write_text('<h1 id="a b">')
    (tmp_path / "index.html").write_text(
        '<a href="folder/">x</a><a href="folder/index.html?x=1#a%20b">x</a><a href="https://example.org">x</a>'
        '<img src="data:image/png;base64,"><a href="#">top</a>'
    )
    (tmp_path / "a.css").write_text("p { background: url(x.png) }")
    assert check.find_faults(tmp_path) == []


def test_style_sheets_and_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.css").write_text('@import "https://cdn.example/x.css";')
    (tmp_path / "a.html").write_text("x" * 100)
    monkeypatch.setattr(check, "PAGE_BYTES", 99)
    monkeypatch.setattr(check, "SITE_BYTES", 120)
    assert check.find_faults(tmp_path) == [
        "a.html has 100 bytes; at most 99 are allowed",
        "a.css loads a file from elsewhere",
        "the site has 136 bytes; at most 120 are allowed",
    ]
