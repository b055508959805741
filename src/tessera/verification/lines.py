"""Lines of cells for the cases in one dimension: made from parts, run by the solver, read as a profile."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tessera.physics import eos, reaction
from tessera.physics.eos import State
from tessera.simulation import grid
from tessera.simulation.run import Flow
from tessera.verification.exact import Solution

ROWS = 2
OPEN, WALL, FED = grid.OPEN, grid.WALL, grid.FED


class Profile(NamedTuple):
    """What a line of cells holds; each (n,).

    Attributes
    ----------
    x, density, velocity, energy, pressure
        [m], [kg/m3], [m/s], [J/kg], [Pa].
    """

    x: np.ndarray
    density: np.ndarray
    velocity: np.ndarray
    energy: np.ndarray
    pressure: np.ndarray


def line(*parts: tuple[int, State], dtype: Any = np.float64) -> np.ndarray:
    """Return the state (7, 2, n) of a line made of so many cells of each state."""
    rho, u, e, _ = np.concatenate([np.tile(np.asarray(state, float), (cells, 1)) for cells, state in parts]).T
    state = np.zeros((len(grid.Conserved), ROWS, rho.size), dtype)
    state[grid.Conserved.RHO], state[grid.Conserved.MX] = rho, rho * u
    state[grid.Conserved.E], state[grid.Conserved.A] = rho * (e + 0.5 * u**2), rho
    return state


def flow(state: np.ndarray, law: Any, cell_size: float, **options: Any) -> Flow:
    """Return an inviscid, inert flow with open ends unless told otherwise."""
    settled: dict[str, Any] = {
        "kinetics": reaction.Inert(),
        "viscosity": 0.0,
        "cfl": 0.7,
        "sides": (OPEN, OPEN, WALL),
    } | options
    return Flow(state, law, cell_size=cell_size, **settled)


def until(what: Flow, time: float, watch: Callable[[Flow], None] | None = None) -> Flow:
    """Advance a flow to a time [s]; `watch` is called after each step."""
    while what.time < time:
        what.advance(time)
        if watch is not None:
            watch(what)
    return what


def profile(what: Flow) -> Profile:
    """Return the profile of the first row."""
    state = what.state.astype(float)
    rho, u = state[grid.Conserved.RHO, 0], state[grid.Conserved.MX, 0] / state[grid.Conserved.RHO, 0]
    e = state[grid.Conserved.E, 0] / rho - 0.5 * u**2
    x = (np.arange(rho.size) + 0.5) * what.cell_size
    return Profile(x, rho, u, e, eos.pressure(what.law, rho, e))


def tube(solution: Solution, cells: int, length: float, middle: float, time: float, **options: Any) -> Profile:
    """Run a Riemann problem of one law on so many cells; the jump lies at `middle` [m]."""
    before = round(cells * middle / length)
    left, right = (side.state for side in solution.sides)
    state = line((before, left), (cells - before, right))
    return profile(until(flow(state, solution.sides[0].law, length / cells, **options), time))


def exact(solution: Solution, x: np.ndarray, middle: float, time: float, parts: int = 16) -> np.ndarray:
    """Return the means over cells of density, velocity, energy and pressure (4, n) of the exact solution."""
    size = x[1] - x[0]
    within = (np.arange(parts) + 0.5) / parts - 0.5
    points = x[:, None] + size * within
    values = solution.profile((points.ravel() - middle) / time)
    return values.reshape(4, x.size, parts).mean(axis=2)


def plateau(values: np.ndarray, x: np.ndarray, low: float, high: float, margin: float = 0.25) -> float:
    """Return the median between two positions [m], a share of the distance away from both."""
    apart = high - low
    inside = (x > low + margin * apart) & (x < high - margin * apart)
    return float(np.median(values[inside])) if inside.any() else float("nan")


def crossing(x: np.ndarray, values: np.ndarray, level: float, low: float = -np.inf, high: float = np.inf) -> float:
    """Return the last position [m] between two others at which values pass a level, between cells; nan without one."""
    above = values > level
    passed = np.flatnonzero((above[1:] != above[:-1]) & (x[1:] > low) & (x[:-1] < high))
    if passed.size == 0:
        return float("nan")
    i = int(passed[-1])
    return float(x[i] + (values[i] - level) / (values[i] - values[i + 1]) * (x[i + 1] - x[i]))
