"""Files that are whole or not there: netCDF4 cases, Zarr stores with a manifest, JSON, text.

Everything is written beside its place and renamed. A Zarr store is a folder, so it gets a
manifest: a JSON file, renamed last, that names the store and holds its checksum; whoever
opens the manifest knows that the store is whole.
"""

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import xarray as xr
from zarr.core.sync import sync

from tessera.errors import DataError, TesseraError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, and rename it to `path` when the block ends well.

    The temporary file or folder lies beside `path` and is removed when the block fails.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(beside)
        yield beside
        if path.is_dir():
            _remove(path)
        beside.replace(path)
    except Exception as error:
        behind = _behind(error)
        if behind is None:
            raise
        behind.filename = str(path)
        raise behind from None
    finally:
        _remove(beside)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with whole(path) as beside, beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    DataError
        The file is missing or is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: expected a file, found none") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: expected a JSON object, got {_short(error)}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def save_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset as one netCDF4 file, whole or not at all; floats are compressed without loss.

    Raises
    ------
    DataError
        The file cannot be written, for example on a full disk, which netCDF does not tell.
    """
    packed = {
        name: {"zlib": True, "complevel": 1, "shuffle": True}
        for name, variable in dataset.data_vars.items()
        if variable.dtype.kind == "f" and variable.ndim > 1
    }
    with whole(path) as beside:
        try:
            dataset.to_netcdf(beside, engine="netcdf4", encoding=packed)
        except RuntimeError as error:
            free = shutil.disk_usage(path.parent).free
            raise DataError(f"{path}: expected to write it, got {_short(error)!r} with {free} bytes free") from None


def open_netcdf(path: Path) -> xr.Dataset:
    """Read a netCDF4 file into memory.

    Raises
    ------
    DataError
        The file is missing, truncated or not netCDF.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a netCDF file, found none")
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_timedelta=False) as dataset:
            return dataset.load()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{path}: expected a whole netCDF file, got {_short(error)}") from None


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
    place = manifest.with_suffix(".zarr")
    manifest.unlink(missing_ok=True)
    with whole(place) as beside:
        for variable in dataset.variables.values():
            variable.encoding = {}
        with _alone():
            dataset.to_zarr(beside, mode="w", zarr_format=2, consolidated=True)
        checksum = _tree_digest(beside)
    write_json(manifest, {"store": place.name, "sha256": checksum, **dict(facts or {})})


def open_zarr(manifest: Path) -> xr.Dataset:
    """Open the Zarr store that a manifest names, lazily, after verifying its checksum.

    Raises
    ------
    DataError
        The manifest or the store is missing, or the store is not what the manifest says.
    """
    said = read_json(manifest)
    if "store" not in said or "sha256" not in said:
        raise DataError(f"{manifest}: expected keys 'store' and 'sha256', got {sorted(said)}")
    place = manifest.parent / Path(str(said["store"])).name
    if not place.is_dir():
        raise DataError(f"{place}: expected a Zarr store, found none")
    found = _tree_digest(place)
    if found != said["sha256"]:
        raise DataError(
            f"{place}: expected checksum {said['sha256'][:12]}, got {found[:12]}; delete {manifest.name} to rebuild it"
        )
    try:
        return xr.open_zarr(place, consolidated=True, decode_timedelta=False, chunks={})
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{place}: expected a whole Zarr store, got {_short(error)}") from None


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


def check_study(path: Path, found: object, study: str) -> None:
    """Refuse a file of another study."""
    if found != study:
        raise DataError(f"{path}: expected a file of study {study!r}, got one of {found!r}")


def _tree_digest(folder: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(file.relative_to(folder).as_posix().encode())
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _behind(error: BaseException | None) -> OSError | None:
    """Return the error of the system that a library met, and answered with one of its own; None if it is our word."""
    while error is not None and not isinstance(error, OSError):
        error = None if isinstance(error, TesseraError) else error.__cause__ or error.__context__
    return error


def _short(error: BaseException) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
