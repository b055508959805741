"""netCDF and Zarr of others: variables by name over time, y and x, in any order, of one case or of many.

A set is one file or store, with a dimension of cases or of one case, or a folder of netCDF files. What coordinates say
(spacing, time step, orientation) and what our own stores say of their cases (split, name, particle velocity) is used.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tessera.data import files, schema, store
from tessera.errors import DataError
from tessera.formats import chunks, netcdf, units
from tessera.formats.mapping import Mapping as Asked
from tessera.formats.source import Entry
from tessera.formats.variables import Variable, affordable, decoded, shown, tidy, unit

READERS: dict[str, Any] = {"netcdf": netcdf, "zarr": chunks}  # modules with `names`, `headers` and `values`
SAID = ("split", "name", "particle_velocity")  # of each case, as our stores say it
MOST_CASES = 100_000
LEAST = 2  # sizes along time, y and x
UNEVEN = 1e-6  # part of a step that rounding may take, besides that of the coordinate's own precision


class Grid(NamedTuple):
    """What a file says of the shape and the coordinates of its cases; names as in `tessera.formats.source`."""

    snapshots: int
    cells: tuple[int, int]
    interval: float | None
    cell_size: float | None
    start: float
    rising: dict[str, bool] | None


class Part(NamedTuple):
    """One file or store of a set.

    Attributes
    ----------
    path
        Where it lies.
    fields
        By our name, the name of the variable and its header.
    grid
        Of its cases.
    entries
        Its cases.
    """

    path: Path
    fields: dict[str, tuple[str, Variable]]
    grid: Grid
    entries: tuple[Entry, ...]


class GriddedSet(NamedTuple):
    """An opened set of gridded files, a `tessera.formats.source.Source`."""

    asked: Asked
    parts: tuple[Part, ...]
    places: tuple[tuple[int, int], ...]
    entries: tuple[Entry, ...]
    snapshots: int
    cells: tuple[int, int]
    interval: float | None
    cell_size: float | None
    start: float
    units: dict[str, str | None]
    rising: dict[str, bool] | None

    def read(self, number: int) -> dict[str, np.ndarray]:
        """Return the fields of a case: (time, y, x), or (y, x) for what does not change; NaN where nothing is."""
        part, index = self.places[number]
        return {name: _field(self.parts[part], name, index, self.asked) for name in self.asked.fields}


def open_set(path: Path, asked: Asked) -> GriddedSet:
    """Open netCDF files or a Zarr store, and read all but the fields.

    Parameters
    ----------
    path
        A netCDF file or a folder of them, a Zarr store, or the manifest of a store of ours.
    asked
        The mapping: names of variables and dimensions where they are not ours.

    Raises
    ------
    DataError
        A variable or dimension is missing, a file is broken or differs from the others, a coordinate is not even.
    """
    for name, place in asked.fields.items():
        if place.channel is not None or place.component is not None:
            other = "channel" if place.channel is not None else "component"
            raise DataError(f"fields.{name}: expected a variable alone, for {asked.format} has names, got a {other}")
    parts = tuple(_part(each, asked) for each in _files(path, asked.format))
    _check_same(parts)
    entries = tuple(entry for part in parts for entry in part.entries)
    twice = [name for name, count in _counted(entry.name for entry in entries).items() if count > 1]
    if twice:
        raise DataError(f"{path}: expected another name for each case, got {twice[0]!r} twice")
    places = tuple((number, index) for number, part in enumerate(parts) for index in range(len(part.entries)))
    said = {name: unit(header, f"{parts[0].path}: {name}") for name, (_, header) in parts[0].fields.items()}
    first = parts[0].grid
    return GriddedSet(
        asked, parts, places, entries, first.snapshots, first.cells, first.interval, first.cell_size, first.start, said,
        first.rising,
    )  # fmt: skip


def _files(path: Path, kind: str) -> list[Path]:
    if kind == "zarr":
        return [_named(path) if path.suffix == ".json" and path.is_file() else path]
    if not path.is_dir():
        return [path]
    found = sorted((each for each in path.iterdir() if each.suffix == ".nc"), key=_natural)
    if not found:
        raise DataError(f"{path}: expected files *.nc, found none")
    if len(found) > MOST_CASES:
        raise DataError(f"{path}: expected at most {MOST_CASES} files, got {len(found)}")
    return found


def _named(manifest: Path) -> Path:
    """Return the store of a manifest of ours, once its checksum is verified."""
    store.verify(manifest)
    return manifest.parent / Path(str(files.read_json(manifest)["store"])).name


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    pieces = re.findall(r"\d+|\D+", path.name)
    return [(True, int(piece[:100]), piece) if piece.isdecimal() else (False, 0, piece) for piece in pieces]


def _part(path: Path, asked: Asked) -> Part:
    reader, dims = READERS[asked.format], asked.dims
    wanted = {name: place.variable or name for name, place in asked.fields.items()}
    axes = [dims.time, dims.y, dims.x, *([dims.case] if dims.case else [])]
    found = reader.headers(path, dict.fromkeys([*wanted.values(), *axes, *SAID]))
    sizes: dict[str, int] = {}
    for name, variable in wanted.items():
        if variable not in found:
            listed = shown(", ".join(reader.names(path)), 300)
            raise DataError(f"{path}: fields.{name}: expected variable {variable!r}, got {listed}")
        _check_dims(name, found[variable], asked, sizes, path)
    if dims.time not in sizes:
        raise DataError(f"{path}: expected a field that changes with {dims.time!r}, got none")
    cases = sizes.get(dims.case, 1) if dims.case else 1
    if cases > MOST_CASES:
        raise DataError(f"{path}: {shown(dims.case)}: expected at most {MOST_CASES} cases, got {cases}")
    for name, variable in wanted.items():
        header = found[variable]
        one = tuple(size for dim, size in zip(header.dims, header.shape, strict=True) if dim != dims.case)
        affordable(one, header.dtype.itemsize, lambda: _stored(path), f"{path}: {name}")
    grid = _grid(path, found, sizes, asked)
    said = {name: _of_cases(path, name, found, cases, asked) for name in (*SAID, *([dims.case] if dims.case else []))}
    entries = _entries(path, said, cases, asked)
    return Part(path, {name: (variable, found[variable]) for name, variable in wanted.items()}, grid, entries)


def _check_dims(name: str, header: Variable, asked: Asked, sizes: dict[str, int], path: Path) -> None:
    """Refuse a field of other dimensions, and keep their sizes."""
    dims, where = asked.dims, f"{path}: {name}"
    case = [dims.case] if dims.case else []
    allowed = [[*case, dims.time, dims.y, dims.x], *([[*case, dims.y, dims.x]] if name in schema.HELD else [])]
    if sorted(header.dims) not in [sorted(each) for each in allowed]:
        wanted = " or ".join(", ".join(each) for each in allowed)
        hint = "say dims in the mapping"
        raise DataError(f"{where}: expected dimensions {wanted}, got {shown(', '.join(header.dims))}; {hint}")
    if header.dtype.kind not in "fiu":
        raise DataError(f"{where}: expected numbers, got text")
    for dim, size in zip(header.dims, header.shape, strict=True):
        least = 1 if dim == dims.case else LEAST
        if size < least:
            raise DataError(f"{where}: {shown(dim)}: expected a size of at least {least}, got {size}")
        if sizes.setdefault(dim, size) != size:
            raise DataError(f"{where}: {shown(dim)}: expected size {sizes[dim]}, as of other fields, got {size}")


def _grid(path: Path, found: Mapping[str, Variable], sizes: Mapping[str, int], asked: Asked) -> Grid:
    dims = asked.dims
    known = {
        axis: _axis(path, dim, found.get(dim), sizes[dim], "s" if axis == "time" else "m", asked)
        for axis, dim in (("time", dims.time), ("y", dims.y), ("x", dims.x))
    }
    time, y, x = known["time"], known["y"], known["x"]
    if time is not None and not time.rising:
        raise DataError(f"{path}: {shown(dims.time)}: expected rising times, got falling ones")
    if y and x and y.step and x.step and not np.isclose(y.step, x.step, rtol=1e-5, atol=0.0):
        raise DataError(f"{path}: expected square cells, got {x.step:g} m along x and {y.step:g} m along y")
    return Grid(
        min(sizes[dims.time], asked.snapshots or sizes[dims.time]),
        (sizes[dims.y], sizes[dims.x]),
        time.step if time else None,
        x.step if y and x and y.step else None,
        time.first if time and time.step else 0.0,
        {"y": y.rising, "x": x.rising} if y and x else None,
    )


class _Axis(NamedTuple):
    """An even coordinate: its first value and its step in SI, None where it has no unit, and its direction."""

    first: float
    step: float | None
    rising: bool


def _axis(path: Path, dim: str, header: Variable | None, size: int, target: str, asked: Asked) -> _Axis | None:
    if header is None or header.dims != (dim,) or header.dtype.kind not in "fiu":
        return None
    where = f"{path}: {shown(dim)}"
    said = unit(header, where)
    if said is not None and " since " in said:
        hint = "save the time since the shock entered, with units such as s"
        raise DataError(f"{where}: expected elapsed time, got dates in units {said!r}; {hint}")
    if header.shape != (size,):
        raise DataError(f"{where}: expected {size} values, as of the fields, got {header.shape[0]}")
    values = decoded(_values(path, dim, header, asked), header.attrs, where)
    rounding = 4.0 * (np.finfo(values.dtype).eps if values.dtype.kind == "f" else 0.0)
    step = _step(values.astype("float64"), rounding, where)
    if said is None or units.same(said, "1"):
        return _Axis(0.0, None, step > 0.0)
    known = units.conversion(said, target, where)
    first, step_si = float(known.apply(values[:1].astype("float64"))[0]), abs(tidy(known.factor * step))
    return _Axis(tidy(first), step_si, step > 0.0)


def _step(values: np.ndarray, rounding: float, where: str) -> float:
    """Return the step of even values, below zero where they fall."""
    if not np.isfinite(values).all():
        raise DataError(f"{where}: expected finite values, got {values[~np.isfinite(values)][0]}")
    count = np.arange(values.size)
    step = float(values[-1] - values[0]) / (values.size - 1)
    off = float(np.abs(values - values[0] - step * count).max())
    if step == 0.0 or off > UNEVEN * abs(step) + rounding * float(np.abs(values).max()):
        steps = np.diff(values)
        raise DataError(f"{where}: expected equal steps, got steps from {steps.min():g} to {steps.max():g}")
    return step


def _of_cases(path: Path, name: str, found: Mapping[str, Variable], cases: int, asked: Asked) -> list[Any] | None:
    """Return what a file says of each of its cases, in SI; None where it does not."""
    header, case = found.get(name), asked.dims.case
    if header is None or header.dims != ((case,) if case else ()):
        return None
    where = f"{path}: {shown(name)}"
    if header.shape not in ((cases,), ()):
        raise DataError(f"{where}: expected {cases} values, got {header.shape[0]}")
    is_text = header.dtype.kind == "U"
    if is_text != (name in ("split", "name")) and name != case:
        return None
    values = np.atleast_1d(_values(path, name, header, asked))
    if is_text:
        return [str(value) for value in values]
    if name != "particle_velocity":
        return [f"{value:.15g}" for value in values]
    said = unit(header, where)
    if said is None:
        return None
    values = units.conversion(said, schema.CASE_COORDINATES[name].units, where).apply(
        decoded(values, header.attrs, where).astype("float64")
    )
    return [float(value) if np.isfinite(value) else None for value in values]


def _entries(path: Path, said: Mapping[str, list[Any] | None], cases: int, asked: Asked) -> tuple[Entry, ...]:
    case = asked.dims.case
    labels = said["name"] or (said[case] if case else [path.stem]) or [str(number) for number in range(cases)]
    splits, velocities = said["split"] or [None] * cases, said["particle_velocity"] or [None] * cases
    for text in [*labels, *(split for split in splits if split)]:
        if not text.isprintable() or not 0 < len(text) <= 200:
            raise DataError(f"{path}: expected printable names of cases and splits, got {shown(text)}")
    return tuple(Entry(*facts) for facts in zip(labels, splits, velocities, strict=True))


def _field(part: Part, name: str, index: int, asked: Asked) -> np.ndarray:
    variable, header = part.fields[name]
    dims, where = asked.dims, f"{part.path}: {name}"
    taken = {dims.time: slice(0, part.grid.snapshots)} | ({dims.case: slice(index, index + 1)} if dims.case else {})
    region = tuple(taken.get(dim, slice(0, size)) for dim, size in zip(header.dims, header.shape, strict=True))
    values = decoded(READERS[asked.format].values(part.path, variable, region), header.attrs, where)
    order = [dim for dim in (dims.case, dims.time, dims.y, dims.x) if dim in header.dims]
    values = values.transpose([header.dims.index(dim) for dim in order])
    return values[0] if dims.case else values


def _values(path: Path, name: str, header: Variable, asked: Asked) -> np.ndarray:
    affordable(header.shape, header.dtype.itemsize, lambda: _stored(path), f"{path}: {shown(name)}")
    found: np.ndarray = READERS[asked.format].values(path, name, tuple(slice(0, size) for size in header.shape))
    return found


def _check_same(parts: tuple[Part, ...]) -> None:
    """Refuse a file of another grid or other units than the first."""
    first = parts[0]
    for part in parts[1:]:
        for name in Grid._fields:
            one, other = getattr(first.grid, name), getattr(part.grid, name)
            if one != other and not (isinstance(one, float) and isinstance(other, float) and _close(one, other, first)):
                raise DataError(f"{part.path}: {name}: expected {one}, as in {first.path}, got {other}")
        for name, (_, header) in part.fields.items():
            one, other = (unit(each, f"{part.path}: {name}") for each in (first.fields[name][1], header))
            if one != other:
                raise DataError(f"{part.path}: {name}: units: expected {one!r}, as in {first.path}, got {other!r}")


def _close(one: float, other: float, first: Part) -> bool:
    return bool(np.isclose(one, other, rtol=1e-6, atol=UNEVEN * (first.grid.interval or 0.0)))


def _counted(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return found


def _stored(path: Path) -> int:
    return sum(each.lstat().st_size for each in (path.rglob("*") if path.is_dir() else [path]))
