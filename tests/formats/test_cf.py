"""CF netCDF for everyone: the checker has no complaint, and what was written comes back bit by bit."""

import json
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from tessera.data import schema, store
from tessera.formats import cf, mapping, registry
from tests.formats.grids import is_same, said
from tests.formats.mutations import imported
from tests.formats.shock import CELL_SIZE, shocked

CHECKER = Path(sys.executable).with_name("compliance-checker")
ATTRS = {"version": "0.1.0", "git_revision": "abc", "study": "a", "licence": "CC-BY-4.0", "core_seconds": 2.5}
PRIORITIES = ("high_priorities", "medium_priorities", "low_priorities")
LEFT = {  # CF gives axes X and Y to places on the earth, so the checker takes ours for them
    "latitude variable 'y' should define valid units for latitude",
    "longitude variable 'x' should define valid units for longitude",
}


@pytest.fixture
def dataset():
    """Return cases in the order and with the numbers of a store that holds some cases of a larger one."""
    found = shocked(cases=3, fields=[*schema.SIMULATED, "density"]).assign_coords(case=[7, 8, 12])
    return schema.describe(found.assign_attrs(ATTRS))


@pytest.fixture
def folder(tmp_path, dataset):
    store.save_zarr(dataset.chunk({"case": 1}), tmp_path / "own.json")
    found = tmp_path / "cf"
    found.mkdir()
    names = []
    cf.write(store.open_zarr(tmp_path / "own.json"), found, names.append)
    assert names == ["pore_000", "pore_001", "pore_002"]
    return found


def test_what_was_written_comes_back_bit_by_bit(folder, dataset):
    content = said("netcdf", schema.fields_of(dataset), dims={"time": cf.TIME})
    is_same(imported(folder, content), dataset, coordinates=("split", "name", "particle_velocity", "porosity"))
    source = registry.open_set(folder, mapping.parse(content, "m"))
    assert (source.cell_size, source.start, source.rising) == (CELL_SIZE, 0.0, {"y": True, "x": True})


def test_what_is_known_at_the_start_alone_comes_back_as_well(tmp_path):
    held = shocked(fields=["temperature", "initial_microstructure"])
    cf.write(held, tmp_path, lambda _: None)
    is_same(imported(tmp_path, said("netcdf", list(held.data_vars), dims={"time": cf.TIME})), held)


def test_the_checker_of_cf_finds_no_error(folder, tmp_path):
    report = tmp_path / "report.json"
    command = [CHECKER, "--test", "cf:1.11", "--criteria", "strict", "--format", "json_new", "--output", report]
    files = sorted(folder.iterdir())
    ran = subprocess.run([*command, files[0]], capture_output=True, text=True, timeout=120)
    assert report.is_file(), ran.stderr
    (found,) = json.loads(report.read_text()).values()
    found = found["cf:1.11"]
    complaints = {message for level in PRIORITIES for check in found[level] for message in check["msgs"]}
    assert found["scored_points"] > 50
    assert {message for check in found["high_priorities"] for message in check["msgs"]} == set()
    assert complaints == LEFT


def test_files_are_named_by_case_and_say_what_the_store_says(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["case_0007.nc", "case_0008.nc", "case_0012.nc"]
    with xr.open_dataset(folder / "case_0012.nc") as one:
        assert (int(one["case"]), one["name"].item(), one["split"].item()) == (12, "pore_002", "test")
        assert one["particle_velocity"].item() == 970.0
        assert one.attrs["Conventions"] == "CF-1.11"
        assert one.attrs["title"] == "fields behind a shock, case pore_002"
        assert (one.attrs["license"], one.attrs["study"], one.attrs["core_seconds"]) == ("CC-BY-4.0", "a", 2.5)
        assert one.attrs["source"] == "tessera 0.1.0, revision abc"
        assert "tessera export" in one.attrs["history"]


def test_an_imported_store_is_not_said_to_be_ours(tmp_path):
    cf.write(shocked().assign_attrs(imported_from="mld", title="theirs"), tmp_path, lambda _: None)
    with xr.open_dataset(tmp_path / "case_0001.nc") as one:
        assert "source" not in one.attrs
        assert one.attrs["title"] == "theirs, case pore_001"


def test_elapsed_time_is_never_taken_for_dates(folder, dataset):
    with xr.open_dataset(folder / "case_0007.nc") as one:
        assert one[cf.TIME].dtype == np.float64
        np.testing.assert_array_equal(one[cf.TIME], dataset["time"])


def test_texts_have_no_units_and_bounds_no_coordinates(folder):
    with netCDF4.Dataset(folder / "case_0007.nc") as one:
        assert not {"units", "coordinates"} & {
            *one["name"].ncattrs(),
            *one["split"].ncattrs(),
            *one["x_bnds"].ncattrs(),
        }
        assert one["pressure"].coordinates == "case name particle_velocity porosity split"
        assert one["pressure"].filters()["zlib"]


def test_cells_have_bounds_that_meet(folder, dataset):
    with xr.open_dataset(folder / "case_0007.nc") as one:
        for axis in ("x", "y"):
            bounds = one[one[axis].attrs["bounds"]].values
            assert bounds.shape == (dataset.sizes[axis], 2)
            np.testing.assert_array_equal(bounds[1:, 0], bounds[:-1, 1])
            np.testing.assert_allclose(bounds.mean(axis=1), dataset[axis], rtol=1e-12)
            assert bounds[0, 0] == 0.0
