"""Sets of The Well: ours are what its package and its rules expect and come back as they were; others are read."""

import tracemalloc

import h5py
import numpy as np
import pytest
import xarray as xr
import yaml
from the_well.data.datasets import WellDataset, WellMetadata
from the_well.data.normalization import RMSNormalization, ZScoreNormalization
from the_well.utils.export import hdf5_to_xarray

from tessera.data import schema, store
from tessera.errors import DataError
from tessera.formats import mapping, well
from tessera.stages import formats
from tests.formats.mutations import battered, imported
from tests.formats.shock import CELL_SIZE, INTERVAL, shocked
from tests.formats.watch import watched

EVOLVING = ("temperature", "pressure", "velocity_x", "velocity_y", "density")
PLACES = {
    **{name: {"variable": name} for name in ("temperature", "pressure", "density", "initial_microstructure")},
    "velocity_x": {"variable": "velocity", "component": 0},
    "velocity_y": {"variable": "velocity"},
}
SAYS = {"format": "well", "shock": "left", "fields": PLACES}
SPLITS = ["test", "train", "validation", "train", "train"]  # neither in the order of the cases nor in that of folders


@pytest.fixture(scope="module")
def known():
    """Return what is written: five cases of 4 snapshots of 6 x 9 cells, which do not begin at time zero."""
    found = shocked(cases=5, snapshots=4, ny=6, nx=9, fields=[*EVOLVING, "initial_microstructure"])
    found = found.assign_coords(particle_velocity=found["particle_velocity"] + 0.1)  # no float32 number
    found = found.assign_coords(split=("case", SPLITS), seed=("case", np.arange(5) + 7), time=found["time"] + 7.4e-11)
    return schema.describe(found).assign_attrs(title="pores", licence="CC BY 4.0", core_seconds=1.5)


@pytest.fixture(scope="module")
def ours(known, tmp_path_factory):
    """Return the folder of a set that we wrote; its name is one that the package of the format allows."""
    folder, said = tmp_path_factory.mktemp("well") / "dummy", []
    folder.mkdir()
    well.write(known, folder, said.append)
    assert said == known["name"].values.tolist()
    return folder


def of_split(known, split):
    """Return the cases of a split as arrays (case, time, x, y) by name."""
    cases = known.isel(case=np.flatnonzero(known["split"].values == split))
    return {name: cases[name].transpose("case", "time", "x", "y").values for name in schema.fields_of(known)}


def test_what_we_wrote_comes_back_bit_for_bit(known, ours):
    for path in (ours, ours / "data"):
        found = xr.concat(imported(path, SAYS), "case")
        assert set(found.data_vars) == set(known.data_vars)
        for name in known.data_vars:
            np.testing.assert_array_equal(found[name], known[name])
        for name in ("case", "time", "y", "x", "split", "name", "particle_velocity"):
            np.testing.assert_array_equal(found[name], known[name])


def test_a_store_is_exported_and_imported_by_the_commands(known, tmp_path):
    store.save_zarr(known.drop_vars("name"), tmp_path / "store.json", schema.facts(known))
    formats.export("well", tmp_path / "store.json", tmp_path / "my_set")
    assert (tmp_path / "my_set" / "my_set.yaml").is_file()
    with h5py.File(tmp_path / "my_set" / "data" / "valid" / "case_0002.hdf5") as file:
        assert file.attrs["dataset_name"] == "my_set"
        assert (file.attrs["title"], file.attrs["licence"], file.attrs["core_seconds"]) == ("pores", "CC BY 4.0", 1.5)
        assert (file.attrs["seed"], file.attrs["particle_velocity"]) == (9, 970.1)
    (tmp_path / "mapping.yaml").write_text(yaml.safe_dump(SAYS))
    formats.import_set(tmp_path / "my_set", tmp_path / "mapping.yaml", tmp_path / "again.json")
    found = store.open_zarr(tmp_path / "again.json")
    xr.testing.assert_equal(found[[*known.data_vars]].reset_coords(drop=True), known.reset_coords(drop=True))
    assert found["name"].values.tolist() == [f"case_{number:04d}" for number in range(5)]


