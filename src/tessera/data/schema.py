"""The contract of every dataset: fields, units, dimensions, coordinates.

The simulations, the predictions of every network and the data of others are the same kind of
dataset, so that training and evaluation cannot tell who made one. `check` refuses by name.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from tessera.data.fields import ACCOUNT, FIELDS, HELD, SIMULATED, STATISTICS, Field
from tessera.errors import DataError

CONVENTIONS = "CF-1.11"
SPLITS = ("train", "validation", "test")


COORDINATES = {
    "time": Field("time since the shock entered", "s"),
    "y": Field("cell centre across the shock", "m"),
    "x": Field("cell centre along the shock", "m"),
}
CASE_COORDINATES = {
    "case": Field("number of the case", "1"),
    "split": Field("training, validation or test", "1"),
    "name": Field("name of the case in the set that it comes from", "1"),
    "particle_velocity": Field("particle velocity behind the shock at the inlet", "m s-1"),
    "seed": Field("seed of the case", "1"),
    "porosity": Field("area fraction of the pores at the start", "1"),
    "pores": Field("number of pores", "1"),
    **STATISTICS,
}
NEEDED = ("case", "split")  # of these; what else there is depends on who made the data
DESIGNED = ("case", "split", "particle_velocity", "seed", "porosity", "pores")
DIMS = ("case", "time", "y", "x")


def describe(dataset: xr.Dataset) -> xr.Dataset:
    """Return the dataset with the CF attributes of each field and coordinate that it has."""
    described = dataset.copy()
    for name, what in {**FIELDS, **COORDINATES, **CASE_COORDINATES, **ACCOUNT}.items():
        if name in described.variables:
            described[name].attrs = {"long_name": what.long_name, "units": what.units}
    described.attrs["Conventions"] = CONVENTIONS
    return described


def check(dataset: xr.Dataset, where: str, *, fields: Iterable[str] = SIMULATED, sample: bool | None = False) -> None:
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
    for name in (*COORDINATES, *NEEDED):
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


def fields_of(dataset: xr.Dataset) -> list[str]:
    """Return the fields that a dataset has, in the order of the contract."""
    return [name for name in FIELDS if name in dataset.data_vars]


def showing(dataset: xr.Dataset, fields: Iterable[str]) -> xr.Dataset:
    """Return the dataset with the first microstructure as a field, where that is asked for and not there."""
    held = "initial_microstructure"
    if held not in fields or held in dataset or "microstructure" not in dataset:
        return dataset
    first = dataset["microstructure"].chunk({"case": 1}).isel(time=0, drop=True)  # lazy, case by case
    every = first.expand_dims(time=dataset["time"]).transpose(*dataset["microstructure"].dims)
    return describe(dataset.assign({held: every}))


def coordinates_of(dataset: xr.Dataset, *axes: str) -> dict[str, xr.DataArray]:
    """Return what a dataset says of its cases, and some of its axes, to be kept with what is made of it."""
    return {name: dataset[name] for name in (*CASE_COORDINATES, *axes) if name in dataset.coords}


def facts(dataset: xr.Dataset) -> dict[str, Any]:
    """Return what a manifest says of an ensemble, so that a study can be checked without opening the store."""
    split = dataset["split"].values.tolist()
    return {
        "cases": dataset.sizes["case"],
        "cells": [dataset.sizes["y"], dataset.sizes["x"]],
        "cell_size": cell_size(dataset),
        "fields": fields_of(dataset),
        "interval": interval(dataset),
        "snapshots": dataset.sizes["time"],
        "split": {name: split.count(name) for name in SPLITS},
    }


def cell_size(dataset: xr.Dataset) -> float:
    """Return the width of a stored cell [m], the same along x and y."""
    return float(dataset["x"][1] - dataset["x"][0])


def interval(dataset: xr.Dataset) -> float:
    """Return the time between two snapshots [s]."""
    return float(dataset["time"][1] - dataset["time"][0])


__all__ = [
    "ACCOUNT",
    "CASE_COORDINATES",
    "CONVENTIONS",
    "COORDINATES",
    "DESIGNED",
    "DIMS",
    "FIELDS",
    "HELD",
    "NEEDED",
    "SIMULATED",
    "SPLITS",
    "STATISTICS",
    "Field",
    "cell_size",
    "check",
    "coordinates_of",
    "describe",
    "facts",
    "fields_of",
    "interval",
    "showing",
]
