"""Per-field scales, fitted on the training split, invertible, saved with the data.

Five normalisations share one set of facts: `standard` has zero mean and unit standard deviation, and so has
`deviation`, but for a field of both signs, whose zero stays zero. `range` maps the extremes of the training
split to [0, 1], and a field of both signs by its largest magnitude, so that zero stays zero; `extremes` maps
them to [0, 1] and `signed` to [-1, 1] for every field, as PARCv2 and PARC do, so that zero velocity is no
longer zero.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr

from tessera.data import files, seals, workers
from tessera.errors import DataError

Kind = Literal["standard", "deviation", "range", "extremes", "signed"]


class Statistics(NamedTuple):
    """What is known of one field over the training split, in the field's SI unit."""

    mean: float
    std: float
    minimum: float
    maximum: float


class Scale(NamedTuple):
    """An affine map, scaled = (value - offset) / factor."""

    offset: float
    factor: float

    def apply(self, value):
        """Return the scaled value of a float, numpy array or tensor in SI units."""
        return (value - self.offset) / self.factor

    def invert(self, scaled):
        """Return the value in SI units."""
        return scaled * self.factor + self.offset


Scales = dict[str, Scale]


def fit(dataset: xr.Dataset, fields: Iterable[str], where: str) -> dict[str, Statistics]:
    """Return the statistics of each field over the training cases of an ensemble.

    Raises
    ------
    DataError
        There is no training case, or a field is constant or not finite.
    """
    train = np.flatnonzero(dataset["split"].values == "train").tolist()
    names = list(fields)
    if not train:
        raise DataError(f"{where}: expected training cases, got none")
    parts = workers.each(_of_case, train, dataset, names)
    found = {}
    for name in names:
        numbers = _together([part[name] for part in parts])
        if not np.all(np.isfinite(numbers)) or numbers.std == 0.0:
            raise DataError(f"{where}: {name}: expected a finite field that varies, got {numbers}")
        found[name] = numbers
    return found


class _Moments(NamedTuple):
    """Of the values of one case: how many, mean, sum of the squares about it, extremes."""

    values: int
    mean: float
    squares: float
    minimum: float
    maximum: float


def _of_case(number: int, dataset: xr.Dataset, names: list[str]) -> dict[str, _Moments]:
    """Return the moments of the fields of one case."""
    found = {}
    for name in names:
        values = dataset[name].isel(case=number).values.astype("float64")
        mean = float(values.mean())
        apart = float(np.square(values - mean).sum())
        found[name] = _Moments(values.size, mean, apart, float(values.min()), float(values.max()))
    return found


def _together(parts: list[_Moments]) -> Statistics:
    """Return the statistics of all cases, the same in any order of them."""
    count = sum(part.values for part in parts)
    minimum, maximum = (f(getattr(part, n) for part in parts) for f, n in ((min, "minimum"), (max, "maximum")))
    if not all(np.all(np.isfinite(np.array(part))) for part in parts):
        return Statistics(np.nan, np.nan, minimum, maximum)
    mean = math.fsum(part.values * part.mean for part in parts) / count
    squares = math.fsum(part.squares + part.values * (part.mean - mean) ** 2 for part in parts)
    return Statistics(mean, math.sqrt(squares / count), minimum, maximum)


def scales(statistics: Mapping[str, Statistics], kind: Kind = "standard") -> Scales:
    """Return the scale of each field for a kind of normalisation."""
    if kind == "standard":
        return {name: Scale(s.mean, s.std) for name, s in statistics.items()}
    if kind == "deviation":
        return {name: Scale(0.0 if s.minimum < 0.0 < s.maximum else s.mean, s.std) for name, s in statistics.items()}
    if kind == "extremes":
        return {name: Scale(s.minimum, s.maximum - s.minimum) for name, s in statistics.items()}
    if kind == "signed":
        return {
            name: Scale(0.5 * (s.minimum + s.maximum), 0.5 * (s.maximum - s.minimum)) for name, s in statistics.items()
        }
    return {
        name: Scale(0.0, max(-s.minimum, s.maximum))
        if s.minimum < 0.0 < s.maximum
        else Scale(s.minimum, s.maximum - s.minimum)
        for name, s in statistics.items()
    }


def save(statistics: Mapping[str, Statistics], path: Path, attrs: Mapping[str, Any]) -> None:
    """Write the statistics as JSON with a checksum, whole or not at all."""
    content = {"statistics": {k: s._asdict() for k, s in statistics.items()}, "attrs": dict(attrs)}
    files.write_json(path, seals.sealed(content))


def load(path: Path) -> tuple[dict[str, Statistics], dict[str, Any]]:
    """Return the statistics and attributes of a scale file.

    Raises
    ------
    DataError
        The file is missing, damaged, or is not a scale file.
    """
    content = files.read_json(path)
    try:
        found = {str(k): Statistics(**{n: float(v) for n, v in s.items()}) for k, s in content["statistics"].items()}
        attrs = dict(content["attrs"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{path}: expected a scale file, got {error!r}") from None
    seals.opened(path, content)
    return found, attrs