@pytest.mark.parametrize("by_path", [False, True], ids=["by-name", "by-path"])
def test_the_package_of_the_format_loads_it(known, ours, by_path):
    place = {"path": str(ours)} if by_path else {"well_base_path": str(ours.parent), "well_dataset_name": "dummy"}
    found = WellDataset(**place, well_split_name="train", n_steps_input=2, n_steps_output=1)
    truth = of_split(known, "train")
    assert len(found) == 3 * 2
    names = [*found.metadata.field_names[0], *found.metadata.field_names[1]]
    assert names == ["temperature", "pressure", "density", "velocity_x", "velocity_y"]
    for index, (case, start) in enumerate((case, start) for case in range(3) for start in range(2)):
        item = found[index]
        assert item["input_fields"].shape == (2, 9, 6, 5)
        assert item["output_fields"].shape == (1, 9, 6, 5)
        for channel, name in enumerate(names):
            np.testing.assert_array_equal(item["input_fields"][..., channel], truth[name][case, start : start + 2])
            np.testing.assert_array_equal(item["output_fields"][0, ..., channel], truth[name][case, start + 2])
        np.testing.assert_array_equal(item["constant_fields"][..., 0], truth["initial_microstructure"][case, 0])
        cases = known.isel(case=[1, 3, 4][case])
        expected = [float(cases["particle_velocity"]), float(cases["porosity"])]
        np.testing.assert_allclose(item["constant_scalars"], expected, rtol=1e-6)
        np.testing.assert_allclose(item["output_time_grid"], [2 * INTERVAL], rtol=1e-4)
        np.testing.assert_allclose(item["space_grid"][:, 0, 0], known["x"], rtol=1e-6)
        np.testing.assert_allclose(item["space_grid"][0, :, 1], known["y"], rtol=1e-6)
        assert item["boundary_conditions"].tolist() == [[1.0, 1.0], [0.0, 0.0]]  # x open, y walls


@pytest.mark.parametrize("kind", [ZScoreNormalization, RMSNormalization])
def test_the_package_normalises_by_our_statistics(ours, kind):
    found = WellDataset(path=str(ours), well_split_name="train", use_normalization=True, normalization_type=kind)
    items = [found[index] for index in range(len(found))]
    every = np.stack([item["input_fields"][0] for item in items] + [item["output_fields"][0] for item in items[2::3]])
    assert len(every) == 3 * 4
    flat = every.reshape(-1, 5).astype("float64")
    if kind is ZScoreNormalization:
        np.testing.assert_allclose(flat.mean(axis=0), 0.0, atol=1e-5)
        np.testing.assert_allclose(flat.std(axis=0), 1.0, rtol=1e-5)
        np.testing.assert_allclose(np.std([item["constant_fields"] for item in items[::3]]), 1.0, rtol=1e-5)
    else:
        np.testing.assert_allclose(np.sqrt((flat**2).mean(axis=0)), 1.0, rtol=1e-5)


def test_the_statistics_are_those_of_the_training_cases(known, ours):
    found = yaml.safe_load((ours / "stats.yaml").read_text())
    truth = {name: values.astype("float64") for name, values in of_split(known, "train").items()}
    truth["velocity"] = np.stack([truth.pop("velocity_x"), truth.pop("velocity_y")], axis=-1)
    assert set(found) == {"mean", "std", "rms", "mean_delta", "std_delta", "rms_delta"}
    assert set(found["mean"]) == {"temperature", "pressure", "density", "initial_microstructure", "velocity"}
    assert set(found["std_delta"]) == set(found["mean"]) - {"initial_microstructure"}
    for name, values in truth.items():
        for suffix, these in (("", values), ("_delta", np.diff(values, axis=1))):
            if name in found[f"mean{suffix}"]:
                axes = tuple(range(4))
                np.testing.assert_allclose(found[f"mean{suffix}"][name], these.mean(axes), rtol=1e-10)
                np.testing.assert_allclose(found[f"std{suffix}"][name], these.std(axes), rtol=1e-10)
                np.testing.assert_allclose(found[f"rms{suffix}"][name], np.sqrt((these**2).mean(axes)), rtol=1e-10)


