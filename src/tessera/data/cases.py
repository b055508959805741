"""The cases of a shard: a file each while it is simulated, one file together when it is whole.

A finished case outlives an interruption as its own file. When all are there they are joined, case by case, to one
file beside the manifest of the shard, and then their own files go; killed in between, a shard has both, and either
will do. Joined files of equal cases are equal to the last bit, however often the shard was interrupted.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock

import netCDF4
import numpy as np
import xarray as xr

from tessera.data import files, schema, store
from tessera.errors import DataError

SAID = ("key", "steps")  # what a case says of itself, beside its fields
_ALONE = Lock()  # the library of netCDF is not safe in threads
log = logging.getLogger("tessera")


def place(shard: Path, case: int) -> Path:
    """Return where a case of a shard lies while the shard is made; `shard` is its manifest."""
    return shard.with_name(f"case_{case:04d}.nc")


def joined(shard: Path) -> Path:
    """Return where the cases of a whole shard lie."""
    return shard.with_suffix(".nc")


def kept(shard: Path, case: int, key: str) -> xr.Dataset | None:
    """Return a finished case, in memory and without the dimension `case`; None where none is whole and of its key."""
    for path, read in ((place(shard, case), _alone), (joined(shard), among)):
        if path.is_file():
            try:
                found = read(path, case)
            except (DataError, OSError, RuntimeError, ValueError, KeyError) as error:
                log.warning("%s: expected case %d whole, got %s", path, case, files.short(error))
                continue
            if found is not None and found.attrs.get("key") == key:
                return found
    return None


def join(shard: Path, like: xr.Dataset, keys: Mapping[int, str]) -> dict[str, list[float]]:
    """Join the finished cases of a shard to one file, and remove their own; return the extremes of their fields.

    Parameters
    ----------
    shard
        Manifest of the shard.
    like
        What the file says beside its fields: coordinates of its cases, and attributes.
    keys
        Of its cases, in their order.

    Raises
    ------
    DataError
        A case is not there any more.
    """

    def finished() -> Iterator[xr.Dataset]:
        for case, key in keys.items():
            one = kept(shard, case, key)
            if one is None:
                raise DataError(f"{place(shard, case)}: expected a finished case, found none; run it again")
            account = [name for name in schema.ACCOUNT if name in one.coords]
            yield one.reset_coords(account).assign({name: one.attrs[name] for name in SAID if name in one.attrs})

    with_axes = next(finished())
    axes = {name: with_axes[name].variable for name in schema.COORDINATES}
    extremes = store.stream_netcdf(like.assign_coords(axes), finished(), joined(shard))
    for case in keys:
        files.remove(place(shard, case))
    return {name: found for name, found in extremes.items() if name in schema.FIELDS}


def head(path: Path) -> xr.Dataset:
    """Return what joined cases say, their accounts too, beside the values of their fields, which stay on disk."""
    try:
        with _ALONE, xr.open_dataset(path, engine="netcdf4", decode_timedelta=False, cache=False) as file:
            return file.assign({name: axis.load() for name, axis in file.variables.items() if axis.ndim < 3})
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{path}: expected a whole netCDF file, got {files.short(error)}") from None


def read(name: str, at: Mapping[str, int], lying: Sequence[tuple[Path, int]]) -> np.ndarray:
    """Return the values of a field of a joined case.

    Parameters
    ----------
    name
        Of the field.
    at
        Place of the case among all, by the name `case`.
    lying
        File and row of every case.
    """
    path, row = lying[at["case"]]
    try:
        with _ALONE, netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            return file[name][row]
    except (OSError, RuntimeError, IndexError) as error:
        raise DataError(f"{path}: {name}: expected whole values, got {files.short(error)}") from None


def _alone(path: Path, _case: int) -> xr.Dataset:
    return store.open_netcdf(path)


def among(path: Path, case: int) -> xr.Dataset | None:
    """Return a case out of a joined file, as its own file would have it."""
    with xr.open_dataset(path, engine="netcdf4", decode_timedelta=False, cache=False) as file:
        rows = np.flatnonzero(file["case"].values == case)
        if rows.size == 0:
            return None
        one = file.isel(case=int(rows[0])).load()
    said = {name: one[name].item() for name in SAID if name in one}
    account = [name for name in schema.ACCOUNT if name in one]
    return one.drop_vars([*said]).set_coords(account).assign_attrs(said)
