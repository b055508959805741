"""PARCtorch: arrays of a laboratory by what a mapping says, and our own export, which comes back bit by bit."""

import json

import numpy as np
import pytest
import xarray as xr

from tessera.data import schema, store
from tessera.data.fields import SIMULATED
from tessera.errors import ConfigError, DataError
from tessera.formats import parctorch
from tessera.stages import formats
from tests.formats import lab
from tests.formats.mutations import battered, imported
from tests.formats.shock import shocked

NAMES = ["pressure", "temperature", "microstructure", "velocity_x", "velocity_y"]  # not our order
SAID = lab.SAYS_ALL | {"format": "parctorch", "fields": lab.places(NAMES)}
OURS = {"format": "parctorch", "shock": "left", "fields": {name: {} for name in SIMULATED}}


@pytest.fixture(scope="module")
def truth():
    return shocked()


@pytest.fixture
def flat(truth, tmp_path):
    lab.write_parctorch(truth, tmp_path / "set", NAMES)
    return tmp_path / "set"


@pytest.fixture
def ours(truth, tmp_path):
    return exported(truth, tmp_path / "ours")


def exported(dataset, folder):
    folder.mkdir()
    parctorch.write(dataset, folder, print)
    return folder


def extremes(dataset, names=NAMES):
    values = {name: lab.in_units(dataset, name).astype("float32") for name in names}
    return {
        "channel_min": [float(values[name].min()) for name in names],
        "channel_max": [float(values[name].max()) for name in names],
    }


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def refused(path, said, **changes):
    with pytest.raises((DataError, ConfigError)) as error:
        imported(path, SAID | changes)
    assert said in error.value.args[0], error.value.args[0]
    assert error.value.args[0].isprintable()


def test_a_flat_folder_is_read_by_the_channels_of_the_mapping(truth, flat):
    cases = imported(flat, SAID)
    lab.same_fields(cases, truth[list(SIMULATED)])
    assert [one["name"].item() for one in cases] == ["sim_0", "sim_1", "sim_2"]
    assert "particle_velocity" not in cases[0].coords


def test_rows_of_an_image_and_a_shock_from_the_right_are_turned(truth, tmp_path):
    turned = truth.isel(y=slice(None, None, -1), x=slice(None, None, -1))
    lab.write_parctorch(turned.assign(velocity_x=-turned.velocity_x), tmp_path, NAMES)
    found = imported(tmp_path, SAID | {"shock": "right", "orientation": {"y": "falling", "x": "rising"}})
    lab.same_fields(found, truth[list(SIMULATED)])


@pytest.mark.parametrize("validation", ["validation", "val", "valid"])
def test_folders_say_the_split(truth, tmp_path, validation):
    for number, split in enumerate(("train", validation, "test")):
        lab.write_parctorch(truth.isel(case=[number]), tmp_path / split, NAMES)
    cases = imported(tmp_path, {key: value for key, value in SAID.items() if key != "split"})
    lab.same_fields(cases, truth[list(SIMULATED)])
    assert [one["name"].item() for one in cases] == ["train/sim_0", f"{validation}/sim_0", "test/sim_0"]


def test_folders_that_could_mean_two_things_are_refused(flat):
    (flat / "train").mkdir()
    refused(flat, "in it or in train, got both")
    for file in flat.glob("*.npy"):
        file.rename(flat / "train" / file.name)
    (flat / "valid").mkdir()
    refused(flat, f"{flat / 'valid'}: expected .npy files, found none")
    (flat / "val").mkdir()
    refused(flat, "one folder for each split, got train, val, valid")


def test_an_empty_folder_and_a_file_are_refused(flat, tmp_path):
    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", "expected .npy files")
    refused(flat / "sim_0.npy", "expected a folder of .npy files, got a file")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"units": "K"}, "fields.temperature.channel: expected it in the mapping"),
        ({"channel": 5, "units": "K"}, "fields.temperature.channel: expected 0 to 4, got 5"),
        ({"channel": 0, "units": "K"}, "expected another for each field, got 0 twice"),
        ({"variable": "T", "units": "K"}, "fields.temperature: expected a channel alone, for arrays have no names"),
        ({"channel": 1, "component": 0, "units": "K"}, "expected a channel alone"),
        ({"channel": 1}, "fields.temperature.units: expected it in the mapping"),
    ],
)
def test_a_place_must_be_a_channel_that_is_there(flat, place, said):
    fields = lab.places(NAMES)
    refused(flat, said, fields={"pressure": fields["pressure"], "temperature": place})


