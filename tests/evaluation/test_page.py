"""A page: everything inside it, text as text, numbers as they are."""

import json
import math

import numpy as np
import pytest

from tessera.evaluation import page
from tessera.evaluation.film import Film, Strip
from tessera.evaluation.page import Cell, Fold, Page, Section, Shown, Table
from tests.evaluation import markup

ODD = "</script><b>&\"'"


def film(text="0.00 ns"):
    strips = [Strip(name, "", "#000000", [b"one", b"two"]) for name in ("simulation", ODD)]
    return Film(3, "temperature", "300 K", "3000 K", ["#000000", "#ffffff"], [text, "0.17 ns"], strips)


def rendered(*sections, title="demo", verdict="so", settings="name: demo"):
    return page.render(Page(title, verdict, list(sections), settings))


def test_sections_come_in_order_and_links_lead_to_them():
    elements = markup.read(rendered(Section("one", "First", ["Hello."]), Section("two", "Second")))
    assert [one.attributes["id"] for one in elements if one.tag == "section"] == ["one", "two"]
    links = [(one.attributes["href"], one.said) for one in elements if one.tag == "a"]
    assert [link for link in links if link[1] != "study.yaml"] == [
        ("#one", "First"),
        ("#two", "Second"),
    ]
    assert [one.said for one in elements if one.tag == "h2"] == ["First", "Second"]


def test_text_stays_text_wherever_it_is():
    shown = Shown(ODD, "data:image/png;base64,", 4, 3, "figures/it.pdf", ODD)
    told = Table("t", ODD, [ODD], [[Cell(ODD, note=ODD)]])
    fold = Fold(ODD, [told._replace(name="u")], [shown._replace(name="x")])
    section = Section("one", ODD, [ODD], [told], [shown], [film(ODD)], [fold])
    elements = markup.read(rendered(section, title=ODD, verdict=ODD, settings=ODD))
    assert not [one for one in elements if one.tag == "b"]
    for tag in ("h2", "p", "th", "td", "small", "summary", "figcaption", "pre"):
        assert [one for one in elements if one.tag == tag and ODD in one.said], tag


def test_numbers_stand_in_the_page_as_they_are():
    row = [Cell("name"), Cell("0.333", 1 / 3, "third", best=True), Cell("undefined", math.nan, "none")]
    found = markup.by_id(markup.read(rendered(Section("one", "One", tables=[Table("t", "", ["", "a", "b"], [row])]))))
    assert float(found["third"].attributes["data-value"]) == 1 / 3
    assert found["third"].attributes["class"] == "best" and "class" not in found["none"].attributes
    assert math.isnan(float(found["none"].attributes["data-value"])) and found["none"].said == "undefined"


def test_a_note_stands_below_its_number_with_its_tone():
    row = [Cell("3.1", 3.1, "it", note="+1 to +2", tone="worse"), Cell("2", 2.0)]
    elements = markup.read(rendered(Section("one", "One", tables=[Table("t", "", ["a", "b"], [row])])))
    (note,) = [one for one in elements if one.tag == "small"]
    assert (note.said, note.attributes) == ("+1 to +2", {"class": "worse"})
    assert markup.by_id(elements)["it"].said == "3.1 +1 to +2"


def test_what_is_folded_is_closed_and_there():
    table = Table("t", "", ["a"], [[Cell("1", 1.0, "folded")]])
    elements = markup.read(rendered(Section("one", "One", folded=[Fold("All of it", [table])])))
    (fold,) = [one for one in elements if one.tag == "details" and "id" not in one.attributes]
    assert "open" not in fold.attributes and fold.said.startswith("All of it") and "folded" in markup.by_id(elements)


def test_a_figure_keeps_its_size_and_links_to_its_file():
    shown = Shown("it", page.uri(b"png", "png"), 40, 30, "figures/it.pdf", "What it shows.")
    elements = markup.read(rendered(Section("one", "One", shown=[shown])))
    (image,) = [one for one in elements if one.tag == "img"]
    assert (image.attributes["width"], image.attributes["height"]) == ("40", "30")
    assert image.attributes["alt"] == "What it shows."
    assert "figures/it.pdf" in [one.attributes.get("href") for one in elements]


def test_a_film_carries_every_picture_and_time():
    elements = markup.read(rendered(Section("one", "One", films=[film(), film()._replace(field="pressure")])))
    carried = [json.loads(one.said) for one in elements if one.attributes.get("type") == "application/json"]
    assert len(carried) == 2
    assert carried[0]["times"] == ["0.00 ns", "0.17 ns"]
    assert carried[0]["strips"] == [[page.uri(picture, "webp") for picture in (b"one", b"two")]] * 2
    assert [one.said for one in elements if one.tag == "option"] == ["temperature", "pressure"]
    (slider,) = [one for one in elements if one.tag == "input"]
    assert (slider.attributes["min"], slider.attributes["max"]) == ("0", "1")


def test_a_page_names_no_address_of_a_network():
    text = rendered(Section("one", "One", ["Hello."], films=[film()]))
    assert "http:" not in text and "https:" not in text and 'src="//' not in text


def test_a_page_repeats():
    section = Section("one", "One", ["Hello."], films=[film()])
    assert rendered(section) == rendered(section)


@pytest.mark.parametrize(
    ("values", "unit", "text"),
    [
        ([1000.0, 1000.0], "m s-1", "1 km/s"),
        ([500.0, 1500.0], "m s-1", "0.5 to 1.5 km/s"),
    ],
)
def test_a_range_is_told_with_its_unit_once(values, unit, text):
    assert page.span(np.array(values), unit) == text


def test_shares_are_told_in_per_cent():
    assert page.percentages(np.array([0.04, 0.123])) == "4.0% to 12.3%"
