"""The formats by name: how each is opened, and how a store is written as one."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import xarray as xr

from tessera.errors import DataError
from tessera.formats.mapping import Mapping
from tessera.formats.source import Source

READERS = {  # modules with `open_set(path, mapping) -> Source`, imported when they are asked for
    "netcdf": "gridded",
    "zarr": "gridded",
    "parctorch": "parctorch",
    "parcv2": "parcv2",
    "mld": "mld",
    "parc": "parc",
    "well": "well",
    "pdebench": "pdebench",
}
WRITERS = {  # modules with `write(dataset, folder, progress)`, which fills a new folder
    "netcdf": "cf",
    "parctorch": "parctorch",
    "vtk": "vtk",
    "well": "well",
}
Progress = Callable[[str], None]


def open_set(path: Path, mapping: Mapping) -> Source:
    """Open a set of others.

    Parameters
    ----------
    path
        File or folder of the set.
    mapping
        What its files do not say, the format among it.

    Raises
    ------
    DataError
        The path is missing, or the files are not of this format.
    """
    if not path.exists():
        raise DataError(f"{path}: expected a set of format {mapping.format}, found none")
    return _module(READERS[mapping.format]).open_set(path, mapping)


def write(kind: str, dataset: xr.Dataset, folder: Path, progress: Progress) -> None:
    """Write a store of the schema in another format into a folder that exists and is empty.

    Parameters
    ----------
    kind
        One of `WRITERS`.
    dataset
        Keeps the schema; its fields are lazy, and one case at a time is read.
    folder
        Where the files go.
    progress
        Called with the name of each case that was written.

    Raises
    ------
    DataError
        The format is unknown, or cannot hold this store.
    """
    if kind not in WRITERS:
        raise DataError(f"--format: expected one of {', '.join(WRITERS)}, got {kind!r}")
    _module(WRITERS[kind]).write(dataset, folder, progress)


def _module(name: str) -> Any:
    return import_module(f"tessera.formats.{name}")