def test_a_set_without_training_cases_has_no_statistics(known, tmp_path):
    well.write(known.isel(case=[0, 2]), tmp_path, lambda _: None)
    assert not (tmp_path / "stats.yaml").exists()
    assert [case["split"].item() for case in imported(tmp_path, SAYS)] == ["test", "validation"]


def test_the_metadata_are_those_that_the_package_finds(ours):
    said = WellMetadata(**yaml.safe_load((ours / "dummy.yaml").read_text()))
    found = WellDataset(path=str(ours), well_split_name="train").metadata
    assert (
        sum(len(list((ours / "data" / split).iterdir())) for split in ("train", "valid", "test")) == said.n_files == 5
    )
    assert set(found.boundary_condition_types) == set(said.boundary_condition_types) == {"OPEN", "WALL"}
    for name in ("dataset_name", "n_spatial_dims", "grid_type", "scalar_names", "constant_scalar_names", "n_fields"):
        assert getattr(said, name) == getattr(found, name)
    assert tuple(said.spatial_resolution) == found.spatial_resolution == (9, 6)
    assert (said.field_names, said.constant_field_names) == (found.field_names, found.constant_field_names)


def test_the_package_turns_it_into_xarray(known, ours):
    with h5py.File(ours / "data" / "test" / "case_0000.hdf5") as file:
        found = hdf5_to_xarray(file)
    np.testing.assert_array_equal(found["pressure"].isel(sample=0).transpose("time", "y", "x"), known["pressure"][0])
    along = found["velocity"].isel(sample=0)
    for name in "xy":
        np.testing.assert_array_equal(along.sel(i=name).transpose("time", "y", "x"), known[f"velocity_{name}"][0])


def is_flag(item, name):
    """Return whether an attribute is a true boolean."""
    return isinstance(item.attrs[name], np.bool_)


def check_rules(path):
    """Assert what the format demands of a file: groups, attributes, their types, and shapes that they imply."""
    with h5py.File(path) as file:
        assert {"dimensions", "boundary_conditions", "scalars", "t0_fields", "t1_fields", "t2_fields"} == set(file)
        assert isinstance(file.attrs["dataset_name"], str)
        assert file.attrs["grid_type"] == "cartesian"
        assert isinstance(file.attrs["n_spatial_dims"], np.integer)
        assert isinstance(file.attrs["n_trajectories"], np.integer)
        for name in file.attrs["simulation_parameters"]:
            assert isinstance(file.attrs[name], (np.floating, np.integer))
        dimensions = file["dimensions"]
        assert list(dimensions.attrs["spatial_dims"]) == ["x", "y"]
        assert len(dimensions.attrs["spatial_dims"]) == file.attrs["n_spatial_dims"]
        sizes = {"sample": file.attrs["n_trajectories"]}
        for name in ("time", "x", "y"):
            axis = dimensions[name]
            assert (axis.dtype, axis.ndim) == (np.float32, 1)
            assert is_flag(axis, "sample_varying") and not axis.attrs["sample_varying"]
            assert name == "time" or (is_flag(axis, "time_varying") and not axis.attrs["time_varying"])
            sizes[name] = axis.size
        for order in range(3):
            fields = file[f"t{order}_fields"]
            assert set(fields.attrs["field_names"]) == set(fields)
            for field in fields.values():
                assert field.dtype == np.float32
                assert is_flag(field, "sample_varying") and is_flag(field, "time_varying")
                along = field.attrs["dim_varying"]
                assert along.dtype == bool and len(along) == 2
                varying = [field.attrs["sample_varying"], field.attrs["time_varying"], *along]
                expected = [size for size, varies in zip(sizes.values(), varying, strict=True) if varies]
                assert field.shape == (*expected, *[2] * order)
        scalars = file["scalars"]
        assert set(scalars.attrs["field_names"]) == set(scalars)
        for scalar in scalars.values():
            assert is_flag(scalar, "sample_varying") and is_flag(scalar, "time_varying")
            assert scalar.ndim == scalar.attrs["sample_varying"] + scalar.attrs["time_varying"]
            assert scalar.dtype == np.float32
        for side in file["boundary_conditions"].values():
            assert side.attrs["bc_type"] in {"WALL", "OPEN", "PERIODIC"}
            assert is_flag(side, "sample_varying") and is_flag(side, "time_varying")
            assert not len(side.attrs["associated_fields"])
            assert side["mask"].dtype == bool
            assert side["mask"].shape == tuple(sizes[name] for name in side.attrs["associated_dims"])
            assert np.flatnonzero(side["mask"]).tolist() == [0, side["mask"].size - 1]
        return {name: side.attrs["bc_type"] for name, side in file["boundary_conditions"].items()}


