"""The arrays of Multiscale-Latent-Dynamics: one file of normalised values, read case by case."""

import tracemalloc

import numpy as np
import pytest

from tessera.errors import DataError
from tessera.formats import mapping, mld
from tests.formats import lab
from tests.formats.mutations import battered, imported
from tests.formats.shock import shocked

NAMES = ["temperature", "pressure", "microstructure"]
RANGES = {"temperature": (300.0, 5000.0), "pressure": (-2.0, 50.0), "microstructure": (0.0, 1.0)}
PLACES = {name: place | {"range": list(RANGES[name])} for name, place in lab.places(NAMES).items()}
SAID = lab.SAYS_ALL | {"format": "mld", "fields": PLACES}


@pytest.fixture(scope="module")
def truth():
    return shocked()[NAMES]


@pytest.fixture
def file(truth, tmp_path):
    return written(truth, tmp_path)


def written(dataset, folder, names=NAMES):
    """Write (case, y, x, field, time), 0 to 1."""
    values = [(lab.in_units(dataset, name) - RANGES[name][0]) / np.ptp(RANGES[name]) for name in names]
    path = folder / "evolving_3fields_traj.npy"
    np.save(path, np.stack(values, axis=-1).transpose(0, 2, 3, 4, 1).astype("float32"))
    return path


def refused(path, said, **changes):
    with pytest.raises(DataError) as error:
        imported(path, SAID | changes)
    assert said in error.value.args[0], error.value.args[0]


def test_the_file_and_its_folder_are_read(truth, file):
    for path in (file, file.parent):
        cases = imported(path, SAID)
        lab.same_fields(cases, truth)
        assert [one["name"].item() for one in cases] == ["0", "1", "2"]


def test_some_fields_of_a_file_in_fortran_order_are_read(truth, file):
    np.save(file, np.asfortranarray(np.load(file)))
    fields = {name: PLACES[name] for name in ("microstructure", "temperature")}
    lab.same_fields(imported(file, SAID | {"fields": fields}), truth[["microstructure", "temperature"]])


def test_pores_of_one_are_turned(truth, tmp_path):
    path = written(truth.assign(microstructure=1.0 - truth.microstructure), tmp_path)
    refused(path, "if 1 is a pore in the files, say range: [1, 0]")
    fields = PLACES | {"microstructure": PLACES["microstructure"] | {"range": [1, 0]}}
    lab.same_fields(imported(path, SAID | {"fields": fields}), truth)


@pytest.mark.parametrize("name", NAMES)
def test_a_field_without_range_is_refused(file, name):
    fields = PLACES | {name: {key: value for key, value in PLACES[name].items() if key != "range"}}
    refused(file, f"fields.{name}.range: expected it in the mapping, for values are 0 to 1, got none", fields=fields)


def test_values_that_are_not_normalised_are_refused(truth, file):
    np.save(file, np.stack([truth[name].values for name in NAMES], -1).transpose(0, 2, 3, 4, 1).astype("float32"))
    refused(file, "case 0: temperature: expected normalised values, 0 to 1, got 300.0")


def test_other_files_and_shapes_are_refused(file, tmp_path):
    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", "evolving_3fields_traj.npy: expected a .npy file, found none")
    np.save(file, np.zeros((3, 12, 20, 5, 3), "float32"))
    refused(file, "expected 3 fields on the axis before the last, got 5")
    np.save(file, np.zeros((3, 12, 20, 3), "float32"))
    refused(file, "expected an array of (case, y, x, field, time), got one of 4 axes")


def test_swapped_axes_and_channels_are_refused(truth, file):
    np.save(file, np.load(file).swapaxes(1, 2))
    refused(file, "check whether H and W are swapped")
    written(truth, file.parent, ["microstructure", "pressure", "temperature"])
    refused(file, "microstructure: expected mostly solid (1) at the start")


def test_one_case_is_in_memory_at_a_time(tmp_path):
    path, shape = tmp_path / "evolving_3fields_traj.npy", (4000, 24, 40, 3, 10)
    np.lib.format.open_memmap(path, "w+", "<f4", shape)  # a hole of 460 MB in the file, and in no memory
    case = 4 * int(np.prod(shape[1:]))
    tracemalloc.start()
    found = mld.open_set(path, mapping.parse(SAID, "map"))
    values = {name: np.array(field) for name, field in found.read(3999).items()}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {name: field.shape for name, field in values.items()} == dict.fromkeys(NAMES, (10, 24, 40))
    assert peak < 3 * case + 4000 * 200


def test_damaged_files_are_refused_in_one_line(file):
    assert battered(file, lambda: imported(file, SAID), seed=4, count=200) > 100
