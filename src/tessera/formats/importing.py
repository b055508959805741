"""From a set of others to data sets of the schema, one case at a time.

What the mapping says and what the files say must agree; what neither says is refused, never guessed. Of the
values, `tessera.formats.doubts` asks whether they can be what they are said to be.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from tessera.data import schema
from tessera.errors import DataError
from tessera.formats import doubts, units
from tessera.formats.mapping import Mapping, Names, Place
from tessera.formats.source import Source
from tessera.study.ensembles import Split


class Grid(NamedTuple):
    """Shape and coordinates of every case, in SI.

    Attributes
    ----------
    time, y, x
        Values of the coordinates, rising.
    flipped
        Axes that the arrays hold the other way round.
    mirrored
        Whether the shock came from the right, so that the set is mirrored in x.
    """

    time: np.ndarray
    y: np.ndarray
    x: np.ndarray
    flipped: tuple[str, ...]
    mirrored: bool


def grid(source: Source, mapping: Mapping, where: str) -> Grid:
    """Return the grid that files and mapping together say.

    Raises
    ------
    DataError
        Spacing, time step or orientation is said by neither, or differently by both.
    """
    cell_size = _agreed(source.cell_size, mapping.quantity("cell_size", "m"), "cell_size", where)
    interval = _agreed(source.interval, mapping.quantity("interval", "s"), "interval", where)
    snapshots = mapping.snapshots or source.snapshots
    if snapshots > source.snapshots:
        raise DataError(f"{where}: snapshots: expected at most {source.snapshots}, got {snapshots}")
    said = mapping.orientation
    rising = source.rising
    if rising is None:
        if said is None:
            raise DataError(f"{where}: orientation: expected it in the mapping, for the files do not say it, got none")
        rising = {"y": said.y == "rising", "x": said.x == "rising"}
    elif said is not None:
        for axis in "yx":
            if rising[axis] != (getattr(said, axis) == "rising"):
                found = "rising" if rising[axis] else "falling"
                raise DataError(
                    f"{where}: orientation.{axis}: expected {found}, as the coordinate says, got {getattr(said, axis)}"
                )
    cells = mapping.cells or source.cells
    for axis, kept, count in zip("yx", cells, source.cells, strict=True):
        if kept > count:
            raise DataError(f"{where}: cells: expected at most {count} along {axis}, got {kept}")
    if snapshots < 2 or min(cells) < 2:
        got = f"{snapshots} and {' x '.join(map(str, cells))}"
        raise DataError(f"{where}: expected two snapshots or more, and two cells or more along y and x, got {got}")
    y, x = (cell_size * (np.arange(count) + 0.5) for count in cells)
    return Grid(
        source.start + interval * np.arange(snapshots),
        y,
        x,
        tuple(axis for axis in "yx" if not rising[axis]),
        mapping.shock == "right",
    )


def splits(source: Source, mapping: Mapping, where: str) -> list[str]:
    """Return the split of every case, as the files or the mapping say.

    Raises
    ------
    DataError
        Neither says it, or the mapping names other cases or another number than there are.
    """
    names, wanted = [entry.name for entry in source.entries], mapping.split
    if wanted is None:
        found = [entry.split or "" for entry in source.entries]
        if "" in found:
            raise DataError(f"{where}: split: expected it in the mapping, for the files do not say it, got none")
        return found
    if isinstance(wanted, Split):
        counts = {name: getattr(wanted, name) for name in schema.SPLITS}
        if sum(counts.values()) != len(names):
            raise DataError(f"{where}: split: expected {len(names)} cases together, got {sum(counts.values())}")
        return [name for name, count in counts.items() for _ in range(count)]
    return _named(wanted, names, where)


def conversions(source: Source, mapping: Mapping, where: str) -> dict[str, units.Affine]:
    """Return how the values of each field become SI.

    Raises
    ------
    DataError
        A unit is said by neither files nor mapping, or differently by both, or is of another kind.
    """
    found: dict[str, units.Affine] = {}
    for name, place in mapping.fields.items():
        key = f"{where}: fields.{name}.units"
        if name not in source.units:
            raise DataError(f"{where}: expected field {name!r} in the files, got {', '.join(sorted(source.units))}")
        theirs = source.units[name]
        if place.units is None and theirs is None:
            raise DataError(f"{key}: expected it in the mapping, for the files do not say it, got none")
        if place.units is not None and theirs is not None and not units.same(place.units, theirs):
            raise DataError(f"{key}: expected {theirs!r}, as the files say, got {place.units!r}")
        known = units.conversion(theirs or str(place.units), schema.FIELDS[name].units, key)
        found[name] = _of_range(place, known)
    return found


def read(source: Source, mapping: Mapping, where: str) -> Iterator[xr.Dataset]:
    """Yield the cases, each a data set of the schema with one case, float32, in SI.

    Raises
    ------
    DataError
        A value is not finite, or cannot be what the mapping says that it is.
    """
    shape, known, split = (
        grid(source, mapping, where),
        conversions(source, mapping, where),
        splits(source, mapping, where),
    )
    asked = mapping.quantity("particle_velocity", "m s-1")
    for number, entry in enumerate(source.entries):
        fields = source.read(number)
        here = f"{where}: case {entry.name}"
        values = {name: _field(name, fields[name], known[name], source, shape, here) for name in known}
        doubts.check(values, shock=mapping.shock != "none", where=here)
        one = xr.Dataset(
            {name: (schema.DIMS, value[np.newaxis]) for name, value in values.items()},
            coords={"time": shape.time, "y": shape.y, "x": shape.x, "case": [number]},
        )
        velocity = entry.particle_velocity if asked is None else asked
        pores = values.get("microstructure", values.get("initial_microstructure"))
        said: dict[str, object] = {"split": split[number], "name": entry.name}
        said |= {} if velocity is None else {"particle_velocity": velocity}
        said |= {} if pores is None else {"porosity": float(1.0 - pores[0].astype("float64").mean())}
        yield schema.describe(one.assign_coords({name: ("case", [value]) for name, value in said.items()}))


def _field(name: str, values: np.ndarray, known: units.Affine, source: Source, shape: Grid, where: str) -> np.ndarray:
    """Return a field as (time, y, x) in SI, rising and with the shock from the left."""
    cells, count = source.cells, shape.time.size
    if name in schema.HELD and values.ndim == 2:
        values = np.broadcast_to(values, (source.snapshots, *values.shape))
    if values.shape != (source.snapshots, *cells):
        expected = (source.snapshots, *cells)
        raise DataError(f"{where}: {name}: expected (time, y, x) of {expected}, got {values.shape}")
    if values.dtype.kind not in "fiu":
        raise DataError(f"{where}: {name}: expected numbers, got {values.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is refused as such
        exact = values[:count].astype("float64") if known != (1.0, 0.0) else values[:count]
        found = known.apply(exact).astype("float32")
    if not np.isfinite(found).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(found))[0])
        raise DataError(f"{where}: {name}: expected finite values, got {found[place]} at (time, y, x) = {place}")
    axes = {"y": 1, "x": 2}
    for axis in shape.flipped:
        found = np.flip(found, axes[axis])
    if shape.mirrored:
        found = np.flip(found, axes["x"]) * np.float32(-1.0 if name == "velocity_x" else 1.0)
    return np.ascontiguousarray(found[:, : shape.y.size, : shape.x.size])


def _agreed(theirs: float | None, ours: float | None, key: str, where: str) -> float:
    if theirs is None and ours is None:
        raise DataError(f"{where}: {key}: expected it in the mapping, for the files do not say it, got none")
    if theirs is not None and ours is not None and not np.isclose(theirs, ours, rtol=1e-5, atol=0.0):
        raise DataError(f"{where}: {key}: expected {theirs:g}, as the files say, got {ours:g}")
    return float(theirs if theirs is not None else ours)  # type: ignore[arg-type]


def _named(wanted: Names, names: list[str], where: str) -> list[str]:
    said = {name: split for split in schema.SPLITS for name in getattr(wanted, split)}
    unknown = sorted(set(said) - set(names))
    if unknown:
        raise DataError(f"{where}: split: expected names of cases such as {names[0]!r}, got {unknown[0]!r}")
    missing = [name for name in names if name not in said]
    if missing or len(said) != sum(len(getattr(wanted, split)) for split in schema.SPLITS):
        got = f"none for {missing[0]!r}" if missing else "a case in two splits"
        raise DataError(f"{where}: split: expected each case in one split, got {got}")
    return [said[name] for name in names]


def _of_range(place: Place, known: units.Affine) -> units.Affine:
    """Return the conversion of normalised values, of which 0 and 1 mean the ends of a range."""
    if place.range is None:
        return known
    low, high = place.range
    return units.Affine(known.factor * (high - low), known.factor * low + known.offset)