def test_our_files_keep_the_rules_of_the_format(ours):
    assert len(list(ours.rglob("*.hdf5"))) == 5
    for path in ours.rglob("*.hdf5"):
        assert check_rules(path) == {"x_open": "OPEN", "y_wall": "WALL"}


def test_other_fields_and_imported_sides_keep_the_rules_too(known, tmp_path):
    few = known[["velocity_y", "pressure"]].drop_vars(["particle_velocity", "seed", "name"])
    well.write(few.assign_attrs(imported_from="parc"), tmp_path, lambda _: None)
    assert check_rules(tmp_path / "data" / "train" / "case_0001.hdf5") == {"x_open": "OPEN", "y_open": "OPEN"}
    said = {**SAYS, "shock": "none", "fields": {"velocity_y": {"variable": "velocity_y"}}}
    found = imported(tmp_path, said)
    np.testing.assert_array_equal(found[3]["velocity_y"][0], known["velocity_y"][3])
    assert "particle_velocity" not in found[3].coords


def test_an_initial_microstructure_that_changes_is_no_constant(known, tmp_path):
    changing = known.copy(deep=True)
    changing["initial_microstructure"][2, 3, 1, 1] += 0.1
    with pytest.raises(DataError, match="pore_002: initial_microstructure: expected the same in all snapshots"):
        well.write(changing, tmp_path, lambda _: None)


def write_theirs(path, *, dims=("x", "y"), flip=False, count=2, **more):
    """Write a file as others do, by hand: two trajectories, and fields that lack axes. Return its fields."""
    rng, sizes = np.random.default_rng(len(dims[0])), {"x": 5, "y": 3}
    ends = [sizes[name] for name in dims]
    with h5py.File(path, "w") as file:
        file.attrs.update({"dataset_name": "theirs", "grid_type": "cartesian", "n_spatial_dims": 2})
        file.attrs.update({"n_trajectories": count, "simulation_parameters": [], "Mach": 1.5})
        group = file.create_group("dimensions")
        group.attrs["spatial_dims"] = list(dims)
        group["time"] = np.linspace(1.0, 2.5, 4, dtype="f4")
        group["time"].attrs["sample_varying"] = False
        for name, size in sizes.items():
            values = np.linspace(0.0, 0.25 * (size - 1), size, dtype="f4")
            group[name] = values[::-1] if flip and name == "y" else values
            group[name].attrs.update({"sample_varying": False, "time_varying": False})
        fields = {
            "p": (rng.random((count, 4, *ends)) + 1.0, True, True, (True, True)),
            "T": (rng.random((4, *ends)) + 300.0, False, True, (True, True)),
            "rho": (rng.random((count, 4, ends[0])) + 1.0, True, True, (True, False)),
            "solid": (np.linspace(0.6, 1.0, ends[0] * ends[1]).reshape(ends), False, False, (True, True)),
            "wall": (np.linspace(0.6, 1.0, ends[1]), False, False, (False, True)),
        }
        names = {"t0_fields": list(fields), "t1_fields": ["v"], "t2_fields": []}
        fields["v"] = (rng.random((count, 4, *ends, 2)), True, True, (True, True))
        for group, these in names.items():
            file.create_group(group).attrs["field_names"] = these
            for name in these:
                values, by_sample, by_time, along = fields[name]
                file[group][name] = values.astype("f4")
                said = {"sample_varying": by_sample, "time_varying": by_time, "dim_varying": list(along)}
                file[group][name].attrs.update(said)
        file.create_group("scalars").attrs["field_names"] = []
        file.create_group("boundary_conditions")
        if "velocity" in more:
            file["scalars/particle_velocity"] = np.array(more["velocity"], "f4")
            file["scalars/particle_velocity"].attrs.update({"units": "km/s", "sample_varying": True})
    return {name: values[0].astype("f4") for name, values in fields.items()}


