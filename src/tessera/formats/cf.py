"""A store of the schema as CF netCDF files, one per case, for every tool that reads netCDF.

CF has no standard names for fields and lengths of a laboratory, so there are long names and units alone. Its time
coordinates are dates; ours is elapsed time, so it is called `elapsed_time` and claims to be nothing else: picoseconds
since a made-up epoch would be rounded away by whoever decodes dates. https://cfconventions.org
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tessera import __version__
from tessera.data import schema, store
from tessera.formats.registry import Progress
from tessera.formats.variables import tidy

TIME = "elapsed_time"
COMMENT = "time since the shock entered, not a CF time coordinate, which would need a date to count from"


def write(dataset: xr.Dataset, folder: Path, progress: Progress) -> None:
    """Write one netCDF-4 file per case, named by its number; floats are compressed without loss.

    Parameters
    ----------
    dataset
        Keeps the schema; one case at a time is read.
    folder
        Where the files go.
    progress
        Called with the name of each case that was written.

    Raises
    ------
    DataError
        A file cannot be written.
    """
    for number in range(dataset.sizes["case"]):
        one = dataset.isel(case=number).load()
        path = folder / f"case_{int(one['case']):04d}.nc"
        store.save_netcdf(described(one), path)
        progress(str(one["name"].item()) if "name" in one.coords else path.stem)


def described(one: xr.Dataset) -> xr.Dataset:
    """Return a case as CF wants it: bounds of its cells, axes, and global attributes.

    Parameters
    ----------
    one
        A case of the schema: dims (time, y, x), what is said of it as scalar coordinates.
    """
    found = schema.describe(one).rename(time=TIME)
    for axis in ("y", "x"):
        found[f"{axis}_bnds"] = ((axis, "bnds"), _bounds(one[axis].values, tidy(schema.cell_size(one))))
        found[axis].attrs |= {"axis": axis.upper(), "bounds": f"{axis}_bnds"}
    found[TIME].attrs["comment"] = COMMENT
    for name, variable in found.variables.items():
        variable.encoding = {"_FillValue": None} | ({"coordinates": None} if name in ("x_bnds", "y_bnds") else {})
        if variable.dtype.kind not in "fiu":
            variable.attrs.pop("units", None)  # of a text there are none
    found.attrs = _attrs(one)
    return found


def _bounds(centres: np.ndarray, width: float) -> np.ndarray:
    """Return the edges of each cell, (cells, 2); those of neighbours are the same."""
    edges = np.append(centres - 0.5 * width, centres[-1] + 0.5 * width)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def _attrs(one: xr.Dataset) -> dict[str, Any]:
    """Return global attributes: all that the store says, and what CF asks for as far as it is known."""
    known = {name: _plain(value) for name, value in one.attrs.items()}
    if "licence" in known:
        known["license"] = known.pop("licence")  # the name by which tools look for it
    if "source" not in known and "imported_from" not in known:
        known["source"] = f"tessera {known.get('version', 'unknown')}, revision {known.get('git_revision', 'unknown')}"
    title = str(known.get("title", "fields behind a shock"))
    written = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} tessera export {__version__}"
    return {
        **known,
        "Conventions": schema.CONVENTIONS,
        "title": f"{title}, case {one['name'].item() if 'name' in one.coords else int(one['case'])}",
        "history": "\n".join(filter(None, [written, str(known.get("history", ""))])),
    }


def _plain(value: object) -> str | int | float:
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else json.dumps(value)
