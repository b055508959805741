"""Variables of netCDF files, classic or netCDF-4, one region at a time.

The netCDF library believes its files: it follows links and external storage to any other file, inflates a chunk
to whatever it says, and reads zeros beyond the end of a classic file. So files are looked through first, and the
numbers of netCDF-4 files, which are HDF5, are read by `tessera.formats.hdf5`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
from scipy.io import netcdf_file

from tessera.errors import DataError
from tessera.formats import hdf5
from tessera.formats.variables import Variable, affordable, shown, told

CLASSIC = (b"CDF\x01", b"CDF\x02")
HDF5 = b"\x89HDF\r\n\x1a\n"
SHADOWED = "_nc4_non_coord_"  # before the name of a variable that is called as a dimension but is no coordinate
PACKED = 2**18  # bytes of texts that may be packed, for nobody looks at what they unpack to
WHOLE = "a whole netCDF file"


def names(path: Path) -> list[str]:
    """Return the names of the variables of a file."""
    with _opened(path) as file:
        return sorted(file.variables)


def headers(path: Path, wanted: Iterable[str]) -> dict[str, Variable]:
    """Return what a file says of those of some variables that it has.

    Raises
    ------
    DataError
        It is no netCDF file, is truncated, leads to other files, or a variable is not of plain numbers or text.
    """
    if _is_hdf5(path):
        _refuse_what_is_elsewhere(path)
    with _opened(path) as file:
        if not _is_hdf5(path):
            with netcdf_file(path, mmap=True):
                pass  # reads the header, and meets the end of a file that is shorter than it says
        return {
            name: _header(file.variables[name], f"{path}: {shown(name)}") for name in wanted if name in file.variables
        }


def values(path: Path, name: str, region: tuple[slice, ...]) -> np.ndarray:
    """Return a region of a variable as it is stored, text as text.

    Parameters
    ----------
    path
        A file whose `headers` were read.
    name
        Of the variable.
    region
        A slice with start and stop for each of its dimensions.

    Raises
    ------
    DataError
        The file is broken, or promises more than it holds.
    """
    shape, where = tuple(each.stop - each.start for each in region), f"{path}: {shown(name)}"
    with _opened(path) as file:
        variable = file.variables[name]
        said = _header(variable, where)
        affordable(shape, said.dtype.itemsize, lambda: path.stat().st_size, where)
        if said.dtype.kind == "U" and _is_hdf5(path):
            _refuse_swelling(path, name)
        if said.dtype.kind != "U":
            found = _numbers(path, name, region) if _is_hdf5(path) else np.asarray(variable[region or ...])
        elif variable.dtype == "S1":
            letters = np.asarray(variable[(*region, slice(None))])
            found = np.asarray(netCDF4.chartostring(letters, encoding="utf-8")).astype("U")
        else:
            found = np.asarray(variable[region or ...]).astype("U")
    if found.shape != shape:
        raise DataError(f"{where}: expected values of shape {shape}, got {found.shape}")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not _is_hdf5(path) and (start := _start(path))[:4] not in CLASSIC:
        hint = "; convert it with nccopy -k netCDF-4" if start[:3] == b"CDF" else ""
        raise DataError(f"{path}: expected a netCDF file, got one that begins with {start[:4]!r}{hint}")
    with told(path, WHOLE), netCDF4.Dataset(path.resolve()) as file:
        file.set_auto_maskandscale(False)
        file.set_auto_chartostring(False)
        yield file


def _start(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(f"{path}: expected a netCDF file, found none")
    with told(path, "a readable file"), path.open("rb") as stream:
        return stream.read(len(HDF5))


def _is_hdf5(path: Path) -> bool:
    return _start(path) == HDF5


def _refuse_what_is_elsewhere(path: Path) -> None:
    def visit(name: str, link: object) -> None:
        if not isinstance(link, h5py.HardLink):
            raise DataError(f"{path}: expected no links, got {type(link).__name__} {shown(name)}")
        found = file[name]
        if isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
            raise DataError(f"{path}: {shown(name)}: expected values in the file itself, got ones in other files")

    with hdf5.opened(path) as file:
        file.visititems_links(visit)


def _numbers(path: Path, name: str, region: tuple[slice, ...]) -> np.ndarray:
    with hdf5.opened(path) as file:
        return hdf5.part(hdf5.dataset(file, _stored(file, name)), *region)


def _refuse_swelling(path: Path, name: str) -> None:
    with hdf5.opened(path) as file:
        found = file[_stored(file, name)]
        size = found.id.get_storage_size()
        if found.id.get_create_plist().get_nfilters() and size > PACKED:
            raise DataError(f"{path}: {shown(name)}: expected at most {PACKED} bytes of packed text, got {size}")


def _stored(file: h5py.File, name: str) -> str:
    return name if hdf5.exists(file, name) else SHADOWED + name


def _header(variable: Any, where: str) -> Variable:
    text = variable.dtype is str or variable.dtype == "S1"
    if not text and (not isinstance(variable.dtype, np.dtype) or variable.dtype.kind not in "fiu"):
        raise DataError(f"{where}: expected plain numbers, got {shown(variable.dtype)}")
    attrs = {key: variable.getncattr(key) for key in variable.ncattrs()}
    dims, shape = tuple(variable.dimensions), tuple(int(size) for size in variable.shape)
    if variable.dtype == "S1":
        if not dims:
            raise DataError(f"{where}: expected a dimension of characters, got none")
        return Variable(dims[:-1], shape[:-1], np.dtype(f"U{max(shape[-1], 1)}"), attrs)
    if text:
        return Variable(dims, shape, np.dtype("U16"), attrs)
    usual = netCDF4.default_fillvals.get(variable.dtype.str[1:])  # what stands where nothing was written
    if variable.dtype.itemsize > 1 and usual is not None:
        attrs.setdefault("_FillValue", np.array(usual, variable.dtype)[()])
    return Variable(dims, shape, variable.dtype, attrs)