THEIRS = {
    "format": "well",
    "shock": "none",
    "cell_size": "25 nm",
    "interval": "2 ns",
    "split": {"train": ["a:0"], "validation": ["b:1"], "test": ["a:1", "b:0"]},
    "fields": {
        "pressure": {"variable": "p", "units": "GPa"},
        "temperature": {"variable": "T", "units": "K"},
        "density": {"variable": "rho", "units": "g/cm^3"},
        "velocity_x": {"variable": "v", "units": "m/s"},
        "velocity_y": {"variable": "v", "units": "m/s"},
    },
}


def with_solid(name, variable):
    """Return the mapping with the solid fraction of another name."""
    return THEIRS | {"fields": {**THEIRS["fields"], name: {"variable": variable, "units": "1"}}}


def write_both(folder, **more):
    """Write a set of two files as others do, both in one split folder; return the fields of the first."""
    (folder / "data" / "train").mkdir(parents=True)
    for name in "ba":
        found = write_theirs(folder / "data" / "train" / f"{name}.hdf5", **more)
    return found


@pytest.mark.parametrize("flip", [False, True], ids=["rising", "falling"])
def test_a_set_of_others_is_read_and_what_does_not_vary_is_repeated(tmp_path, flip):
    raw = write_both(tmp_path, flip=flip, velocity=[0.5, 0.75])
    found = imported(tmp_path, with_solid("initial_microstructure", "solid"))
    assert [case["name"].item() for case in found] == ["a:0", "a:1", "b:0", "b:1"]
    assert [case["split"].item() for case in found] == ["train", "test", "test", "validation"]
    assert [case["particle_velocity"].item() for case in found] == [500.0, 750.0] * 2
    turn = slice(None, None, -1 if flip else 1)
    one = found[1].isel(case=0, y=turn)
    np.testing.assert_allclose(one["pressure"], 1e9 * raw["p"][1].swapaxes(1, 2), rtol=1e-6)
    np.testing.assert_array_equal(one["temperature"], raw["T"].swapaxes(1, 2))
    np.testing.assert_allclose(one["density"], 1e3 * np.repeat(raw["rho"][1][:, None], 3, axis=1), rtol=1e-6)
    np.testing.assert_array_equal(one["velocity_x"], raw["v"][1, ..., 0].swapaxes(1, 2))
    np.testing.assert_array_equal(one["velocity_y"], raw["v"][1, ..., 1].swapaxes(1, 2))
    np.testing.assert_array_equal(one["initial_microstructure"], np.repeat(raw["solid"].T[None], 4, axis=0))
    np.testing.assert_allclose(one["x"], 25e-9 * (np.arange(5) + 0.5))
    np.testing.assert_allclose(one["time"], 2e-9 * (np.arange(4) + 2.0))  # begins at two intervals


