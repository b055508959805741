"""The design of an ensemble: which pores each case has, and what it serves for.

Each case is drawn from a seed of its own, made of the study's seed, the ensemble's name and the case's
number: more cases never change those before them.
"""

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from tessera.data.fields import Field
from tessera.data.schema import CASE_COORDINATES
from tessera.errors import ConfigError, ValidityError
from tessera.simulation.microstructure import Packing, Pore, SinglePore, pore_fraction
from tessera.simulation.morphology import population, raster
from tessera.simulation.morphology.image import Images
from tessera.simulation.morphology.outlines import RoughPore, outline
from tessera.simulation.morphology.population import Population
from tessera.simulation.morphology.statistics import measure

SPLITS = ("train", "validation", "test")
SAID = CASE_COORDINATES | {
    "asked_porosity": Field("area fraction of the pores that was asked", "1"),
    "image": Field("name of the image file", "1"),
    "image_sha256": Field("SHA-256 of the image file", "1"),
    "image_row": Field("row of the image where the box begins, from below", "1"),
    "image_column": Field("column of the image where the box begins", "1"),
    "pore_share": Field("share of pore in a computed cell", "1"),
    "diameter": Field("diameter of the disc of equal area", "m"),
    "aspect": Field("length over width", "1"),
    "angle": Field("direction of the length, from x", "rad"),
    "roughness": Field("strength of the perturbation of the outline", "1"),
    "correlation": Field("angle over which the perturbation is correlated", "rad"),
    "centre_x": Field("centre along x", "m"),
    "centre_y": Field("centre along y", "m"),
}
WHOLE = ("kind", "shape_seed")  # values of a pore that are whole numbers


def design(
    name: str,
    seed: int,
    cases: int,
    split: Mapping[str, int],
    cells: tuple[int, int],
    cell_size: float,
    snapshots: int,
    interval: float,
    refine: int,
    particle_velocity: tuple[float, float],
    microstructure: SinglePore | Packing | Population | Images,
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
    snapshots, interval, refine
        What a simulation stores: snapshots, time between two [s], computed cells per stored one along y and x.
    particle_velocity
        Range [m/s], drawn uniformly.
    microstructure
        What pores there are.

    Returns
    -------
    A dataset of dims (case, pore): per case its split, seed, particle velocity [m/s], realised porosity [1],
    number of pores and the measured `STATISTICS`; per pore the values of `microstructure.Pore` or
    `outlines.RoughPore`, undefined beyond a case's last. Images have no such values but the share of pore itself,
    `pore_share` (case, y, x), and per case what was taken from which file.

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
    seeds, velocities, drawn = [], [], []
    for case in range(cases):
        key = np.random.SeedSequence([seed, zlib.crc32(name.encode()), case])
        seeds.append(int(key.generate_state(1, np.uint32)[0]))
        rng = np.random.default_rng(key)
        velocities.append(float(rng.uniform(*particle_velocity)))
        try:
            drawn.append(_case(microstructure, rng, case, cells, cell_size))
        except ValidityError as error:
            raise ValidityError(f"{name} case {case}: {error}") from error
    most = max(len(case.pores) for case in drawn)
    values: dict[str, Any] = {
        field: (("case", "pore"), np.array([_padded(case.pores, field, most) for case in drawn]))
        for field in _fields(microstructure)
    }
    if isinstance(microstructure, Images):
        values["pore_share"] = (("case", "y", "x"), np.stack([case.share for case in drawn]))
    dataset = xr.Dataset(
        values,
        coords={
            "case": np.arange(cases, dtype=np.int64),
            "split": ("case", np.array(serves)),
            "particle_velocity": ("case", np.array(velocities)),
            "seed": ("case", np.array(seeds, dtype=np.int64)),
            "porosity": ("case", np.array([case.porosity for case in drawn])),
            "pores": ("case", np.array([case.number for case in drawn], dtype=np.int64)),
        },
        attrs={
            "title": f"design of ensemble {name}",
            "cells": np.array(cells, dtype=np.int64),
            "cell_size": cell_size,
            "snapshots": snapshots,
            "interval": interval,
            "refine": refine,
        },
    )
    dataset = dataset.assign_coords(
        {each: ("case", np.array([case.said[each] for case in drawn])) for each in drawn[0].said}
    )
    for each, what in SAID.items():
        if each in dataset.variables:
            dataset[each].attrs = {"long_name": what.long_name, "units": what.units}
    return dataset


def pores(drawn: xr.Dataset) -> list[Any]:
    """Return the pores of one case of a design, as they were drawn; none of images."""
    if "pore_share" in drawn:
        return []
    kind = RoughPore if "correlation" in drawn else Pore
    columns = [drawn[field].values[: int(drawn["pores"])] for field in kind._fields]
    typed = [
        column.astype(int if field in WHOLE else float) for field, column in zip(kind._fields, columns, strict=True)
    ]
    return [kind(*values) for values in zip(*(column.tolist() for column in typed), strict=True)]


def solid_fraction(drawn: xr.Dataset) -> np.ndarray:
    """Return the share of solid in each computed cell (y, x) [1] of one case of a design."""
    if "pore_share" in drawn:
        return 1.0 - drawn["pore_share"].values
    ny, nx = map(int, drawn.attrs["cells"])
    share = population.share if "correlation" in drawn else pore_fraction
    return 1.0 - share(pores(drawn), (ny, nx), float(drawn.attrs["cell_size"]))


class _Case(NamedTuple):
    """A case: its pores as drawn, how many there are, their porosity [1], what else is said of it, shares of images."""

    pores: list[Any]
    number: int
    porosity: float
    said: dict[str, Any]
    share: np.ndarray = np.zeros((0, 0))


def _case(microstructure: Any, rng: np.random.Generator, case: int, cells: tuple[int, int], cell_size: float) -> _Case:
    if isinstance(microstructure, Images):
        window = microstructure.draw(rng, case, cells, cell_size)
        share = microstructure.share(window, cells, cell_size)
        outlines = raster.trace(share, cell_size)
        picture = microstructure.pictures[window.picture]
        said = {
            "image": picture.name,
            "image_sha256": picture.sha256,
            "image_row": window.row,
            "image_column": window.column,
        }
        return _Case([], len(outlines), float(share.mean()), measure(outlines) | said, share)
    if isinstance(microstructure, Population):
        rough, asked = microstructure.draw(rng, cells, cell_size)
        outlines = [outline(pore) for pore in rough]
        share = raster.coverage(outlines, cells, cell_size)
        return _Case(rough, len(rough), float(share.mean()), measure(outlines) | {"asked_porosity": asked})
    drawn = microstructure.draw(rng, cells, cell_size)
    share = pore_fraction(drawn, cells, cell_size)
    return _Case(drawn, len(drawn), float(share.mean()), measure(raster.trace(share, cell_size)))


def _fields(microstructure: Any) -> tuple[str, ...]:
    """Return what a design says of each pore."""
    if isinstance(microstructure, Images):
        return ()
    return RoughPore._fields if isinstance(microstructure, Population) else Pore._fields


def _padded(case: list[Any], field: str, length: int) -> list[float]:
    values = [float(getattr(pore, field)) for pore in case]
    return values + [float("nan")] * (length - len(values))
