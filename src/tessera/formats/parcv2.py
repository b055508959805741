"""The raw arrays of PARCv2 (ICML): `void_NUMBER.npy` of (y, x, snapshots * 5), the channels of a snapshot together."""

import re
from pathlib import Path

import numpy as np

from tessera.errors import DataError
from tessera.formats import arrays
from tessera.formats.mapping import Mapping
from tessera.formats.source import Entry

CHANNELS = 5  # of a snapshot: temperature, pressure, microstructure and two velocities, in the order a mapping says
AXES = ("y", "x", "time * channel")
_FILE = re.compile(r"void_(\d{1,9})\.npy")


def open_set(path: Path, mapping: Mapping) -> arrays.ArraySet:
    """Open a folder of `void_NUMBER.npy`; the cases are in the order of their numbers.

    Raises
    ------
    DataError
        The files are not of this layout, differ in their cells, or are of lengths that the mapping does not settle.
    """
    files = _files(arrays.folder(path, "void_NUMBER.npy"))
    shapes = {name: arrays.header(file, AXES).shape for name, file in files.items()}
    channels = arrays.channels(mapping, CHANNELS, str(path))
    for name, shape in shapes.items():
        if shape[2] % CHANNELS:
            raise DataError(f"{files[name]}: expected {CHANNELS} channels for each snapshot, got {shape[2]} in all")
    height, width = arrays.same({name: shape[:2] for name, shape in shapes.items()}, "cells (y, x) of", str(path))
    count = arrays.snapshots({name: shape[2] // CHANNELS for name, shape in shapes.items()}, mapping, str(path))
    places = tuple(files.values())

    def take(number: int) -> dict[str, np.ndarray]:
        values = arrays.open_npy(places[number], AXES)[:, :, : count * CHANNELS]
        return {name: np.moveaxis(values[:, :, channel::CHANNELS], 2, 0) for name, channel in channels.items()}

    entries = tuple(Entry(name) for name in files)
    return arrays.ArraySet(entries, count, (height, width), dict.fromkeys(mapping.fields), take)


def _files(folder: Path) -> dict[str, Path]:
    found: dict[int, Path] = {}
    for file in sorted(folder.glob("*.npy")):
        parts = _FILE.fullmatch(file.name)
        if parts is None:
            raise DataError(f"{folder}: expected files void_NUMBER.npy, got {file.name!r}")
        if int(parts[1]) in found:
            raise DataError(f"{folder}: expected each number once, got {found[int(parts[1])].name!r} and {file.name!r}")
        found[int(parts[1])] = file
    if not found:
        raise DataError(f"{folder}: expected files void_NUMBER.npy, found none")
    return {found[number].stem: found[number] for number in sorted(found)}
