"""A page that works offline: sections of text, tables, figures and films, rendered as HTML with all pictures inside."""

import base64
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tessera.data import outputs
from tessera.evaluation import figures
from tessera.evaluation.film import Film


class Shown(NamedTuple):
    """A figure on the page: its name, PNG as data URI, size in pixels, PDF relative to the page, caption."""

    name: str
    source: str
    width: int
    height: int
    pdf: str
    caption: str


class Table(NamedTuple):
    """A table on the page: name, caption, titles of the columns, rows of cells."""

    name: str
    caption: str
    columns: list[str]
    rows: list[list["Cell"]]


class Cell(NamedTuple):
    """A cell: text, SI value where it is a number, name to find it by, whether it is the best, a note and its tone."""

    text: str
    value: float | None = None
    name: str = ""
    best: bool = False
    note: str = ""
    tone: str = ""


class Fold(NamedTuple):
    """What is shown only when asked for: its title, tables and figures."""

    title: str
    tables: Sequence[Table] = ()
    shown: Sequence[Shown] = ()


class Section(NamedTuple):
    """A part of the page: name for links, title, paragraphs, commands, tables, films, figures, folds; if measured."""

    name: str
    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    shown: Sequence[Shown] = ()
    films: Sequence[Film] = ()
    folded: Sequence[Fold] = ()
    measured: bool = False
    commands: Sequence[str] = ()


class Page(NamedTuple):
    """The whole page."""

    title: str
    verdict: str
    sections: list[Section]
    settings: str


def render(page: Page) -> str:
    """Return the page as HTML that needs nothing beside it."""
    environment = Environment(
        loader=PackageLoader("tessera.evaluation"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["picture"] = lambda picture: uri(picture, "webp")
    environment.filters["file"] = lambda text: uri(text.encode(), "yaml", "application")
    environment.filters["json"] = lambda value: Markup(json.dumps(value).replace("<", "\\u003c"))
    return environment.get_template("report.html.j2").render(page=page, measured=outputs.MEASURED)


def uri(content: bytes, kind: str, family: str = "image") -> str:
    """Return a picture, or a file of another family, as data URI."""
    return f"data:{family}/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def span(values: np.ndarray, unit: str) -> str:
    """Return the range of SI values with the unit in which they are shown."""
    low, high = float(values.min()), float(values.max())
    ends = [figures.number(low, unit)] if low < high else []
    return " to ".join([*ends, figures.display(high, unit)])


def percentages(values: np.ndarray) -> str:
    """Return the range of shares in per cent."""
    return f"{values.min():.1%} to {values.max():.1%}"
