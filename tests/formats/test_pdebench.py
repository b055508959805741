"""Files in both layouts of PDEBench become cases of the schema, the right way round."""

import tracemalloc

import h5py
import numpy as np
import pytest
import xarray as xr

from tessera.errors import DataError
from tessera.formats import mapping, pdebench
from tests.formats.mutations import battered, imported
from tests.formats.shock import CELL_SIZE, INTERVAL, shocked
from tests.formats.watch import watched

FLOW = ("density", "pressure", "velocity_x", "velocity_y")
CHANNELS = ("pressure", "temperature", "microstructure")
SPLIT = {"train": 1, "validation": 1, "test": 1}
SIZES = {"cell_size": f"{CELL_SIZE * 1e9:.15g} nm", "interval": f"{INTERVAL * 1e9:.15g} ns"}
SAYS = {"format": "pdebench", "shock": "left", **SIZES, "split": SPLIT}


@pytest.fixture(scope="module")
def known():
    """Return what the files hold: three cases of 4 snapshots of 7 x 11 cells."""
    return shocked(cases=3, snapshots=4, ny=7, nx=11, fields=[*FLOW, *CHANNELS[1:]])


def write_flow(dataset, path, *, edges=False, later=1, step=0.5, cases=slice(None)):
    """Write one array for each field, (case, time, x, y), as files of compressible flow have them."""
    shift = 0.0 if edges else 0.5
    with h5py.File(path, "w") as file:
        for theirs, ours in zip(("density", "pressure", "Vx", "Vy"), FLOW, strict=True):
            file[theirs] = dataset[ours].isel(case=cases).transpose("case", "time", "x", "y").values
        file["extra"] = dataset["temperature"].isel(case=cases).transpose("case", "time", "x", "y").values
        for axis in "xy":
            file[f"{axis}-coordinate"] = (step * (np.arange(dataset.sizes[axis] + edges) + shift)).astype("float32")
        file["t-coordinate"] = (0.05 * np.arange(dataset.sizes["time"] + later)).astype("float32")
        file.attrs["eta"] = 0.1


def write_groups(dataset, path, **more):
    """Write one group for each case, with data (time, x, y, channel)."""
    with h5py.File(path, "w") as file:
        for number in range(dataset.sizes["case"]):
            one, group = dataset.isel(case=number), file.create_group(f"{number:04d}")
            parts = [one[name].transpose("time", "x", "y").values for name in CHANNELS]
            group["data"] = np.stack(parts, axis=-1)
            for axis in "xy":
                group[f"grid/{axis}"] = (np.arange(dataset.sizes[axis]) - 3.0).astype("float32")
            group["grid/t"] = (5.0 * np.arange(dataset.sizes["time"]) + more.get("start", 0.0)).astype("float32")
            group.attrs["config"] = "sim: {n: 1}"


def flow(**more):
    """Return the content of a mapping file for the first layout."""
    units = ("kg m-3", "Pa", "m/s", "m s-1")
    return {**SAYS, "fields": {name: {"units": unit} for name, unit in zip(FLOW, units, strict=True)}, **more}


def grouped(**more):
    """Return the content of a mapping file for the second layout."""
    units = ("Pa", "K", "1")
    places = {name: {"channel": n, "units": units[n]} for n, name in enumerate(CHANNELS)}
    return {**SAYS, "fields": places, **more}


def same(cases, known, names, *, start=0.0):
    """Assert that cases are those of a data set: bits of the fields, coordinates, splits."""
    found = xr.concat(cases, "case")
    assert set(found.data_vars) == set(names)
    for name in names:
        np.testing.assert_array_equal(found[name], known[name].values)
    np.testing.assert_allclose(found["time"], start + INTERVAL * np.arange(known.sizes["time"]), rtol=1e-7)
    np.testing.assert_allclose(found["x"], known["x"], rtol=1e-12)
    np.testing.assert_allclose(found["y"], known["y"], rtol=1e-12)
    assert found["split"].values.tolist() == ["train", "validation", "test"]


@pytest.mark.parametrize("edges", [False, True], ids=["centres", "edges"])
@pytest.mark.parametrize("later", [0, 1], ids=["times", "one-time-more"])
def test_flow_is_read_as_time_y_x_by_its_own_names(tmp_path, known, edges, later):
    write_flow(known, tmp_path / "2D_CFD.hdf5", edges=edges, later=later)
    cases = imported(tmp_path / "2D_CFD.hdf5", flow())
    same(cases, known, FLOW)
    assert [str(case["name"].item()) for case in cases] == ["2D_CFD:0", "2D_CFD:1", "2D_CFD:2"]


