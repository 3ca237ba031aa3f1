"""Elements and texts of a page of HTML."""

from __future__ import annotations

from html.parser import HTMLParser


class PageReader(HTMLParser):
    """Collects elements with their attributes and the text inside."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")
        self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[-1] += data

    def texts_of(self, tag: str, **attributes: str) -> list[str]:
        """Return the texts of the elements with a tag and these attributes."""
        pairs = zip(self.elements, self.texts, strict=True)
        return [text for (name, present), text in pairs if name == tag and attributes.items() <= present.items()]
