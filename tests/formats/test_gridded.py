"""netCDF and Zarr of others: dimensions in any order, any unit, coordinates believed, the rest refused in one line."""

from itertools import permutations

import netCDF4
import numpy as np
import pytest

from tessera.data import schema, store
from tessera.errors import DataError
from tessera.formats import mapping, registry
from tests.formats.grids import is_same, refused, said, saved
from tests.formats.mutations import imported
from tests.formats.shock import CELL_SIZE, INTERVAL, shocked

FEW = ("temperature", "pressure")
every_format = pytest.mark.parametrize("kind", ["netcdf", "zarr"])


@every_format
def test_a_set_with_a_dimension_of_cases_comes_back_whole(tmp_path, kind):
    dataset = shocked()
    path = saved(dataset, tmp_path / "a", kind)
    is_same(imported(path, said(kind)), dataset, coordinates=("split", "name", "particle_velocity", "porosity"))


def test_an_own_store_comes_back_whole_by_its_manifest(tmp_path):
    dataset = shocked(fields=schema.FIELDS)
    store.save_zarr(dataset.chunk({"case": 1}), tmp_path / "own.json")
    path, kept = tmp_path / "own.json", [*schema.SIMULATED, "density"]
    is_same(
        imported(path, said("zarr", kept)), dataset, fields=kept, coordinates=("split", "name", "particle_velocity")
    )


def test_a_damaged_own_store_is_refused_by_its_checksum(tmp_path):
    store.save_zarr(shocked().chunk({"case": 1}), tmp_path / "own.json")
    chunk = tmp_path / "own.zarr" / "temperature" / "c" / "0" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"\x00")
    refused(tmp_path / "own.json", said("zarr"), "own.zarr: expected checksum")


@every_format
@pytest.mark.parametrize("order", list(permutations(("case", "time", "y", "x")))[1::7])
def test_dimensions_and_variables_are_taken_by_name_in_any_order(tmp_path, kind, order):
    dataset = shocked(fields=FEW)
    theirs = {"case": "run", "time": "step", "y": "row", "x": "column", "temperature": "T", "pressure": "p"}
    path = saved(dataset.transpose(*order).rename(theirs), tmp_path / "a", kind)
    content = said(kind, FEW, dims={"case": "run", "time": "step", "y": "row", "x": "column"})
    content["fields"] |= {"temperature": {"variable": "T"}, "pressure": {"variable": "p"}}
    is_same(imported(path, content), dataset, coordinates=("split", "name"))


@every_format
@pytest.mark.parametrize("axes", [("y",), ("x",), ("y", "x")])
def test_falling_coordinates_turn_the_arrays(tmp_path, kind, axes):
    dataset = shocked(fields=FEW)
    path = saved(dataset.isel({axis: slice(None, None, -1) for axis in axes}), tmp_path / "a", kind)
    source = registry.open_set(path, mapping.parse(said(kind, FEW), "m"))
    assert source.rising == {axis: axis not in axes for axis in ("y", "x")}
    is_same(imported(path, said(kind, FEW)), dataset)


def test_one_file_is_one_case_and_a_folder_is_sorted_as_people_count(tmp_path):
    dataset = shocked(cases=11).drop_vars(["name", "split"])
    for number in range(11):
        dataset.isel(case=number).to_netcdf(tmp_path / f"run_{number}.nc")
    content = said("netcdf", dims={}, split={"train": 8, "validation": 2, "test": 1})
    cases = imported(tmp_path, content)
    is_same(cases, dataset, coordinates=("particle_velocity",))
    assert [one["name"].item() for one in cases] == [f"run_{number}" for number in range(11)]
    alone = registry.open_set(tmp_path / "run_3.nc", mapping.parse(content, "m"))
    assert [entry.name for entry in alone.entries] == ["run_3"]


def test_a_zarr_store_without_cases_is_one_case(tmp_path):
    dataset = shocked()
    path = saved(dataset.isel(case=1, drop=True), tmp_path / "only", "zarr")
    source = registry.open_set(path, mapping.parse(said("zarr", dims={}), "m"))
    assert [entry.name for entry in source.entries] == ["only"]
    np.testing.assert_array_equal(source.read(0)["pressure"], dataset["pressure"].values[1])


@every_format
def test_units_of_values_and_coordinates_are_those_that_the_files_say(tmp_path, kind):
    dataset = shocked()
    other = dataset.assign(temperature=dataset["temperature"].astype("f8") - 273.15, pressure=dataset["pressure"] / 1e9)
    other = other.assign_coords(time=other["time"] * 1e9, x=other["x"] * 1e6, y=other["y"] * 1e6)
    other = other.assign_coords(particle_velocity=other["particle_velocity"] / 1e3)
    units = {"temperature": "degC", "pressure": "GPa", "time": "ns", "x": "um", "y": "micrometer"}
    for name, unit in {**units, "particle_velocity": "km/s"}.items():
        other[name].attrs["units"] = unit
    one = imported(saved(other, tmp_path / "a", kind), said(kind))[0]
    np.testing.assert_allclose(one["temperature"].values[0], dataset["temperature"].values[0], rtol=1e-6)
    np.testing.assert_allclose(one["pressure"].values[0], dataset["pressure"].values[0], rtol=1e-6)
    assert one["particle_velocity"].item() == pytest.approx(950.0)
    assert (schema.cell_size(one), schema.interval(one)) == pytest.approx((CELL_SIZE, INTERVAL))


