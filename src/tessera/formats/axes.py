"""Even coordinates of HDF5 files: what they say of the grid of a set, of which all parts must be alike."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

import h5py
import numpy as np

from tessera.errors import DataError
from tessera.formats import hdf5, units
from tessera.formats import mapping as mappings

UNEVEN = 0.01  # of a step, by which coordinates may miss an even grid; float32 needs some


class Axis(NamedTuple):
    """An even coordinate: its first value, its step, how many values, and their unit, where the file says it."""

    start: float
    step: float
    size: int
    units: str | None


@np.errstate(over="ignore", invalid="ignore")
def axis(found: h5py.Dataset) -> Axis:
    """Return a coordinate as an even axis; its attributes `start` and `step`, where it has them, are exact.

    Rows of a coordinate of two dimensions belong to different trajectories, and must be the same.

    Raises
    ------
    DataError
        The values are fewer than two, too many, not finite, or not even.
    """
    where = hdf5.at(found)
    if found.ndim not in {1, 2} or not 2 <= found.shape[-1] <= hdf5.LONGEST:
        raise DataError(
            f"{where}: expected 2 to {hdf5.LONGEST} values along an axis (LONGEST), got shape {found.shape}"
        )
    rows = np.atleast_2d(hdf5.part(found, *[slice(None)] * found.ndim).astype("float64"))
    if not np.isfinite(rows).all():
        raise DataError(f"{where}: expected finite values, got {rows[~np.isfinite(rows)][0]}")
    points = rows[0]
    start, step = float(points[0]), float(points[-1] - points[0]) / (points.size - 1)
    slack = UNEVEN * abs(step)
    if not np.abs(points - (start + step * np.arange(points.size))).max() < slack < np.inf:
        steps = np.diff(points)
        raise DataError(f"{where}: expected equal steps, got steps from {steps.min():g} to {steps.max():g}")
    if np.abs(rows - points).max() > slack:
        raise DataError(f"{where}: expected the same values for every trajectory, got different ones")
    exact = hdf5.number(found, "start"), hdf5.number(found, "step")
    if exact[0] is not None and exact[1] is not None:
        if abs(exact[0] - start) > slack or abs(exact[1] - step) > 1e-5 * abs(step):
            raise DataError(f"{where}: @step: expected {step:g} from {start:g}, got {exact[1]:g} from {exact[0]:g}")
        start, step = exact[0], exact[1]
    return Axis(start, step, points.size, hdf5.text(found, "units"))


class Grid(NamedTuple):
    """What a source says of its grid, see `tessera.formats.source.Source`."""

    snapshots: int
    cells: tuple[int, int]
    interval: float | None
    cell_size: float | None
    start: float
    rising: dict[str, bool]


def grid(axes: Sequence[tuple[str, Mapping[str, Axis]]], mapping: mappings.Mapping) -> Grid:
    """Return the grid of a set, of which all parts must be alike.

    Parameters
    ----------
    axes
        Of every part what to call it, and its axes time, y, x.
    mapping
        Says how many snapshots to keep of cases of different lengths, and the steps where files have no units.

    Raises
    ------
    DataError
        Parts differ, cells are not square, time does not rise, a case is too large, or a step has no unit.
    """
    where, first = axes[0]
    for here, other in axes[1:]:
        _check_alike(first, other, here, where)
    lengths = [one["time"].size for _, one in axes]
    if mapping.snapshots is None and min(lengths) != max(lengths):
        odd = next(here for here, one in axes if one["time"].size != lengths[0])
        raise DataError(f"{odd}: time: expected {lengths[0]} snapshots, as in {where}; say snapshots to keep the first")
    time, y, x = (first[name] for name in ("time", "y", "x"))
    if time.step <= 0.0:
        raise DataError(f"{where}: time: expected rising values, got steps of {time.step:g}")
    snapshots, cells = min([*lengths, *filter(None, [mapping.snapshots])]), (y.size, x.size)
    hdf5.check_bytes(4 * snapshots * prod(cells), where)
    width, height = abs(x.step) * _factor(x, "m", where), abs(y.step) * _factor(y, "m", where)
    if not np.isclose(width, height, rtol=1e-4, atol=0.0):
        raise DataError(f"{where}: expected square cells, got steps of {width:g} along x and {height:g} along y")
    factor = _factor(time, "s", where)
    unsaid = {"interval": (time.step, time.units), "cell_size": (width, x.units and y.units)}
    for key, (step, unit) in unsaid.items():
        if unit is None and getattr(mapping, key) is None:
            got = f"steps of {step:g} without a unit"
            raise DataError(f"{where}: {key}: expected it in the mapping, for the files say {got}, got none")
    asked = mapping.quantity("interval", "s") or 1.0
    return Grid(
        snapshots,
        cells,
        None if time.units is None else time.step * factor,
        None if x.units is None or y.units is None else width,
        time.start / time.step * asked if time.units is None else time.start * factor,
        {"y": y.step > 0.0, "x": x.step > 0.0},
    )


def _factor(one: Axis, target: str, where: str) -> float:
    return 1.0 if one.units is None else units.conversion(one.units, target, where).factor


def _check_alike(first: Mapping[str, Axis], other: Mapping[str, Axis], here: str, where: str) -> None:
    for name, one in first.items():
        found = other[name]
        if name != "time" and found.size != one.size:
            raise DataError(f"{here}: {name}: expected {one.size} cells, as in {where}, got {found.size}")
        moved = name == "time" and abs(found.start - one.start) > UNEVEN * abs(one.step)
        if found.units != one.units or not np.isclose(found.step, one.step, rtol=1e-5, atol=0.0) or moved:
            said, got = (f"steps of {it.step:g} from {it.start:g} ({it.units or 'no unit'})" for it in (one, found))
            raise DataError(f"{here}: {name}: expected {hdf5.plain(said)}, as in {where}, got {hdf5.plain(got)}")
