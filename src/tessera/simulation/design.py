"""The design of an ensemble: which pores each case has, and what it serves for.

Each case is drawn from a seed of its own, made of the study's seed, the ensemble's name and the case's
number: more cases never change those before them.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from tessera.errors import ConfigError, ValidityError
from tessera.simulation.microstructure import Packing, Pore, SinglePore, pore_fraction

SPLITS = ("train", "validation", "test")


def design(
    name: str,
    seed: int,
    cases: int,
    split: Mapping[str, int],
    cells: tuple[int, int],
    cell_size: float,
    snapshots: int,
    interval: float,
    average: int,
    particle_velocity: tuple[float, float],
    microstructure: SinglePore | Packing,
) -> xr.Dataset:
    """Draw every case of an ensemble.

    Parameters
    ----------
    name, seed
        Of the ensemble, of the study.
    cases, split
        How many, and how many of each serve for `train`, `validation` and `test`; what is left trains.
    cells, cell_size
        Computed cells (y, x) and their width [m].
    snapshots, interval, average
        What a simulation stores: snapshots, time between two [s], computed cells per stored one.
    particle_velocity
        Range [m/s], drawn uniformly.
    microstructure
        What pores there are.

    Returns
    -------
    A dataset of dims (case, pore): per case its split, seed, particle velocity [m/s], realised porosity [1]
    and number of pores; per pore the values of `microstructure.Pore`, undefined beyond a case's last.

    Raises
    ------
    ConfigError
        The split speaks of more cases than there are.
    ValidityError
        Pores do not fit; names the case.
    """
    if set(split) != set(SPLITS) or sum(split.values()) > cases:
        raise ConfigError(f"split: expected {', '.join(SPLITS)} of at most {cases} cases, got {dict(split)}")
    serves = ["train"] * (cases - sum(split.values()))
    serves = [*serves, *(what for what in SPLITS for _ in range(split[what]))]
    drawn, seeds, velocities, porosities = [], [], [], []
    for case in range(cases):
        key = np.random.SeedSequence([seed, zlib.crc32(name.encode()), case])
        seeds.append(int(key.generate_state(1, np.uint32)[0]))
        rng = np.random.default_rng(key)
        velocities.append(float(rng.uniform(*particle_velocity)))
        try:
            drawn.append(microstructure.draw(rng, cells, cell_size))
        except ValidityError as error:
            raise ValidityError(f"{name} case {case}: {error}") from error
        porosities.append(float(pore_fraction(drawn[-1], cells, cell_size).mean()))
    most = max(map(len, drawn))
    pores = {
        field: (("case", "pore"), np.array([_padded(case, field, most) for case in drawn])) for field in Pore._fields
    }
    return xr.Dataset(
        pores,
        coords={
            "case": np.arange(cases, dtype=np.int64),
            "split": ("case", np.array(serves)),
            "particle_velocity": ("case", np.array(velocities)),
            "seed": ("case", np.array(seeds, dtype=np.int64)),
            "porosity": ("case", np.array(porosities)),
            "pores": ("case", np.array([len(case) for case in drawn], dtype=np.int64)),
        },
        attrs={
            "title": f"design of ensemble {name}",
            "cells": np.array(cells, dtype=np.int64),
            "cell_size": cell_size,
            "snapshots": snapshots,
            "interval": interval,
            "average": average,
        },
    )


def pores(drawn: xr.Dataset) -> list[Pore]:
    """Return the pores of one case of a design."""
    found = []
    for number in range(int(drawn["pores"])):
        values: dict[str, Any] = {field: drawn[field].values[number].item() for field in Pore._fields}
        found.append(Pore(**values)._replace(kind=int(values["kind"]), shape_seed=int(values["shape_seed"])))
    return found


def solid_fraction(drawn: xr.Dataset) -> np.ndarray:
    """Return the share of solid in each computed cell (y, x) [1] of one case of a design."""
    ny, nx = map(int, drawn.attrs["cells"])
    return 1.0 - pore_fraction(pores(drawn), (ny, nx), float(drawn.attrs["cell_size"]))


def _padded(case: list[Pore], field: str, length: int) -> list[float]:
    values = [float(value) for pore in case for name, value in zip(Pore._fields, pore, strict=True) if name == field]
    return values + [float("nan")] * (length - len(values))
