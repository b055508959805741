"""`tessera view` in a real browser without a network: pictures, choices, values under the pointer, and its end."""

import io
import json
import re
import signal
import socket

import numpy as np
import pytest
from PIL import Image

from tessera.evaluation import figures
from tests.evaluation import synthetic
from tests.viewer import study
from tests.viewer.serving import serving

pytestmark = pytest.mark.browser
TRUTH, MADE = "picture ensembles/meso.json", "picture predictions/meso/parcv2/n4_s0_test.json"
MISSED = MADE.replace("picture", "difference")
CELL = 0.1608  # of the synthetic meso ensemble [µm]
FIND = """
const found = [], wanted = arguments[0]
function search(root) {
  for (const one of root.querySelectorAll('*')) {
    if (one.matches(wanted)) { found.push(one) }
    if (one.shadowRoot) { search(one.shadowRoot) }
  }
}
search(document)
return arguments[1] ? found.map((one) => one.textContent) : found
"""
FRAME = """
const [view] = window.Bokeh ? [...Bokeh.index.query((one) => one.model.name === arguments[0])] : []
if (!view?.frame_view || view.el.offsetParent === null) { return null }
const box = view.el.getBoundingClientRect(), frame = view.frame_view.bbox, {x_range, y_range} = view.model
return {left: box.left + frame.x0, top: box.top + frame.y0, width: frame.x1 - frame.x0, height: frame.y1 - frame.y0,
        x: [x_range.start, x_range.end], y: [y_range.start, y_range.end]}
"""


class Seen:
    """The page as a visitor sees and uses it."""

    def __init__(self, driver):
        self.driver = driver

    def find(self, selector):
        return self.driver.execute_script(FIND, selector)

    def text(self):
        return " ".join(self.driver.execute_script(FIND, "h1, p, b, span", True))

    def snapshot(self):
        """Return which snapshot the page says it shows, from 0."""
        return int(re.search(r"snapshot (\d) of 8", self.text())[1]) - 1

    def wait(self, condition, what):
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        waiting = WebDriverWait(self.driver, 20, 0.1, ignored_exceptions=[StaleElementReferenceException])
        return waiting.until(lambda _: condition(), f"expected {what}")

    def frame(self, name):
        """Return the place of a figure's cells in the window, and its visible ranges."""
        return self.driver.execute_script(FRAME, name)

    def pixels(self, name):
        """Return what is seen of a figure's cells, shape (height, width, 3)."""
        place = self.frame(name)
        whole = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        left, top, width, height = (round(place[side]) for side in ("left", "top", "width", "height"))
        return np.asarray(whole.crop((left, top, left + width, top + height))).astype(int)

    def point(self, name, y, x):
        """Return where the centre of a cell is in the window."""
        place = self.frame(name)
        across = ((x + 0.5) * CELL - place["x"][0]) / (place["x"][1] - place["x"][0])
        up = ((y + 0.5) * CELL - place["y"][0]) / (place["y"][1] - place["y"][0])
        return round(place["left"] + across * place["width"]), round(place["top"] + (1.0 - up) * place["height"])

    def is_painted(self, name, cell, field, values):
        """Return whether a cell has the colour of its value, in its place; `values` are those of the case."""
        self.drag((3, 3))
        place, (left, top) = self.frame(name), self.point(name, *cell)
        found = self.pixels(name)[top - round(place["top"]), left - round(place["left"])]
        low, high = figures.limits(field, values)
        level = np.clip((values[self.snapshot()][cell] - low) / (high - low), 0.0, 1.0)
        return np.abs(found - np.array(figures.palette(field))[int(min(level * 256, 255))]).max() <= 6

    def choose(self, option):
        from selenium.webdriver.support.ui import Select

        (wanted,) = [one for one in self.find("select") if option in [found.text for found in Select(one).options]]
        Select(wanted).select_by_visible_text(option)

    def press(self, label):
        (button,) = self.wait(lambda: [one for one in self.find("button") if one.text == label], f"a button {label}")
        button.click()

    def drag(self, start, *ends):
        """Move the pointer somewhere, and from there on with its button down."""
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        action = ActionBuilder(self.driver, duration=0)
        action.pointer_action.move_to_location(*start)
        for end in ends:
            action.pointer_action.pointer_down().move_to_location(*end).pointer_up()
        action.perform()

    def hover(self, name, label, y, x):
        """Return value, unit and place that are said of a cell under the pointer."""
        left, top = self.point(name, y, x)
        self.drag((left - 2, top))  # a pointer has to move
        self.drag((left, top))
        said = re.compile(rf"{label}:?\s*(\S+) (\S+)\s+x, y:?\s*\((\S+), (\S+)\) µm")
        texts = lambda: [said.search(one.text) for one in self.find(".bk-Tooltip") if one.is_displayed()]  # noqa: E731
        found = self.wait(lambda: [one for one in texts() if one], f"a value of {label} under the pointer on {name}")[0]
        assert (float(found[3]), float(found[4])) == pytest.approx((CELL * (x + 0.5), CELL * (y + 0.5)), abs=0.03)
        return float(found[1].replace("−", "-")), found[2]

    def resize(self, width, height):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.fixture(scope="module")
