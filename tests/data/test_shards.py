"""Shards as we write them: the library of Zarr reads the same from them, and what is harmed is refused."""

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from tessera.data import shards, store
from tessera.errors import DataError

SIZES = {"sample": 2, "case": 5, "time": 6, "y": 4, "x": 7}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Values, and a store of them in which a shard has two cases and a part two snapshots."""
    values = np.random.default_rng(0).random([*SIZES.values()], np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "LARGEST", 2 * values[0, 0].nbytes)
        patch.setattr(shards, "PART", 2 * values[0, 0, 0].nbytes)
        path = tmp_path_factory.mktemp("store") / "a.json"
        store.save_zarr(xr.Dataset({"pressure": ([*SIZES], values)}), path)
        opened = store.open_zarr(path)["pressure"]
        assert isinstance(reader(opened), shards.Reader)
    return values, opened, path


def reader(opened):
    """Return what reads a variable of a store."""
    return opened.variable._data.array.reader


def axis(length):
    """Return what chooses along an axis: a number, a slice, or numbers in any order."""
    numbers = st.integers(-length, length - 1)
    return numbers | st.slices(length) | st.lists(numbers, max_size=4).map(lambda chosen: np.array(chosen, int))


@given(st.tuples(*map(axis, SIZES.values())))
@settings(max_examples=80, deadline=None)
def test_any_choice_of_values_is_the_one_of_numpy(saved, key):
    values, opened, _ = saved
    expected = values
    for number, one in reversed([*enumerate(key)]):
        expected = expected[(slice(None),) * number + (one,)]
    found = reader(opened)[key]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_the_library_of_zarr_reads_the_same(saved):
    values, opened, path = saved
    array = zarr.open_array(path.with_suffix(".zarr") / "pressure", mode="r")
    assert (array.shards, array.chunks) == ((1, 2, 6, 4, 7), (1, 1, 2, 4, 7))
    np.testing.assert_array_equal(array[:], values)
    np.testing.assert_array_equal(opened, values)


def test_what_lies_otherwise_is_left_to_the_library(tmp_path):
    values = np.random.default_rng(0).random((3, 6, 4, 7), np.float32)
    dataset = xr.Dataset({"pressure": (("case", "time", "y", "x"), values)})
    store.save_zarr(dataset, tmp_path / "a.json")
    for encoding in ({"chunks": (1, 6, 4, 7)}, {"chunks": (1, 3, 4, 7), "shards": (3, 6, 4, 7)}):
        dataset.to_zarr(tmp_path / "a.zarr", mode="w", consolidated=False, encoding={"pressure": encoding})
        opened = store.open_zarr(tmp_path / "a.json", verified=False)["pressure"]
        assert reader(opened) is None
        np.testing.assert_array_equal(opened, values)


def table_of_nothing(content):
    return content[:-4] + b"\0\0\0\0"


def first_part_elsewhere(content):
    """Let the table say, with its checksum, that the first part lies far behind the end."""
    table = np.frombuffer(content[-4 - 16 * 6 : -4], "<u8").reshape(-1, 2).copy()
    table[0] = 2**40, 8
    said = table.tobytes()
    return content[: -4 - 16 * 6] + said + shards.google_crc32c.value(said).to_bytes(4, "little")


HARMS = {
    "cut": lambda content: content[:50],
    "a table without its checksum": table_of_nothing,
    "a part behind the end": first_part_elsewhere,
    "a bit of a part": lambda content: content[:20] + bytes([content[20] ^ 1]) + content[21:],
}


@pytest.mark.parametrize("what", HARMS)
def test_a_harmed_shard_is_refused_in_one_line(tmp_path, monkeypatch, what):
    values = np.random.default_rng(0).random((2, 3, 4, 7), np.float32)
    monkeypatch.setattr(shards, "PART", values[0, 0].nbytes)
    store.save_zarr(xr.Dataset({"pressure": (("case", "time", "y", "x"), values)}), tmp_path / "a.json")
    opened = store.open_zarr(tmp_path / "a.json")["pressure"]
    place = next((tmp_path / "a.zarr/pressure/c").rglob("0/0/0/0"))
    place.write_bytes(HARMS[what](place.read_bytes()))
    with pytest.raises(DataError, match=r"a\.zarr: pressure: expected whole chunks, got") as caught:
        opened.isel(case=0, time=0).load()
    assert "\n" not in str(caught.value)
