"""The raw folders of PARC: an image of each microstructure, and text files of temperature and pressure.

    microstructures/data_NN.pgm   temperatures/data_NN/Temp_TT.txt   pressures/data_NN/pres_TT.txt

The image says the cells; a text file is one snapshot, one value in a line, row after row. Snapshots count from 01.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tessera.data.files import short
from tessera.errors import DataError
from tessera.formats import arrays
from tessera.formats.mapping import Mapping as Asked
from tessera.formats.source import Entry

IMAGE = "initial_microstructure"
FOLDERS = {IMAGE: "microstructures", "temperature": "temperatures", "pressure": "pressures"}
_FILES = {
    "temperature": re.compile(r"Temp_(\d{1,6})\.txt"),
    "pressure": re.compile(r"pres_(\d{1,6})\.txt"),
}
_CASE = re.compile(r"data_(\d{1,9})")
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"  # between the numbers of a PGM header, with comments
_PGM = re.compile(rb"P([25])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,5})\s")
HEADER = 4096  # bytes in which the header of an image must end
LONGEST = 40  # bytes of a line with one value


class Image(NamedTuple):
    """The header of a PGM image, whose size was found to hold its values."""

    cells: tuple[int, int]
    brightest: int
    plain: bool
    offset: int


def open_set(path: Path, mapping: Asked) -> arrays.ArraySet:
    """Open the folder that holds the three; a `variable` of the mapping can name another than the usual one.

    Raises
    ------
    DataError
        An image or a snapshot is missing, or of a size that the cells do not bear.
    """
    folders = _folders(arrays.folder(path, ", ".join(FOLDERS.values())), mapping)
    images = _cases(folders[IMAGE], "*.pgm")
    cells = arrays.same({name: _image(file).cells for name, file in images.items()}, "cells (y, x) of", str(path))
    texts = {name: _texts(name, folder, images) for name, folder in folders.items() if name != IMAGE}
    for one in texts.values():
        for files in one.values():
            for file in files:
                _check_size(file, cells[0] * cells[1])
    lengths = {f"{name} of {case}": len(files) for name, one in texts.items() for case, files in one.items()}
    count = arrays.snapshots(lengths, mapping, str(path))
    names = tuple(images)

    def take(number: int) -> dict[str, np.ndarray]:
        case = names[number]
        found = {name: np.stack([_values(file, cells) for file in one[case][:count]]) for name, one in texts.items()}
        return found | ({IMAGE: _grey(images[case])} if IMAGE in mapping.fields else {})

    units: dict[str, str | None] = {name: "1" if name == IMAGE else None for name in mapping.fields}
    entries = tuple(Entry(name) for name in names)
    return arrays.ArraySet(entries, count, (cells[0], cells[1]), units, take)


def _folders(path: Path, mapping: Asked) -> dict[str, Path]:
    """Return the folder of every field that is read, and of the images, which say the cells."""
    found = {IMAGE: path / FOLDERS[IMAGE]}
    for name, place in mapping.fields.items():
        key = f"{path}: fields.{name}"
        if name not in FOLDERS:
            raise DataError(f"{path}: fields: expected {', '.join(FOLDERS)} or some of them, got {name!r}")
        if place.channel is not None or place.component is not None:
            other = "channel" if place.channel is not None else "component"
            raise DataError(f"{key}: expected no more than a variable that names the folder, got a {other}")
        folder = place.variable or FOLDERS[name]
        if folder != Path(folder).name or folder == "..":
            raise DataError(f"{key}.variable: expected the name of a folder in the set, got {folder!r}")
        found[name] = path / folder
    if found.keys() == {IMAGE}:
        raise DataError(f"{path}: fields: expected temperature or pressure, got the image alone, which has no time")
    return {name: arrays.folder(folder, name) for name, folder in found.items()}


def _cases(folder: Path, pattern: str) -> dict[str, Path]:
    """Return what holds each case, in the order of the numbers of the cases."""
    found: dict[int, Path] = {}
    for place in sorted(folder.glob(pattern)):
        parts = _CASE.fullmatch(place.stem)
        if parts is None or int(parts[1]) in found:
            raise DataError(f"{folder}: expected data_NUMBER, each number once, got {place.name!r}")
        found[int(parts[1])] = place
    if not found:
        raise DataError(f"{folder}: expected data_NUMBER{Path(pattern).suffix}, found none")
    return {found[number].stem: found[number] for number in sorted(found)}


def _texts(name: str, folder: Path, images: Mapping[str, Path]) -> dict[str, list[Path]]:
    """Return the text files of every case, in the order of time."""
    cases = _cases(folder, "data_*")
    if cases.keys() != images.keys():
        lone = min(cases.keys() ^ images.keys())
        raise DataError(f"{folder}: expected the cases of the images, got {lone} in one of them alone")
    found = {}
    for case, place in cases.items():
        numbers = {int(parts[1]): file for file in place.glob("*") if (parts := _FILES[name].fullmatch(file.name))}
        if sorted(numbers) != [*range(1, len(numbers) + 1)] or not numbers:
            missing = min(set(range(1, max(numbers, default=0) + 2)) - set(numbers))
            pattern = _FILES[name].pattern.partition("_")[0]
            raise DataError(f"{place}: expected {pattern}_NUMBER.txt from 1 without a gap, got none for {missing}")
        found[case] = [numbers[number] for number in sorted(numbers)]
    return found


def _check_size(file: Path, count: int) -> None:
    if not file.is_file():
        raise DataError(f"{file}: expected a text file, found none")
    size = file.stat().st_size
    if not 2 * count - 1 <= size <= LONGEST * count:
        raise DataError(f"{file}: expected {count} values, one in a line, got {size} bytes")


def _values(file: Path, cells: tuple[int, ...]) -> np.ndarray:
    """Read one snapshot, (y, x)."""
    count = cells[0] * cells[1]
    _check_size(file, count)
    try:
        with file.open(encoding="ascii") as text, warnings.catch_warnings(action="error"):
            found = np.loadtxt(text, comments=None, ndmin=2, max_rows=count + 1)
    except (OSError, ValueError, UserWarning) as error:
        raise DataError(f"{file}: expected one number in a line, got {short(error)}") from None
    if found.shape != (count, 1):
        got = f"{found.shape[1]} in a line" if found.shape[1] != 1 else _many(found.shape[0], count)
        raise DataError(f"{file}: expected {count} values, one in a line, got {got}")
    return found.reshape(cells)


def _many(found: int, expected: int) -> str:
    return "more" if found > expected else str(found)


def _image(file: Path) -> Image:
    """Read the header of a PGM image and check it against the size of the file."""
    if not file.is_file():
        raise DataError(f"{file}: expected a PGM image, found none")
    with file.open("rb") as content:
        start = content.read(HEADER)
    parts = _PGM.match(start)
    if parts is None:
        raise DataError(f"{file}: expected a PGM image (P2 or P5), got one that begins with {start[:20]!r}")
    width, height, brightest = (int(part) for part in parts.groups()[1:])
    if min(width, height, brightest) < 1 or brightest >= 2**16:
        raise DataError(f"{file}: expected an image with cells and grey values, got {width} x {height} of {brightest}")
    found = Image((height, width), brightest, parts[1] == b"2", parts.end())
    size, least, most = file.stat().st_size - found.offset, *_sizes(found)
    if not least <= size <= most:
        raise DataError(f"{file}: expected {least} bytes or more for {width} x {height} grey values, got {size}")
    return found


def _sizes(image: Image) -> tuple[int, int]:
    """Return how many bytes the grey values can need, least and most."""
    count = image.cells[0] * image.cells[1]
    exact = count * (1 if image.brightest < 256 else 2)
    return (2 * count - 1, LONGEST * count) if image.plain else (exact, exact)


def _grey(file: Path) -> np.ndarray:
    """Read an image, (y, x), black to white as 0 to 1."""
    image = _image(file)
    content = file.read_bytes()[image.offset :]
    if not image.plain:
        grey = np.frombuffer(content, "u1" if image.brightest < 256 else ">u2")
    elif re.fullmatch(rb"[\d\s]*", content) is None:
        raise DataError(f"{file}: expected grey values as numbers, got something else among them")
    else:
        grey = np.fromstring(content.decode("ascii"), dtype="int64", sep=" ")
    most = int(grey.max(initial=0))
    if grey.size != image.cells[0] * image.cells[1] or most > image.brightest:
        expected = f"{image.cells[0] * image.cells[1]} grey values up to {image.brightest}"
        raise DataError(f"{file}: expected {expected}, got {grey.size} up to {most}")
    return grey.reshape(image.cells) / float(image.brightest)
