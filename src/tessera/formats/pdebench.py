"""PDEBench: HDF5 files with one array for each field, (case, time, x, y), or with one group for each case.

Files of compressible flow hold `density`, `pressure`, `Vx` and `Vy` beside `x-coordinate`, `y-coordinate` and
`t-coordinate`; the others a group for each case, with `data` (time, x, y, channel) and its coordinates in `grid`.
The coordinates have no units, may be edges of cells, and one time more than there are snapshots.
Format: https://github.com/pdebench/PDEBench
"""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from tessera.data import schema
from tessera.errors import DataError
from tessera.formats import axes, hdf5
from tessera.formats.axes import Axis
from tessera.formats.mapping import Mapping, Place
from tessera.formats.source import Entry

NAMES = {"density": "density", "pressure": "pressure", "velocity_x": "Vx", "velocity_y": "Vy"}
COORDINATES = {"time": "t-coordinate", "y": "y-coordinate", "x": "x-coordinate"}
GRID = {"time": "t", "y": "y", "x": "x"}
ORDER = ("time", "x", "y")


class Case(NamedTuple):
    """Where a case is: in a group of a file, or at a place along the first axis of all its arrays."""

    path: Path
    group: str | None
    number: int


class PDEBench(NamedTuple):
    """An opened set, see `tessera.formats.source.Source`."""

    entries: tuple[Entry, ...]
    snapshots: int
    cells: tuple[int, int]
    interval: float | None
    cell_size: float | None
    start: float
    rising: dict[str, bool]
    units: dict[str, str | None]
    places: dict[str, Place]
    cases: tuple[Case, ...]

    def read(self, number: int) -> dict[str, np.ndarray]:
        """Return the fields of a case, (time, y, x), or (y, x) of the first snapshot for what does not change."""
        case, found = self.cases[number], {}
        with hdf5.opened(case.path) as file:
            for name, place in self.places.items():
                count = slice(1 if name in schema.HELD else self.snapshots)
                if case.group is None:
                    array = hdf5.dataset(file, _variable(name, place))
                    values = hdf5.part(array, case.number, count, slice(None), slice(None))
                else:
                    array = hdf5.dataset(hdf5.group(file, case.group), "data")
                    values = hdf5.part(array, count, slice(None), slice(None), int(place.channel or 0))
                found[name] = values.swapaxes(1, 2)[0 if name in schema.HELD else slice(None)]
        return found


def open_set(path: Path, mapping: Mapping) -> PDEBench:
    """Open a set in one of the two layouts of PDEBench.

    Parameters
    ----------
    path
        A file, or a folder of files `*.h5` and `*.hdf5`.
    mapping
        Its fields need a `channel` where cases are groups, and else a `variable`, but for those of `NAMES`.

    Raises
    ------
    DataError
        There are no files, or one of them is broken, not of this format, not 2-D, or different from the others.
    """
    files = [path] if path.is_file() else hdf5.files_in(path)
    if not files:
        raise DataError(f"{path}: expected files {' or '.join('*' + suffix for suffix in hdf5.SUFFIXES)}, found none")
    entries: list[Entry] = []
    cases: list[Case] = []
    parts: list[tuple[str, dict[str, Axis]]] = []
    for one, name in zip(files, hdf5.called(files), strict=True):
        with hdf5.opened(one) as file:
            if any(hdf5.exists(file, axis) for axis in COORDINATES.values()):
                count, known = _arrays(file, mapping)
                parts.append((str(one), known))
                found = [(f"{name}:{number}", Case(one, None, number)) for number in range(count)]
            else:
                groups = _groups(file)
                parts += [(f"{one}: {hdf5.plain(group)}", _group(file, group, mapping)) for group in groups]
                found = [(f"{name}:{hdf5.plain(group)}", Case(one, group, 0)) for group in groups]
        entries += [Entry(said) for said, _ in found]
        cases += [case for _, case in found]
    return PDEBench(
        tuple(entries),
        **axes.grid(parts, mapping)._asdict(),
        units=dict.fromkeys(map(str, mapping.fields)),
        places={str(name): place for name, place in mapping.fields.items()},
        cases=tuple(cases),
    )


def _arrays(file: h5py.File, mapping: Mapping) -> tuple[int, dict[str, Axis]]:
    """Return number of cases and axes of a file with one array for each field."""
    shapes = {}
    for name, place in mapping.fields.items():
        if place.channel is not None or place.component is not None:
            got = f"channel {place.channel}" if place.channel is not None else f"component {place.component}"
            raise DataError(f"fields.{name}: expected a variable, for fields have names, got {got}")
        variable = _variable(str(name), place)
        if not variable:
            known = ", ".join(NAMES)
            raise DataError(f"fields.{name}.variable: expected it for all but {known}, got none")
        found = hdf5.dataset(file, variable)
        shapes[found.name] = found.shape
        first = next(iter(shapes.values()))
        if found.ndim != 4 or found.shape[0] > hdf5.MOST:
            wanted = f"(case, time, x, y) of at most {hdf5.MOST} cases (MOST)"
            raise DataError(f"{hdf5.at(found)}: expected {wanted}, got shape {found.shape}")
        if found.shape != first:
            raise DataError(f"{hdf5.at(found)}: expected shape {first}, as of the other fields, got {found.shape}")
    sizes = next(iter(shapes.values()))
    along = dict(zip(ORDER, sizes[1:], strict=True))
    return sizes[0], {axis: _axis(file, name, along[axis], axis) for axis, name in COORDINATES.items()}


def _groups(file: h5py.File) -> list[str]:
    """Return the groups of a file with one for each case."""
    names = sorted(file) if len(file) <= hdf5.MOST else []
    if not names or not all(hdf5.exists(hdf5.group(file, name), "data") for name in names[:1]):
        wanted = f"arrays with {', '.join(COORDINATES.values())}, or a group with data for each case"
        raise DataError(f"expected {wanted}, found {hdf5.plain(', '.join(names[:8])) or 'none'}")
    return names


def _group(file: h5py.File, name: str, mapping: Mapping) -> dict[str, Axis]:
    """Return the axes of a case that is a group."""
    found = hdf5.dataset(hdf5.group(file, name), "data")
    if found.ndim != 4:
        raise DataError(f"{hdf5.at(found)}: expected (time, x, y, channel), got shape {found.shape}")
    for field, place in mapping.fields.items():
        if place.channel is None or place.component is not None or place.channel >= found.shape[3]:
            got = f"channel {place.channel}" if place.component is None else f"component {place.component}"
            wanted = f"a channel of 0 to {found.shape[3] - 1}"
            raise DataError(f"{hdf5.at(found)}: fields.{field}: expected {wanted}, got {got}")
    grid, known = hdf5.group(hdf5.group(file, name), "grid"), dict(zip(ORDER, found.shape[:3], strict=True))
    return {axis: _axis(grid, theirs, known[axis], axis) for axis, theirs in GRID.items()}


def _variable(name: str, place: Place) -> str:
    return place.variable or NAMES.get(name, "")


def _axis(parent: h5py.Group, name: str, size: int, axis: str) -> Axis:
    """Return a coordinate of cells, of their edges, or of snapshots and one time more."""
    array = hdf5.dataset(parent, name)
    if array.shape not in {(size,), (size + 1,)}:
        raise DataError(f"{hdf5.at(array)}: expected {size} or {size + 1} values, got shape {array.shape}")
    found = axes.axis(array)
    if found.size == size:
        return found
    return found._replace(size=size, start=found.start if axis == "time" else found.start + 0.5 * found.step)
