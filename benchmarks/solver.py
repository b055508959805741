"""Time one full-size case per scale on one core, after compilation, beside the same scheme in plain numpy.

The peer is a MUSCL-Hancock step with HLLC, split by direction as the solver's, in vectorised numpy of single
precision, on a blast in an ideal gas; the solver runs the same blast. Its cases do more: Mie-Grueneisen HMX,
species, reaction, viscosity, checks; and less: no columns that the shock has not reached. Processor time counts.

Writes build/benchmarks/solver.json; fails where a case takes longer than its limit.
"""

import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from tessera.data import files
from tessera.physics import eos, reaction
from tessera.provenance import git_revision, versions
from tessera.simulation import design, grid, run
from tessera.simulation.loading import Piston
from tessera.simulation.microstructure import Packing, SinglePore

OUT = Path(__file__).parents[1] / "build" / "benchmarks" / "solver.json"
GAMMA, CFL = np.float32(1.4), 0.7
BLAST_STEPS = 12
HMX = {"density": 1891.0, "sound_speed": 2901.0, "slope": 2.058, "gruneisen": 1.1, "temperature": 300.0}


class Scale(NamedTuple):
    """A full-size case: computed cells (y, x), their width [m], snapshots every [s], limit of core-seconds."""

    cells: tuple[int, int]
    cell_size: float
    snapshots: int
    interval: float
    limit: float
    microstructure: SinglePore | Packing


SCALES = {
    "micro": Scale((160, 256), 3.5e-8, 20, 1.72e-10, 6.0, SinglePore((6.7e-7, 2.1e-6), (0.27, 0.36), (0.40, 0.60))),
    "meso": Scale(
        (320, 480),
        8.04e-8,
        38,
        3.95e-10,
        60.0,
        Packing((0.04, 0.12), (7.2e-7, 1.3e-6), (2.2e-6, 4.0e-6), gap=3.2e-7, inlet=8.0e-7),
    ),
}


def measure(name: str, scale: Scale) -> dict[str, Any]:
    """Return what the solver and its peer cost on the grid of a scale."""
    case = design.design(
        name=name,
        seed=1,
        cases=1,
        split=dict.fromkeys(design.SPLITS, 0),
        cells=scale.cells,
        cell_size=scale.cell_size,
        snapshots=scale.snapshots,
        interval=scale.interval,
        refine=2,
        particle_velocity=(1000.0, 1000.0),
        microstructure=scale.microstructure,
    ).isel(case=0)
    done = run.simulate(
        design.solid_fraction(case),
        law=eos.mie_gruneisen(**HMX),
        reaction=reaction.Tarver(),
        viscosity=0.05,
        loading=Piston(1000.0),
        cell_size=scale.cell_size,
        snapshots=scale.snapshots,
        interval=scale.interval,
        refine=2,
    )
    cells, steps, seconds = scale.cells[0] * scale.cells[1], done.attrs["steps"], done.attrs["core_seconds"]
    kernels, peer = (cells * BLAST_STEPS / spent for spent in blast_seconds(scale.cells))
    return {
        "cells": list(scale.cells),
        "pores": int(case["pores"]),
        "snapshots": scale.snapshots,
        "steps": steps,
        "core_seconds": seconds,
        "limit": scale.limit,
        "cell_steps_per_second": cells * steps / seconds,
        "blast_cell_steps_per_second": kernels,
        "peer_blast_cell_steps_per_second": peer,
        "times_as_fast_as_peer": kernels / peer,
    }


def blast_seconds(cells: tuple[int, int]) -> tuple[float, float]:
    """Return the processor time [s] of `BLAST_STEPS` steps of the solver and of its peer on the same blast."""
    y, x = np.mgrid[0.0 : 1.0 : cells[0] * 1j, 0.0 : 1.0 : cells[1] * 1j]
    state = np.zeros((7, *cells), np.float32)
    state[0] = state[4] = 1.0
    state[3] = 2.5 + 20.0 * np.exp(-100.0 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))
    blast = state[:4].copy()
    sides = (grid.OPEN, grid.OPEN, grid.OPEN)
    law, inert = eos.IdealGas(float(GAMMA)), reaction.Inert()
    flow = run.Flow(state, law, inert, viscosity=0.0, cell_size=1.0, cfl=CFL, sides=sides)
    flow.advance(1e9)
    began = time.thread_time()
    for _ in range(BLAST_STEPS):
        flow.advance(1e9)
    ours = time.thread_time() - began
    began = time.thread_time()
    for _ in range(BLAST_STEPS):
        blast = peer_step(blast)
    return ours, time.thread_time() - began