@every_format
def test_what_the_files_do_not_say_the_mapping_must(tmp_path, kind):
    dataset = shocked().drop_vars(["x", "y", "time", "split"]).drop_attrs(deep=True)
    path = saved(dataset, tmp_path / "a", kind)
    units = {"temperature": "K", "pressure": "Pa", "microstructure": "1", "velocity_x": "m/s", "velocity_y": "m/s"}
    full = said(kind, cell_size="52 nm", interval="0.17 ns", orientation={"y": "rising", "x": "rising"})
    full |= {"split": {"train": 1, "validation": 1, "test": 1}, "fields": {n: {"units": u} for n, u in units.items()}}
    is_same(imported(path, full), shocked())
    for key in ("cell_size", "interval", "orientation", "split"):
        refused(
            path, {name: value for name, value in full.items() if name != key}, f"{key}: expected it in the mapping"
        )
    full["fields"]["pressure"] = {}
    refused(path, full, "fields.pressure.units: expected it in the mapping")


@every_format
def test_coordinates_without_units_say_the_orientation_alone(tmp_path, kind):
    dataset = shocked(fields=FEW).isel(y=slice(None, None, -1))
    for name in ("time", "y", "x"):
        dataset[name].attrs = {}
    path = saved(dataset, tmp_path / "a", kind)
    source = registry.open_set(path, mapping.parse(said(kind, FEW), "m"))
    assert (source.interval, source.cell_size, source.rising) == (None, None, {"y": False, "x": True})


@every_format
def test_spacing_is_said_by_both_coordinates_or_by_none(tmp_path, kind):
    dataset = shocked(fields=FEW)
    dataset["y"].attrs = {}
    path = saved(dataset, tmp_path / "a", kind)
    source = registry.open_set(path, mapping.parse(said(kind, FEW), "m"))
    assert (source.cell_size, source.rising) == (None, {"y": True, "x": True})


@pytest.mark.parametrize("width", [7e-8, 5.2e-8, 9e-8])
def test_steps_are_those_that_the_coordinates_were_made_of(tmp_path, width):
    dataset = shocked(snapshots=83, ny=7, nx=485, cases=2, fields=["pressure"])
    for axis, first in (("time", 0.0), ("y", 0.5), ("x", 0.5)):
        values = width * (np.arange(dataset.sizes[axis]) + first)
        dataset = dataset.assign_coords({axis: (axis, values, dataset[axis].attrs)})
    path = saved(dataset, tmp_path / "a", "netcdf")
    source = registry.open_set(path, mapping.parse(said("netcdf", ["pressure"]), "m"))
    assert (source.cell_size, source.interval, source.start) == (width, width, 0.0)


@every_format
def test_single_precision_coordinates_are_even_within_their_rounding(tmp_path, kind):
    dataset = shocked(nx=300, fields=FEW)
    narrow = {name: dataset[name].astype("f4").assign_attrs(dataset[name].attrs) for name in ("time", "y", "x")}
    one = imported(saved(dataset.assign_coords(narrow), tmp_path / "a", kind), said(kind, FEW))[0]
    assert schema.cell_size(one) == pytest.approx(CELL_SIZE, rel=1e-6)


@every_format
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.assign_coords(x=("x", d["x"].values ** 1.01, {"units": "m"})), ("x'", "equal steps")),
        (lambda d: d.assign_coords(y=("y", d["y"].values * 2.0, {"units": "m"})), ("square cells",)),
        (lambda d: d.assign_coords(time=("time", -d["time"].values, {"units": "s"})), ("rising times",)),
        (lambda d: d.assign_coords(time=("time", np.arange(5.0), {"units": "days since 2000-01-01"})), ("dates", "s")),
        (lambda d: d.assign_coords(x=("x", np.full(20, np.nan), {"units": "m"})), ("finite",)),
        (lambda d: d.assign_coords(x=("x", d["x"].values, {"units": "K"})), ("kind of 'm'",)),
        (lambda d: d.assign(temperature=d["temperature"].isel(time=0, drop=True)), ("dimensions", "case, y, x")),
        (lambda d: d.rename(temperature="theta"), ("fields.temperature", "expected variable 'temperature'", "theta")),
        (lambda d: d.rename(case="run"), ("dims",)),
        (lambda d: d.isel(x=slice(0, 1)), ("'x'", "at least 2")),
        (lambda d: d.assign(pressure=d["pressure"].where(d["pressure"] < 9e9)), ("pressure: expected finite",)),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, kind, change, words):
    changed = change(shocked(fields=FEW))
    refused(saved(changed, tmp_path / "a", kind), said(kind, FEW), *words)


