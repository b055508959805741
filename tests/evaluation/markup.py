"""What a page says, element by element, without a browser."""

from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

VOID = {"meta", "img", "input", "br", "link", "hr"}


class Element(NamedTuple):
    """An element: its tag, its attributes, and the text inside it and its children."""

    tag: str
    attributes: dict[str, str]
    text: list[str]

    @property
    def said(self) -> str:
        """The text with single spaces."""
        return " ".join("".join(self.text).split())


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.elements, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, []))
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        closed = self.open.pop()
        assert closed.tag == tag, f"expected </{closed.tag}>, got </{tag}>"

    def handle_data(self, data):
        for element in self.open:
            element.text.append(data)


def read(page: str | Path) -> list[Element]:
    """Return the elements of a page in order; refuses tags that do not match."""
    reader = _Reader()
    reader.feed(page.read_text(encoding="utf-8") if isinstance(page, Path) else page)
    reader.close()
    assert reader.open == []
    return reader.elements


def by_id(elements: list[Element]) -> dict[str, Element]:
    """Return the elements that have an id, by it; refuses one that is there twice."""
    named = [element for element in elements if "id" in element.attributes]
    found = {element.attributes["id"]: element for element in named}
    assert len(found) == len(named)
    return found
