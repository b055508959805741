"""Arrays without names: `.npy` files opened safely, and what the formats made of them share.

A header is parsed here, not by numpy, so that nothing of a file is trusted: no pickle, no object or structured
types, and no shape that its size does not bear. Values stay in the file, as a memory map, until a case is read.
"""

import ast
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import numpy as np

from tessera.data.files import short
from tessera.errors import DataError
from tessera.formats.mapping import Mapping as Asked
from tessera.formats.source import Entry

MAGIC = b"\x93NUMPY"
LONGEST = 10_000  # bytes of a header; numpy writes 118
LARGEST = 2**48  # of a size along an axis
SHOWN = 80  # characters of a header in a message
_NUMBERS = re.compile(r"[<>=|]?(f[248]|[iu][1248])")


class Header(NamedTuple):
    """What the header of a `.npy` file says.

    Attributes
    ----------
    shape
        Sizes along the axes, each above zero.
    dtype
        Floats of 2 to 8 bytes, or integers of 1 to 8.
    fortran
        Whether the first index runs fastest.
    offset
        Bytes before the values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    offset: int


class ArraySet(NamedTuple):
    """An opened set of arrays, a `tessera.formats.source.Source`; `take` reads the fields of a case."""

    entries: tuple[Entry, ...]
    snapshots: int
    cells: tuple[int, int]
    units: dict[str, str | None]
    take: Callable[[int], dict[str, np.ndarray]]
    interval: float | None = None
    cell_size: float | None = None
    start: float = 0.0
    rising: dict[str, bool] | None = None

    def read(self, number: int) -> dict[str, np.ndarray]:
        """Return the fields of a case as the files hold them, (time, y, x) or (y, x)."""
        return self.take(number)


def header(path: Path, axes: Sequence[str]) -> Header:
    """Read the header of a `.npy` file and check it against the size of the file.

    Parameters
    ----------
    path
        The file.
    axes
        What the axes must be, for their number and for the message.

    Raises
    ------
    DataError
        It is no `.npy` file, its values are no plain numbers, or its shape is not what its size holds.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a .npy file, found none")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            text, offset = _text(file, path), file.tell()
    except OSError as error:
        raise DataError(f"{path}: expected a readable file, got {error.strerror or short(error)}") from None
    found = Header(*_parsed(text, axes, path), offset)
    expected = math.prod(found.shape) * found.dtype.itemsize
    if size - offset != expected:
        held = f"shape {found.shape} of {found.dtype}"
        raise DataError(f"{path}: expected {expected} bytes of values for {held}, got {size - offset}")
    return found


def open_npy(path: Path, axes: Sequence[str]) -> np.ndarray:
    """Open a `.npy` file as a read-only memory map; arguments and errors as `header`."""
    found = header(path, axes)
    order: Literal["C", "F"] = "F" if found.fortran else "C"
    try:
        return np.memmap(path, found.dtype, "r", found.offset, found.shape, order)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a file that can be mapped, got {short(error)}") from None


def channels(asked: Asked, count: int, where: str) -> dict[str, int]:
    """Return the channel of every field of a mapping.

    Parameters
    ----------
    asked
        The mapping; for arrays it must say the channel of each field, and nothing else of its place.
    count
        How many channels the arrays have.
    where
        What to call them in a message.

    Raises
    ------
    DataError
        A channel is missing, not there, or said for two fields; or a place is one of files with names.
    """
    found: dict[str, int] = {}
    for name, place in asked.fields.items():
        key = f"{where}: fields.{name}"
        if place.variable is not None or place.component is not None:
            other = "variable" if place.variable is not None else "component"
            raise DataError(f"{key}: expected a channel alone, for arrays have no names, got a {other}")
        if place.channel is None:
            raise DataError(f"{key}.channel: expected it in the mapping, for arrays have no names, got none")
        if place.channel >= count:
            raise DataError(f"{key}.channel: expected 0 to {count - 1}, got {place.channel}")
        if place.channel in found.values():
            raise DataError(f"{key}.channel: expected another for each field, got {place.channel} twice")
        found[name] = place.channel
    return found


def snapshots(lengths: Mapping[str, int], asked: Asked, where: str) -> int:
    """Return how many snapshots every case has, or shall keep if they differ.

    Parameters
    ----------
    lengths
        Number of snapshots of each case, by its name.
    asked
        The mapping, whose `snapshots` must fit into the shortest of cases that differ.
    where
        What to call the set in a message.

    Raises
    ------
    DataError
        The lengths differ and the mapping does not say a number that all have.
    """
    least, most = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
    if lengths[least] == lengths[most]:
        return lengths[least]
    differ = f"cases have {lengths[least]} ({least}) to {lengths[most]} ({most})"
    if asked.snapshots is None:
        raise DataError(f"{where}: snapshots: expected it in the mapping, for {differ}, got none")
    if asked.snapshots > lengths[least]:
        raise DataError(f"{where}: snapshots: expected at most {lengths[least]}, for {differ}, got {asked.snapshots}")
    return asked.snapshots


def same(values: Mapping[str, tuple[int, ...]], what: str, where: str) -> tuple[int, ...]:
    """Return what is the same for every case; refuse a case that differs from the first.

    Raises
    ------
    DataError
        Names the first case that differs.
    """
    first, expected = next(iter(values.items()))
    for name, got in values.items():
        if got != expected:
            raise DataError(f"{where}: {name}: expected {what} {expected}, as in {first}, got {got}")
    return expected


def folder(path: Path, what: str) -> Path:
    """Return a path that is a folder, and refuse any other."""
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder of {what}, got {'a file' if path.is_file() else 'none'}")
    return path


def _text(file: BinaryIO, path: Path) -> str:
    """Return the header as text, and leave the file where the values begin."""
    start = file.read(8)
    if start[:6] != MAGIC or start[6:] not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise DataError(f"{path}: expected a .npy file, got one that begins with {start!r}")
    length = int.from_bytes(file.read(2 if start[6] == 1 else 4), "little")
    if length > LONGEST:
        raise DataError(f"{path}: expected a header of at most {LONGEST} bytes, got {length}")
    return file.read(length).decode("utf-8" if start[6] == 3 else "latin-1", errors="replace").strip()


def _parsed(text: str, axes: Sequence[str], path: Path) -> tuple[tuple[int, ...], np.dtype, bool]:
    """Return shape, type and order of a header; its text is shown, for its numbers can be too long to print."""
    try:
        with warnings.catch_warnings(action="ignore"):  # the parser warns of what looks like a slip
            content = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        content = None
    if not isinstance(content, dict) or set(content) != {"descr", "fortran_order", "shape"}:
        raise DataError(f"{path}: expected a header with descr, fortran_order and shape, got {text[:SHOWN]!r}")
    descr, fortran, shape = content["descr"], content["fortran_order"], content["shape"]
    if not isinstance(descr, str) or not _NUMBERS.fullmatch(descr):
        raise DataError(f"{path}: expected plain real numbers, got values of type {text[:SHOWN]!r}")
    if not isinstance(fortran, bool):
        raise DataError(f"{path}: fortran_order: expected True or False, got {text[:SHOWN]!r}")
    named = f"({', '.join(axes)})"
    if not isinstance(shape, tuple) or any(type(size) is not int or not 0 < size < LARGEST for size in shape):
        raise DataError(f"{path}: expected an array of {named}, each size above zero, got {text[:SHOWN]!r}")
    if len(shape) != len(axes):
        raise DataError(f"{path}: expected an array of {named}, got one of {len(shape)} axes, {text[:SHOWN]!r}")
    return shape, np.dtype(descr), fortran
