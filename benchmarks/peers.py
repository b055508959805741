"""Solve one problem of an ideal gas with tessera, PyClaw and pyro: core-seconds to the same time, and errors.

The problem is `peers/quadrants.py` on 200 x 200 cells. A peer runs in an environment of its own, build/peers, which
`make bench` installs by `peers/constraints.txt`, and at the Courant number that its authors recommend. The error
is the mean of |density - reference| over cells, for two references at four times the resolution, of PyClaw and of
tessera, so that neither is favoured. A fast answer that is wrong is worth nothing: PyClaw runs on a coarser grid, too,
and between its two grids lies the one with the error of tessera, whose core-seconds are told as well. PyClaw and pyro
know double precision alone. Processor time of one core counts, the least of several runs, without start-up and
compilation.

Writes build/benchmarks/peers.json; fails where a limit is passed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tessera.data import files
from tessera.physics import eos, reaction
from tessera.provenance import git_revision, versions
from tessera.simulation import grid, run

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "peers"))

from quadrants import END, GAMMA, start  # noqa: E402  # of the folder beside, which the peers share

OUT = HERE.parent / "build" / "benchmarks" / "peers.json"
PYTHON = HERE.parent / "build" / "peers" / "bin" / "python"
CELLS, COARSE, FINE = 200, 160, 800
OURS = {
    "tessera float32": ("float32", 0.7),
    "tessera float64": ("float64", 0.7),
    "tessera float32, CFL 0.9": ("float32", 0.9),
    "tessera float64, CFL 0.9": ("float64", 0.9),
}
PEERS = {"pyclaw": 3, "pyro": 1}  # runs
LIMITS = {"pyclaw": 4.0, "pyro": 100.0}  # times the core-seconds of tessera
# Of others, per cell: cost of a right-hand side and equation on one core, and of a unit of CFL time [ns]. The latter
# follows from equations, stages and a usual Courant number of 0.5. "Measured" is once, on a machine of this class.
KNOWN = {
    "Athena++ (ed4d1e3), HLLC, PLM, RK2, 5 equations, 160x256": (13.2, 264.0, "measured"),
    "MFC 5.2.0, MUSCL, HLLC, RK3, 7 equations, 160x256": (29.0, 1220.0, "measured"),
    "JAX-Fluids 0.2.1, WENO3-Z, HLLC, RK3, 7 equations, 160x256": (91.0, 3820.0, "measured"),
    "MFC, WENO5, HLLC, RK3, 8 equations, EPYC 9654, 96 cores: 1.7 times 96": (
        163.0,
        7820.0,
        "published: docs/documentation/expectedPerformance.md of MFlowCode/MFC",
    ),
}


def tessera(cells: int, precision: str, cfl: float) -> tuple[np.ndarray, float, int]:
    """Return the density at the end, the processor time [s] and the steps of tessera."""
    state = np.zeros((7, cells, cells), precision)
    state[:4] = start(cells)
    state[4] = state[0]
    sides = (grid.OPEN, grid.OPEN, grid.OPEN)

    def fresh() -> run.Flow:
        return run.Flow(
            state.copy(),
            eos.IdealGas(GAMMA),
            reaction.Inert(),
            viscosity=0.0,
            cell_size=1 / cells,
            cfl=cfl,
            sides=sides,
        )

    fresh().advance(END)  # compiles
    flow = fresh()
    began = time.thread_time()
    while flow.time < END:
        flow.advance(END)
    return flow.state[0].astype(float), time.thread_time() - began, flow.steps


def peer(name: str, cells: int) -> tuple[np.ndarray, float, int]:
    """Return the density at the end, the processor time [s] and the steps of a peer."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(PYTHON), str(HERE / "peers" / "run.py"), name, str(cells), folder]
        quiet = os.environ | {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
        said = subprocess.run(words, check=True, capture_output=True, text=True, env=quiet).stdout
        took = json.loads(said.splitlines()[-1])
        return np.load(Path(folder) / "density.npy"), took["seconds"], took["steps"]


def on(cells: int, density: np.ndarray) -> np.ndarray:
    """Return the means of a fine density on a grid of `cells` x `cells`."""
    ratio = density.shape[0] // cells
    return density.reshape(cells, ratio, cells, ratio).mean(axis=(1, 3))


def references() -> dict[str, np.ndarray]:
    """Return the fine densities; PyClaw's is kept, for it changes with its version alone."""
    kept = OUT.parent / f"pyclaw-{FINE}.npy"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, peer("pyclaw", FINE)[0])
    return {"pyclaw": np.load(kept), "tessera": tessera(FINE, "float64", 0.7)[0]}


