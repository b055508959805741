"""Data sets on disk, whole or not there: netCDF4 cases, Zarr stores with a manifest.

A netCDF file carries the checksum of its content. A Zarr store is a folder, so it gets a manifest: a JSON file,
renamed last, that names the store and holds its checksum; whoever opens the manifest knows that the store is whole.
"""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from tessera.data import layout, seals, shards, workers
from tessera.data.files import read_json, short, tree_digest, whole, write_json
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
        except (PermissionError, RuntimeError) as error:  # either, of a full disk
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


def stream_netcdf(like: xr.Dataset, cases: Iterable[xr.Dataset], path: Path) -> dict[str, list[float]]:
    """Write cases one after the other as one netCDF4 file, whole or not at all; only one is in memory at a time.

    Parameters
    ----------
    like
        Everything but the fields: coordinates and attributes.
    cases
        Datasets of one case each, without the dimension `case`, in the order of `like`: fields, single numbers, texts.
    path
        The file; every case in it has a checksum.

    Returns
    -------
    The extremes of every field.
    """
    with whole(path) as beside:
        try:
            like.to_netcdf(beside, engine="netcdf4")
            return _append(beside, like.sizes["case"], iter(cases))
        except (PermissionError, RuntimeError) as error:  # either, of a full disk
            free = shutil.disk_usage(path.parent).free
            raise DataError(f"{path}: expected to write it, got {short(error)!r} with {free} bytes free") from None


def _append(path: Path, count: int, cases: Iterator[xr.Dataset]) -> dict[str, list[float]]:
    """Add the fields of cases to a file, and the single values that they say: all headers first, so that equal cases
    make equal files.
    """
    first = next(cases)
    with netCDF4.Dataset(path, "a") as file:
        for name, field in ((str(name), field) for name, field in first.data_vars.items()):
            shape: dict[str, Any] = {"chunksizes": (1, *field.shape), **_PACKED} if field.ndim else {}
            kind = str if field.dtype.kind in "OU" else field.dtype
            file.createVariable(name, kind, ("case", *map(str, field.dims)), fill_value=False, **shape)
            file[name].setncatts(field.attrs)
    bounds: dict[str, list[float]] = {}
    number = 0
    with netCDF4.Dataset(path, "a") as file:
        for number, one in enumerate(chain([first], cases), start=1):
            for name, field in ((str(name), field) for name, field in one.data_vars.items()):
                file[name][number - 1] = field.values if field.ndim else field.item()
                if field.ndim:
                    low, high = bounds.get(name, (np.inf, -np.inf))
                    bounds[name] = [min(low, float(field.values.min())), max(high, float(field.values.max()))]
    if number != count:
        raise ValueError(f"cases: expected {count}, got {number}")
    return bounds


_PACKED: dict[str, Any] = {"zlib": True, "complevel": 1, "shuffle": True, "fletcher32": True}


def save_zarr(
    dataset: xr.Dataset,
    manifest: Path,
    facts: Mapping[str, Any] | None = None,
    *,
    read: Callable[[str, dict[str, int]], np.ndarray] | None = None,
) -> None:
    """Write a dataset as a Zarr store beside its manifest, whole or not at all, one case of a field at a time.

    Parameters
    ----------
    dataset
        What to store. Fields of every case may be lazy.
    manifest
        Path of the manifest; the store is the folder of the same stem with suffix `.zarr`.
    facts
        What else the manifest shall say.
    read
        Gives the values of a field at a place along `case` and the dimensions before it; None takes them from the
        dataset. With it the values of fields in `dataset` are never asked for, and workers may share the work.
    """
    fields = [axis for axis in dataset.data_vars.values() if shards.sharded(axis)]
    with _stored(manifest, facts) as beside:
        _lay_out(dataset, beside)
        parts = [
            (str(axis.name), shards.size(axis), shards.parts(axis), *place)
            for axis in fields
            for place in shards.places(axis)
        ]
        place = beside.resolve()
        if read is None:
            for part in parts:
                _write_shard(part, place, lambda name, at: dataset[name].isel(at).values)
        else:
            workers.each(_write_shard, parts, place, read)


