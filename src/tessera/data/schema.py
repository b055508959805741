"""The contract of every dataset: fields, units, dimensions, coordinates.

The simulations, the predictions of every network and the data of others are the same kind of
dataset, so that training and evaluation cannot tell who made one. `check` refuses by name.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import xarray as xr

from tessera.errors import DataError

CONVENTIONS = "CF-1.11"
SPLITS = ("train", "validation", "test")


class Field(NamedTuple):
    """What a field is: CF long name and SI unit."""

    long_name: str
    units: str


FIELDS = {
    "temperature": Field("temperature", "K"),
    "pressure": Field("pressure", "Pa"),
    "microstructure": Field("solid fraction, 1 in the solid and 0 in a pore", "1"),
    "velocity_x": Field("velocity along x, the direction of the shock", "m s-1"),
    "velocity_y": Field("velocity along y", "m s-1"),
}
COORDINATES = {
    "time": Field("time since the shock entered", "s"),
    "y": Field("cell centre across the shock", "m"),
    "x": Field("cell centre along the shock", "m"),
}
CASE_COORDINATES = {
    "case": Field("number of the case", "1"),
    "split": Field("training, validation or test", "1"),
    "particle_velocity": Field("particle velocity behind the shock at the inlet", "m s-1"),
    "seed": Field("seed of the case", "1"),
    "porosity": Field("area fraction of the pores at the start", "1"),
    "pores": Field("number of pores", "1"),
}
DIMS = ("case", "time", "y", "x")


def describe(dataset: xr.Dataset) -> xr.Dataset:
    """Return the dataset with the CF attributes of each field and coordinate that it has."""
    described = dataset.copy()
    for name, what in {**FIELDS, **COORDINATES, **CASE_COORDINATES}.items():
        if name in described.variables:
            described[name].attrs = {"long_name": what.long_name, "units": what.units}
    described.attrs["Conventions"] = CONVENTIONS
    return described


def check(dataset: xr.Dataset, where: str, *, fields: Iterable[str] = FIELDS, sample: bool | None = False) -> None:
    """Refuse a dataset that breaks the contract.

    Parameters
    ----------
    dataset
        An ensemble of dims (case, time, y, x), or (sample, case, time, y, x) where `sample` allows it.
    where
        What to call it in a message, usually its path.
    fields
        The fields that it must have.
    sample
        Whether the fields have a leading `sample` dimension; None allows both.

    Raises
    ------
    DataError
        Names the first thing that is missing or differs.
    """
    for name in fields:
        if name not in dataset.data_vars:
            raise DataError(f"{where}: expected field {name!r}, got {sorted(map(str, dataset.data_vars))}")
        _check_field(dataset[name], f"{where}: {name}", sample)
    for name in (*COORDINATES, *CASE_COORDINATES):
        if name not in dataset.coords:
            raise DataError(f"{where}: expected coordinate {name!r}, got {sorted(map(str, dataset.coords))}")
    for name, what in COORDINATES.items():
        _check_axis(dataset[name], f"{where}: {name}", what.units)
    unknown = set(np.unique(dataset["split"].values)) - set(SPLITS)
    if unknown:
        raise DataError(f"{where}: split: expected {', '.join(SPLITS)}, got {sorted(map(str, unknown))}")
    if len(set(dataset["case"].values.tolist())) != dataset.sizes["case"]:
        raise DataError(f"{where}: case: expected each number once, got {dataset['case'].values.tolist()}")


def _check_field(field: xr.DataArray, where: str, sample: bool | None) -> None:
    allowed = [DIMS, ("sample", *DIMS)] if sample is None else [("sample", *DIMS) if sample else DIMS]
    if field.dims not in allowed:
        raise DataError(f"{where}: expected dims {' or '.join(map(str, allowed))}, got {field.dims}")
    if field.dtype != np.float32:
        raise DataError(f"{where}: expected float32, got {field.dtype}")
    units = FIELDS[str(field.name)].units
    if field.attrs.get("units") != units:
        raise DataError(f"{where}: expected units {units!r}, got {field.attrs.get('units')!r}")


def _check_axis(axis: xr.DataArray, where: str, units: str) -> None:
    if axis.attrs.get("units") != units:
        raise DataError(f"{where}: expected units {units!r}, got {axis.attrs.get('units')!r}")
    steps = np.diff(axis.values)
    if axis.size > 1 and (not np.all(steps > 0) or np.ptp(steps) > 1e-6 * steps.mean()):
        raise DataError(f"{where}: expected equal rising steps, got steps from {steps.min():g} to {steps.max():g}")


def cell_size(dataset: xr.Dataset) -> float:
    """Return the width of a stored cell [m], the same along x and y."""
    return float(dataset["x"][1] - dataset["x"][0])


def interval(dataset: xr.Dataset) -> float:
    """Return the time between two snapshots [s]."""
    return float(dataset["time"][1] - dataset["time"][0])
