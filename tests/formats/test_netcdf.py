"""netCDF of others: old and new layouts come back whole, hostile files are refused in one line."""

import zlib

import h5py
import netCDF4
import numpy as np
import pytest

from tessera.errors import DataError
from tests.formats import mutations
from tests.formats.grids import is_same, refused, said, saved
from tests.formats.mutations import battered, imported
from tests.formats.shock import shocked


@pytest.mark.parametrize("layout", ["NETCDF3_CLASSIC", "NETCDF3_64BIT", "NETCDF4_CLASSIC"])
@pytest.mark.parametrize("unlimited", [(), ("time",)])
def test_older_netcdf_with_names_in_characters_comes_back_whole(tmp_path, layout, unlimited):
    dataset = shocked().transpose("time", ...)
    dataset["time"].attrs["dtype"] = "float"  # xarray leaves such ones
    path = saved(dataset, tmp_path / "a", "netcdf", format=layout, unlimited_dims=unlimited)
    is_same(imported(path, said("netcdf")), shocked(), coordinates=("split", "name", "particle_velocity"))


@pytest.mark.parametrize("layout", ["NETCDF3_CLASSIC", "NETCDF3_64BIT", "NETCDF4"])
def test_a_truncated_netcdf_file_is_refused_wherever_it_ends(tmp_path, layout):
    path = saved(shocked(), tmp_path / "a", "netcdf", format=layout)
    content = path.read_bytes()
    for length in (0, 3, 20, len(content) // 3, len(content) - 60, len(content) - 4):
        path.unlink()
        path.write_bytes(content[:length])
        refused(path, said("netcdf"), "a.nc: expected")


@pytest.mark.parametrize(("snapshots", "words"), [(None, "expected values, got shape"), (3, "bytes of values")])
def test_a_netcdf_file_with_absurd_dimensions_and_no_values_is_refused(tmp_path, snapshots, words):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for name, size in {"time": snapshots, "y": 10**6, "x": 10**6, "case": 1}.items():
            file.createDimension(name, size)
        file.createVariable("temperature", "f4", ("case", "time", "y", "x"), chunksizes=(1, 1, 100, 100))
    refused(tmp_path / "a.nc", said("netcdf", ["temperature"]), words)


def test_dimensions_without_coordinates_and_names_taken_twice_are_understood(tmp_path):
    dataset = shocked(fields=["pressure"])
    path = saved(dataset.drop_vars(["y", "x"]).rename(pressure="column").rename(x="column_"), tmp_path / "a", "netcdf")
    with netCDF4.Dataset(path, "a") as file:
        file.renameDimension("column_", "p")
        file.renameVariable("column", "p")
    content = said("netcdf", ["pressure"], dims={"case": "case", "x": "p"}, cell_size="52 nm")
    content |= {"fields": {"pressure": {"variable": "p"}}, "orientation": {"y": "rising", "x": "rising"}}
    is_same(imported(path, content), dataset)


@pytest.mark.parametrize("way", ["storage", "virtual", "external link", "soft link"])
def test_nothing_is_read_from_outside_of_a_netcdf_file(tmp_path, way):
    secret = np.full((5, 12, 20), 300.0, "f4")
    (tmp_path / "secret.bin").write_bytes(secret.tobytes())
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secret"] = secret
    path = saved(shocked().isel(case=0).drop_vars("temperature"), tmp_path / "a", "netcdf")
    with h5py.File(path, "a") as file:
        if way == "storage":
            stored = [(str(tmp_path / "secret.bin"), 0, secret.nbytes)]
            file.create_dataset("temperature", secret.shape, "f4", external=stored)
        elif way == "virtual":
            virtual = h5py.VirtualLayout(secret.shape, "f4")
            virtual[:] = h5py.VirtualSource(tmp_path / "secret.h5", "secret", secret.shape)
            file.create_virtual_dataset("temperature", virtual)
        elif way == "external link":
            file["temperature"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/secret")
        else:
            file["temperature"] = h5py.SoftLink("/nowhere")
    refused(path, said("netcdf", dims={}), "a link" if "link" in way else "other files")


def endless():
    """Return a stream of zlib that inflates to more than a GiB."""
    packer = zlib.compressobj()
    start, piece = (packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return start + 70 * piece + packer.flush()


def test_a_chunk_of_netcdf_that_inflates_without_end_is_refused(tmp_path):
    path = saved(
        shocked(), tmp_path / "a", "netcdf", encoding={"pressure": {"zlib": True, "chunksizes": (3, 5, 12, 20)}}
    )
    with h5py.File(path, "a") as file:
        file["pressure"].id.write_direct_chunk((0, 0, 0, 0), endless())
    refused(path, said("netcdf"), "packed bytes")


def test_texts_and_attributes_of_absurd_size_are_refused(tmp_path):
    dataset = shocked(fields=["pressure"]).drop_vars("name")
    path = saved(dataset, tmp_path / "a", "netcdf")
    with netCDF4.Dataset(path, "a") as file:
        file.createDimension("letters", 200_000)
        letters = np.random.default_rng(0).integers(33, 126, (3, 200_000)).astype("u1").view("S1")
        file.createVariable("name", "S1", ("case", "letters"), zlib=True)[:] = letters
    refused(path, said("netcdf", ["pressure"]), "bytes of packed text")
    path = saved(dataset, tmp_path / "b", "netcdf")
    with h5py.File(path, "a") as file:
        file["pressure"].attrs["units"] = ["Pa"] * 200
    refused(path, said("netcdf", ["pressure"]), "units: expected an attribute of another shape")


@pytest.mark.parametrize("dtype", ["?", "c8", [("a", "f4")], "S4"])
def test_values_that_are_no_plain_numbers_are_refused(tmp_path, dtype):
    path = saved(shocked(fields=["pressure"]), tmp_path / "a", "netcdf")
    with h5py.File(path, "a") as file:
        shape, scales = file["pressure"].shape, [file[name] for name in ("case", "time", "y", "x")]
        del file["pressure"]
        file.create_dataset("pressure", shape, dtype)
        for place, scale in enumerate(scales):
            file["pressure"].dims[place].attach_scale(scale)
    refused(path, said("netcdf", ["pressure"]), "expected numbers")


def test_other_files_called_netcdf_are_refused(tmp_path):
    for start in (b"PK\x03\x04", b"CDF\x05", b"\x80\x04K"):
        (tmp_path / "a.nc").write_bytes(start + bytes(200))
        refused(tmp_path / "a.nc", said("netcdf"), "expected a netCDF file, got one that begins with")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", said("netcdf"), "expected files *.nc, found none")


def test_a_heap_that_the_library_would_read_for_ever_is_refused(tmp_path):
    for dataset in (shocked(), shocked().drop_vars(["name", "split"])):
        path = saved(dataset, tmp_path / "a", "netcdf")
        content = bytearray(path.read_bytes())
        first = content.index(b"GCOL") + 16
        content[first : first + 16] = bytes(16)
        path.write_bytes(content)
        refused(path, said("netcdf"), "a broken heap")


def test_netcdf_files_survive_any_damage(tmp_path):
    dataset = shocked(3, 4, 6, 10)
    path = saved(dataset, tmp_path / "a", "netcdf", encoding={"pressure": {"zlib": True, "chunksizes": (1, 2, 6, 10)}})
    assert battered(path, lambda: imported(path, said("netcdf")), count=200) > 100


def test_classic_netcdf_files_survive_any_damage(tmp_path):
    """Sizes of a classic file are said once, so a damaged one may be read as a smaller set."""
    path = saved(shocked(3, 4, 6, 10), tmp_path / "a", "netcdf", format="NETCDF3_64BIT")
    count = 0
    for damaged in mutations.mutations(path.read_bytes(), 0, 200):
        path.write_bytes(damaged)
        try:
            imported(path, said("netcdf"))
        except DataError as error:
            assert error.args[0].isprintable()
            assert "expected" in error.args[0]
            count += 1
    assert count > 100
