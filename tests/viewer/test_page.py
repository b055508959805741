"""What the page shows follows from what is chosen; what is broken meanwhile is left out and said."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models.widgets import Div

from tessera.data import schema, store
from tessera.evaluation import figures
from tessera.viewer import stores
from tessera.viewer.choices import MEAN
from tessera.viewer.page import Page
from tessera.viewer.values import Reader
from tests.data.ensemble import ensemble
from tests.evaluation import synthetic
from tests.viewer import study


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return study.results(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def results(whole):
    """Return the stores, found once, for pages that do not change them."""
    return stores.find(whole)


@pytest.fixture
def page(results):
    return Page(results, Reader(), Path("results/synthetic"), Document())


def image(picture):
    return picture.source.data["image"][0]


def compared(tile):
    """Return whether the difference to the truth is seen."""
    return tile.difference.figure.visible and tile.caption.visible


def names(page):
    return [tile.store.model for tile in page.tiles]


def drawn(page, quantity="hotspot_area"):
    """Return the lines of a quantity by the name of their store."""
    sources = [renderer.data_source for renderer in page.curves[quantity].figure.renderers]
    return {source.data["name"][0].partition(",")[0]: source.data["y"] for source in sources}


def sent(document):
    """Return all that a browser would be sent, but arrays."""
    return json.dumps(document.to_json().content, default=lambda _array: "array")


def test_a_page_begins_with_the_truth_beside_all_predictions_of_a_test_case(page):
    assert names(page) == ["truth", "tessera", "parcv2", "cnext"]
    assert (page.choices.scale.value, page.choices.case.value, page.choices.field.value) == ("meso", 2, "temperature")
    assert page.choices.case.options == {"0, train": 0, "1, validation": 1, "2, test": 2, "3, test": 3}
    assert [compared(tile) for tile in page.tiles] == [False, True, True, True]
    assert "case 2: test, particle velocity 1 km/s" in page.about.text
    assert "9 stores" in page.title.text


@pytest.mark.parametrize("field", ["temperature", "pressure", "velocity_y"])
def test_pictures_show_values_in_units_of_the_field(page, field):
    page.choices.case.value, page.choices.field.value, page.choices.time.value = 3, field, 6
    size = figures.UNITS[schema.FIELDS[field].units].size
    truth = synthetic.ensemble()[field].sel(case=3).isel(time=6).values
    np.testing.assert_allclose(image(page.tiles[0].picture), truth / size, rtol=1e-6)
    made = page.tiles[2].store.dataset[field].sel(case=3).isel(time=6).values
    np.testing.assert_allclose(image(page.tiles[2].picture), made / size, rtol=1e-6)
    np.testing.assert_allclose(image(page.tiles[2].difference), (made - truth) / size, rtol=1e-5, atol=1e-6)
    error = float(np.sqrt(np.mean((made.astype("float64") - truth) ** 2)))
    assert page.tiles[2].caption.text.endswith(f"RMSE {figures.display(error, schema.FIELDS[field].units)}</span>")


def test_one_colour_scale_is_shared_and_comes_from_the_truth(page):
    page.choices.field.value = "pressure"
    scales = {(tile.picture.mapper.low, tile.picture.mapper.high) for tile in page.tiles}
    low, high = figures.limits("pressure", synthetic.ensemble()["pressure"].sel(case=2).values)
    assert scales == {(low / 1e9, high / 1e9)}
    errors = {(tile.difference.mapper.low, tile.difference.mapper.high) for tile in page.tiles[1:]}
    assert len(errors) == 1
    assert sum(errors.pop()) == 0.0


def test_another_time_changes_pictures_clock_and_line_alone(page):
    page.choices.time.value = 2
    figure, before, lines = page.tiles[1].picture.figure, image(page.tiles[1].picture), drawn(page)
    page.choices.time.value = 7
    assert page.tiles[1].picture.figure is figure
    assert not np.array_equal(image(page.tiles[1].picture), before)
    time = synthetic.ensemble()["time"].values[7]
    assert page.clock.text == f"<b>{figures.instant(time)}</b> <span>snapshot 8 of 8</span>"
    assert page.curves["hotspot_area"].now.location == pytest.approx(time * 1e9)
    assert drawn(page).keys() == lines.keys()


def test_pictures_share_their_ranges_and_keep_the_shape_of_cells(page):
    pictures = [picture for tile in page.tiles for picture in (tile.picture, tile.difference)]
    assert len({(one.figure.x_range.id, one.figure.y_range.id) for one in pictures}) == 1
    figure = pictures[0].figure
    assert figure.x_range.end == pytest.approx(36 * 0.1608)
    assert figure.y_range.end == pytest.approx(24 * 0.1608)


def test_a_zoom_outlives_another_time_field_and_case(page):
    page.tiles[0].picture.figure.x_range.start = 1.0
    page.choices.time.value, page.choices.field.value, page.choices.case.value = 1, "pressure", 3
    assert page.tiles[0].picture.figure.x_range.start == 1.0


def test_a_member_or_the_mean_of_all_is_shown(page):
    members = page.tiles[1].store.dataset["temperature"].sel(case=2).isel(time=7).values
    assert page.choices.member.options == {"mean": MEAN, "1 of 2": 0, "2 of 2": 1}
    page.choices.time.value = 7
    np.testing.assert_allclose(image(page.tiles[1].picture), members.mean(axis=0), rtol=1e-6)
    lines = drawn(page)
    page.choices.member.value = 1
    np.testing.assert_allclose(image(page.tiles[1].picture), members[1], rtol=1e-6)
    assert not np.array_equal(drawn(page)["tessera"], lines["tessera"])
    np.testing.assert_array_equal(drawn(page)["PARCv2"], lines["PARCv2"])


def test_hotspots_follow_the_threshold(page):
    assert [*drawn(page)] == ["simulation", "tessera", "PARCv2", "CNextU-Net"]
    hot = synthetic.ensemble()["temperature"].sel(case=2).values > 875.0
    np.testing.assert_allclose(drawn(page)["simulation"], hot.sum(axis=(1, 2)) * 0.1608**2, rtol=1e-9)
    before = drawn(page)["simulation"]
    page.choices.threshold.value = 2000.0
    assert drawn(page)["simulation"][-1] < before[-1]
    page.choices.threshold.value = None  # while a visitor types
    np.testing.assert_array_equal(drawn(page)["simulation"], before)


def test_a_case_of_the_truth_alone_has_no_differences(page):
    page.choices.case.value = 0
    assert names(page) == ["truth"]
    assert [*drawn(page)] == ["simulation"]
    assert "without this case or field: tessera, 2 meso cases, seed 0, 2 members; PARCv2" in page.about.text
    page.choices.case.value = 3
    assert names(page) == ["truth", "tessera", "parcv2", "cnext"]


def test_a_store_that_is_not_wanted_is_not_shown(page):
    scale = page.tiles[2].difference.mapper.high
    page.choices.shown.active = [0, 2]
    assert names(page) == ["truth", "tessera", "cnext"]
    assert [*drawn(page)] == ["simulation", "tessera", "CNextU-Net"]
    assert page.tiles[2].difference.mapper.high < scale


def test_another_scale_has_its_own_cases_stores_and_grid(page):
    page.choices.scale.value = "micro"
    assert names(page) == ["truth", "tessera", "parcv2", "cnext", "reconstruction"]
    assert page.choices.case.value == 3
    assert image(page.tiles[0].picture).shape == (16, 24)
    assert page.tiles[0].picture.figure.x_range.end == pytest.approx(24 * 0.07)
    page.choices.scale.value = "meso"
    assert image(page.tiles[0].picture).shape == (24, 36)


def test_of_many_predictions_one_of_each_model_is_shown_at_first(tmp_path):
    truth = synthetic.ensemble()
    store.save_zarr(truth, tmp_path / "ensembles" / "meso.json")
    for seed in range(4):
        for model in ("tessera", "cnext"):
            made = synthetic.prediction(truth, model, 2, seed)
            store.save_zarr(made, tmp_path / "predictions" / "meso" / model / f"n2_s{seed}_test.json")
    page = Page(stores.find(tmp_path), Reader(), tmp_path, Document())
    assert [tile.store.place for tile in page.tiles[1:]] == [
        "predictions/meso/tessera/n2_s0_test.json",
        "predictions/meso/cnext/n2_s0_test.json",
    ]
    assert len(page.choices.shown.labels) == 8


def test_predictions_without_their_truth_are_shown_without_differences(whole):
    document = Document()
    page = Page(stores.find(whole / "predictions/meso/cnext/n2_s0_test.json"), Reader(), whole, document)
    assert names(page) == ["cnext"]
    assert not compared(page.tiles[0])
    assert sent(document)


def test_a_case_file_a_single_snapshot_and_a_lone_field_can_be_shown(tmp_path):
    dataset = ensemble(ny=6).isel(case=[1], time=[2])[["pressure"]].squeeze("case")
    store.save_netcdf(dataset, tmp_path / "case.nc")
    document = Document()
    page = Page(stores.find(tmp_path / "case.nc"), Reader(), tmp_path / "case.nc", document)
    unseen = (page.choices.time, page.choices.play, page.choices.member.widget, page.choices.scale.widget)
    assert [widget.visible for widget in (*unseen, page.choices.shown)] == [False] * 5
    np.testing.assert_allclose(image(page.tiles[0].picture), dataset["pressure"].values[0] / 1e9, rtol=1e-6)
    assert drawn(page) == {}
    assert sent(document)


def test_names_of_others_are_shown_as_text(tmp_path):
    wild = "<img src=x onerror=alert(1)>"
    made = ensemble(ny=6).assign_coords(name=("case", [wild] * 4))
    made.attrs |= {"model": wild, "scale": "micro"}
    store.save_zarr(made, tmp_path / "a.json")
    document = Document()
    Page(stores.find(tmp_path / "a.json"), Reader(), tmp_path / wild, document)
    markup = [model.text for model in document.models if isinstance(model, Div)]
    assert len([text for text in markup if "&lt;img" in text]) >= 3
    assert [text for text in markup if "<img" in text] == []


def test_tiles_are_made_once_and_kept_out_of_sight(results):
    document = Document()
    page = Page(results, Reader(), Path("results"), document)
    first = [tile.picture.figure for tile in page.tiles]
    page.choices.case.value = 0
    shown = {tile.store.place: tile.column.styles["display"] for tile in page.known.values()}
    assert shown == {"ensembles/meso.json": "flex"} | {tile.store.place: "none" for tile in [*page.known.values()][1:]}
    page.choices.case.value = 3
    assert [tile.picture.figure for tile in page.tiles] == first
    models = len(document.models)
    for case in (0, 2, 3):
        page.choices.case.value = case
        page.choices.field.value = "pressure"
        page.choices.threshold.value = 400.0 + case
    assert len(document.models) == models


def test_a_snapshot_that_another_scale_does_not_have_is_its_last(page):
    page.choices.scale.value = "micro"
    page.choices.time.value = 7
    assert "snapshot 6 of 6" in page.clock.text


def test_a_snapshot_alone_stays_when_a_browser_plays_on(tmp_path):
    store.save_zarr(ensemble(ny=6), tmp_path / "a.json")
    store.save_zarr(ensemble(ny=6).isel(time=[1]), tmp_path / "b.json")
    page = Page(stores.find(tmp_path), Reader(), tmp_path, Document())
    page.choices.scale.value = "b"
    page.choices.time.value = 1
    assert "snapshot 1 of 1" in page.clock.text


def test_checksums_are_looked_after_until_all_are_verified(whole):
    shelf, document = stores.find(whole), Document()
    page = Page(shelf, Reader(), whole, document)
    assert len(document.session_callbacks) == 1
    assert "verifying checksums, 9 to go" in page.title.text
    shelf.verify()
    page.look()
    assert document.session_callbacks == []
    assert "9 stores, checksums verified" in page.title.text


def test_a_store_that_is_found_broken_is_left_out_and_said(whole, tmp_path):
    results = shutil.copytree(whole, tmp_path / "results")
    study.damage(results / "predictions" / "meso" / "parcv2" / "n4_s0_test.json", "velocity_y")
    shelf = stores.find(results)
    page = Page(shelf, Reader(), results, Document())
    assert names(page) == ["truth", "tessera", "parcv2", "cnext"]
    assert "verifying checksums, 9 to go" in page.title.text
    page.choices.time.value = 6
    shelf.verify()
    page.look()
    assert names(page) == ["truth", "tessera", "cnext"]
    assert "8 stores, checksums verified" in page.title.text
    assert f"left out: {results}/predictions/meso/parcv2/n4_s0_test.zarr: expected checksum" in page.title.text
    assert page.choices.time.value == 6


def test_a_store_that_cannot_be_read_is_left_out_and_said(whole, tmp_path):
    results = shutil.copytree(whole, tmp_path / "results")
    page = Page(stores.find(results), Reader(), results, Document())
    study.harm(results / "ensembles" / "meso.json", "pressure", 2)
    page.choices.field.value = "pressure"
    page.look()
    assert page.choices.field.value == "pressure"
    assert names(page) == ["tessera", "parcv2", "cnext"]
    assert "expected to read the pressure of case" in page.title.text


def test_without_a_store_that_is_left_the_page_says_so(tmp_path):
    store.save_zarr(ensemble(), tmp_path / "a.json")
    shelf = stores.find(tmp_path / "a.json")
    document = Document()
    page = Page(shelf, Reader(), tmp_path / "a.json", document)
    study.damage(tmp_path / "a.json")
    shelf.verify()
    page.look()
    assert page.tiles == []
    assert "0 stores" in page.title.text and "No store is left" in page.title.text
    page.choices.time.value = 1
    assert sent(document)
