"""HTML is escaped, except markup that the helpers made."""

from __future__ import annotations

from staa_widgets.utils.html import comma_list, element, header_row, join_markup


def test_text_and_attributes_are_escaped_and_markup_is_not() -> None:
    link = element("a", "R&D <b>", href='x"y', class_="wide", data_row="1", title=None)
    assert link == '<a href="x&quot;y" class="wide" data-row="1">R&amp;D &lt;b&gt;</a>'
    assert element("p", link, None, " & more") == f"<p>{link} &amp; more</p>"


def test_empty_elements_have_no_end_tag() -> None:
    assert element("br") == "<br>"
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_joined_names_are_escaped() -> None:
    assert join_markup("<", element("br"), None, ">") == "&lt;<br>&gt;"
    assert comma_list(["a", "b<"]) == "a, b&lt;"
    assert comma_list([]) == ""
    assert header_row("a", "b") == '<tr><th scope="col">a</th><th scope="col">b</th></tr>'