@pytest.mark.parametrize("key", ["cell_size", "interval", "orientation", "split"])
def test_what_arrays_do_not_say_must_be_said(flat, key):
    refused(flat, f"{key}: expected it in the mapping", **{key: None})


def test_swapped_axes_are_refused(truth, tmp_path):
    lab.write_parctorch(truth.transpose("case", "time", "x", "y"), tmp_path, NAMES)
    refused(tmp_path, "check whether H and W are swapped")


def test_swapped_velocities_are_refused(truth, tmp_path):
    lab.write_parctorch(truth, tmp_path, [*NAMES[:3], "velocity_y", "velocity_x"])
    refused(tmp_path, "velocity_x: expected the larger one", fields=lab.places(NAMES))


def test_cases_must_have_the_same_channels_and_cells(flat):
    np.save(flat / "sim_1.npy", np.zeros((5, 5, 20, 12), "float32"))
    refused(flat, "sim_1: expected (channel, y, x) (5, 12, 20), as in sim_0, got (5, 20, 12)")


def test_cases_of_different_lengths_need_a_number_of_snapshots(truth, flat):
    np.save(flat / "sim_1.npy", np.load(flat / "sim_1.npy")[:4])
    refused(flat, "snapshots: expected it in the mapping, for cases have 4 (sim_1) to 5 (sim_0), got none")
    refused(flat, "snapshots: expected at most 4", snapshots=5)
    lab.same_fields(imported(flat, SAID | {"snapshots": 3}), truth[list(SIMULATED)].isel(time=slice(3)))


@pytest.mark.parametrize("few", [{"time": [4]}, {"y": [8]}, {"x": [3]}])
def test_one_snapshot_or_one_row_has_no_spacing(truth, tmp_path, few):
    lab.write_parctorch(truth.isel(few), tmp_path, NAMES)
    refused(tmp_path, "expected two snapshots or more, and two cells or more along y and x, got", shock="none")


def test_right_extremes_are_accepted(truth, flat):
    (flat / "min_max.json").write_text(json.dumps(extremes(truth)))
    lab.same_fields(imported(flat, SAID), truth[list(SIMULATED)])


def test_extremes_of_the_speed_bound_both_velocities(truth, flat):
    assert truth.velocity_y.min() < -30.0
    speed = np.hypot(lab.in_units(truth, "velocity_x"), lab.in_units(truth, "velocity_y"))
    said = extremes(truth)
    said["channel_min"][-2:], said["channel_max"][-2:] = [float(speed.min())] * 2, [float(speed.max())] * 2
    (flat / "min_max.json").write_text(json.dumps(said))
    lab.same_fields(imported(flat, SAID), truth[list(SIMULATED)])
    said["channel_max"][-2:] = [0.5] * 2
    (flat / "min_max.json").write_text(json.dumps(said))
    refused(flat, "velocity_x: expected -0.5 to 0.5, as")


@pytest.mark.parametrize("case", [0, 1])
def test_extremes_bound_the_training_cases(truth, tmp_path, case):
    for number, split in enumerate(("train", "validation", "test")):
        lab.write_parctorch(truth.isel(case=[number]), tmp_path / split, NAMES)
    (tmp_path / "min_max.json").write_text(json.dumps(extremes(truth.isel(case=[case]))))
    if case == 0:
        lab.same_fields(imported(tmp_path, SAID), truth[list(SIMULATED)])
    else:
        refused(tmp_path, "the channels or the files differ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda said: {key: said[key][1::-1] + said[key][2:] for key in said}, "pressure: expected 300.0"),
        (lambda said: {key: said[key][:4] for key in said}, "expected 5 numbers, as the arrays have channels, got 4"),
        (lambda said: said | {"channel_min": said["channel_max"], "channel_max": said["channel_min"]}, "one above"),
        (lambda said: said | {"channel_min": [float("nan")] * 5}, "expected finite numbers"),
        (lambda said: said | {"channel_min": ["0"] * 5}, "channel_min: expected a list of 5 numbers"),
        (lambda said: said | {"channel_max": 7}, "channel_max: expected a list of 5 numbers, got 7"),
        (lambda said: {"channel_min": said["channel_min"]}, "channel_max: expected a list of 5 numbers, got None"),
        (lambda _: [1, 2], "expected a JSON object, got list"),
    ],
)
def test_wrong_extremes_are_refused(truth, flat, content, said):
    (flat / "min_max.json").write_text(json.dumps(content(extremes(truth))))
    refused(flat, said)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"channel_min": ' + "9" * 5000 + "}", "\ud800"])