def truth():
    """Return the simulations behind the page, as far as it looks at them: case 2 and 3."""
    return synthetic.ensemble()


@pytest.fixture(scope="module")
def made(truth):
    noise, lag = synthetic.MARRED["parcv2"]
    return synthetic.prediction(truth, "parcv2", 4, 0, noise=noise, lag=lag)


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    results = study.results(tmp_path_factory.mktemp("view"))
    study.damage(results / "reconstructions" / "micro.json")
    with serving(results) as process:
        yield process


@pytest.fixture(scope="module")
def seen(browser, serve):
    """Return the page, drawn, in a window of 1280 by 1500, and nothing of earlier pages in its logs."""
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    page = Seen(browser)
    page.resize(1280, 1500)
    browser.get(serve.address)
    page.wait(lambda: page.frame(TRUTH) and page.frame("hotspot_area"), "pictures")
    page.wait(lambda: len(np.unique(page.pixels(TRUTH).reshape(-1, 3), axis=0)) > 30, "a picture")
    yield page
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_pictures_and_curves_are_drawn_in_their_true_shape(seen):
    for name in (TRUTH, MADE, MISSED, "hotspot_area", "hotspot_temperature"):
        assert len(np.unique(seen.pixels(name).reshape(-1, 3), axis=0)) > 20, name
    lines = np.ptp(seen.pixels("hotspot_area"), axis=2) > 90  # neither white nor grey
    assert lines.any(axis=0).mean() > 0.9
    place = seen.frame(TRUTH)
    assert place["height"] / place["width"] == pytest.approx(24 / 36, abs=0.01)
    assert (place["x"], place["y"]) == ([0.0, pytest.approx(36 * CELL)], [0.0, pytest.approx(24 * CELL)])


def test_cells_have_the_colours_of_their_values_in_their_places(seen, truth):
    values = truth["temperature"].sel(case=2).values
    for cell in ((3, 5), (20, 5), (3, 30), (7, 25), (22, 33)):
        seen.wait(lambda cell=cell: seen.is_painted(TRUTH, cell, "temperature", values), f"the colour of cell {cell}")


@pytest.mark.parametrize(("y", "x"), [(7, 25), (17, 20)])
def test_the_pointer_reads_the_values_of_the_stores(seen, truth, made, y, x):
    real, found = (one["temperature"].sel(case=2).values[seen.snapshot(), y, x] for one in (truth, made))
    assert seen.hover(TRUTH, "temperature", y, x) == (pytest.approx(real, rel=6e-4), "K")
    assert seen.hover(MADE, "temperature", y, x) == (pytest.approx(found, rel=6e-4), "K")
    assert seen.hover(MISSED, "prediction − simulation", y, x) == (pytest.approx(found - real, rel=6e-4), "K")


def test_the_slider_changes_pictures_differences_line_and_time(seen, truth):
    from selenium.webdriver.common.keys import Keys

    seen.drag((3, 3))
    (slider,) = [one for one in seen.find(".noUi-handle") if one.get_attribute("aria-valuemax") == "7.0"]
    before = {name: seen.pixels(name) for name in (TRUTH, MADE, MISSED, "hotspot_area")}
    time, values = truth["time"].values, truth["temperature"].sel(case=2).values
    assert f"{figures.instant(time[4])} snapshot 5 of 8" in seen.text()
    slider.send_keys(Keys.ARROW_RIGHT)
    seen.wait(lambda: f"{figures.instant(time[5])} snapshot 6 of 8" in seen.text(), "the time of the next snapshot")
    for name, pixels in before.items():
        seen.wait(lambda name=name, pixels=pixels: (seen.pixels(name) != pixels).any(), f"another picture of {name}")
    seen.wait(lambda: seen.is_painted(TRUTH, (7, 25), "temperature", values), "the colours of the next snapshot")


