"""Shards of a Zarr store: many cases of a field in one file, each of which can be read alone.

A shard is its cases, packed and laid one behind the other, then a table of where each lies, as version 3 of Zarr says
it (codec `sharding_indexed`). A case is packed in parts of as many snapshots, so that few can be read without unpacking
all, and all without minding their number. The library would pack a shard whole, and again for every case that is added;
written case by case, no more than one is in memory, and the bytes are the same whoever writes which shard.
https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import google_crc32c
import numcodecs
import numpy as np
import xarray as xr
import zarr.codecs

LARGEST = 2**29  # bytes of the cases of a shard, unpacked
PART = 2**18  # bytes of a part of a case, unpacked, unless one snapshot has more
LEVEL = 1  # of Zstandard; a checksum goes with every case
_NOTHING = 2**64 - 1  # of a part that is not there


def sharded(variable: xr.DataArray) -> bool:
    """Return whether a variable lies in shards: a field of every case, not a number or a row of numbers of it."""
    return variable.dtype.kind == "f" and "case" in variable.dims and variable.ndim > 2


def size(variable: xr.DataArray) -> int:
    """Return how many cases of a variable make one shard; it follows from their shape alone."""
    one = variable.dtype.itemsize * int(np.prod([variable.sizes[name] for name in _inner(variable)]))
    return max(1, min(variable.sizes["case"], LARGEST // max(one, 1)))


def parts(variable: xr.DataArray) -> int:
    """Return in how many parts, equal in the number of snapshots, a case of a variable is packed."""
    snapshots, *axes = (variable.sizes[name] for name in _inner(variable))
    one = variable.dtype.itemsize * math.prod(axes)
    even = (count for count in range(1, snapshots) if snapshots % count == 0)
    return next((count for count in even if snapshots // count * one <= PART), max(1, snapshots))


def encoding(variable: xr.DataArray) -> dict[str, Any]:
    """Return how a variable in shards is laid out, in the words of xarray."""
    shape = tuple(max(1, variable.sizes[name]) for name in _inner(variable))
    outer = (1,) * (variable.ndim - len(shape) - 1)
    packer = zarr.codecs.ZstdCodec(level=LEVEL, checksum=True)
    part = (max(1, shape[0] // parts(variable)), *shape[1:])
    return {"chunks": (*outer, 1, *part), "shards": (*outer, size(variable), *shape), "compressors": (packer,)}


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


def _inner(variable: xr.DataArray) -> tuple[str, ...]:
    """Return the dimensions of one case."""
    return tuple(map(str, variable.dims[variable.dims.index("case") + 1 :]))