def test_what_does_not_change_can_be_a_field_of_every_snapshot_and_lack_an_axis(tmp_path):
    raw = write_both(tmp_path)
    found = imported(tmp_path, with_solid("microstructure", "wall"))[0]["microstructure"].values[0]
    np.testing.assert_array_equal(found, np.broadcast_to(raw["wall"][None, :, None], (4, 3, 5)))


def test_the_initial_microstructure_is_the_first_snapshot_of_what_changes(tmp_path):
    raw = write_both(tmp_path)
    said = THEIRS | {"fields": {"initial_microstructure": {"variable": "p", "units": "1", "range": [0.9, 0.4]}}}
    opened = well.open_set(tmp_path, mapping.parse(said, "mapping.yaml"))
    np.testing.assert_array_equal(opened.read(1)["initial_microstructure"], raw["p"][1, 0].T)


def test_the_order_of_dimensions_is_that_of_the_file(tmp_path):
    raw = write_both(tmp_path, dims=("y", "x"))
    one = imported(tmp_path, THEIRS)[1].isel(case=0)
    np.testing.assert_allclose(one["pressure"], 1e9 * raw["p"][1], rtol=1e-6)
    np.testing.assert_array_equal(one["velocity_x"], raw["v"][1, ..., 1])
    np.testing.assert_array_equal(one["velocity_y"], raw["v"][1, ..., 0])
    np.testing.assert_allclose(one["density"], 1e3 * np.repeat(raw["rho"][1][..., None], 5, axis=2), rtol=1e-6)


def test_splits_are_the_folders_and_one_file_has_none(tmp_path):
    write_both(tmp_path)
    for folder, name in (("valid", "c"), ("test", "a")):
        (tmp_path / "data" / folder).mkdir()
        write_theirs(tmp_path / "data" / folder / f"{name}.hdf5", count=1)
    found = imported(tmp_path, THEIRS | {"split": None})
    assert [(case["name"].item(), case["split"].item()) for case in found] == [
        ("train/a.hdf5:0", "train"),
        ("train/a.hdf5:1", "train"),
        ("test/a.hdf5:0", "test"),
        ("train/b.hdf5:0", "train"),
        ("train/b.hdf5:1", "train"),
        ("valid/c.hdf5:0", "validation"),
    ]
    alone = tmp_path / "data" / "train" / "a.hdf5"
    with pytest.raises(DataError, match="split: expected it in the mapping, for the files do not say it"):
        imported(alone, THEIRS | {"split": None})
    names = {"train": ["a:1"], "validation": ["a:0"], "test": ["a:2"]}
    with pytest.raises(DataError, match="expected names of cases such as 'a:0', got 'a:2'"):
        imported(alone, THEIRS | {"split": names})


def test_one_case_is_in_memory_at_a_time(tmp_path):
    known = shocked(cases=16, snapshots=4, ny=64, nx=128, fields=["pressure", "velocity_x", "velocity_y"])
    store.save_zarr(known.chunk({"case": 1}), tmp_path / "store.json")
    lazy, case = store.open_zarr(tmp_path / "store.json"), 3 * 4 * 4 * 64 * 128
    (tmp_path / "set").mkdir()
    tracemalloc.start()
    well.write(lazy, tmp_path / "set", lambda _: None)
    peaks = {"write": tracemalloc.get_traced_memory()[1]}
    tracemalloc.stop()
    places = {name: PLACES[name] for name in ("pressure", "velocity_x", "velocity_y")}
    opened = well.open_set(tmp_path / "set", mapping.parse(SAYS | {"fields": places}, "mapping.yaml"))
    tracemalloc.start()
    for number in range(16):
        opened.read(number)
    peaks["read"] = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peaks["write"] < 8 * case, f"expected less than eight cases of {case} bytes, took {peaks}"
    assert peaks["read"] < 3 * case, f"expected less than three cases of {case} bytes, took {peaks}"


def test_names_of_ours_that_stand_twice_are_not_taken(known, tmp_path):
    well.write(known.assign_coords(name=("case", ["same"] * 5)), tmp_path, lambda _: None)
    assert [case["name"].item() for case in imported(tmp_path, SAYS)] == [f"case_{n:04d}:0" for n in range(5)]


