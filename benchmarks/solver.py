"""Measure what a step of the solver costs, how cost grows, what starting costs, and where the time goes.

A complete step has 7 equations, the HMX of the studies, chemistry, viscosity, conduction, sides, time step; a strong
one, that of the studies, also strength, 10 equations in all. They are measured on reactive pores half-way through their
collapse with every column at work. Pure hydrodynamics is a blast of 4 equations in an ideal gas. Processor time of one
core counts. The machine is shared, so that each figure is the least of several.

Writes build/benchmarks/solver.json; fails where a limit is passed.
"""

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from tessera.data import files
from tessera.physics import eos, reaction
from tessera.physics.strength import Strength
from tessera.provenance import git_revision, versions
from tessera.simulation import design, grid, run
from tessera.simulation import flow as flows
from tessera.simulation.loading import Piston
from tessera.simulation.microstructure import Packing, SinglePore
from tessera.stages import sections
from tessera.study import load

OUT = Path(__file__).parents[1] / "build" / "benchmarks" / "solver.json"
STUDY = load([Path(__file__).parents[1] / "config" / "config.yaml"])
LAW, KINETICS = sections.laws(STUDY)
STRENGTH = sections.strength(STUDY)
MEDIUM = {"viscosity": STUDY.material.viscosity, "conductivity": STUDY.material.conductivity}  # [Pa s], [W/m/K]
PISTON, SHOCK = 1000.0, 4950.0  # [m/s]
CELL_SIZE, CFL = 3.5e-8, 0.7
PORES = ((0.3, 0.5), (0.6, 0.25), (0.6, 0.75))  # centres (x, y), as shares of the box
GRIDS = ((160, 256), (320, 480))
GROWTH = ((80, 128), (160, 256), (320, 480), (640, 960))
OPEN = (grid.OPEN, grid.OPEN, grid.WALL)
REPEATS, STEPS = 8, 8
LIMITS = {"exponent": 1.05, "two_cores": 1.9, "start_seconds": 2.0, "memory": 2**30}
START = """
import numpy as np
from tessera.stages import ensembles
from tessera.physics import eos, reaction
from tessera.physics.strength import Strength
from tessera.simulation import run
from tessera.simulation.loading import Piston
law, kinetics = eos.LinearHugoniot(**{LAW}), reaction.OneStep(**{KINETICS})
run.simulate(np.ones((8, 16)), law=law, reaction=kinetics, strength=Strength(), **{MEDIUM},
             loading=Piston({PISTON}), cell_size={CELL_SIZE}, snapshots=2, interval=1e-13)
"""
LARGE = """
import re
import numpy as np
from tessera.physics import eos, reaction
from tessera.physics.strength import Strength
from tessera.simulation import run
from tessera.simulation.loading import Piston
law, kinetics = eos.LinearHugoniot(**{LAW}), reaction.OneStep(**{KINETICS})
run.simulate(np.ones((320, 480)), law=law, reaction=kinetics, strength=Strength(), **{MEDIUM},
             loading=Piston({PISTON}), cell_size={CELL_SIZE}, snapshots=38, interval=1e-14)
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


class Step(NamedTuple):
    """A kind of step: what makes a flow (cells, precision) of it, and at most how long it takes per cell [ns]."""

    flow: Callable[[tuple[int, int], str], run.Flow]
    limits: dict[str, float]


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


def collapsing(cells: tuple[int, int], precision: str, strength: Strength | None = None) -> np.ndarray:
    """Return the state (7 or 11, y, x) of three pores when the shock has crossed 60 % of the box: the first burns."""
    y, x = np.mgrid[: cells[0], : cells[1]]
    solid = np.ones(cells)
    for centre_x, centre_y in PORES:
        solid[(x - centre_x * cells[1]) ** 2 + (y - centre_y * cells[0]) ** 2 < (0.1 * cells[0]) ** 2] = 0.0
    state = grid.at_rest(solid, LAW, precision, strong=strength is not None)
    inlet = grid.feed(LAW, PISTON, precision, strength=strength)
    flow = studied(state, inlet=inlet, sides=flows.SIDES, strength=strength)
    end = 0.6 * cells[1] * CELL_SIZE / SHOCK
    while flow.time < end:
        flow.advance(end)
    assert flow.released > 0.0, "expected a burning pore"
    return flow.state


def studied(state: np.ndarray, **more: Any) -> run.Flow:
    """Return a flow with all that the studies ask for; open on the left, every column is at work."""
    options: dict[str, Any] = {**MEDIUM, "sides": OPEN}
    kinetics = more.pop("kinetics", KINETICS)
    options |= {"cell_size": CELL_SIZE, "cfl": CFL} | more
    return run.Flow(state, LAW, kinetics, **options)


def complete(cells: tuple[int, int], precision: str) -> run.Flow:
    """Return collapsing pores with all that the studies ask for."""
    return studied(collapsing(cells, precision))


def strong(cells: tuple[int, int], precision: str) -> run.Flow:
    """Return collapsing pores of matter with strength: ten equations."""
    return studied(collapsing(cells, precision, STRENGTH), strength=STRENGTH)


def blast(cells: tuple[int, int], precision: str) -> run.Flow:
    """Return a blast in an ideal gas: density, two momenta and energy."""
    y, x = np.mgrid[: cells[0], : cells[1]]
    state = np.zeros((7, *cells), precision)
    state[0] = state[4] = 1.0
    state[3] = 2.5 + 10.0 * ((x - cells[1] / 2) ** 2 + (y - cells[0] / 2) ** 2 < (cells[0] / 16) ** 2)
    sides = (grid.OPEN, grid.OPEN, grid.OPEN)
    return run.Flow(state, eos.IdealGas(1.4), reaction.Inert(), viscosity=0.0, cell_size=1.0, cfl=CFL, sides=sides)


KINDS = {
    "complete": Step(complete, {"float32": 50.0, "float64": 85.0}),
    "strong": Step(strong, {"float32": 75.0, "float64": 127.5}),
    "hydrodynamics": Step(blast, {"float32": 22.0, "float64": 36.0}),
}


def cost(flow: run.Flow, repeats: int = REPEATS, steps: int = STEPS) -> tuple[float, float]:
    """Return the least processor time of a step per cell [ns], and the Courant number that its steps attain [1]."""
    flow.advance(np.inf)  # the first step tells whether species are transported
    for _ in range(flows.CAREFUL_STEPS):
        flow.advance(np.inf)
    best, attained = np.inf, 0.0
    for _ in range(repeats):
        before, fastest = flow.time, flow._fastest
        began = time.thread_time()
        for _ in range(steps):
            flow.advance(np.inf)
        took = time.thread_time() - began
        if took < best:
            best, attained = took, (flow.time - before) * fastest / flow.cell_size / steps
    return best / steps / flow.state[0].size * 1e9, attained


def steps_of_all_kinds() -> list[dict[str, Any]]:
    """Return what a step of each kind costs, by grid and precision."""
    found = []
    for kind, what in KINDS.items():
        for cells in GRIDS:
            for precision, limit in what.limits.items():
                spent, courant = cost(what.flow(cells, precision))
                row = {"kind": kind, "cells": list(cells), "precision": precision, "ns": spent, "limit_ns": limit}
                found.append(row | {"courant": courant, "ns_per_cfl": spent / courant})
    return found


def parts(precision: str) -> dict[str, float]:
    """Return where the time of a complete step goes, per cell [ns]: what remains as each part is left out.

    The end of a step - chemistry, checks, fastest signal - has a clock of its own.
    """
    state = collapsing(GRIDS[0], precision)
    inert = reaction.Inert()
    pure = state.copy()  # without products no species moves
    pure[4], pure[5:] = pure[0], 0.0
    whole, settled = clocked(studied(state.copy()))
    insulated, insulated_settled = clocked(studied(state.copy(), conductivity=0.0))
    thin, thin_settled = clocked(studied(state.copy(), conductivity=0.0, viscosity=0.0))
    lean, lean_settled = clocked(studied(pure, conductivity=0.0, viscosity=0.0, kinetics=inert))
    viscous, moved, plain = insulated - insulated_settled, thin - thin_settled, lean - lean_settled
    return {
        "sweeps of 4 equations": plain,
        "three species": moved - plain,
        "viscosity": viscous - moved,
        "conduction": whole - settled - viscous,
        "chemistry, checks": settled,
        "whole": whole,
    }


def clocked(flow: run.Flow) -> tuple[float, float]:
    """Return the cost of a step per cell [ns], and what of it the end of the step takes."""
    settle, spent = flow._settle, []

    def timed(dt: float) -> float:
        began = time.thread_time()
        fastest = settle(dt)
        spent.append(time.thread_time() - began)
        return fastest

    flow._settle = timed  # type: ignore[method-assign]
    whole, _ = cost(flow)
    return whole, min(spent[flows.CAREFUL_STEPS + 1 :]) / flow.state[0].size * 1e9


def growth() -> dict[str, Any]:
    """Return the cost of a complete step on grids of one picture, and the exponent of cost by cells x steps."""
    state = collapsing(GRIDS[0], "float32")
    costs = []
    for cells in GROWTH:
        rows, columns = (np.arange(n) * old // n for n, old in zip(cells, state.shape[1:], strict=True))
        spent, _ = cost(studied(np.ascontiguousarray(state[:, rows][:, :, columns])), 5, 6)
        costs.append(spent)
    cells = np.array([np.prod(grid) for grid in GROWTH], float)
    slope, _ = np.polyfit(np.log(cells), np.log(cells * costs), 1)
    return {
        "cells": [list(grid) for grid in GROWTH],
        "ns": costs,
        "exponent": float(slope),
        "limit": LIMITS["exponent"],
    }


def member(ready: Any, answers: Any) -> None:
    """Step one member of an ensemble when all are ready; answer how long it took, by the clock and the core [s]."""
    flow = blast(GRIDS[0], "float32")
    flow.advance(np.inf)
    for _ in range(REPEATS):
        ready.wait()
        clock, core = time.perf_counter(), time.thread_time()
        for _ in range(200):
            flow.advance(np.inf)
        answers.put((time.perf_counter() - clock, time.thread_time() - core))
        ready.wait()


def two_cores() -> dict[str, float]:
    """Return how many times the rate of one member two have that run at once, by the clock and by their cores.

    Other work on the machine takes from the clock, not from the processor time, which still tells what two members
    take from each other: that is held to the limit.
    """
    context = multiprocessing.get_context("spawn")
    found = {}
    for members in (1, 2):
        ready, answers = context.Barrier(members), context.Queue()
        workers = [context.Process(target=member, args=(ready, answers)) for _ in range(members)]
        for worker in workers:
            worker.start()
        times = np.array([[answers.get() for _ in workers] for _ in range(REPEATS)])
        for worker in workers:
            worker.join()
        found[members] = times.max(axis=1).min(axis=0)
    clock, core = 2.0 * found[1] / found[2]
    load = os.getloadavg()[0]
    return {"by_clock": float(clock), "by_core": float(core), "load": load, "limit": LIMITS["two_cores"]}


def started() -> dict[str, float]:
    """Return what starting and one tiny case take from the second process on [s], by the clock and by the core."""
    spent = []
    for _ in range(6):
        clock, before = time.perf_counter(), _children()
        subprocess.run([sys.executable, "-c", _filled(START)], check=True)
        spent.append((time.perf_counter() - clock, _children() - before))
    clock, core = np.min(spent[1:], axis=0)
    return {"by_clock": float(clock), "by_core": float(core), "limit": LIMITS["start_seconds"]}


def memory() -> dict[str, float]:
    """Return the largest memory [bytes] of a process that simulates 320 x 480 cells, all 38 snapshots unaveraged."""
    with tempfile.TemporaryFile("w+") as said:
        subprocess.run([sys.executable, "-c", _filled(LARGE)], check=True, stdout=said)
        said.seek(0)
        return {"bytes": int(said.read()) * 1024, "limit": LIMITS["memory"]}


def _filled(script: str) -> str:
    words = {
        "LAW": LAW._asdict(),
        "KINETICS": KINETICS._asdict(),
        "MEDIUM": MEDIUM,
        "PISTON": PISTON,
        "CELL_SIZE": CELL_SIZE,
    }
    for word, value in words.items():
        script = script.replace(f"{{{word}}}", repr(value))
    return script


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def case(name: str, scale: Scale) -> dict[str, Any]:
    """Return what a full-size case of a scale costs."""
    drawn = design.design(
        name=name,
        seed=1,
        cases=1,
        split=dict.fromkeys(design.SPLITS, 0),
        cells=scale.cells,
        cell_size=scale.cell_size,
        snapshots=scale.snapshots,
        interval=scale.interval,
        refine=2,
        particle_velocity=(PISTON, PISTON),
        microstructure=scale.microstructure,
    ).isel(case=0)
    done = run.simulate(
        design.solid_fraction(drawn),
        law=LAW,
        reaction=KINETICS,
        strength=STRENGTH,
        **MEDIUM,
        loading=Piston(PISTON),
        cell_size=scale.cell_size,
        snapshots=scale.snapshots,
        interval=scale.interval,
        refine=2,
    )
    return {
        "cells": list(scale.cells),
        "pores": int(drawn["pores"]),
        "steps": int(done.attrs["steps"]),
        "core_seconds": done.attrs["core_seconds"],
        "limit": scale.limit,
    }


def faults(found: dict[str, Any]) -> list[str]:
    """Return a line for each limit that is passed."""
    lines = [
        f"{row['kind']}, {row['precision']}, {row['cells'][0]}x{row['cells'][1]}: expected at most"
        f" {row['limit_ns']:g} ns per cell and step, got {row['ns']:.1f}"
        for row in found["steps"]
        if row["ns"] > row["limit_ns"]
    ]
    pairs = {
        "growth: exponent": (found["growth"]["exponent"], found["growth"]["limit"]),
        "start-up [s]": (found["start"]["by_clock"], found["start"]["limit"]),
        "memory [bytes]": (found["memory"]["bytes"], found["memory"]["limit"]),
        **{f"{name} case [s]": (row["core_seconds"], row["limit"]) for name, row in found["cases"].items()},
    }
    lines += [
        f"{name}: expected at most {limit:g}, got {got:.4g}" for name, (got, limit) in pairs.items() if got > limit
    ]
    rate = found["two_cores"]
    if rate["by_core"] < rate["limit"]:
        lines.append(f"two cores: expected {rate['limit']:g} times the rate of one, got {rate['by_core']:.2f}")
    return lines


def table(found: dict[str, Any]) -> Table:
    """Return the steps as a table for a terminal."""
    shown = Table("step", "grid", "precision", "ns/cell", "limit", "CFL", "ns/cell/CFL")
    for row in found["steps"]:
        numbers = f"{row['ns']:.1f}", f"{row['limit_ns']:g}", f"{row['courant']:.2f}", f"{row['ns_per_cfl']:.1f}"
        shown.add_row(row["kind"], "x".join(map(str, row["cells"])), row["precision"], *numbers)
    return shown


def main() -> int:
    """Measure all; return 1 if a limit is passed."""
    console = Console()
    found = {
        "revision": git_revision(),
        "versions": versions(),
        "steps": steps_of_all_kinds(),
        "parts": {precision: parts(precision) for precision in ("float32", "float64")},
        "growth": growth(),
        "two_cores": two_cores(),
        "start": started(),
        "memory": memory(),
        "cases": {name: case(name, scale) for name, scale in SCALES.items()},
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(OUT, found)
    console.print(table(found))
    for name in ("parts", "growth", "two_cores", "start", "memory", "cases"):
        console.print(f"{name}: {json.dumps(found[name])}", soft_wrap=True, highlight=False)
    late = faults(found)
    console.print(*late, sep="\n") if late else console.print("within every limit")
    console.print("written to build/benchmarks/solver.json")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
