"""The global heaps of an HDF5 file, where its texts and references lie, looked through without the HDF5 library.

The library (2.0 and before) reads a heap with an empty free object for ever: one flipped byte would hang the process.
"""

import mmap
from pathlib import Path

from tessera.errors import DataError

START = b"GCOL\x01\0\0\0"  # of a heap, followed by its size; then objects of a header and a size each
HEADER = 16  # bytes of a heap and of an object: index (2), references (2), nothing (4), size (8)


def check(path: Path) -> None:
    """Refuse a file with a heap that cannot be read to its end.

    Raises
    ------
    DataError
        Says where the heap is broken.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        heap = content.find(START)
        while heap >= 0:
            broken = _broken(content, heap)
            if broken is not None:
                raise DataError(f"{path}: expected a whole HDF5 file, got a broken heap at byte {broken}")
            heap = content.find(START, heap + len(START))


def _broken(content: mmap.mmap, heap: int) -> int | None:
    """Return the place of a free object without a size in a heap, or None."""
    end = min(heap + _number(content, heap + 8, 8), len(content))
    place = heap + HEADER
    while place + HEADER <= end:
        index, size = _number(content, place, 2), _number(content, place + 8, 8)
        if index == 0 and size == 0:
            return place
        place += size if index == 0 else HEADER + -(-size // 8) * 8
    return None


def _number(content: mmap.mmap, place: int, length: int) -> int:
    return int.from_bytes(content[place : place + length], "little")
