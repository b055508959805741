"""Shards of Zarr stores of others: where a chunk lies in a file of many, by the table that the file holds.

As everywhere here, nothing is trusted: not the size of the table, not what it says.
https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c
import numpy as np

from tessera.errors import DataError
from tessera.formats.variables import MOST_CHUNKS, shown

_NOTHING = 2**64 - 1  # of a chunk that is not there
_PLAIN, _CHECKED = [("bytes", {"endian": "little"})], [("bytes", {"endian": "little"}), ("crc32c", {})]


class Shards(NamedTuple):
    """How chunks lie in shards.

    Attributes
    ----------
    shape
        Chunks of a shard along each axis.
    checked
        Whether the table has a checksum.
    first
        Whether the table comes before the chunks.
    """

    shape: tuple[int, ...]
    checked: bool
    first: bool

    def split(self, index: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return which shard a chunk lies in, and its place there."""
        pairs = [divmod(number, count) for number, count in zip(index, self.shape, strict=True)]
        return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)

    def read(self, path: Path, within: tuple[int, ...], most: int) -> bytes | None:
        """Return the bytes of a chunk of a shard, at most `most`; None where there are none.

        Raises
        ------
        DataError
            The table is cut off, harmed, or says a place outside of the file.
        """
        total, size = path.stat().st_size, 16 * math.prod(self.shape) + 4 * self.checked
        if total < size:
            raise DataError(f"{path}: expected a table of {size} bytes, got a file of {total}")
        with path.open("rb") as file:
            file.seek(0 if self.first else total - size)
            table = file.read(size)
            if self.checked and google_crc32c.value(table[:-4]) != int.from_bytes(table[-4:], "little"):
                raise DataError(f"{path}: expected the checksum of its table, got another")
            pairs = np.frombuffer(table[: size - 4 * self.checked], "<u8").reshape(*self.shape, 2)
            start, length = map(int, pairs[within])
            if start == length == _NOTHING:
                return None
            if length > most or start + length > total:
                raise DataError(f"{path}: expected a chunk of at most {most} bytes in it, got {length} from {start}")
            file.seek(start)
            return file.read(length)


def shards(said: Mapping[str, Any], outer: tuple[int, ...], inner: tuple[int, ...], where: str) -> Shards:
    """Return how chunks of a shape lie in shards of another, as the configuration of the codec says.

    Raises
    ------
    DataError
        The one does not fit into the other, or the table is written as none that is known.
    """
    if len(outer) != len(inner) or any(large % small for large, small in zip(outer, inner, strict=True)):
        raise DataError(f"{where}: expected shards of whole chunks, got {outer} of {inner}")
    shape = tuple(large // small for large, small in zip(outer, inner, strict=True))
    if math.prod(shape) > MOST_CHUNKS:
        raise DataError(f"{where}: expected at most {MOST_CHUNKS} chunks in a shard, got {math.prod(shape):.3g}")
    codecs = [(each["name"], each.get("configuration") or {}) for each in said.get("index_codecs", [])]
    if codecs not in (_PLAIN, _CHECKED):
        raise DataError(f"{where}: expected a table of bytes, with crc32c or without, got {shown(codecs)}")
    location = said.get("index_location", "end")
    if location not in ("start", "end"):
        raise DataError(f"{where}: expected the table at the start or the end, got {shown(location)}")
    return Shards(shape, codecs == _CHECKED, location == "start")
