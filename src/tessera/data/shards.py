"""Shards of a Zarr store: many cases of a field in one file, each of which can be read alone.

A shard is its cases, packed and laid one behind the other, then a table of where each lies, as version 3 of Zarr says
it (codec `sharding_indexed`). A case is packed in parts of as many snapshots, so that few can be read without unpacking
all, and all without minding their number. The library would pack a shard whole, and again for every case that is added;
written case by case, no more than one is in memory, and the bytes are the same whoever writes which shard.
https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed
"""

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import google_crc32c
import numcodecs
import numpy as np
import xarray as xr

LARGEST = 2**29  # bytes of the cases of a shard, unpacked
PART = 2**18  # bytes of a part of a case, unpacked, unless one snapshot has more
LEVEL = 1  # of Zstandard; a checksum goes with every case
_NOTHING = 2**64 - 1  # of a part that is not there


def sharded(variable: xr.DataArray | xr.Variable) -> bool:
    """Return whether a variable lies in shards: a field of every case, not a number or a row of numbers of it."""
    return variable.dtype.kind == "f" and "case" in variable.dims and variable.ndim > 2


def size(variable: xr.DataArray | xr.Variable) -> int:
    """Return how many cases of a variable make one shard; it follows from their shape alone."""
    one = variable.dtype.itemsize * int(np.prod([variable.sizes[name] for name in _inner(variable)]))
    return max(1, min(variable.sizes["case"], LARGEST // max(one, 1)))


def parts(variable: xr.DataArray | xr.Variable) -> int:
    """Return in how many parts, equal in the number of snapshots, a case of a variable is packed."""
    snapshots, *axes = (variable.sizes[name] for name in _inner(variable))
    one = variable.dtype.itemsize * math.prod(axes)
    even = (count for count in range(1, snapshots) if snapshots % count == 0)
    return next((count for count in even if snapshots // count * one <= PART), max(1, snapshots))


def encoding(variable: xr.DataArray | xr.Variable) -> dict[str, Any]:
    """Return how a variable in shards is laid out, in the words of xarray."""
    shape = tuple(max(1, variable.sizes[name]) for name in _inner(variable))
    outer = (1,) * (variable.ndim - len(shape) - 1)
    import zarr.codecs  # a tenth of a second, which no simulation needs

    packer = zarr.codecs.ZstdCodec(level=LEVEL, checksum=True)
    part = (max(1, shape[0] // parts(variable)), *shape[1:])
    return {"chunks": (*outer, 1, *part), "shards": (*outer, size(variable), *shape), "compressors": (packer,)}


def laid(variable: xr.Variable) -> bool:
    """Return whether a variable that was opened lies in shards as we lay it."""
    known = variable.encoding
    return sharded(variable) and all(known.get(name) == said for name, said in encoding(variable).items())


def places(variable: xr.DataArray) -> Iterator[tuple[str, dict[str, int], range]]:
    """Yield the shards of a variable: path in the store, place along the dimensions before `case`, and cases."""
    inner, step = _inner(variable), size(variable)
    outer = list(variable.dims[: variable.ndim - len(inner) - 1])
    for index in np.ndindex(*(variable.sizes[name] for name in outer)):
        for start in range(0, variable.sizes["case"], step):
            key = "/".join(map(str, ("c", *index, start // step, *(0 for _ in inner))))
            cases = range(start, min(start + step, variable.sizes["case"]))
            yield f"{variable.name}/{key}", dict(zip(map(str, outer), index, strict=True)), cases


class Shard:
    """A shard that is being written, case by case.

    Parameters
    ----------
    path
        Where it lies; folders above it are made.
    size
        How many cases a whole shard has; the last one of a store may get fewer.
    parts
        In how many parts each is packed.
    """

    def __init__(self, path: Path, size: int, parts: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("wb")
        self._table = np.full((size * parts, 2), _NOTHING, "<u8")
        self._parts, self._count = parts, 0
        self._packer = numcodecs.Zstd(LEVEL, checksum=True)

    def append(self, values: np.ndarray) -> None:
        """Write the values of the next case."""
        for part in np.split(values, self._parts):
            packed = self._packer.encode(np.ascontiguousarray(part, part.dtype.newbyteorder("<")))
            self._table[self._count] = self._file.tell(), len(packed)
            self._file.write(packed)
            self._count += 1

    def close(self) -> None:
        """Write where each part lies; once."""
        if self._file.closed:
            return
        table = self._table.tobytes()
        self._file.write(table + google_crc32c.value(table).to_bytes(4, "little"))
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


def write(path: Path, size: int, parts: int, cases: Iterable[np.ndarray]) -> None:
    """Write the values of some cases as one shard."""
    with Shard(path, size, parts) as shard:
        for values in cases:
            shard.append(values)


class Reader:
    """The values of a variable that lies in shards as `encoding` lays it, unpacked part by part.

    The library of Zarr reads them as well, but takes a millisecond for each look at a field, five times what unpacking
    a snapshot takes; who looks at few snapshots of many cases, as a training does, would wait for that.

    Parameters
    ----------
    folder
        Of the variable, in its store.
    variable
        Its dimensions, shape and type; the values are never asked for.
    """

    def __init__(self, folder: Path, variable: xr.Variable) -> None:
        self._folder, self.shape, self._dtype = folder, variable.shape, variable.dtype.newbyteorder("<")
        self._outer = variable.ndim - len(_inner(variable))
        self._size, self._parts = size(variable), parts(variable)
        self._part = (self.shape[self._outer] // self._parts, *self.shape[self._outer + 1 :])
        self._tables: dict[str, np.ndarray] = {}

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray:
        """Return values by one number, slice or array of numbers for each axis.

        Raises
        ------
        ValueError
            A part is not in the file, or a table does not have its checksum.
        """
        axes = [np.arange(length)[one] for length, one in zip(self.shape, key, strict=True)]
        *outer, rows = (np.atleast_1d(axis) for axis in axes[: self._outer + 1])
        rest = axes[self._outer + 1 :]
        whole = (*(axis.size for axis in (*outer, rows)), *(length for axis in rest for length in axis.shape))
        found = np.empty(whole, self._dtype)
        for place in np.ndindex(found.shape[: self._outer]):
            *before, case = (int(axis[n]) for axis, n in zip(outer, place, strict=True))
            last, values = -1, np.empty(0)
            for number, row in enumerate(map(int, rows)):
                part, within = divmod(row, self._part[0])
                if part != last:
                    last, values = part, self._unpack(before, case, part)
                found[place][number] = _at(values[within], key[self._outer + 1 :])
        return found.reshape([length for axis in axes for length in axis.shape])

    def _unpack(self, before: list[int], case: int, part: int) -> np.ndarray:
        """Return a part of a case."""
        key = "/".join(map(str, ("c", *before, case // self._size, *(0 for _ in self._part))))
        if key not in self._tables:
            self._tables[key] = self._table(self._folder / key)
        start, length = map(int, self._tables[key][case % self._size * self._parts + part])
        with (self._folder / key).open("rb") as file:
            if start + length > file.seek(0, os.SEEK_END):
                raise ValueError(f"{key}: expected part {part} of case {case}, got none")
            file.seek(start)
            packed = file.read(length)
        values = np.empty(self._part, self._dtype)
        if numcodecs.Zstd().decode(packed, out=values).nbytes != values.nbytes:
            raise ValueError(f"{key}: expected {values.nbytes} bytes of case {case}, got others")
        return values

    def _table(self, path: Path) -> np.ndarray:
        """Return where the parts of a shard lie and how long they are."""
        length = 16 * self._size * self._parts
        with path.open("rb") as file:
            file.seek(-length - 4, os.SEEK_END)
            table = file.read()
        if google_crc32c.value(table[:-4]) != int.from_bytes(table[-4:], "little"):
            raise ValueError(f"{path.name}: expected the checksum of its table, got another")
        return np.frombuffer(table[:-4], "<u8").reshape(-1, 2)


def _at(values: np.ndarray, key: tuple[Any, ...]) -> np.ndarray:
    """Return values by a number, slice or array of numbers for each axis, whatever the others are."""
    for axis, one in reversed([*enumerate(key)]):
        values = values[(slice(None),) * axis + (one,)]
    return values


def _inner(variable: xr.DataArray | xr.Variable) -> tuple[str, ...]:
    """Return the dimensions of one case."""
    return tuple(map(str, variable.dims[variable.dims.index("case") + 1 :]))
