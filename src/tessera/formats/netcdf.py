"""Variables of netCDF files, classic or netCDF-4, one region at a time.

The netCDF library believes its files: it follows links and external storage to any other file, inflates a chunk to
whatever it says, asks for gigabytes for a broken classic header, and reads zeros beyond the end of one. So netCDF-4
files, which are HDF5, are read by `tessera.formats.hdf5`, and classic ones by scipy.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
from scipy.io import netcdf_file, netcdf_variable

from tessera.errors import DataError
from tessera.formats import hdf5
from tessera.formats.variables import ATTRIBUTES, Variable, affordable, shown, told

CLASSIC = (b"CDF\x01", b"CDF\x02")
HDF5 = b"\x89HDF\r\n\x1a\n"
SHADOWED = "_nc4_non_coord_"  # before the name of a variable that is called as a dimension but is no coordinate
BARE = "This is a netCDF dimension but not a netCDF variable"  # begins the attribute NAME of such a dataset
LONGEST = 100  # numbers in an attribute
PACKED = 2**18  # bytes of texts that may be packed, for nobody looks at what they unpack to


def names(path: Path) -> list[str]:
    """Return the names of the variables of a file."""
    if _is_hdf5(path):
        with hdf5.opened(path) as file:
            return sorted(name.removeprefix(SHADOWED) for name in file)
    with _classic(path) as file:
        return sorted(file.variables)


def headers(path: Path, wanted: Iterable[str]) -> dict[str, Variable]:
    """Return what a file says of those of some variables that it has.

    Raises
    ------
    DataError
        It is no netCDF file, is truncated, leads to other files, or a variable is not of plain numbers or text.
    """
    if _is_hdf5(path):
        with hdf5.opened(path) as file:
            found = {name: dataset for name in wanted if (dataset := _dataset(file, name)) is not None}
            return {name: _header_of_hdf5(file, dataset) for name, dataset in found.items()}
    with _classic(path) as file:
        return {name: _header_of_classic(file.variables[name]) for name in wanted if name in file.variables}


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
    if not _is_hdf5(path):
        with _classic(path) as file:
            data = file.variables[name].data
            return np.array(data[region]) if data.dtype.kind in "fiu" else _joined(data[region])
    with hdf5.opened(path) as file:
        dataset = _dataset(file, name)
        if dataset is None:
            raise DataError(f"{shown(name)}: expected a variable, found none")
        if dataset.dtype.kind in "fiu":
            return hdf5.part(hdf5.dataset(file, dataset.name[1:]), *region)
        return _text_of_hdf5(dataset, region)


def _is_hdf5(path: Path) -> bool:
    if not path.is_file():
        raise DataError(f"{path}: expected a netCDF file, found none")
    with told(path, "a readable file"), path.open("rb") as stream:
        start = stream.read(len(HDF5))
    if start != HDF5 and start[:4] not in CLASSIC:
        hint = "; convert it with nccopy -k netCDF-4" if start[:3] == b"CDF" else ""
        raise DataError(f"{path}: expected a netCDF file, got one that begins with {start[:4]!r}{hint}")
    return start == HDF5


@contextmanager
def _classic(path: Path) -> Iterator[netcdf_file]:
    """Give a classic file, whose header is read and whose values are mapped."""
    with told(path, "a whole netCDF file"), path.open("rb") as stream:
        yield netcdf_file(stream, mmap=True)


def _header_of_classic(variable: netcdf_variable) -> Variable:
    attrs = {key: _plain(getattr(variable, key)) for key in ATTRIBUTES if hasattr(variable, key)}
    return _header(variable.data.dtype, tuple(variable.dimensions), tuple(variable.shape), attrs)


def _header_of_hdf5(file: h5py.File, dataset: h5py.Dataset) -> Variable:
    attrs = {key: _attribute(dataset, key, lambda shape: prod(shape) <= LONGEST) for key in ATTRIBUTES}
    known = {key: value for key, value in attrs.items() if value is not None}
    if h5py.check_string_dtype(dataset.dtype) is None:
        hdf5.dataset(file, dataset.name[1:])
    return _header(dataset.dtype, _dims(file, dataset), dataset.shape, known)


def _header(dtype: np.dtype, dims: tuple[str, ...], shape: tuple[int, ...], attrs: dict[str, Any]) -> Variable:
    if dtype.str == "|S1" and dims:  # characters, of which the last dimension makes texts
        return Variable(dims[:-1], shape[:-1], np.dtype(f"U{max(shape[-1], 1)}"), attrs)
    if h5py.check_string_dtype(dtype) is not None:
        return Variable(dims, shape, np.dtype("U16"), attrs)
    usual = netCDF4.default_fillvals.get(dtype.str[1:])  # what stands where nothing was written
    if dtype.itemsize > 1 and usual is not None:
        attrs.setdefault("_FillValue", np.array(usual, dtype)[()])
    return Variable(dims, shape, dtype, attrs)


def _dataset(file: h5py.File, name: str) -> h5py.Dataset | None:
    """Return a variable of a netCDF-4 file that lies in the file itself; None where there is none of this name."""
    stored = next((each for each in (SHADOWED + name, name) if hdf5.exists(file, each)), None)
    if stored is None:
        return None
    if file.id.links.get_info(stored.encode()).type != h5py.h5l.TYPE_HARD:
        raise DataError(f"{shown(name)}: expected values in the file itself, got a link")
    found = file[stored]
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        return None
    if found.external or found.is_virtual:
        raise DataError(f"{shown(name)}: expected values in the file itself, got ones in other files")
    said = _attribute(found, "NAME", lambda shape: shape == ())
    return None if isinstance(said, str) and said.startswith(BARE) else found


def _dims(file: h5py.File, dataset: h5py.Dataset) -> tuple[str, ...]:
    """Return the names of the dimensions of a variable, which are those of the coordinates or bare dimensions."""
    if dataset.ndim == 0:
        return ()
    scales = _attribute(dataset, "DIMENSION_LIST", lambda shape: shape == (dataset.ndim,))
    if scales is not None:
        return tuple(str(file[scale[0]].name).rpartition("/")[2] for scale in scales)
    if dataset.ndim == 1 and _attribute(dataset, "CLASS", lambda shape: shape == ()) == "DIMENSION_SCALE":
        return (str(dataset.name[1:]),)
    raise DataError(f"{shown(dataset.name[1:])}: expected names of its dimensions (DIMENSION_LIST), got none")


def _attribute(dataset: h5py.Dataset, key: str, is_possible: Callable[[tuple[int, ...]], bool]) -> Any:
    """Return an attribute of a possible shape, a single text as text, or None where there is none."""
    if key not in dataset.attrs:
        return None
    shape = dataset.attrs.get_id(key).shape
    if shape is None or not is_possible(shape):
        raise DataError(f"{shown(dataset.name[1:])}: {key}: expected an attribute of another shape, got {shape}")
    return _plain(dataset.attrs[key])


def _plain(found: Any) -> Any:
    if isinstance(found, np.ndarray) and found.size == 1 and isinstance(found.item(), str | bytes):
        found = found.item()
    return found.decode() if isinstance(found, bytes) else found


def _text_of_hdf5(dataset: h5py.Dataset, region: tuple[slice, ...]) -> np.ndarray:
    where, stored = shown(dataset.name[1:]), dataset.id.get_storage_size()
    if dataset.id.get_create_plist().get_nfilters() and stored > PACKED:
        raise DataError(f"{where}: expected at most {PACKED} bytes of packed text, got {stored}")
    affordable(dataset.shape, max(dataset.dtype.itemsize, 16), lambda: stored, where)
    if dataset.dtype.str == "|S1" and dataset.ndim == len(region) + 1:
        return _joined(dataset[(*region, slice(None))])
    return np.asarray(dataset.asstr()[region]).astype("U")


def _joined(letters: np.ndarray) -> np.ndarray:
    """Return the texts that the last dimension of characters makes."""
    texts = np.ascontiguousarray(letters).view(f"S{letters.shape[-1]}")[..., 0]
    return np.char.decode(texts, "utf-8")
