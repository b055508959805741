"""The values behind the page are those of the stores, and no more is read than what is shown."""

import numpy as np
import pytest

from tessera.data import schema, store
from tessera.evaluation import figures, metrics
from tessera.viewer import stores
from tessera.viewer.values import Reader, UnreadableError
from tests.evaluation import synthetic
from tests.viewer import study


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return stores.find(study.results(tmp_path_factory.mktemp("values")))


@pytest.fixture(scope="module")
def truth(shelf):
    return shelf.of("meso")[0]


@pytest.fixture(scope="module")
def made(shelf):
    """A prediction of two members."""
    return shelf.of("meso")[1]


def alone(tmp_path):
    """Return the synthetic meso ensemble as a store, and its manifest."""
    store.save_zarr(synthetic.ensemble(), tmp_path / "a.json")
    return stores.find(tmp_path / "a.json").stores[0], tmp_path / "a.json"


def harm(manifest, *cases):
    """Break the temperature of some cases, which lie in one file."""
    study.harm(manifest, "temperature", *cases)


@pytest.mark.parametrize("field", schema.SIMULATED)
def test_a_snapshot_is_that_of_the_case(truth, field):
    expected = synthetic.ensemble()[field].sel(case=3).isel(time=5)
    found = Reader().snapshot(truth, 3, field, 5)
    np.testing.assert_array_equal(found, expected)
    assert found.shape == (24, 36)


def test_a_case_is_found_by_its_number_not_by_its_place(made):
    found = Reader().snapshot(made, 3, "pressure", 6, 1)
    np.testing.assert_array_equal(found, made.dataset["pressure"].isel(sample=1, case=1, time=6))


def test_of_members_one_is_chosen_or_their_mean(made):
    members = made.dataset["temperature"].sel(case=2).isel(time=7).values
    reader = Reader()
    for number in (0, 1):
        np.testing.assert_array_equal(reader.snapshot(made, 2, "temperature", 7, number), members[number])
    mean = reader.snapshot(made, 2, "temperature", 7)
    np.testing.assert_array_equal(mean, members.astype("float64").mean(axis=0).astype("float32"))
    assert not np.array_equal(mean, members[0])


def test_a_member_that_a_store_does_not_have_is_its_last(made, truth):
    reader = Reader()
    np.testing.assert_array_equal(
        reader.snapshot(made, 2, "pressure", 4, 7), reader.snapshot(made, 2, "pressure", 4, 1)
    )
    np.testing.assert_array_equal(reader.snapshot(truth, 2, "pressure", 4, 7), reader.snapshot(truth, 2, "pressure", 4))


def test_only_the_case_of_the_snapshot_is_read(tmp_path):
    one, manifest = alone(tmp_path)
    harm(manifest, 0, 3)
    reader = Reader()
    np.testing.assert_array_equal(reader.snapshot(one, 2, "temperature", 4), synthetic.ensemble()["temperature"][2, 4])
    for case in (0, 3):
        with pytest.raises(UnreadableError, match=r"a\.json: expected to read the temperature of case") as caught:
            reader.snapshot(one, case, "temperature", 1)
        assert caught.value.store is one


def test_what_was_read_is_kept_and_the_oldest_goes_first(tmp_path):
    one, manifest = alone(tmp_path)
    reader = Reader(kept=2 * one.dataset["temperature"][0].nbytes)
    for case in (0, 1, 0, 2):
        reader.snapshot(one, case, "temperature", 0)
    harm(manifest, 0, 1, 2)
    for case in (0, 2):
        reader.snapshot(one, case, "temperature", 5)
    with pytest.raises(UnreadableError):
        reader.snapshot(one, 1, "temperature", 0)


def test_a_case_larger_than_what_may_be_kept_is_kept_alone(tmp_path):
    one, manifest = alone(tmp_path)
    reader = Reader(kept=1)
    reader.snapshot(one, 0, "temperature", 0)
    harm(manifest, 0)
    reader.snapshot(one, 0, "temperature", 5)
    reader.snapshot(one, 1, "temperature", 5)
    with pytest.raises(UnreadableError):
        reader.snapshot(one, 0, "temperature", 5)


def test_the_colour_scale_is_that_of_figures(truth):
    whole = truth.dataset["pressure"].sel(case=2).values
    assert Reader().limits(truth, 2, "pressure") == figures.limits("pressure", whole)


def test_the_scale_of_differences_holds_all_predictions_that_are_shown(shelf, truth):
    reader, made = Reader(), shelf.of("meso")[1:]
    alone = [reader.largest(truth, [one], 2, "temperature", None) for one in made]
    together = reader.largest(truth, made, 2, "temperature", None)
    assert min(alone) < together <= max(alone)
    difference = made[1].dataset["temperature"].sel(case=2).values - truth.dataset["temperature"].sel(case=2).values
    assert alone[1] == figures.largest(difference)
    assert reader.largest(truth, [], 2, "temperature", None) == 1.0


@pytest.mark.parametrize("threshold", [400.0, 875.0])
def test_hotspots_are_those_of_the_metrics(truth, made, threshold):
    for one, member in ((truth, None), (made, None), (made, 1)):
        found = Reader().hotspots(one, 3, threshold, member)
        values = one.dataset["temperature"].sel(case=3).values
        if one is made:
            values = values if member is None else values[[member]]
        areas = metrics.hotspot_area(values, threshold, 1.608e-7**2)
        means = metrics.hotspot_temperature(values, threshold)
        if one is made:
            areas, means = metrics.mean_defined(areas), metrics.mean_defined(means)
        np.testing.assert_allclose(found.area, areas, rtol=1e-9)
        np.testing.assert_allclose(found.temperature, means, rtol=1e-9)
        assert found.area.shape == (8,)
        assert found.area[-1] > 0.0