def test_extremes_that_are_no_json_are_refused(flat, text):
    (flat / "min_max.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(flat, "min_max.json: expected a JSON object, got")


def test_a_json_file_of_absurd_length_is_refused_unread(flat):
    with (flat / "min_max.json").open("wb") as file:
        file.truncate(10**12)
    refused(flat, "expected at most 1024000 bytes, got 1000000000000")


def test_an_export_through_the_stages_comes_back_bit_by_bit(truth, tmp_path):
    store.save_zarr(truth.chunk({"case": 1}), tmp_path / "a.json")
    formats.export("parctorch", tmp_path / "a.json", tmp_path / "set")
    (tmp_path / "map.yaml").write_text(json.dumps(OURS))
    formats.import_set(tmp_path / "set", tmp_path / "map.yaml", tmp_path / "b.json")
    xr.testing.assert_equal(store.open_zarr(tmp_path / "b.json").load(), store.open_zarr(tmp_path / "a.json").load())


@pytest.mark.parametrize("seed", range(3))
def test_order_start_spacing_and_odd_names_come_back(tmp_path, seed):
    rng = np.random.default_rng(seed)
    dataset = shocked(cases=12, snapshots=4, ny=5, nx=9, seed=seed, fields=(*SIMULATED, "density"))
    names = ["../../a", "ü", "/", "a b", "a_b", ".", "x" * 300, "tab\t", "2", "10", "a", "A"]
    dt, dx, start = rng.random() * 1e-9, rng.random() * 1e-7, 3.4e-10 if seed else 0.0
    dataset = dataset.assign_coords(
        name=("case", names),
        split=("case", rng.permutation(["train"] * 8 + ["validation"] * 2 + ["test"] * 2)),
        particle_velocity=("case", rng.random(12) * 1000.0),
        time=start + dt * np.arange(4),
        y=dx * (np.arange(5) + 0.5),
        x=dx * (np.arange(9) + 0.5),
    )
    folder = exported(schema.describe(dataset), tmp_path / "set")
    said = OURS | {"fields": {name: {} for name in (*SIMULATED, "density")}}
    found = xr.concat(imported(folder, said), "case")
    for name in (*SIMULATED, "density", "x", "y", "time", "name", "split", "particle_velocity"):
        np.testing.assert_array_equal(found[name], dataset[name], err_msg=name)
    assert {file.parent.parent for file in folder.rglob("*.npy")} == {folder}


def test_the_layout_is_that_of_parctorch(truth, ours):
    assert sorted(file.relative_to(ours).as_posix() for file in ours.rglob("*") if file.is_file()) == [
        "meta.json",
        "test/2_pore_002.npy",
        "test/min_max.json",
        "train/0_pore_000.npy",
        "train/min_max.json",
        "validation/1_pore_001.npy",
        "validation/min_max.json",
    ]
    values = np.load(ours / "validation" / "1_pore_001.npy")
    assert values.dtype == np.float32
    expected = ("temperature", "pressure", "microstructure", "velocity_x", "velocity_y")
    np.testing.assert_array_equal(values, np.stack([truth[name].values[1] for name in expected], axis=1))


def test_velocities_are_the_last_channels_also_beside_density(tmp_path):
    dataset = shocked(fields=(*SIMULATED, "density"))
    folder = exported(dataset, tmp_path / "set")
    values = np.load(folder / "train" / "0_pore_000.npy")
    np.testing.assert_array_equal(values[:, -2], dataset.velocity_x[0])
    np.testing.assert_array_equal(values[:, -1], dataset.velocity_y[0])
    np.testing.assert_array_equal(values[:, 3], dataset.density[0])


def test_extremes_are_those_of_the_training_cases_in_every_folder(tmp_path):
    dataset = shocked(cases=5)
    dataset["temperature"][3:] += 100.0
    folder = exported(dataset, tmp_path / "set")
    said = json.loads((folder / "train" / "min_max.json").read_text())
    for split in ("validation", "test"):
        assert json.loads((folder / split / "min_max.json").read_text()) == said
    names = ["temperature", "pressure", "microstructure", "velocity_x", "velocity_y"]
    train = np.stack([dataset[name].values[:3].astype("float64") for name in names])
    flat = train.reshape(5, -1)
    assert said["channel_min"] == flat.min(axis=1).tolist()
    assert said["channel_max"] == flat.max(axis=1).tolist()
    np.testing.assert_allclose(said["channel_mean"], flat.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(said["channel_std_dev"], flat.std(axis=1), rtol=1e-12)
    fastest = np.hypot(flat[3], flat[4]).argmax()
    assert said["max_norm_velocity_vector"] == flat[3:, fastest].tolist()


def test_predictions_without_training_cases_have_no_extremes(truth, tmp_path):
    folder = exported(truth.isel(case=[2]), tmp_path / "set")
    assert not list(folder.rglob("min_max.json"))
    found = imported(folder, OURS)
    np.testing.assert_array_equal(found[0].pressure, truth.isel(case=[2]).pressure)


def test_what_parctorch_would_misread_is_not_written(truth, tmp_path):
    with pytest.raises(DataError, match="expected velocity_x, for the last two channels are velocities"):
        exported(truth.drop_vars(["velocity_x", "velocity_y"]), tmp_path / "a")
    broken = truth.copy(deep=True)
    broken["pressure"][1, 2, 3, 4] = np.nan
    with pytest.raises(DataError, match="case pore_001: pressure: expected finite values"):
        exported(broken, tmp_path / "b")


def change(key, value):
    return lambda meta: meta.__setitem__(key, value)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (change("dx", 0.0), "dx: expected"),
        (change("dx", 1e-8), "expected square cells, got dx 1e-08 and dy 5.2e-08"),
        (change("dt", float("nan")), "dt: expected"),
        (change("author", "me"), "author: expected a known key"),
        (change("axes", ["time", "channel", "x", "y"]), "axes: expected time, channel, y, x, got"),
        (lambda meta: meta["channels"].pop(), "channels: expected 5 different names"),
        (lambda meta: meta["channels"].__setitem__(0, meta["channels"][1]), "channels: expected 5 different names"),
        (lambda meta: meta["channels"][0].update(name="colour"), "channels.0.name: expected"),
        (lambda meta: meta["channels"][0].update(units="Pa"), "fields.temperature.units: expected a unit of the kind"),
        (lambda meta: meta["cases"].pop(), "cases: expected the 3 files that are there, got a difference in test/2"),
        (lambda meta: meta["cases"][0].update(file="../x.npy"), "cases: expected the 3 files that are there"),
        (lambda meta: meta["cases"].append(meta["cases"][0]), "cases: expected the 3 files that are there"),
        (lambda meta: meta["cases"][0].update(name="pore_001"), "expected each name once"),
        (lambda meta: meta["cases"][0].update(split="test"), "train/0_pore_000.npy: expected split train, got 'test'"),
        (lambda meta: meta["cases"][0].update(name="\ud800"), "meta.json"),
    ],
)
def test_what_meta_json_says_must_hold(ours, damage, said):
    edit(ours / "meta.json", damage)
    refused(ours, said, **dict.fromkeys(lab.SAYS_ALL) | OURS)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (
            {"fields": {"temperature": {"channel": 1}}},
            "fields.temperature.channel: expected 0, as meta.json says, got 1",
        ),
        ({"fields": {"temperature": {"variable": "T"}}}, "expected a channel or nothing"),
        ({"fields": {"density": {}}}, "density: expected one of temperature, pressure"),
        ({"fields": {"temperature": {"units": "degC"}}}, "fields.temperature.units: expected 'K', as the files say"),
        ({"cell_size": "1 um"}, "cell_size: expected 5.2e-08, as the files say, got 1e-06"),
        ({"interval": "1 ns"}, "interval: expected 1.7e-10, as the files say, got 1e-09"),
        ({"orientation": {"y": "falling", "x": "rising"}}, "orientation.y: expected rising, as the coordinate says"),
    ],
)
def test_a_mapping_must_not_contradict_meta_json(ours, mapping, said):
    with pytest.raises(DataError) as error:
        imported(ours, OURS | mapping)
    assert said in error.value.args[0]


def test_a_mapping_may_agree_with_meta_json(truth, ours):
    said = OURS | {"fields": {"temperature": {"channel": 0, "units": "kelvin"}}, "cell_size": "52 nm"}
    lab.same_fields(imported(ours, said), truth[["temperature"]], rtol=0.0)


def test_damaged_arrays_are_refused_in_one_line(flat):
    assert battered(flat / "sim_1.npy", lambda: imported(flat, SAID), seed=1, count=200) > 100


@pytest.mark.parametrize(
    ("file", "count"), [("meta.json", 200), ("train/min_max.json", 100), ("train/0_pore_000.npy", 100)]
)
def test_damaged_exports_are_refused_in_one_line(ours, file, count):
    assert battered(ours / file, lambda: imported(ours, OURS), seed=2, count=count) > count // 2