def test_the_button_plays_until_it_is_paused(seen):
    seen.press("play")
    seen.wait(lambda: seen.snapshot() == 1, "the second snapshot, after the last")
    seen.press("pause")
    seen.wait(lambda: seen.find("button")[0].text == "play", "a button to play on")
    seen.driver.execute_async_script("setTimeout(arguments[0], 300)")
    held = seen.snapshot()
    seen.driver.execute_async_script("setTimeout(arguments[0], 700)")
    assert seen.snapshot() == held


def test_another_field_has_its_unit_and_colours(seen, truth):
    seen.choose("pressure")
    values = truth["pressure"].sel(case=2).values
    expected = values[seen.snapshot(), 12, 1] / 1e9
    assert expected > 1.0
    assert seen.hover(TRUTH, "pressure", 12, 1) == (pytest.approx(expected, rel=6e-4), "GPa")
    seen.wait(lambda: seen.is_painted(TRUTH, (12, 1), "pressure", values), "the colours of a pressure")
    seen.choose("temperature")
    values = truth["temperature"].sel(case=2).values
    seen.wait(lambda: seen.is_painted(TRUTH, (12, 1), "temperature", values), "the colours of a temperature")


def test_another_case_has_its_own_pictures(seen, truth, made):
    seen.choose("0, train")
    seen.wait(lambda: seen.frame(MADE) is None and seen.frame(TRUTH) is not None, "the simulation alone")
    seen.wait(lambda: "without this case or field: tessera" in seen.text(), "who has no such case")
    seen.choose("3, test")
    seen.wait(lambda: seen.frame(MADE), "predictions")
    for name, one in ((TRUTH, truth), (MADE, made)):
        expected = pytest.approx(one["temperature"].sel(case=3).values[seen.snapshot(), 17, 3], rel=6e-4), "K"
        seen.wait(lambda name=name, it=expected: seen.hover(name, "temperature", 17, 3) == it, f"{expected} on {name}")


def test_zooming_one_picture_zooms_all_and_keeps_the_shape_of_cells(seen):
    before = seen.frame(MADE)
    seen.drag(seen.point(TRUTH, 5, 8), seen.point(TRUTH, 14, 20))
    seen.wait(lambda: seen.frame(MADE)["x"] != before["x"], "other ranges")
    one, other = seen.frame(TRUTH), seen.frame(MADE)
    assert (one["x"], one["y"]) == (other["x"], other["y"])
    tall, wide = (one[name][1] - one[name][0] for name in ("y", "x"))
    assert tall / wide == pytest.approx(24 / 36, abs=0.03)
    assert wide < 20 * CELL


def test_a_broken_store_is_said_on_the_page(seen):
    seen.wait(lambda: "8 stores, checksums verified" in seen.text(), "verified checksums")
    assert re.search(r"left out: \S*reconstructions/micro\.zarr: expected checksum", seen.text())


@pytest.mark.parametrize("width", [1280, 420])
def test_nothing_is_wider_than_the_window(seen, width):
    seen.resize(width, 900)
    reach = "const root = document.documentElement; return [innerWidth, root.scrollWidth <= root.clientWidth]"
    seen.wait(lambda: seen.driver.execute_script(reach) == [width, True], "a page as wide as the window")

    def fits():
        place = seen.frame(TRUTH)
        shape = place["height"] / place["width"]
        return place["left"] + place["width"] < width and shape == pytest.approx(24 / 36, abs=0.02)

    seen.wait(fits, "a picture within it, of true shape")


def test_nothing_left_the_loopback_nothing_went_wrong_and_it_ends_when_told(seen, serve):
    """Last, for it looks back on all that the tests above did."""
    messages = [json.loads(entry["message"])["message"] for entry in seen.driver.get_log("performance")]
    asked = {one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"}
    asked |= {one["params"]["url"] for one in messages if one["method"] == "Network.webSocketCreated"}
    assert serve.address in asked
    far = {url for url in asked if not url.startswith(("data:", serve.address))}
    assert {url.partition("?")[0] for url in far} == {f"ws://127.0.0.1:{serve.port}/ws"}
    assert [one for one in messages if one["method"] == "Network.loadingFailed"] == []
    assert [entry["message"] for entry in seen.driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    code, said = serve.stop(signal.SIGINT)
    assert code == 130
    assert said.splitlines()[-1].startswith("tessera view: interrupted") and "Traceback" not in said
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", serve.port), timeout=5)
