"""Images for ParaView: VTK itself reads every step, name, unit and value, with x the fastest axis."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkDataArray
from vtkmodules.vtkIOXML import vtkXMLImageDataReader

from tessera.data import schema, store
from tessera.formats import vtk
from tests.formats.shock import CELL_SIZE, INTERVAL, shocked


@pytest.fixture
def dataset():
    found = shocked(fields=[*schema.SIMULATED, "density"]).assign_coords(case=[3, 4, 9])
    return schema.describe(found.assign_coords(time=found["time"] + 0.5 * INTERVAL, x=found["x"] + 3.0 * CELL_SIZE))


@pytest.fixture
def folder(tmp_path, dataset):
    store.save_zarr(dataset.chunk({"case": 1}), tmp_path / "own.json")
    found = tmp_path / "vtk"
    found.mkdir()
    names = []
    vtk.write(store.open_zarr(tmp_path / "own.json"), found, names.append)
    assert names == ["pore_000", "pore_001", "pore_002"]
    return found


def series(path):
    """Return the time and the path of every image that a `.pvd` file names."""
    return [(float(one.get("timestep")), path.parent / one.get("file")) for one in ET.parse(path).iter("DataSet")]


def image(path):
    reader = vtkXMLImageDataReader()
    assert reader.CanReadFile(str(path))
    reader.SetFileName(str(path))
    reader.Update()
    assert reader.GetErrorCode() == 0
    return reader.GetOutput()


def test_every_step_of_every_case_reads_back_exactly(folder, dataset):
    assert sorted(path.name for path in folder.glob("*.pvd")) == ["case_0003.pvd", "case_0004.pvd", "case_0009.pvd"]
    for number, path in enumerate(sorted(folder.glob("*.pvd"))):
        steps = series(path)
        assert [time for time, _ in steps] == dataset["time"].values.tolist()
        for snapshot, (_, file) in enumerate(steps):
            cells = image(file).GetCellData()
            for name in schema.fields_of(dataset):
                expected = dataset[name].values[number, snapshot]
                found = vtk_to_numpy(cells.GetArray(name))
                assert found.dtype == np.float32
                np.testing.assert_array_equal(found.reshape(expected.shape), expected, err_msg=name)


def test_x_is_the_fastest_axis_and_nothing_is_flipped(folder, dataset):
    found = image(folder / "case_0004" / "0002.vti")
    values = found.GetCellData().GetArray("pressure")
    for row, column in ((0, 0), (2, 17), (11, 0), (7, 19)):
        index, inside = [0, 0, 0], [0.0, 0.0, 0.0]
        centre = [float(dataset["x"][column]), float(dataset["y"][row]), 0.0]
        assert found.ComputeStructuredCoordinates(centre, index, inside)
        cell = found.ComputeCellId(index)
        assert index == [column, row, 0]
        assert values.GetValue(cell) == dataset["pressure"].values[1, 2, row, column]


def test_cells_lie_where_they_are_in_metres(folder):
    found = image(folder / "case_0003" / "0000.vti")
    assert found.GetDimensions() == (21, 13, 1)
    assert found.GetNumberOfCells() == 12 * 20
    assert found.GetSpacing() == (CELL_SIZE,) * 3
    assert found.GetOrigin() == pytest.approx((3.0 * CELL_SIZE, 0.0, 0.0), abs=1e-20)


def test_velocity_is_a_vector_as_well(folder, dataset):
    cells = image(folder / "case_0009" / "0004.vti").GetCellData()
    found = vtk_to_numpy(cells.GetArray("velocity")).reshape(12, 20, 3)
    np.testing.assert_array_equal(found[..., 0], dataset["velocity_x"].values[2, 4])
    np.testing.assert_array_equal(found[..., 1], dataset["velocity_y"].values[2, 4])
    assert not found[..., 2].any()
    assert (cells.GetVectors().GetName(), cells.GetScalars().GetName()) == ("velocity", "temperature")


def test_a_store_without_one_velocity_has_no_vector(tmp_path):
    vtk.write(shocked(fields=["pressure", "velocity_x"]), tmp_path, lambda _: None)
    cells = image(tmp_path / "case_0000" / "0001.vti").GetCellData()
    assert [cells.GetArrayName(number) for number in range(cells.GetNumberOfArrays())] == ["pressure", "velocity_x"]
    assert cells.GetVectors() is None


def test_units_are_those_of_the_schema(folder, dataset):
    cells = image(folder / "case_0003" / "0001.vti").GetCellData()
    units = {name: schema.FIELDS[name].units for name in schema.fields_of(dataset)} | {"velocity": "m s-1"}
    key = vtkDataArray.UNITS_LABEL()
    assert {name: cells.GetArray(name).GetInformation().Get(key) for name in units} == units


def test_facts_of_the_case_and_the_time_are_field_data(folder, dataset):
    fields = image(folder / "case_0009" / "0003.vti").GetFieldData()
    found = {fields.GetArrayName(n): fields.GetAbstractArray(n).GetValue(0) for n in range(fields.GetNumberOfArrays())}
    last = dataset.isel(case=2)
    assert found == {
        "TimeValue": last["time"].values[3],
        "case": 9,
        "split": "test",
        "name": "pore_002",
        "particle_velocity": 970.0,
        "porosity": last["porosity"].item(),
    }


def test_names_of_any_kind_and_unknown_numbers_are_written(tmp_path):
    dataset = shocked(fields=["pressure"])
    odd = dataset.assign_coords(name=("case", ["<é&\"'>", "b", "c"]), particle_velocity=("case", [np.nan] * 3))
    vtk.write(odd, tmp_path, lambda _: None)
    fields = image(tmp_path / "case_0000" / "0000.vti").GetFieldData()
    assert fields.GetAbstractArray("name").GetValue(0) == "<é&\"'>"
    assert fields.GetAbstractArray("particle_velocity") is None
