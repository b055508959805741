"""The report in a real browser without a network: numbers, pictures, films, links, and windows wide and narrow."""

import json
import math

import pandas as pd
import pytest

from tessera.evaluation import verdict

pytestmark = pytest.mark.browser
FILMS = ("film-rollouts-meso", "film-rollouts-micro")


@pytest.fixture(scope="module")
def page(browser, results):
    """Return the browser with the report open, and nothing of earlier pages in its logs."""
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get((results / "report" / "index.html").as_uri())
    browser.execute_script("document.documentElement.style.scrollBehavior = 'auto'")  # a click waits for no scrolling
    return browser


@pytest.fixture
def film(page, request):
    """Return the parts of a film by name, back at its first snapshot and field."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    whole = page.find_element(By.ID, request.param)
    found = {
        "slider": whole.find_element(By.CSS_SELECTOR, "input[type=range]"),
        "time": whole.find_element(By.TAG_NAME, "output"),
        "field": Select(whole.find_element(By.TAG_NAME, "select")),
        "button": whole.find_element(By.TAG_NAME, "button"),
        "images": lambda: [one for one in whole.find_elements(By.TAG_NAME, "img") if one.is_displayed()],
    }
    found["field"].select_by_index(0)
    move(page, found["slider"], 0)
    return found


def move(page, slider, value):
    page.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))",
        slider,
        value,
    )


def sources(images):
    return [image.get_attribute("src") for image in images]


def loaded(page):
    """Return [width, alternative text] of every picture of the page once all are decoded."""
    wait = "const done = arguments[0]; const all = [...document.images].filter(image => image.src);"
    wait += "Promise.allSettled(all.map(image => image.decode())).then(() => "
    return page.execute_async_script(wait + "done(all.map(image => [image.naturalWidth, image.alt])))")


def test_headline_numbers_are_those_of_the_summary(page, results):
    from selenium.webdriver.common.by import By

    short = pd.read_csv(results / "scores" / "meso.csv", na_values=["undefined"])
    shown = 0
    for model in ("tessera", "parcv2", "cnext", "persistence"):
        rows = short[short["model"] == model].set_index("metric")["mean"]
        for metric in verdict.HEADLINES:
            cell = page.find_element(By.ID, f"headline-{model}-{metric}")
            value, text = float(cell.get_attribute("data-value")), cell.text
            assert value == pytest.approx(rows[metric], rel=1e-5, nan_ok=True)
            assert text.split()[0] == "undefined" if math.isnan(value) else text[0].isdigit()
            shown += cell.is_displayed()
    assert shown == 4 * len(verdict.HEADLINES)
    assert page.title == "tessera: synthetic"
    assert "tessera" in page.find_element(By.ID, "verdict").text


def test_every_picture_is_there(page):
    from selenium.webdriver.common.by import By

    for details in page.find_elements(By.TAG_NAME, "details"):
        page.execute_script("arguments[0].open = true", details)
    pictures = loaded(page)
    assert len(pictures) > 15
    assert [name for width, name in pictures if not width] == []
    assert [name for _, name in pictures if not name] == []


@pytest.mark.parametrize("film", FILMS, indirect=True)
def test_the_slider_changes_pictures_and_time(page, film):
    from selenium.webdriver.common.keys import Keys

    first, time = sources(film["images"]()), film["time"].text
    last = int(film["slider"].get_attribute("max"))
    film["slider"].send_keys(Keys.ARROW_RIGHT)
    assert film["slider"].get_property("value") == "1"
    assert float(film["time"].text.removesuffix(" ns")) > float(time.removesuffix(" ns")) == 0.0
    move(page, film["slider"], last)
    pictures = sources(film["images"]())
    assert len(pictures) == 4
    assert all(old != new for old, new in zip(first, pictures, strict=True))
    assert len(set(pictures)) == 4


@pytest.mark.parametrize("film", FILMS, indirect=True)
def test_the_selector_switches_the_field_at_the_same_time(page, film):
    move(page, film["slider"], 3)
    time, seen = film["time"].text, []
    names = [option.text for option in film["field"].options]
    assert names == ["temperature", "pressure", "solid fraction"]
    for name in names:
        film["field"].select_by_visible_text(name)
        images = film["images"]()
        assert [image.get_attribute("alt").partition(",")[0] for image in images] == [name] * 4
        assert all(width for width, _ in loaded(page))
        assert film["time"].text == time
        seen += sources(images)
    assert len(set(seen)) == len(seen) == 4 * len(names)


@pytest.mark.parametrize("film", FILMS[:1], indirect=True)
def test_the_button_plays_and_pauses(page, film):
    from selenium.webdriver.support.ui import WebDriverWait

    film["button"].click()
    assert film["button"].text == "Pause"
    WebDriverWait(page, 10).until(lambda _: int(film["slider"].get_property("value")) >= 2)
    film["button"].click()
    assert film["button"].text == "Play"
    held = [film["time"].text, film["slider"].get_property("value")]
    page.execute_async_script("setTimeout(arguments[0], 500)")
    assert [film["time"].text, film["slider"].get_property("value")] == held


def test_links_lead_to_sections_and_to_files_that_are_there(page, results):
    from selenium.webdriver.common.by import By

    links = [link.get_dom_attribute("href") for link in page.find_elements(By.TAG_NAME, "a")]
    inside = [link.removeprefix("#") for link in links if link.startswith("#")]
    outside = [link for link in links if not link.startswith(("#", "data:"))]
    sections = [section.get_attribute("id") for section in page.find_elements(By.TAG_NAME, "section")]
    assert inside == sections and len(set(sections)) == len(sections) > 8
    assert len(outside) > 10
    assert [link for link in outside if not (results / "report" / link).is_file()] == []


def test_a_link_brings_its_heading_into_sight(page):
    from selenium.webdriver.common.by import By

    for link in page.find_elements(By.CSS_SELECTOR, "nav a"):
        link.click()
        below = "return document.querySelector(arguments[0] + ' h2').getBoundingClientRect().bottom"
        heading = page.execute_script(below, link.get_dom_attribute("href"))
        bar = page.execute_script("return document.querySelector('nav').getBoundingClientRect().bottom")
        assert bar < heading <= page.execute_script("return innerHeight"), link.text


@pytest.mark.parametrize("width", [1280, 420])
def test_nothing_is_wider_than_the_window(page, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        reach = "const root = document.documentElement; return [innerWidth, root.scrollWidth, root.clientWidth]"
        window, needed, given = page.execute_script(reach)
        assert window == width
        assert needed <= given
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_identifiers_are_of_one_element_each(page):
    identifiers = page.execute_script("return [...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(identifiers) > 20 and len(set(identifiers)) == len(identifiers)


def test_nothing_was_asked_of_a_network_and_nothing_went_wrong(page, results):
    """Last, for it looks back on all that the tests above did."""
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    requests = [one["params"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    address = (results / "report" / "index.html").as_uri()
    asked = {one["request"]["url"] for one in requests if one["documentURL"].partition("#")[0] == address}
    assert address in asked
    assert {url for url in asked if not url.startswith("data:")} == {address}
    assert [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []
