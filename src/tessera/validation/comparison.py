"""Measures of an ensemble beside the published figures, with a verdict on each."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from tessera.validation import measures
from tessera.validation.published import AREA_SLACK, CENTRAL, FIGURES, SAMPLES, TEMPERATURE_SLACK, Sample

Part = tuple[tuple[float, float], tuple[float, float]]


class Spread(NamedTuple):
    """A quantity over the cases of an ensemble: its mean, and the quantiles of `CENTRAL`."""

    mean: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value lies between the quantiles."""
        return self.low <= value <= self.high


def of_ensembles(
    micro: Sequence[xr.Dataset], meso: Sequence[xr.Dataset], block: xr.Dataset, part: Part, velocity: float
) -> dict:
    """Return all that is compared, as plain values for JSON.

    Parameters
    ----------
    micro, meso
        Cases with fields (time, y, x).
    block
        A case without pores, fed by an inlet that prescribes its velocity alone.
    part
        Where the pores of the meso cases are, ((x0, x1), (y0, y1)), as shares of the box.
    velocity
        Particle velocity at the inlet [m/s].

    Returns
    -------
    `figures`, by name with `mean`, `low`, `high` of the cases and `agrees`, extremes also with how many cases are
    `beyond` and the `chance` of that; `samples`, by scale and quantity, per snapshot the same; `single_cells`, by scale
    the spreads of what `measures.hottest` says.
    """
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for case in micro:
        for name, value in measures.front_state(case, velocity).items():
            found[name].append(value)
    found["inflow_temperature"] = [measures.inlet(block, velocity)["inflow_temperature"]]
    speed = _spread(found["front_speed"]).mean
    for case in meso:
        late = measures.late(case, part, velocity, speed)
        for name, value in (measures.bulk(case, velocity) | late | {"growth": measures.growth(case)}).items():
            found[name].append(value)
    for case in (*micro, *meso):
        for name, value in measures.extremes(case).items():
            found[name].append(value)
    figures = {}
    for name, values in found.items():
        worst = {"pressure_highest": max, "velocity_highest": max, "velocity_lowest": min}.get(name)
        value = worst(values) if worst else _spread(values).mean
        figures[name] = {**_spread(values)._asdict(), "value": value, "agrees": FIGURES[name].agrees(value)}
        theirs = FIGURES[name].simulations
        if theirs is not None:
            beyond = sum(not FIGURES[name].agrees(each) for each in values)
            figures[name] |= {"cases": len(values), "beyond": beyond, "chance": chance(beyond, len(values), theirs)}
    scales = {"micro": micro, "meso": meso}
    return {
        "figures": figures,
        "samples": {scale: _sampled(cases, SAMPLES[scale]) for scale, cases in scales.items()},
        "single_cells": {scale: _hottest(cases) for scale, cases in scales.items()},
    }


def chance(beyond: int, ours: int, theirs: int) -> float:
    """Return how likely as many cases of ours, or more, go beyond the worst of theirs, all drawn alike.

    The worst `beyond` of all are then ours: each in turn is, with a probability of ours left over all left.
    """
    return math.prod((ours - k) / (ours + theirs - k) for k in range(beyond))


def _sampled(cases: Sequence[xr.Dataset], sample: Sample) -> dict[str, list[dict[str, Any]]]:
    """Return for each quantity of a sample, snapshot by snapshot, what the cases say and whether it agrees."""
    each = [measures.hotspots(case, sample.snapshots) for case in cases]
    said: dict[str, list[dict[str, Any]]] = {}
    for name, slack in (("hot", AREA_SLACK), ("temperature", TEMPERATURE_SLACK), ("hotter", None), ("burnt", None)):
        rows = []
        for k, snapshot in enumerate(sample.snapshots):
            spread, real = _spread([one[name][k] for one in each]), getattr(sample, name)[k]
            row: dict[str, Any] = {"snapshot": snapshot, "published": real, **spread._asdict()}
            if slack is not None and snapshot in sample.compared:
                near = bool(abs(spread.mean - real) <= slack * real)
                row |= {"near": near, "inside": spread.holds(real), "agrees": near or spread.holds(real)}
            rows.append(row)
        said[name] = rows
    return said


def _hottest(cases: Sequence[xr.Dataset]) -> dict[str, dict[str, float]]:
    each = [measures.hottest(case) for case in cases]
    return {name: _spread([one[name] for one in each])._asdict() for name in each[0]}


def _spread(values: Sequence[float]) -> Spread:
    known = np.array([value for value in values if np.isfinite(value)])
    if known.size == 0:
        return Spread(float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(known, CENTRAL)
    return Spread(float(known.mean()), float(low), float(high))


__all__ = ["Part", "Spread", "chance", "of_ensembles"]
