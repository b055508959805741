"""An initial state of the user's own: a netCDF file, checked against what a checkpoint was trained with.

The file has a variable per field, by the names and dimensions of the schema, (y, x), and the coordinates y and x, cell
centres; a scalar `time` tells when it was. Units are attributes; what is not in SI is converted.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tessera.data import schema
from tessera.data.fields import HELD
from tessera.data.scaling import Statistics
from tessera.errors import DataError
from tessera.formats import netcdf, units, variables
from tessera.formats.variables import Variable

AXES = ("y", "x")
TOLERANCE = 0.01  # of the width of a cell, from file to file
UNEVEN = 0.01  # of a cell, that a coordinate in single precision may be off
SMALLEST = 2  # cells along an axis, which a difference needs
log = logging.getLogger("tessera")


class Initial(NamedTuple):
    """A state that a prediction starts from.

    Attributes
    ----------
    fields
        Values of shape (y, x) in SI units, float32.
    y, x
        Cell centres [m].
    time
        When it was [s].
    """

    fields: dict[str, np.ndarray]
    y: np.ndarray
    x: np.ndarray
    time: float

    @property
    def cell_size(self) -> float:
        """Return the width of a cell [m]."""
        return float(self.x[1] - self.x[0])


def read(path: Path, statistics: dict[str, Statistics], facts: dict[str, Any], unit: int) -> Initial:
    """Read an initial state.

    Parameters
    ----------
    path
        The netCDF file.
    statistics
        Of the fields that the checkpoint needs; values far from what it was trained on are warned of.
    facts
        What the checkpoint says of its training: `cell_size` [m].
    unit
        Cells along each axis that make a token, 1 for a model in pixel space.

    Raises
    ------
    DataError
        The file is none, or a field, unit or coordinate is missing, is something else, or does not fit the checkpoint.
    """
    with _in(path):
        found = netcdf.headers(path, [*statistics, *AXES, "time"])
        missing = [name for name in (*statistics, *AXES) if name not in found]
        if missing:
            had = variables.shown(", ".join(netcdf.names(path)), 200)
            raise DataError(f"{path}: expected a variable {missing[0]!r}, got {had}{_hint(missing[0])}")
        y, x = (_axis(path, name, found[name]) for name in AXES)
        fields = {name: _field(path, name, found[name], (y.size, x.size)) for name in statistics}
        time = float(_values(path, "time", found["time"], "s").item()) if "time" in found else 0.0
        initial = Initial(fields, y, x, time)
        _fit(initial, y[1] - y[0], facts, unit)
    for name, known in statistics.items():
        _compare(path, name, fields[name], known)
    return initial


def _axis(path: Path, name: str, header: Variable) -> np.ndarray:
    """Return the centres of equal cells along an axis [m]."""
    values = np.squeeze(_values(path, name, header, schema.COORDINATES[name].units)).astype(np.float64)
    if values.ndim != 1 or values.size < SMALLEST:
        raise DataError(f"{name}: expected at least {SMALLEST} cell centres, got shape {header.shape}")
    step = (values[-1] - values[0]) / (values.size - 1)
    even = values[0] + step * np.arange(values.size)
    if not step > 0.0 or not np.abs(values - even).max() <= UNEVEN * step:
        steps = np.diff(values)
        raise DataError(f"{name}: expected equal rising steps, got steps from {steps.min():g} to {steps.max():g} m")
    return even


def _field(path: Path, name: str, header: Variable, sizes: tuple[int, int]) -> np.ndarray:
    long = {dim: size for dim, size in zip(header.dims, header.shape, strict=True) if size > 1 or dim in AXES}
    if sorted(long) != sorted(AXES):
        said = ", ".join(f"{dim} {size}" for dim, size in zip(header.dims, header.shape, strict=True))
        raise DataError(f"{name}: expected one snapshot of dimensions (y, x), got ({said})")
    if tuple(long[axis] for axis in AXES) != sizes:
        got = [long[axis] for axis in AXES]
        raise DataError(f"{name}: expected {list(sizes)} cells (y, x) as the coordinates have, got {got}")
    values = _values(path, name, header, schema.FIELDS[name].units).reshape([*long.values()])
    values = values if tuple(long) == AXES else values.T
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise DataError(f"{name}: expected finite values, got {wrong} that are not")
    return np.ascontiguousarray(values, dtype=np.float32)


def _values(path: Path, name: str, header: Variable, target: str) -> np.ndarray:
    """Return the values of a whole variable in a unit."""
    if header.dtype.kind not in "fiu":
        raise DataError(f"{name}: expected numbers, got {header.dtype}")
    said = variables.unit(header, name)
    if said is None:
        raise DataError(f"{name}: expected an attribute units, such as {target!r}, got none")
    stored = netcdf.values(path, name, tuple(slice(0, size) for size in header.shape))
    return units.conversion(said, target, f"{name}: units").apply(variables.decoded(stored, header.attrs, name))


def _fit(initial: Initial, height: float, facts: dict[str, Any], unit: int) -> None:
    """Refuse cells and sizes that the checkpoint was not made for."""
    for axis, width in (("x", initial.cell_size), ("y", float(height))):
        trained = float(facts["cell_size"])
        if abs(width - trained) > TOLERANCE * trained:
            raise DataError(f"{axis}: expected cells of {trained:.4g} m as the model was trained on, got {width:.4g} m")
    for axis, cells in (("y", initial.y.size), ("x", initial.x.size)):
        if cells % unit:
            raise DataError(f"{axis}: expected a multiple of {unit} cells, which make a token, got {cells}")


def _compare(path: Path, name: str, values: np.ndarray, known: Statistics) -> None:
    low, high, margin = float(values.min()), float(values.max()), 0.1 * (known.maximum - known.minimum)
    if low < known.minimum - margin or high > known.maximum + margin:
        log.warning(
            "%s: %s: from %.4g to %.4g %s, where training saw %.4g to %.4g",
            *(path, name, low, high, schema.FIELDS[name].units, known.minimum, known.maximum),
        )


def _hint(name: str) -> str:
    return "; it is the solid fraction before the shock" if name in HELD else ""


@contextmanager
def _in(path: Path) -> Iterator[None]:
    """Let every line about the content of a file begin with the file."""
    try:
        yield
    except DataError as error:
        line = str(error)
        raise DataError(line if line.startswith(str(path)) else f"{path}: {line}") from None


__all__ = ["Initial", "read"]
