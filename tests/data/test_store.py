"""Files are whole or not there, and what is broken is said in one line."""

import asyncio
import json
import subprocess
import time

import numpy as np
import pytest
import xarray as xr
from zarr.storage import LocalStore

from tessera.data import files, store
from tessera.errors import DataError
from tests.data.ensemble import ensemble


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_netcdf_reads_back_equal(tmp_path):
    dataset = ensemble()
    store.save_netcdf(dataset, tmp_path / "a.nc")
    xr.testing.assert_identical(store.open_netcdf(tmp_path / "a.nc"), dataset)


def test_zarr_reads_back_equal(tmp_path):
    dataset = ensemble()
    store.save_zarr(dataset.chunk({"case": 1}), tmp_path / "a.json", {"scale": "micro"})
    xr.testing.assert_identical(store.open_zarr(tmp_path / "a.json").load(), dataset)
    assert files.read_json(tmp_path / "a.json")["scale"] == "micro"


@pytest.mark.parametrize(
    ("snapshots", "columns", "together"),
    [(20, 128, 5), (38, 480, 1), (38, 240, 2), (6, 8, 6), (1, 8, 1)],
)
def test_few_snapshots_of_a_case_are_read_without_unpacking_all(tmp_path, snapshots, columns, together):
    shape = (2, snapshots, 80, columns)
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    dataset = xr.Dataset({"pressure": (("case", "time", "y", "x"), values)})
    store.save_zarr(dataset, tmp_path / "a.json")
    opened = store.open_zarr(tmp_path / "a.json")["pressure"]
    assert opened.encoding["chunks"] == (1, together, 80, columns)
    np.testing.assert_array_equal(opened.isel(case=1, time=slice(0, 3)), values[1, :3])
    np.testing.assert_array_equal(opened, values)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    files.write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), files.whole(tmp_path / "a.txt") as beside:
        beside.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_failing_zarr_store_leaves_what_was_there(tmp_path):
    dataset = ensemble()
    store.save_zarr(dataset, tmp_path / "a.json")
    broken = dataset.chunk({"case": 1}).assign(pressure=dataset.pressure.chunk({"case": 1}).map_blocks(_fail))
    with pytest.raises(RuntimeError):
        store.save_zarr(broken, tmp_path / "a.json")
    assert names(tmp_path) == ["a.json", "a.zarr"]
    xr.testing.assert_identical(store.open_zarr(tmp_path / "a.json").load(), dataset)
    with pytest.raises(RuntimeError):
        store.save_zarr(broken, tmp_path / "b.json")
    assert names(tmp_path) == ["a.json", "a.zarr"]


def _fail(block):
    if block.sizes["case"]:
        raise RuntimeError
    return block


@pytest.mark.parametrize("cut", [0, 100, 5000])
def test_a_truncated_netcdf_is_refused(tmp_path, cut):
    store.save_netcdf(ensemble(), tmp_path / "a.nc")
    whole = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "a.nc").write_bytes(whole[:cut])
    with pytest.raises(DataError, match="expected a whole netCDF file"):
        store.open_netcdf(tmp_path / "a.nc")


def test_a_changed_or_lost_chunk_is_refused(tmp_path):
    store.save_zarr(ensemble(), tmp_path / "a.json")
    chunk = next(path for path in (tmp_path / "a.zarr" / "pressure" / "c").rglob("*") if path.is_file())
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-7])
    with pytest.raises(DataError, match="expected checksum"):
        store.open_zarr(tmp_path / "a.json")
    chunk.unlink()
    with pytest.raises(DataError, match="expected checksum"):
        store.open_zarr(tmp_path / "a.json")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"store": "a.zarr"}', '{"store": "../../a", "sha256": "0"}'])
def test_a_broken_manifest_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match="expected"):
        store.open_zarr(tmp_path / "a.json")


def test_a_missing_file_is_refused(tmp_path):
    for opens in (store.open_netcdf, store.open_zarr, files.read_json):
        with pytest.raises(DataError, match="found none"):
            opens(tmp_path / "none")


def test_json_is_sorted_so_that_equal_facts_are_equal_files(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": 1, "a": 2})
    files.write_json(tmp_path / "b.json", {"a": 2, "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 2, "b": 1}


def test_a_store_that_failed_is_not_written_on_behind_the_back(tmp_path, monkeypatch):
    first, put = [], LocalStore.set

    async def late(store, key, value):
        if not first:
            first.append(key)
            raise OSError(28, "No space left on device")
        await asyncio.sleep(0.2)
        await put(store, key, value)

    monkeypatch.setattr(LocalStore, "set", late)
    with pytest.raises(OSError, match="No space left"):
        store.save_zarr(ensemble(), tmp_path / "a.json")
    assert names(tmp_path) == []
    time.sleep(0.5)
    assert names(tmp_path) == []


def test_an_error_of_the_system_is_told_whatever_a_library_makes_of_it(tmp_path):
    with pytest.raises(OSError, match="No space left") as caught, files.whole(tmp_path / "a.pdf"):
        try:
            raise OSError(28, "No space left on device")
        finally:
            raise AttributeError("pos")
    assert caught.value.filename == str(tmp_path / "a.pdf")
    with pytest.raises(DataError, match="our word"), files.whole(tmp_path / "a.pdf"):
        try:
            raise OSError(28, "No space left on device")
        except OSError as error:
            raise DataError("our word") from error


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 300 KiB; needs the right to mount one."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", tmp_path], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("needs the right to mount a small file system")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def test_a_full_disk_leaves_nothing_and_is_said(small_disk):
    large = ensemble(ny=80, nx=128, snapshots=10)
    with pytest.raises(DataError, match=r"a\.nc: expected to write it"):
        store.save_netcdf(large, small_disk / "a.nc")
    for writes in (
        lambda: store.save_zarr(large, small_disk / "a.json"),
        lambda: files.write_text(small_disk / "a", "x" * 10**6),
    ):
        with pytest.raises(OSError, match="No space left") as caught:
            writes()
        assert caught.value.filename.startswith(str(small_disk / "a"))
    assert names(small_disk) == []