def _set(name, key, value):
    def change(file):
        file[name].attrs[key] = value

    return change


def _put(name, values, **attrs):
    def change(file):
        kept = dict(file[name].attrs)
        del file[name]
        file[name] = values
        file[name].attrs.update(kept | attrs)

    return change


def _link(name, path):
    def change(file):
        del file[name]
        file[name] = h5py.ExternalLink(path, name)

    return change


def _drop(name, key=None):
    return lambda file: file.__delitem__(name) if key is None else file[name].attrs.__delitem__(key)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            _set("/", "grid_type", "spherical"),
            "a.hdf5: expected a cartesian grid of 2 dimensions, got 2.0 of a spherical",
        ),
        (_set("/", "n_spatial_dims", 3), "expected a cartesian grid of 2 dimensions, got 3.0 of a cartesian one"),
        (_drop("/", "grid_type"), "expected a cartesian grid of 2 dimensions, got 2.0 of a None one"),
        (
            _set("/", "n_trajectories", 3),
            "/t0_fields/p: expected (3, 4, 5, 3), as its attributes say, got (2, 4, 5, 3)",
        ),
        (_set("/", "n_trajectories", 2.5), "@n_trajectories: expected 1 to 1000000 of them (MOST), got 2.5"),
        (_set("/", "n_trajectories", 2**60), "@n_trajectories: expected 1 to 1000000 of them (MOST), got 1.15"),
        (_set("/", "n_trajectories", np.nan), "@n_trajectories: expected 1 to 1000000 of them (MOST), got None"),
        (_set("dimensions", "spatial_dims", ["x", "z"]), "@spatial_dims: expected x and y, got x, z"),
        (_set("dimensions", "spatial_dims", "xy"), "/dimensions: @spatial_dims: expected a list of words, got xy"),
        (_drop("dimensions"), "/: expected 'dimensions', found boundary_conditions, scalars, t0_fields"),
        (_drop("dimensions/time"), "/dimensions: expected 'time', found x, y"),
        (_drop("t1_fields"), "/: expected 't1_fields', found boundary_conditions"),
        (
            _drop("t0_fields/p"),
            "fields.pressure: expected 'p', found T, rho, solid, v, wall in t0_fields and t1_fields",
        ),
        (
            _set("dimensions/x", "sample_varying", True),
            "/dimensions/x: expected one axis for all trajectories and times",
        ),
        (_set("dimensions/y", "time_varying", True), "/dimensions/y: expected one axis for all trajectories and times"),
        (_set("dimensions/time", "sample_varying", True), "/dimensions/time: expected one axis for all trajectories"),
        (_put("dimensions/x", np.geomspace(1, 2, 5)), "/dimensions/x: expected equal steps"),
        (_put("dimensions/x", np.arange(5.0)), "b.hdf5: x: expected steps of 1 from 0 (no unit), as in "),
        (_put("dimensions/x", 0.25 * np.arange(6.0)), "/t0_fields/p: expected (2, 4, 6, 3), as its attributes say"),
        (_drop("t0_fields/T", "time_varying"), "/t0_fields/T: @time_varying: expected true or false, got none"),
        (_set("t0_fields/T", "dim_varying", [True]), "/t0_fields/T: @dim_varying: expected 2 times true or false"),
        (_set("t0_fields/T", "sample_varying", "no"), "/t0_fields/T: @sample_varying: expected true or false, got no"),
        (_set("t0_fields/T", "time_varying", False), "/t0_fields/T: expected (5, 3), as its attributes say, got (4,"),
        (_set("t0_fields/T", "units", "mK"), "expected units {'pressure': None, 'temperature': 'mK'"),
        (_put("t1_fields/v", np.zeros((2, 4, 5, 3, 3), "f4")), "/t1_fields/v: expected (2, 4, 5, 3, 2), as its"),
        (_link("t0_fields/T", "/dev/zero"), "/t0_fields: T: expected data in the file itself, got a link to elsewhere"),
        (
            _put("t0_fields/T", np.full((4, 5, 3), np.inf, "f4")),
            "case a:0: temperature: expected finite values, got inf",
        ),
    ],
)
def test_a_file_of_others_that_cannot_be_is_refused(tmp_path, change, said):
    write_both(tmp_path)
    with h5py.File(tmp_path / "data" / "train" / "a.hdf5", "a") as file:
        change(file)
    with pytest.raises(DataError) as caught:
        imported(tmp_path, THEIRS)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"pressure": {"units": "Pa"}},
            "fields.pressure.variable: expected the name of a field of the files, got none",
        ),
        ({"pressure": {"channel": 0}}, "fields.pressure.variable: expected the name of a field of the files, got none"),
        ({"pressure": {"variable": "P"}}, "fields.pressure: expected 'P', found T, p, rho, solid, v, wall in t0"),
        ({"pressure": {"variable": "../t0_fields/p"}}, "fields.pressure: expected '../t0_fields/p', found T, p"),
        (
            {"pressure": {"variable": "p", "component": 0}},
            "fields.pressure.component: expected none, for it is a scalar",
        ),
        ({"pressure": {"variable": "v"}}, "fields.pressure.component: expected 0 or 1, for it is a vector, got None"),
        ({"pressure": {"variable": "v", "component": 2}}, "component: expected 0 or 1, for it is a vector, got 2"),
        ({"velocity_x": {"variable": "v", "component": 1}}, "component: expected 0, the one along x, got 1"),
        ({"velocity_y": {"variable": "v", "component": 0}}, "component: expected 1, the one along y, got 0"),
        ({"pressure": {"variable": "p"}}, "fields.pressure.units: expected it in the mapping"),
    ],
)
def test_a_wrong_place_is_refused(tmp_path, fields, said):
    write_both(tmp_path)
    with pytest.raises(DataError) as caught:
        imported(tmp_path, THEIRS | {"fields": fields})
    assert said in str(caught.value)