@every_format
@pytest.mark.parametrize("place", [{"channel": 0}, {"component": 1, "variable": "velocity"}])
def test_places_without_a_name_are_refused(tmp_path, kind, place):
    path = saved(shocked(), tmp_path / "a", kind)
    content = said(kind)
    content["fields"]["velocity_x"] = place
    refused(path, content, "fields.velocity_x: expected a variable alone")


@every_format
def test_packed_values_are_unpacked_and_missing_ones_refused(tmp_path, kind):
    dataset = shocked(fields=FEW)
    packing = {"dtype": "i2", "scale_factor": 0.1, "add_offset": 1000.0, "_FillValue": -9999}
    path = saved(dataset, tmp_path / "a", kind, encoding={"temperature": packing})
    found = imported(path, said(kind, FEW))[2]["temperature"].values[0]
    np.testing.assert_allclose(found, dataset["temperature"].values[2], atol=0.0501)
    assert np.ptp(found) > 100.0
    dataset["temperature"][1, 2, 3, 4] = np.nan
    path = saved(dataset, tmp_path / "b", kind, encoding={"temperature": packing})
    refused(path, said(kind, FEW), "case pore_001: temperature: expected finite", "(2, 3, 4)")


def test_what_was_never_written_to_a_netcdf_file_is_missing(tmp_path):
    path = saved(shocked(), tmp_path / "a", "netcdf")
    with netCDF4.Dataset(path, "a") as file:
        file.renameVariable("pressure", "old")
        file.createVariable("pressure", "f4", ("case", "time", "y", "x"))[:2] = file["old"][:2]
        file["pressure"].units = "Pa"
    refused(path, said("netcdf"), "case pore_002: pressure: expected finite")


@every_format
def test_a_microstructure_that_does_not_change_needs_no_time(tmp_path, kind):
    kept = ("temperature", "pressure", "initial_microstructure")
    dataset = shocked(fields=kept)
    held = dataset["initial_microstructure"].isel(time=0, drop=True).transpose("x", "case", "y")
    path = saved(dataset.assign(initial_microstructure=held), tmp_path / "a", kind)
    is_same(imported(path, said(kind, kept)), dataset)


@every_format
def test_the_first_snapshots_are_kept_where_the_mapping_says_so(tmp_path, kind):
    path = saved(shocked(fields=FEW), tmp_path / "a", kind)
    is_same(imported(path, said(kind, FEW, snapshots=3)), shocked(fields=FEW).isel(time=slice(0, 3)))


@every_format
def test_names_that_no_file_can_have_are_missing(tmp_path, kind):
    content = said(kind, FEW)
    content["fields"]["pressure"] = {"variable": "é" * 200}
    refused(saved(shocked(fields=FEW), tmp_path / "a", kind), content, "fields.pressure: expected variable")


def test_files_of_different_lengths_need_a_number_of_snapshots(tmp_path):
    dataset = shocked()
    for number, count in enumerate((5, 4, 3)):
        dataset.isel(case=number, time=slice(0, count)).to_netcdf(tmp_path / f"{number}.nc")
    refused(tmp_path, said("netcdf", dims={}), "1.nc: snapshots: expected 5, as in", "0.nc")
    is_same(imported(tmp_path, said("netcdf", dims={}, snapshots=3)), dataset.isel(time=slice(0, 3)))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d.isel(y=slice(0, 8)), "cells"),
        (lambda d: d.assign_coords(x=d["x"] * 1.01, y=d["y"] * 1.01).pipe(schema.describe), "cell_size"),
        (lambda d: d.assign_coords(time=d["time"] + 1e-10).pipe(schema.describe), "start"),
        (lambda d: d.assign(pressure=d["pressure"].assign_attrs(units="GPa")), "pressure: units"),
    ],
)
def test_a_file_of_another_grid_is_named_with_the_first(tmp_path, change, word):
    dataset = shocked()
    for number in range(3):
        one = dataset.isel(case=number)
        (change(one) if number == 2 else one).to_netcdf(tmp_path / f"{number}.nc")
    refused(tmp_path, said("netcdf", dims={}), f"2.nc: {word}: expected", "0.nc")


@every_format
def test_two_cases_of_one_name_are_refused(tmp_path, kind):
    path = saved(shocked(fields=FEW).assign_coords(name=("case", ["a", "b", "a"])), tmp_path / "a", kind)
    refused(path, said(kind, FEW), "another name for each case, got 'a' twice")


def test_a_case_is_read_when_it_is_asked_for(tmp_path):
    path = saved(shocked().chunk({"case": 1}), tmp_path / "a", "zarr")
    source = registry.open_set(path, mapping.parse(said("zarr"), "m"))
    (path / "pressure" / "2.0.0.0").write_bytes(b"broken")
    assert source.read(1)["pressure"].shape == (5, 12, 20)
    with pytest.raises(DataError, match=r"2\.0\.0\.0"):
        source.read(2)
