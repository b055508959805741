"""Data sets on disk, whole or not there: netCDF4 cases, Zarr stores with a manifest.

A netCDF file carries the checksum of its content. A Zarr store is a folder, so it gets a manifest: a JSON file,
renamed last, that names the store and holds its checksum; whoever opens the manifest knows that the store is whole.
"""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import netCDF4
import numpy as np
import xarray as xr
from zarr.core.sync import sync

from tessera.data import layout, seals
from tessera.data.files import read_json, short, whole, write_json
from tessera.errors import DataError


def save_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset as one netCDF4 file with a checksum, whole or not at all; floats are compressed without loss.

    Raises
    ------
    DataError
        The file cannot be written, for example on a full disk, which netCDF does not tell.
    """
    packed = {
        name: {"zlib": True, "complevel": 1, "shuffle": True, "_FillValue": None}
        for name, variable in dataset.data_vars.items()
        if variable.dtype.kind == "f" and variable.ndim > 1
    }
    with whole(path) as beside:
        try:
            dataset.to_netcdf(beside, engine="netcdf4", encoding=packed)
            checksum = _dataset_digest(_read_netcdf(beside))
            with netCDF4.Dataset(beside, "a") as file:
                file.setncattr(seals.KEY, checksum)
        except RuntimeError as error:
            free = shutil.disk_usage(path.parent).free
            raise DataError(f"{path}: expected to write it, got {short(error)!r} with {free} bytes free") from None


def open_netcdf(path: Path) -> xr.Dataset:
    """Read a netCDF4 file into memory and verify its checksum.

    Raises
    ------
    DataError
        The file is missing, damaged or not netCDF.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a netCDF file, found none")
    try:
        dataset = _read_netcdf(path)
        found = _dataset_digest(dataset)
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        what = f"expected a whole netCDF file, got {short(error)}"
        raise DataError(f"{path}: {what}; delete it to make it again") from None
    seals.check(path, dataset.attrs.pop(seals.KEY, None), found)
    return dataset


def _read_netcdf(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="netcdf4", decode_timedelta=False) as dataset:
        return dataset.load()


def save_zarr(dataset: xr.Dataset, manifest: Path, facts: Mapping[str, Any] | None = None) -> None:
    """Write a dataset as a Zarr store beside its manifest, whole or not at all.

    Parameters
    ----------
    dataset
        What to store; dask arrays are computed chunk by chunk.
    manifest
        Path of the manifest; the store is the folder of the same stem with suffix `.zarr`.
    facts
        What else the manifest shall say.
    """
    with _stored(manifest, facts) as beside:
        for variable in dataset.variables.values():
            variable.encoding = {}
        dataset.to_zarr(beside, **_ZARR)


def stream_zarr(like: xr.Dataset, cases: Iterable[xr.Dataset], manifest: Path, facts: Mapping[str, Any]) -> None:
    """Write cases one after the other as one Zarr store, whole or not at all; only one is in memory at a time.

    Parameters
    ----------
    like
        The whole store: its attributes and coordinates, and of each field, of dims (case, ...), dtype and
        shape alone; the values are lazy and never computed.
    cases
        Datasets of one case each, in the order of `like`; their fields and the floats that they say of
        their case are written.
    manifest, facts
        As for `save_zarr`.
    """
    with _stored(manifest, facts) as beside:
        like.to_zarr(beside, compute=False, **_ZARR)
        for number, one in enumerate(cases):
            kept = [name for name, axis in one.coords.items() if axis.dims == ("case",) and axis.dtype.kind == "f"]
            values = one.drop_vars([name for name in one.coords if name not in kept]).drop_attrs(deep=True)
            values.to_zarr(beside, mode="r+", region={"case": slice(number, number + 1)})


_ZARR: dict[str, Any] = {"mode": "w", "zarr_format": 2, "consolidated": True}


@contextmanager
def _stored(manifest: Path, facts: Mapping[str, Any] | None) -> Iterator[Path]:
    """Give a folder to write a store to; when the block ends well it stands beside its manifest."""
    place = manifest.with_suffix(".zarr")
    with whole(place) as beside:
        with _alone():
            yield beside
        checksum = _tree_digest(beside)
        manifest.unlink(missing_ok=True)  # what was there stays until it can be replaced
    write_json(manifest, {"store": place.name, "sha256": checksum, **dict(facts or {})})


