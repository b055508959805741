"""HDF5 files of others, opened with care: numbers that lie in the file itself, of a possible size.

HDF5 can point into other files, hold objects, load programs as filters and promise more than it stores. None of
that is followed: links must be hard, values numbers, filters of `FILTERS`, and sizes within the limits below.
"""

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from math import prod
from pathlib import Path
from struct import unpack_from
from typing import Any

import h5py
import numpy as np

from tessera.data.files import short
from tessera.errors import DataError

SUFFIXES = (".h5", ".hdf5")
LARGEST = 2**32  # bytes of one field of one case as float32
LONGEST = 2**20  # values along an axis of a case, words in an attribute, bytes of a text
MOST = 10**6  # cases
WIDEST = 200  # characters of a text that can stand in a message
DENSEST = 1100  # bytes of values for each stored one
PACKERS = {h5py.h5z.FILTER_DEFLATE: 1033, h5py.h5z.FILTER_LZF: 90}  # bytes that a packed one can become
FILTERS = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_LZF: "lzf",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
}
SWELLING = 2**30  # bytes that a chunk may become before its packed bytes are looked at
HEAP = b"GCOL\x01\0\0\0"  # begins a heap of texts
HEADER = 2**16  # bytes that are read at once of what is not values
_BROKEN = (OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file to read; while it is open, its path is put before every refusal.

    Raises
    ------
    DataError
        The file is not HDF5, truncated or corrupt, or what was refused of it.
    """
    try:
        with _Watched(path) as watched, h5py.File(watched, "r") as file:
            yield file
    except DataError as error:
        raise DataError(f"{path}: {error.args[0]}") from None
    except _BROKEN as error:
        raise DataError(f"{path}: expected a whole HDF5 file, got {plain(short(error))}") from None


@contextmanager
def created(path: Path) -> Iterator[h5py.File]:
    """Open a new file to write.

    Raises
    ------
    OSError
        The system does not let it be written, for example on a full disk.
    DataError
        HDF5 cannot write it, and the system does not say why.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with h5py.File(path, "w") as file:
            yield file
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
        raise DataError(f"{path}: expected to write it, got {plain(short(error))}") from None


def at(item: h5py.Group | h5py.Dataset) -> str:
    """Return what to call a part of a file in a message."""
    return plain(str(item.name))


def plain(text: str) -> str:
    """Return a text of a file as it can stand in a message: printable, and not too long."""
    return (text if text.isprintable() else ascii(text))[:WIDEST]


def group(parent: h5py.Group, name: str) -> h5py.Group:
    """Return a group by its path below another.

    Raises
    ------
    DataError
        It is not there, or is no group, or lies behind a link.
    """
    found = _member(parent, name)
    if not isinstance(found, h5py.Group):
        raise DataError(f"{at(parent)}: expected a group {plain(name)!r}, got a {type(found).__name__.lower()}")
    return found


def dataset(parent: h5py.Group, name: str) -> h5py.Dataset:
    """Return an array of numbers by its path below a group, after a look at everything but its values.

    Raises
    ------
    DataError
        It is not there, lies behind a link or in another file, is virtual, holds no numbers, has a filter that is
        not of `FILTERS`, or promises more than it can hold.
    """
    found = _member(parent, name)
    if not isinstance(found, h5py.Dataset):
        raise DataError(f"{at(parent)}: expected an array {plain(name)!r}, got a {type(found).__name__.lower()}")
    where = at(found)
    if found.external or found.is_virtual:
        kind = "virtual ones" if found.is_virtual else "ones in other files"
        raise DataError(f"{where}: expected values in the file itself, got {kind}")
    if found.dtype.kind not in "fiu" or found.dtype.itemsize > 8:
        raise DataError(f"{where}: expected numbers of at most 8 bytes, got {plain(str(found.dtype))}")
    if found.shape is None or 0 in found.shape:
        raise DataError(f"{where}: expected values, got shape {found.shape}")
    _check_filters(found, where)
    _check_size(found, where)
    return found


def exists(parent: h5py.Group, name: str) -> bool:
    """Return whether a group has a member or link of this name; nothing is followed."""
    return _plain_name(name) and bool(parent.id.links.exists(name.encode()))


def part(found: h5py.Dataset, *selection: int | slice) -> np.ndarray:
    """Return a part of an array, with an index or a slice for each axis, after a look at what its chunks become.

    Raises
    ------
    DataError
        The part has more than `LARGEST` bytes, or a chunk swells beyond its size.
    """
    size = prod(_length(one, count) for one, count in zip(selection, found.shape, strict=True))
    check_bytes(size * found.dtype.itemsize, at(found))
    if found.chunks is not None:
        _check_chunks(found, selection)
    return np.asarray(found[selection])


def check_bytes(size: int, where: str) -> None:
    """Refuse a field of a case of more than `LARGEST` bytes."""
    if size > LARGEST:
        raise DataError(f"{where}: expected at most {LARGEST} bytes in a field of a case (LARGEST), got {size}")


def text(item: h5py.Group | h5py.Dataset, name: str) -> str | None:
    """Return an attribute that is one text, or None where there is none, or another kind of one.

    Raises
    ------
    DataError
        The text is longer than `WIDEST`, or not printable.
    """
    found = _attribute(item, name)
    if not isinstance(found, str):
        return None
    if plain(found) != found:
        raise DataError(f"{at(item)}: @{name}: expected a text of at most {WIDEST} characters, got {plain(found)}")
    return found


def words(item: h5py.Group | h5py.Dataset, name: str) -> list[str]:
    """Return an attribute that is a list of texts; an empty list has no type."""
    found = _attribute(item, name)
    if not isinstance(found, np.ndarray) or not all(isinstance(one, str) for one in found):
        raise DataError(f"{at(item)}: @{name}: expected a list of words, got {_shown(found)}")
    return found.tolist()


def number(item: h5py.Group | h5py.Dataset, name: str) -> float | None:
    """Return an attribute that is one finite number, or None where there is none, or another kind of one."""
    found = _attribute(item, name)
    is_number = isinstance(found, (np.floating, np.integer)) and np.isfinite(found)
    return float(found) if is_number else None


def flags(item: h5py.Group | h5py.Dataset, name: str, count: int, default: bool | None = None) -> list[bool]:
    """Return an attribute that is `count` booleans, or a single one.

    Raises
    ------
    DataError
        It is something else, or it is not there and has no default.
    """
    found = _attribute(item, name)
    if found is None and default is not None:
        return [default] * count
    values = np.atleast_1d(np.asarray(found))
    if values.dtype.kind not in "biu" or values.shape != (count,) or not np.isin(values, (0, 1)).all():
        what = "true or false" if count == 1 else f"{count} times true or false"
        raise DataError(f"{at(item)}: @{name}: expected {what}, got {_shown(found)}")
    return [bool(one) for one in values]


def files_in(folder: Path) -> list[Path]:
    """Return the HDF5 files of a folder, by their suffix, sorted by name."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(one for one in found if one.suffix.lower() in SUFFIXES and one.is_file())


def called(paths: Iterable[Path]) -> list[str]:
    """Return what to call files: their stems, or folder and name of all where two stems are the same."""
    known = list(paths)
    stems = [one.stem for one in known]
    return stems if len(set(stems)) == len(stems) else [f"{one.parent.name}/{one.name}" for one in known]


class _Watched(FileIO):
    """A file that gives every byte that it is asked for, or an error, and no heap in which HDF5 would run in circles.

    A heap of texts is a row of objects, each with its length; HDF5 looks for ever at a free one of no length.
    """

    def readinto(self, buffer: Any) -> int:
        start, view, done = self.tell(), memoryview(buffer).cast("B"), 0
        while done < len(view):
            count = super().readinto(view[done:])
            if not count:
                raise OSError(f"no bytes after {start + done}")
            done += count
        if done <= HEADER and (place := bytes(view).find(HEAP)) >= 0:
            self._check_heap(start + place)
        return done

    def _check_heap(self, start: int) -> None:
        size = int.from_bytes(os.pread(self.fileno(), 8, start + len(HEAP)), "little")
        heap, place = os.pread(self.fileno(), min(size, LONGEST), start), len(HEAP) + 8
        while place + 16 <= size:
            number, length = unpack_from("<H6xQ", heap, place) if place + 16 <= len(heap) else (0, 0)
            step = length if number == 0 else 16 + (length + 7) // 8 * 8
            if not 0 < step <= size - place:
                raise OSError(f"a broken heap of {size} bytes at {start}")
            place += step


def _member(parent: h5py.Group, path: str) -> Any:
    found: Any = parent
    for name in path.split("/"):
        if not isinstance(found, h5py.Group) or not exists(found, name):
            raise DataError(f"{at(parent)}: expected {plain(path)!r}, found {_listed(found)}")
        if found.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            raise DataError(f"{at(parent)}: {plain(path)}: expected data in the file itself, got a link to elsewhere")
        found = found[name]
    return found


def _plain_name(name: str) -> bool:
    return name not in {"", ".", ".."} and "/" not in name and "\0" not in name


def _listed(found: Any) -> str:
    names = sorted(found)[:8] if isinstance(found, h5py.Group) and len(found) <= LONGEST else []
    return plain(", ".join(names)) or "none"


def _filters(found: h5py.Dataset) -> list[int]:
    settings = found.id.get_create_plist()
    return [settings.get_filter(place)[0] for place in range(settings.get_nfilters())]


def _check_filters(found: h5py.Dataset, where: str) -> None:
    codes = _filters(found)
    unknown = [code for code in codes if code not in FILTERS]
    if unknown:
        known = ", ".join(FILTERS.values())
        raise DataError(f"{where}: expected no filters but {known}, got the HDF5 filter {unknown[0]}; repack the file")
    packers = [code for code in codes if code in PACKERS]
    if len(packers) > 1 or (packers and h5py.h5z.FILTER_SHUFFLE in codes[codes.index(packers[0]) :]):
        said = ", ".join(FILTERS[code] for code in codes)
        raise DataError(f"{where}: expected values packed once, after shuffling, got filters {plain(said)}")


def _check_size(found: h5py.Dataset, where: str) -> None:
    size = prod(found.shape) * found.dtype.itemsize
    stored = min(found.id.get_storage_size(), found.file.id.get_filesize())
    if size > DENSEST * stored:
        what = f"{size} bytes of values {found.shape} in {stored} stored ones"
        raise DataError(f"{where}: expected at most {DENSEST} bytes of values for a stored one (DENSEST), got {what}")
    if found.chunks is not None and prod(found.chunks) * found.dtype.itemsize > LARGEST:
        raise DataError(f"{where}: expected chunks of at most {LARGEST} bytes (LARGEST), got shape {found.chunks}")


def _check_chunks(found: h5py.Dataset, selection: Sequence[int | slice]) -> None:
    """Refuse a chunk that holds more than its size: HDF5 unpacks all that is there before it looks at sizes."""
    codes = _filters(found)
    swells = max((PACKERS.get(code, 1) for code in codes), default=1)
    if found.id.get_storage_size() * swells <= SWELLING:
        return
    full = prod(found.chunks) * found.dtype.itemsize
    for corner in _corners(found, selection):
        stored = found.id.get_chunk_info_by_coord(corner).size
        if stored * swells <= SWELLING:
            continue
        most = min(2 * full, LARGEST // (swells if h5py.h5z.FILTER_LZF in codes else 1))
        if stored > most:
            raise DataError(f"{at(found)}: expected chunks of at most {most} packed bytes, got one of {stored}")
        if h5py.h5z.FILTER_DEFLATE in codes:
            _check_stream(found.id.read_direct_chunk(corner)[1], full, at(found))


def _corners(found: h5py.Dataset, selection: Sequence[int | slice]) -> Iterator[tuple[int, ...]]:
    """Yield the first index of every chunk that a selection touches."""
    spans = [range(*_slice(one).indices(count)) for one, count in zip(selection, found.shape, strict=True)]
    along = [range(one.start // width * width, one.stop, width) for one, width in zip(spans, found.chunks, strict=True)]
    for place in np.ndindex(*(len(one) for one in along)):
        yield tuple(one[index] for one, index in zip(along, place, strict=True))


def _check_stream(packed: bytes, full: int, where: str) -> None:
    try:
        stream = zlib.decompressobj()
        swollen = len(stream.decompress(packed, full + 1)) > full
    except zlib.error:
        swollen = False
    if swollen:
        raise DataError(f"{where}: expected a chunk of {full} bytes, got one that unpacks to more")


def _slice(one: int | slice) -> slice:
    return one if isinstance(one, slice) else slice(one, one + 1)


def _length(one: int | slice, count: int) -> int:
    return len(range(*_slice(one).indices(count)))


def _attribute(item: h5py.Group | h5py.Dataset, name: str) -> Any:
    """Return an attribute: numpy values, text, an array of them, or None where there is none."""
    if name not in item.attrs:
        return None
    kind = item.attrs.get_id(name)
    is_text = h5py.check_string_dtype(kind.dtype) is not None
    if kind.shape is None or prod(kind.shape) > LONGEST or kind.dtype.itemsize > LONGEST or len(kind.shape) > 1:
        raise DataError(f"{at(item)}: @{name}: expected a value or a list, got shape {kind.shape} of {kind.dtype}")
    if kind.dtype.kind not in "fiub" and not is_text:
        raise DataError(f"{at(item)}: @{name}: expected numbers or text, got {plain(str(kind.dtype))}")
    found = item.attrs[name]
    if isinstance(found, bytes):
        return found.decode()
    if isinstance(found, np.ndarray) and found.dtype.kind == "S":
        return np.array([one.decode() for one in found], object)
    return found


def _shown(found: Any) -> str:
    return "none" if found is None else plain(" ".join(str(found).split()))
