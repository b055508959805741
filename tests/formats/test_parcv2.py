"""PARCv2: the channels of a snapshot together on the last axis, files in the order of their numbers."""

import numpy as np
import pytest

from tessera.data.fields import SIMULATED
from tessera.errors import DataError
from tests.formats import lab
from tests.formats.mutations import battered, imported
from tests.formats.shock import shocked

NAMES = ["temperature", "pressure", "microstructure", "velocity_x", "velocity_y"]
SAID = lab.SAYS_ALL | {
    "format": "parcv2",
    "fields": lab.places(NAMES),
    "split": {"train": 1, "validation": 1, "test": 1},
}


@pytest.fixture(scope="module")
def truth():
    return shocked()


@pytest.fixture
def raw(truth, tmp_path):
    return written(truth, tmp_path / "set")


def written(dataset, folder, names=NAMES, numbers=(2, 10, 31)):
    """Write (y, x, time * channel) as the lab does: for every snapshot its channels."""
    folder.mkdir()
    for number, case in zip(numbers, lab.stacked(dataset, list(names), 2), strict=True):
        snapshots = [channel for snapshot in case for channel in snapshot]
        np.save(folder / f"void_{number}.npy", np.stack(snapshots, axis=-1).astype("float32"))
    return folder


def refused(path, said, **changes):
    with pytest.raises(DataError) as error:
        imported(path, SAID | changes)
    assert said in error.value.args[0], error.value.args[0]


def test_the_layout_is_read_in_the_order_of_numbers(truth, raw):
    cases = imported(raw, SAID)
    lab.same_fields(cases, truth[list(SIMULATED)])
    assert [one["name"].item() for one in cases] == ["void_2", "void_10", "void_31"]


def test_some_fields_of_files_in_fortran_order_are_read(truth, raw):
    for file in raw.glob("*.npy"):
        np.save(file, np.asfortranarray(np.load(file)))
    fields = {name: lab.places(NAMES)[name] for name in ("velocity_x", "pressure")}
    lab.same_fields(imported(raw, SAID | {"fields": fields}), truth[["velocity_x", "pressure"]])


def test_lengths_that_differ_need_a_number_of_snapshots(truth, raw):
    file = raw / "void_10.npy"
    np.save(file, np.load(file)[:, :, :20])
    refused(raw, "snapshots: expected it in the mapping, for cases have 4 (void_10) to 5 (void_2), got none")
    refused(raw, "expected at most 4, for cases have 4 (void_10) to 5 (void_2), got 5", snapshots=5)
    for count in (3, 4):
        lab.same_fields(imported(raw, SAID | {"snapshots": count}), truth[list(SIMULATED)].isel(time=slice(count)))


def test_a_last_axis_that_is_no_multiple_of_five_is_refused(raw):
    np.save(raw / "void_10.npy", np.load(raw / "void_10.npy")[:, :, :24])
    refused(raw, "void_10.npy: expected 5 channels for each snapshot, got 24 in all")


def test_other_cells_or_axes_are_refused(raw):
    np.save(raw / "void_10.npy", np.zeros((20, 12, 25), "float32"))
    refused(raw, "void_10: expected cells (y, x) of (12, 20), as in void_2, got (20, 12)")
    np.save(raw / "void_10.npy", np.zeros((12, 20, 5, 5), "float32"))
    refused(raw, "void_10.npy: expected an array of (y, x, time * channel), got one of 4 axes")


@pytest.mark.parametrize("name", ["void_a.npy", "void_-1.npy", "mean.npy", "void_002.npy"])
def test_files_of_other_names_are_refused(raw, name):
    np.save(raw / name, np.load(raw / "void_2.npy"))
    refused(raw, "each number once" if "002" in name else f"expected files void_NUMBER.npy, got {name!r}")


def test_a_folder_without_files_is_refused(raw, tmp_path):
    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", "expected files void_NUMBER.npy, found none")
    refused(raw / "void_2.npy", "expected a folder of void_NUMBER.npy, got a file")


def test_channels_are_never_guessed(raw):
    refused(raw, "fields.pressure.channel: expected it in the mapping", fields={"pressure": {"units": "GPa"}})
    refused(raw, "expected 0 to 4, got 5", fields={"pressure": {"units": "GPa", "channel": 5}})


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("velocity_x", "velocity_y", "velocity_x: expected the larger one"),
        ("temperature", "pressure", "temperature: expected 200 to 100000"),
        ("temperature", "microstructure", "temperature: expected 200 to 100000"),
    ],
)
def test_swapped_channels_are_refused(raw, first, second, said):
    fields = lab.places(NAMES)
    fields[first]["channel"], fields[second]["channel"] = fields[second]["channel"], fields[first]["channel"]
    refused(raw, said, fields=fields)


def test_swapped_axes_are_refused(truth, tmp_path):
    folder = written(truth.transpose("case", "time", "x", "y"), tmp_path / "set")
    refused(folder, "check whether H and W are swapped")


def test_damaged_files_are_refused_in_one_line(raw):
    assert battered(raw / "void_10.npy", lambda: imported(raw, SAID), seed=3, count=200) > 100