def peer_step(state: np.ndarray) -> np.ndarray:
    """Return density, momenta along x and y, and total energy (4, y, x) a time step later, in cells of 1 m."""
    rho, u, v, p = primitive(state)
    c = np.sqrt(GAMMA * p / rho)
    ratio = np.float32(CFL / float((np.maximum(np.abs(u), np.abs(v)) + c).max()))
    state = sweep(state, ratio)
    turned = state[[0, 2, 1, 3]].transpose(0, 2, 1)
    return sweep(turned, ratio).transpose(0, 2, 1)[[0, 2, 1, 3]]


def sweep(state: np.ndarray, ratio: np.float32) -> np.ndarray:
    """Return the state after one step along its last axis, with open ends."""
    w = primitive(np.pad(state, ((0, 0), (0, 0), (2, 2)), "edge"))
    jump = np.diff(w)
    left, right = jump[..., :-1], jump[..., 1:]
    product = left * right
    slope = np.divide(2 * product, left + right, out=np.zeros_like(product), where=product > 0)
    w = w[..., 1:-1]
    rho, u, _, p = w
    dr, du, dv, dp = slope
    change = np.stack([u * dr + rho * du, u * du + dp / rho, u * dv, u * dp + GAMMA * p * du])
    middle = w - np.float32(0.5) * ratio * change
    half = np.float32(0.5) * slope
    flux = hllc((middle + half)[..., :-1], (middle - half)[..., 1:])
    return state - ratio * np.diff(flux)


def primitive(state: np.ndarray) -> np.ndarray:
    """Return density, velocities and pressure (4, ...)."""
    rho, mx, my, total = state
    u, v = mx / rho, my / rho
    return np.stack([rho, u, v, (GAMMA - 1) * (total - np.float32(0.5) * rho * (u * u + v * v))])


def hllc(before: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Return the flux through each face from the primitive values (4, ...) on both sides."""
    (rl, ul, _, pl), (rr, ur, _, pr) = before, behind
    cl, cr = np.sqrt(GAMMA * pl / rl), np.sqrt(GAMMA * pr / rr)
    slow, fast = np.minimum(ul - cl, ur - cr), np.maximum(ul + cl, ur + cr)
    ml, mr = rl * (slow - ul), rr * (fast - ur)
    contact = (pr - pl + ml * ul - mr * ur) / (ml - mr)
    rho, u, v, p = np.where(contact >= 0, before, behind)
    m, wave = np.where(contact >= 0, ml, mr), np.where(contact >= 0, slow, fast)
    beyond = (slow >= 0) | (fast <= 0)
    total = p / ((GAMMA - 1) * rho) + np.float32(0.5) * (u * u + v * v)
    push = np.where(beyond, p, p + m * (contact - u))
    speed = np.where(beyond, u, contact)
    mass = np.where(beyond, rho, m / (wave - contact)) * speed
    total = np.where(beyond, total, total + (contact - u) * (contact + p / m))
    return np.stack([mass, mass * speed + push, mass * v, mass * total + push * speed])


def table(found: dict[str, dict[str, Any]]) -> Table:
    """Return the measurements as a table for a terminal."""
    shown = Table("", "grid", "steps", "core-s", "limit", "Mcells/s", "blast", "numpy", "ratio")
    for name, row in found.items():
        rates = ("cell_steps_per_second", "blast_cell_steps_per_second", "peer_blast_cell_steps_per_second")
        shown.add_row(
            name,
            "x".join(map(str, row["cells"])),
            f"{row['steps']}",
            f"{row['core_seconds']:.2f}",
            f"{row['limit']:.0f}",
            *(f"{row[rate] / 1e6:.1f}" for rate in rates),
            f"{row['times_as_fast_as_peer']:.1f}",
        )
    return shown


def main() -> int:
    """Measure both scales; return 1 if one took longer than its limit."""
    console = Console()
    found = {name: measure(name, scale) for name, scale in SCALES.items()}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(OUT, {"revision": git_revision(), "versions": versions(), "scales": found})
    console.print(table(found))
    console.print("written to build/benchmarks/solver.json")
    late = [name for name, row in found.items() if row["core_seconds"] > row["limit"]]
    for name in late:
        took = found[name]["core_seconds"]
        console.print(f"{name}: expected at most {SCALES[name].limit:g} core-seconds, got {took:.1f}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