def _write_shard(part: tuple[str, int, int, str, dict[str, int], range], folder: Path, read: Any) -> None:
    name, size, parts, key, outer, cases = part
    shards.write(folder / key, size, parts, (read(name, {**outer, "case": case}) for case in cases))


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
    import zarr  # a tenth of a second, which no simulation needs

    fields = {str(name): shards.size(axis) for name, axis in like.data_vars.items()}
    with _stored(manifest, facts) as beside, ExitStack() as opened:
        _lay_out(like, beside)
        parts = {name: list(shards.places(like[name])) for name in fields}
        now: dict[str, shards.Shard] = {}
        told: dict[str, list[float]] = {}
        for number, one in enumerate(cases):
            for name, size in fields.items():
                key, _, members = parts[name][number // size]
                if number == members.start:
                    now[name] = opened.enter_context(shards.Shard(beside / key, size, shards.parts(like[name])))
                now[name].append(one[name].values)
                if number == members.stop - 1:
                    now[name].close()
            for coordinate in (axis for axis in one.coords.values() if axis.dims == ("case",)):
                if coordinate.dtype.kind == "f":
                    told.setdefault(str(coordinate.name), []).append(float(coordinate.item()))
        for place, values in told.items():
            zarr.open_array(beside / place, mode="r+")[:] = np.array(values)


def _lay_out(dataset: xr.Dataset, folder: Path) -> None:
    """Write everything of a store but the fields that lie in shards; those get their metadata."""
    import dask.array as da  # as slow as a kernel to load, and no simulation needs it

    laid, encoding = dataset.copy(), {}
    for name, variable in dataset.variables.items():
        if name in dataset.data_vars and shards.sharded(dataset[name]):
            encoding[name] = shards.encoding(dataset[name])
            empty = da.zeros(variable.shape, dtype=variable.dtype, chunks=-1)
            laid[name] = (variable.dims, empty, variable.attrs)
        else:
            texts = variable.dtype.kind in "UT"
            encoding[name] = {"chunks": tuple(max(1, length) for length in variable.shape)}
            laid[name] = (variable.dims, variable.values.astype(object) if texts else variable.values, variable.attrs)
    with _alone():
        laid.to_zarr(folder, mode="w", zarr_format=3, consolidated=False, compute=False, encoding=encoding)


@contextmanager
def _stored(manifest: Path, facts: Mapping[str, Any] | None) -> Iterator[Path]:
    """Give a folder to write a store to; when the block ends well it stands beside its manifest."""
    place = manifest.with_suffix(".zarr")
    with whole(place) as beside:
        yield beside
        checksum = tree_digest(beside)
        manifest.unlink(missing_ok=True)  # what was there stays until it can be replaced
    write_json(manifest, {"store": place.name, "sha256": checksum, **dict(facts or {})})


def open_zarr(manifest: Path, *, verified: bool = True) -> xr.Dataset:
    """Open the Zarr store that a manifest names: its coordinates in memory, its fields read when they are asked for.

    A field of a case is read alone, `dataset[name].isel(case=n).values`; whoever asks for a field of all cases gets it
    in memory. Stores of version 2, which were written once, open as well.

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
        dataset = xr.open_dataset(
            place.resolve(), engine="zarr", chunks=None, cache=False, consolidated=False, decode_timedelta=False
        )
        dataset = dataset.assign_coords({name: _loaded(axis) for name, axis in dataset.coords.items()})
    except MemoryError:
        raise
    except Exception as error:  # whatever the libraries make of metadata that fit each other badly
        raise DataError(f"{place}: expected a whole Zarr store, got {short(error)}") from None
    return dataset.assign({name: _guarded(one.variable, place, str(name)) for name, one in dataset.items()})


class _Chunks(BackendArray):
    """The values of a variable of a store, read when they are asked for; what cannot be read is named."""

    def __init__(self, variable: xr.Variable, place: Path, name: str) -> None:
        self.variable, self.where = variable, f"{place}: {name}"
        self.reader = shards.Reader((place / name).resolve(), variable) if shards.laid(variable) else None
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        try:
            return self.variable[key].values if self.reader is None else self.reader[key]
        except MemoryError:
            raise
        except Exception as error:  # whatever a codec makes of bytes that are not its own
            raise DataError(f"{self.where}: expected whole chunks, got {short(error)}") from None


def _guarded(variable: xr.Variable, place: Path, name: str) -> xr.Variable:
    """Return a variable with lazy values."""
    lazy = indexing.LazilyIndexedArray(_Chunks(variable, place, name))
    return xr.Variable(variable.dims, lazy, variable.attrs, variable.encoding)


def _loaded(axis: xr.DataArray) -> xr.DataArray:
    """Return a coordinate in memory, texts as plain arrays of them."""
    return axis.astype(object).astype(str) if axis.dtype.kind in "TO" else axis.load()


def verify(manifest: Path) -> None:
    """Refuse a store that does not have the checksum of its manifest."""
    place, expected = _named(manifest)
    found = tree_digest(place)
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
    import dask
    from zarr.core.sync import sync

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