def open_zarr(manifest: Path, *, verified: bool = True) -> xr.Dataset:
    """Open the Zarr store that a manifest names, lazily.

    Parameters
    ----------
    manifest
        Path of the manifest.
    verified
        Whether to verify its checksum first, which reads every byte; who does not must call `verify`.

    Raises
    ------
    DataError
        The manifest or the store is missing, or the store is not what the manifest says.
    """
    place, _ = _named(manifest)
    if verified:
        verify(manifest)
    layout.check(place)
    try:
        dataset = xr.open_zarr(place, consolidated=True, decode_timedelta=False, chunks=None)
    except MemoryError:
        raise
    except Exception as error:  # whatever the libraries make of metadata that fit each other badly
        raise DataError(f"{place}: expected a whole Zarr store, got {short(error)}") from None
    lazy = {
        name: _guarded(one, f"{place}: {name}")
        for name, one in dataset.variables.items()
        if name not in dataset.indexes
    }
    coordinates = {name: one for name, one in lazy.items() if name in dataset.coords}
    return dataset.assign({name: one for name, one in lazy.items() if name not in coordinates}).assign_coords(
        coordinates
    )


class _Chunks:
    """The values of a variable of a store, read when they are asked for; what cannot be read is named."""

    def __init__(self, variable: xr.Variable, where: str) -> None:
        self.variable, self.where = variable, where
        self.shape, self.dtype, self.ndim = variable.shape, variable.dtype, variable.ndim

    def __getitem__(self, key: Any) -> np.ndarray:
        try:
            return self.variable[key].values
        except MemoryError:
            raise
        except Exception as error:  # whatever a codec makes of bytes that are not its own
            raise DataError(f"{self.where}: expected whole chunks, got {short(error)}") from None


def _guarded(variable: xr.Variable, where: str) -> xr.Variable:
    """Return a variable with lazy values, chunk by chunk."""
    chunks, meta = variable.encoding["preferred_chunks"], np.empty((0,) * variable.ndim, variable.dtype)
    sizes = tuple(chunks[name] for name in variable.dims)
    return variable.copy(data=da.from_array(_Chunks(variable, where), chunks=sizes, name=False, meta=meta))


def verify(manifest: Path) -> None:
    """Refuse a store that does not have the checksum of its manifest."""
    place, expected = _named(manifest)
    found = _tree_digest(place)
    if found != expected:
        raise DataError(
            f"{place}: expected checksum {expected[:12]}, got {found[:12]}; delete {manifest.name} to rebuild it"
        )


def _named(manifest: Path) -> tuple[Path, str]:
    """Return the store that a manifest names, and its checksum."""
    said = read_json(manifest)
    if "store" not in said or "sha256" not in said:
        raise DataError(f"{manifest}: expected keys 'store' and 'sha256', got {sorted(said)}")
    name = str(said["store"])
    if name != Path(name).name or name in {"", ".", ".."}:
        raise DataError(f"{manifest}: store: expected the name of a folder beside it, got {name!r}")
    place = manifest.parent / name
    if not place.is_dir():
        raise DataError(f"{place}: expected a Zarr store, found none")
    return place, str(said["sha256"])


@contextmanager
def _alone() -> Iterator[None]:
    """Let no other thread write on when writing a store has failed: what is removed would come back."""
    with dask.config.set(scheduler="synchronous"):
        try:
            yield
        except BaseException:
            sync(_others())
            raise


async def _others() -> None:
    """Wait for what the loop of Zarr still does."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.gather(*others, return_exceptions=True)


def _tree_digest(folder: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file()):
        if file.is_symlink():
            raise DataError(f"{file}: expected no links inside of a store, got one")
        total.update(file.relative_to(folder).as_posix().encode())
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def _dataset_digest(dataset: xr.Dataset) -> str:
    """Return the checksum of all that a dataset in memory says, but for the one that it carries."""
    total = hashlib.sha256(_said({key: value for key, value in dataset.attrs.items() if key != seals.KEY}))
    for name in sorted(map(str, dataset.variables)):
        variable = dataset[name].variable
        plain = variable.values.astype(str) if variable.dtype.kind in "OSU" else variable.values
        total.update(_said([name, variable.dims, plain.shape, plain.dtype.kind, variable.attrs]))
        total.update(np.ascontiguousarray(plain).tobytes())
    return total.hexdigest()[:16]


def _said(content: Any) -> bytes:
    """Return attributes as text; what is of numpy as what it is in Python."""
    return json.dumps(content, sort_keys=True, default=lambda value: np.asarray(value).tolist()).encode()