def test_other_arrays_need_a_name_and_names_can_be_other(tmp_path, known):
    write_flow(known, tmp_path / "a.h5")
    places = {"temperature": {"variable": "extra", "units": "K"}, "velocity_y": {"variable": "Vx", "units": "mm/s"}}
    found = imported(tmp_path, flow(fields=places, shock="none"))
    np.testing.assert_array_equal(found[1]["temperature"][0], known["temperature"][1])
    np.testing.assert_allclose(found[1]["velocity_y"][0], 1e-3 * known["velocity_x"][1], rtol=1e-6)


def test_groups_are_read_as_time_y_x_by_their_channels(tmp_path, known):
    write_groups(known, tmp_path / "2D_diff.h5", start=10.0)
    cases = imported(tmp_path, grouped())
    same(cases, known, CHANNELS, start=2 * INTERVAL)
    assert [str(case["name"].item()) for case in cases] == ["2D_diff:0000", "2D_diff:0001", "2D_diff:0002"]


def test_files_of_a_folder_are_one_set_and_names_name_the_split(tmp_path, known):
    write_flow(known, tmp_path / "b.h5", cases=slice(1, None))
    write_flow(known, tmp_path / "a.hdf5", cases=slice(1))
    (tmp_path / "readme.txt").write_text("no data")
    split = {"train": ["a:0"], "validation": ["b:0"], "test": ["b:1"]}
    same(imported(tmp_path, flow(split=split)), known, FLOW)


