"""Variables of netCDF files, classic or netCDF-4, one region at a time.

The netCDF library believes its files: it follows links and external storage to any other file, inflates a chunk to
whatever it says, asks for gigabytes for a broken classic header, and reads zeros beyond the end of one. So classic
files are read by scipy, and the numbers of netCDF-4 files, which are HDF5, by `tessera.formats.hdf5`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
from scipy.io import netcdf_file, netcdf_variable

from tessera.errors import DataError
from tessera.formats import hdf5, heaps
from tessera.formats.variables import ATTRIBUTES, Variable, affordable, shown, told

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
    with _opened(path) as file:
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
    if _is_hdf5(path):
        with hdf5.opened(path) as file:
            stored = name if hdf5.exists(file, name) else SHADOWED + name
            if file[stored].dtype.kind in "fiu":
                return _of_shape(hdf5.part(hdf5.dataset(file, stored), *region), shape, where)
            size, filters = file[stored].id.get_storage_size(), file[stored].id.get_create_plist().get_nfilters()
            if filters and size > PACKED:
                raise DataError(f"{where}: expected at most {PACKED} bytes of packed text, got {size}")
    with _opened(path) as file:
        variable = file.variables[name]
        said = _header(variable, where)
        affordable(shape, said.dtype.itemsize, lambda: path.stat().st_size, where)
        if said.dtype.kind != "U":
            found = np.array(variable[region or ...])
        elif _is_text(variable):
            found = np.asarray(variable[region or ...]).astype("U")
        else:
            letters = np.array(variable[(*region, slice(None))])
            found = np.asarray(netCDF4.chartostring(letters, encoding="utf-8")).astype("U")
    return _of_shape(found, shape, where)


def _of_shape(found: np.ndarray, shape: tuple[int, ...], where: str) -> np.ndarray:
    if found.shape != shape:
        raise DataError(f"{where}: expected values of shape {shape}, got {found.shape}")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Give a file as either library opens it, both with `variables` of `dimensions`, `shape` and attributes."""
    start = _start(path)
    if start == HDF5:
        heaps.check(path)
        _refuse_what_is_elsewhere(path)
        with told(path, WHOLE), netCDF4.Dataset(path.resolve()) as file:
            file.set_auto_maskandscale(False)
            file.set_auto_chartostring(False)
            yield file
    elif start[:4] in CLASSIC:
        with told(path, WHOLE), path.open("rb") as stream:
            yield netcdf_file(stream, mmap=True)
    else:
        hint = "; convert it with nccopy -k netCDF-4" if start[:3] == b"CDF" else ""
        raise DataError(f"{path}: expected a netCDF file, got one that begins with {start[:4]!r}{hint}")


def _start(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(f"{path}: expected a netCDF file, found none")
    with told(path, "a readable file"), path.open("rb") as stream:
        return stream.read(len(HDF5))


def _is_hdf5(path: Path) -> bool:
    return _start(path) == HDF5


def _refuse_what_is_elsewhere(path: Path) -> None:
    links: list[tuple[str, object]] = []
    with told(path, WHOLE), hdf5.opened(path) as file:
        file.visititems_links(lambda name, link: links.append((name, link)))
        for name, link in links:
            if not isinstance(link, h5py.HardLink):
                raise DataError(f"{path}: expected no links, got {type(link).__name__} {shown(name)}")
            found = file[name]
            if isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
                raise DataError(f"{path}: {shown(name)}: expected values in the file itself, got ones in other files")


def _is_text(variable: Any) -> bool:
    return not isinstance(variable, netcdf_variable) and variable.dtype is str


def _header(variable: Any, where: str) -> Variable:
    dims, shape = tuple(map(str, variable.dimensions)), tuple(int(size) for size in variable.shape)
    attrs = {key: _attribute(getattr(variable, key)) for key in ATTRIBUTES if hasattr(variable, key)}
    if _is_text(variable):
        return Variable(dims, shape, np.dtype("U16"), attrs)
    dtype = variable.data.dtype if isinstance(variable, netcdf_variable) else variable.dtype
    if isinstance(dtype, np.dtype) and dtype.str == "|S1" and dims:
        return Variable(dims[:-1], shape[:-1], np.dtype(f"U{max(shape[-1], 1)}"), attrs)
    if not isinstance(dtype, np.dtype) or dtype.kind not in "fiu":
        raise DataError(f"{where}: expected plain numbers, got {shown(dtype)}")
    usual = netCDF4.default_fillvals.get(dtype.str[1:])  # what stands where nothing was written
    if dtype.itemsize > 1 and usual is not None:
        attrs.setdefault("_FillValue", np.array(usual, dtype)[()])
    return Variable(dims, shape, dtype, attrs)


def _attribute(found: Any) -> Any:
    return found.decode("utf-8") if isinstance(found, bytes) else found
