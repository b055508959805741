"""The arrays of Multiscale-Latent-Dynamics: `evolving_3fields_traj.npy` of (case, y, x, field, time), values 0 to 1."""

from pathlib import Path

import numpy as np

from tessera.errors import DataError
from tessera.formats import arrays
from tessera.formats.mapping import Mapping
from tessera.formats.source import Entry

FILE = "evolving_3fields_traj.npy"
CHANNELS = 3
AXES = ("case", "y", "x", "field", "time")
SLACK = 1e-3  # beyond 0 and 1, from rounding


def open_set(path: Path, mapping: Mapping) -> arrays.ArraySet:
    """Open the file, or the folder that holds it; the cases are called by their numbers in the array.

    Raises
    ------
    DataError
        The file is not of this layout, or the mapping does not say what the values 0 and 1 of a field mean.
    """
    file = path / FILE if path.is_dir() else path
    count, height, width, fields, snapshots = arrays.header(file, AXES).shape
    if fields != CHANNELS:
        raise DataError(f"{file}: expected {CHANNELS} fields on the axis before the last, got {fields}")
    channels = arrays.channels(mapping, CHANNELS, str(path))
    for name, place in mapping.fields.items():
        if place.range is None:
            raise DataError(f"{path}: fields.{name}.range: expected it in the mapping, for values are 0 to 1, got none")

    def take(number: int) -> dict[str, np.ndarray]:
        case = arrays.open_npy(file, AXES)[number]
        found = {name: np.moveaxis(case[:, :, channel], 2, 0) for name, channel in channels.items()}
        for name, values in found.items():
            _check(values, f"{file}: case {number}: {name}")
        return found

    entries = tuple(Entry(str(number)) for number in range(count))
    return arrays.ArraySet(entries, snapshots, (height, width), dict.fromkeys(mapping.fields), take)


def _check(values: np.ndarray, where: str) -> None:
    """Refuse values that are not normalised; what is not finite is refused by all imports alike."""
    with np.errstate(invalid="ignore"):
        least, most = float(values.min()), float(values.max())
    if least < -SLACK or most > 1.0 + SLACK:
        raise DataError(f"{where}: expected normalised values, 0 to 1, got {least:g} to {most:g}")