def test_falling_coordinates_turn_the_fields(tmp_path, known):
    write_flow(known.isel(y=slice(None, None, -1)), tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["y-coordinate"][:] = file["y-coordinate"][:][::-1]
    same(imported(tmp_path, flow()), known, FLOW)


def test_the_initial_microstructure_is_the_first_snapshot(tmp_path, known):
    write_groups(known, tmp_path / "a.h5")
    said = grouped(
        fields={"pressure": {"channel": 0, "units": "Pa"}, "initial_microstructure": {"channel": 2, "units": "1"}}
    )
    opened = pdebench.open_set(tmp_path, mapping.parse(said, "mapping.yaml"))
    assert opened.read(1)["initial_microstructure"].shape == (7, 11)
    found = imported(tmp_path, said)[1]["initial_microstructure"].values[0]
    np.testing.assert_array_equal(found, np.broadcast_to(known["microstructure"].values[1, :1], found.shape))


def test_the_first_snapshots_of_cases_of_different_lengths_are_kept(tmp_path, known):
    write_flow(known.isel(case=slice(2)), tmp_path / "a.h5")
    write_flow(known.isel(case=slice(2, 3), time=slice(3)), tmp_path / "b.h5")
    with pytest.raises(DataError, match=r"time: expected 4 snapshots, as in .*a\.h5; say snapshots to keep the first"):
        imported(tmp_path, flow())
    same(imported(tmp_path, flow(snapshots=3)), known.isel(time=slice(3)), FLOW)
    with pytest.raises(DataError, match="snapshots: expected at most 3, got 4"):
        imported(tmp_path, flow(snapshots=4))


def test_one_case_is_in_memory_at_a_time(tmp_path):
    write_flow(shocked(cases=32, snapshots=4, ny=64, nx=128, fields=[*FLOW, "temperature"]), tmp_path / "a.h5")
    asked = mapping.parse(flow(), "mapping.yaml")
    tracemalloc.start()
    opened = pdebench.open_set(tmp_path, asked)
    for number in range(32):
        opened.read(number)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    case = 4 * 4 * 4 * 64 * 128
    assert peak < 3 * case, f"expected less than three cases of {case} bytes, took {peak}"


def test_what_the_files_do_not_say_is_asked_for(tmp_path, known):
    write_flow(known, tmp_path / "a.h5")
    for key, said in (
        ("cell_size", "cell_size: expected it in the mapping, for the files say steps of 0.5 without a unit, got none"),
        ("interval", "interval: expected it in the mapping, for the files say steps of 0.05 without a unit, got none"),
        ("split", "split: expected it in the mapping, for the files do not say it, got none"),
    ):
        with pytest.raises(DataError) as caught:
            imported(tmp_path, flow(**{key: None}))
        assert said in str(caught.value)
    with pytest.raises(DataError, match=r"fields\.pressure\.units: expected it in the mapping"):
        imported(tmp_path, flow(fields={"pressure": {}}))


def _put(name, values):
    def change(file):
        del file[name]
        file[name] = values(file) if callable(values) else values

    return change


def _drop(name):
    return lambda file: file.__delitem__(name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop("Vx"), "a.h5: /: expected 'Vx', found Vy, density, extra, pressure, t-coordinate"),
        (_drop("x-coordinate"), "a.h5: /: expected 'x-coordinate', found Vx, Vy"),
        (_put("Vy", np.zeros((3, 4, 7, 11), "f4")), "/Vy: expected shape (3, 4, 11, 7), as of the other fields"),
        (_put("density", np.zeros((3, 4, 11, 7, 2), "f4")), "/density: expected (case, time, x, y) of at most"),
        (_put("x-coordinate", np.arange(7.0)), "/x-coordinate: expected 11 or 12 values, got shape (7,)"),
        (_put("x-coordinate", np.zeros((11, 11))), "/x-coordinate: expected 11 or 12 values, got shape (11, 11)"),
        (_put("x-coordinate", np.geomspace(1, 2, 11)), "/x-coordinate: expected equal steps"),
        (_put("x-coordinate", np.arange(11.0)), "expected square cells, got steps of 1 along x and 0.5 along y"),
        (_put("t-coordinate", -np.arange(4.0)), "time: expected rising values, got steps of -1"),
        (_put("t-coordinate", np.full(4, np.nan)), "/t-coordinate: expected finite values, got nan"),
        (_put("pressure", np.full((3, 4, 11, 7), np.nan, "f4")), "case a:0: pressure: expected finite values, got nan"),
        (_put("pressure", h5py.SoftLink("/density")), "/: pressure: expected data in the file itself, got a link"),
    ],
)
def test_a_file_of_flow_that_cannot_be_is_refused(tmp_path, known, change, said):
    write_flow(known, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        change(file)
    with pytest.raises(DataError) as caught:
        imported(tmp_path, flow())
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop("0001/data"), "a.h5: /0001: expected 'data', found grid"),
        (_drop("0001/grid/y"), "a.h5: /0001/grid: expected 'y', found t, x"),
        (_put("0001", np.zeros(3)), "a.h5: /: expected a group '0001', got a dataset"),
        (_put("0001/data", np.zeros((4, 11, 3), "f4")), "/0001/data: expected (time, x, y, channel), got shape"),
        (
            _put("0001/data", np.zeros((4, 11, 7, 2), "f4")),
            "/0001/data: fields.microstructure: expected a channel of 0",
        ),
        (_put("0001/grid/x", np.arange(20.0)), "/0001/grid/x: expected 11 or 12 values, got shape (20,)"),
        (_put("0002/grid/t", np.arange(4.0)), "a.h5: 0002: time: expected steps of 5 from 0 (no unit), as in"),
        (lambda file: [file.__delitem__(name) for name in list(file)], "a.h5: expected arrays with t-coordinate"),
    ],
)
def test_a_file_of_groups_that_cannot_be_is_refused(tmp_path, known, change, said):
    write_groups(known, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        change(file)
    with pytest.raises(DataError) as caught:
        imported(tmp_path, grouped())
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"channel": 0}, "fields.pressure: expected a variable, for fields have names, got channel 0"),
        ({"component": 1}, "fields.pressure: expected a variable, for fields have names, got component 1"),
        ({"variable": "P"}, "a.h5: /: expected 'P', found Vx, Vy, density"),
        ({"variable": "../../etc"}, "a.h5: /: expected '../../etc', found Vx"),
    ],
)
def test_a_wrong_place_in_a_file_of_flow_is_refused(tmp_path, known, place, said):
    write_flow(known, tmp_path / "a.h5")
    with pytest.raises(DataError) as caught:
        imported(tmp_path, flow(fields={"pressure": {**place, "units": "Pa"}}))
    assert said in str(caught.value)
    with pytest.raises(DataError, match=r"temperature\.variable: expected it for all but density, pressure, vel"):
        imported(tmp_path, flow(fields={"temperature": {"units": "K"}}))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"variable": "data"}, "fields.pressure: expected a channel of 0 to 2, got channel None"),
        ({"channel": 3}, "fields.pressure: expected a channel of 0 to 2, got channel 3"),
        ({"channel": 0, "component": 1}, "fields.pressure: expected a channel of 0 to 2, got component 1"),
    ],
)
def test_a_wrong_place_in_a_file_of_groups_is_refused(tmp_path, known, place, said):
    write_groups(known, tmp_path / "a.h5")
    with pytest.raises(DataError) as caught:
        imported(tmp_path, grouped(fields={"pressure": {**place, "units": "Pa"}}))
    assert said in str(caught.value)


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"expected files \*.h5 or \*.hdf5, found none"):
        imported(tmp_path, flow())


@pytest.mark.parametrize(("write", "said"), [(write_flow, flow), (write_groups, grouped)], ids=["flow", "groups"])
def test_damaged_files_are_one_line_or_sound(tmp_path, write, said):
    write(shocked(cases=3, snapshots=2, ny=3, nx=4, fields=[*FLOW, *CHANNELS[1:]]), tmp_path / "a.h5")
    with watched():
        refused = battered(tmp_path / "a.h5", lambda: imported(tmp_path, said()), count=112)
    assert refused > 60