def measured() -> dict[str, dict[str, Any]]:
    """Return core-seconds, steps and errors of each solver, and how many times those of tessera the peers' are."""
    fine = references()
    runs = {name: (CELLS, [tessera(CELLS, *what) for _ in range(5)]) for name, what in OURS.items()}
    runs |= {name: (CELLS, [peer(name, CELLS) for _ in range(times)]) for name, times in PEERS.items()}
    runs[f"pyclaw, {COARSE}x{COARSE}"] = (COARSE, [peer("pyclaw", COARSE) for _ in range(PEERS["pyclaw"])])
    found: dict[str, dict[str, Any]] = {}
    for name, (cells, tries) in runs.items():
        density, _, steps = tries[0]
        seconds = min(took for _, took, _ in tries)
        row = {"seconds": seconds, "steps": steps, "ns_per_cell_step": seconds / steps / cells**2 * 1e9}
        found[name] = row | {"error": {of: float(np.abs(density - on(cells, one)).mean()) for of, one in fine.items()}}
    for name in PEERS:
        found[name]["times"] = {ours: found[name]["seconds"] / found[ours]["seconds"] for ours in OURS}
    found["pyclaw"]["times_at_equal_error"] = {ours: _at_error(found, ours) / found[ours]["seconds"] for ours in OURS}
    return found


def _at_error(found: dict[str, dict[str, Any]], ours: str) -> float:
    """Return the core-seconds of PyClaw at the error of tessera: on a line between two grids, by logarithms."""
    wide, close = found[f"pyclaw, {COARSE}x{COARSE}"], found["pyclaw"]
    logs = [
        np.log([sum(row["error"].values()) for row in (wide, close, found[ours])]),
        np.log([row["seconds"] for row in (wide, close)]),
    ]
    (error_wide, error_close, error), (seconds_wide, seconds_close) = logs
    share = (error - error_wide) / (error_close - error_wide)
    return float(np.exp(seconds_wide + share * (seconds_close - seconds_wide)))


def table(found: dict[str, dict[str, Any]]) -> Table:
    """Return the solvers as a table for a terminal."""
    shown = Table("solver", "core-s", "steps", "ns/cell/step", "error to PyClaw 800", "error to tessera 800")
    for name, row in found.items():
        errors = (f"{error:.5f}" for error in row["error"].values())
        shown.add_row(name, f"{row['seconds']:.3f}", str(row["steps"]), f"{row['ns_per_cell_step']:.1f}", *errors)
    return shown


def faults(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return a line for each limit that is passed, in the precision of the studies and in that of the peers."""
    return [
        f"{name}: expected at least {least:g} times the core-seconds of {ours}, got {found[name]['times'][ours]:.2f}"
        for name, least in LIMITS.items()
        for ours in OURS
        if found[name]["times"][ours] < least
    ]


def main() -> int:
    """Measure all; return 1 if a limit is passed."""
    if not PYTHON.is_file():
        sys.exit("peers: expected build/peers, got none; run `make bench`, with gfortran on the PATH")
    console = Console()
    found = measured()
    listing = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"]
    installed = json.loads(subprocess.run(listing, check=True, capture_output=True, text=True).stdout)
    theirs = {one["name"].lower(): one["version"] for one in installed}
    theirs = {name: theirs[name] for name in ("clawpack", "pyro-hydro")}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    known = {name: {"ns": spent, "ns_per_cfl": unit, "source": source} for name, (spent, unit, source) in KNOWN.items()}
    kept = {"revision": git_revision(), "versions": versions() | theirs, "cells": CELLS, "fine": FINE}
    files.write_json(OUT, kept | {"solvers": found, "known": known})
    console.print(table(found))
    for name in PEERS:
        times = ", ".join(f"{ratio:.1f} of {ours}" for ours, ratio in found[name]["times"].items())
        console.print(f"{name}: core-seconds times {times}", highlight=False)
    times = ", ".join(f"{ratio:.1f} of {ours}" for ours, ratio in found["pyclaw"]["times_at_equal_error"].items())
    console.print(f"pyclaw at equal error: core-seconds times {times}", highlight=False)
    late = faults(found)
    console.print(*late, sep="\n") if late else console.print("within every limit")
    console.print("written to build/benchmarks/peers.json")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