def test_what_the_files_do_not_say_is_asked_for(tmp_path):
    write_both(tmp_path)
    for key, step in (("cell_size", 0.25), ("interval", 0.5)):
        with pytest.raises(DataError) as caught:
            imported(tmp_path, {name: value for name, value in THEIRS.items() if name != key})
        got = f"{key}: expected it in the mapping, for the files say steps of {step} without a unit, got none"
        assert got in str(caught.value)


def test_what_our_files_say_must_be_what_the_mapping_says(ours):
    with pytest.raises(DataError, match=f"cell_size: expected {CELL_SIZE}, as the files say, got 1e-06"):
        imported(ours, SAYS | {"cell_size": "1 um"})
    wrong = {**PLACES, "pressure": {"variable": "pressure", "units": "GPa"}}
    with pytest.raises(DataError, match=r"fields.pressure.units: expected 'Pa', as the files say, got 'GPa'"):
        imported(ours, SAYS | {"fields": wrong})


def test_a_folder_without_files_is_refused(tmp_path):
    (tmp_path / "data" / "train").mkdir(parents=True)
    with pytest.raises(
        DataError, match=r"expected data/train, data/valid and data/test with files \*.hdf5, found none"
    ):
        imported(tmp_path, SAYS)


def test_damaged_files_are_one_line_or_sound(tmp_path):
    known = shocked(cases=3, snapshots=2, ny=3, nx=4, fields=["pressure", "velocity_x", "velocity_y", "microstructure"])
    well.write(known, tmp_path, lambda _: None)
    said = SAYS | {"fields": {"pressure": {"variable": "pressure"}, "velocity_x": {"variable": "velocity"}}}
    with watched():
        refused = battered(tmp_path / "data" / "train" / "case_0000.hdf5", lambda: imported(tmp_path, said), count=112)
    assert refused > 60
