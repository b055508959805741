"""A state and all that advances it, with an account of all that enters and leaves."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tessera.errors import ConfigError, ValidityError
from tessera.physics import eos
from tessera.physics.law import kernel, of_precision
from tessera.physics.strength import Strength
from tessera.simulation import chemistry, conduction, grid, merging, scheme
from tessera.simulation.primitives import Medium

AHEAD = 6  # columns beyond the last that moves
MOVING = 1e-6  # slowest velocity that counts as motion [m/s]
CAREFUL_STEPS, CAREFUL = 5, 0.2  # the first steps are a fifth as long
SPREAD = 0.2  # largest conductivity x time step / (heat capacity x cell size^2)
SLIDE = 3.0 / 8.0  # largest viscosity x time step / (density x cell size^2), of the matter that viscosity slows fastest
RARELY, GENTLE = 8, 0.05  # heat flows after as many steps, or as large a part of its largest step
SLOWEST = 0.05  # least share of the Courant step that viscosity or conduction may ask for
THIN, FLOOR, UNDERDENSE, STRONG = 0.02, 5e-5, 0.5, 0.98  # shares of the solid's density
DENSE = 0.9  # share of the solid's density, above which matter conducts heat
VISCOUS = 1.0 / 3.0  # share of the solid's density, below which viscous stress is less in proportion
SIDES = (grid.FED, grid.OPEN, grid.WALL)


class Budget(NamedTuple):
    """What a box holds, and all that ever changed it: totals equal their start plus inflow plus sources.

    Attributes
    ----------
    total
        Mass, momenta along x and y, and energy in the box (4,), per depth [kg/m], [kg/s], [J/m].
    inflow
        The same (4,), of all that has entered through the sides, less what has left.
    released
        Energy that the reaction released [J/m].
    """

    total: np.ndarray
    inflow: np.ndarray
    released: float


class Flow:
    """A state and all that advances it; each `advance` is one time step.

    Parameters
    ----------
    state
        Conserved values (7, y, x), or (11, y, x) with strength, see `grid.Conserved`; changed in place.
    law, kinetics
        One of `eos.LAWS`, one of `reaction.REACTIONS`, made.
    cell_size
        [m].
    cfl
        Courant number of a step [1].
    viscosity, conductivity
        Shear viscosity [Pa s], heat conductivity [W/m/K].
    strength
        A `Strength`, or none.
    spall
        Tension that opens a void [Pa]; 0 for matter that bears none.
    sides
        What lies left, right, and above and below: of `grid.Side`; `FED` on the left only, and `PERIODIC` on the left
        only with the right.
    inlet
        Primitive values that a fed side feeds, or a function of the time [s] that gives them.
    resting
        Column from which on all is at rest and without pressure: left out of the work until something comes. By default
        the first behind a fed side, and none otherwise.
    case
        Named in errors.
    """

    def __init__(
        self,
        state: np.ndarray,
        law: Any,
        kinetics: Any,
        *,
        cell_size: float,
        cfl: float,
        viscosity: float = 0.0,
        conductivity: float = 0.0,
        strength: Strength | None = None,
        spall: float = 0.0,
        sides: tuple[int, int, int] = SIDES,
        inlet: np.ndarray | Callable[[float], np.ndarray] | None = None,
        resting: int | None = None,
        case: int = 0,
    ) -> None:
        rows = len(grid.Conserved) + (0 if strength is None else len(grid.Stress))
        if state.shape[0] != rows:
            raise ConfigError(f"state: expected {rows} rows, got {state.shape[0]}")
        if (sides[0] == grid.PERIODIC) != (sides[1] == grid.PERIODIC):
            raise ConfigError("sides: expected left and right both periodic or neither, got one")
        self.state, self.law, self.kinetics, self.case = state, law, kinetics, case
        self.viscosity, self.conductivity, self.cell_size, self.cfl = viscosity, conductivity, cell_size, cfl
        self.sides = sides
        self.time, self.steps, self.released = 0.0, 0, 0.0
        self.passed = np.zeros((4, 4))
        self._real = state.dtype.type
        self._law = of_precision(law, state.dtype)
        self._stressed = strength is not None
        self._strength = of_precision(Strength() if strength is None else strength, state.dtype)
        solid = float(eos.solid_density(law, 0.0))
        self._solid = solid
        floor = FLOOR * solid if solid > 0.0 else float(np.finfo(np.float32).tiny)
        least = -spall - (2.0 / 3.0 * strength.yield_stress if strength is not None else 0.0)
        coldest = min(0.0, float((state[3] / state[0]).min())) if solid > 0.0 and np.all(state[0] > 0.0) else 0.0
        self._medium = Medium(
            *map(
                self._real,
                (floor, THIN * solid, max(VISCOUS * solid, floor), DENSE * solid, spall, least, min(coldest, 0.0)),
            )
        )
        self._inlet = inlet if callable(inlet) else None
        self._fed = np.zeros(grid.WIDTH, state.dtype) if inlet is None or callable(inlet) else inlet
        columns = state.shape[2]
        ahead = (0 if sides[0] in (grid.FED, grid.DRIVEN) else columns) if resting is None else resting
        self._columns = min(ahead + AHEAD, columns)
        self._work = scheme.workspace(columns, state.dtype)
        self._line = np.zeros((grid.WIDTH, columns), state.dtype)
        self._notes = np.zeros((2, columns), state.dtype)
        self._wrong = np.zeros(columns, np.uint8)
        self._heat = np.zeros((state.shape[1], columns + 2) if conductivity > 0.0 else (1, 1), state.dtype)
        cold = float(eos.temperature(law, solid, 0.0)) if conductivity > 0.0 else 0.0
        self._heat_capacity = DENSE * solid * float(eos.heat_capacity(law, solid, cold)) if cold > 0.0 else np.inf
        self._owed = 0.0
        self._species = 3 if np.any(state[grid.Conserved.A] != state[grid.Conserved.RHO]) else 0
        self._feed()
        self._fastest = self._settle(0.0)

    def advance(self, until: float) -> None:
        """Advance by one time step, no further than to a time [s].

        Raises
        ------
        ValidityError
            The state is nonsense, or viscosity or conduction ask for steps that would never end.
        """
        self._feed()
        dt = self._time_step(until)
        ratio = dt / self.cell_size
        shear = self.viscosity / self.cell_size
        scheme.flow(
            self.state,
            self._law,
            self._medium,
            self._real(ratio),
            self._real(4.0 / 3.0 * shear),
            self._real(shear),
            self._columns,
            self._species,
            self._stressed,
            self.sides,
            self._fed,
            self.steps % 2 == 0,
            self._work,
            self.passed,
        )
        self.steps += 1
        merging.merge(self.state, self._columns, self._medium.floor)
        self._conduct(dt, last=self.time + dt >= until)
        self.time += dt
        self._fastest = self._settle(dt)
        if self._columns < self.state.shape[2]:
            front = last_moving(self.state, self._columns, self._real(MOVING))
            self._columns = min(max(front + AHEAD, self._columns), self.state.shape[2])

    @property
    def columns(self) -> int:
        """Number of columns, from the left, that are at work; the others rest."""
        return self._columns

    def budget(self) -> Budget:
        """Return what the box holds and what has changed it."""
        area = self.cell_size**2
        total = self.state[:4].sum(axis=(1, 2), dtype=np.float64)
        left, right, below, above = self.passed
        return Budget(area * total, area * (left - right + below - above), area * self.released)

    def memory(self) -> dict[str, np.ndarray]:
        """Return all that a flow must know, beside how it was made, to go on as if it had never stopped."""
        numbers = np.array([self.time, self.released, self._fastest, self._owed])
        counts = np.array([self.steps, self._columns, self._species], np.int64)
        return {"state": self.state, "passed": self.passed, "numbers": numbers, "counts": counts}

    def recall(self, memory: dict[str, np.ndarray]) -> None:
        """Go on from what `memory` returned."""
        self.state[...], self.passed[...] = memory["state"], memory["passed"]
        self.time, self.released, self._fastest, self._owed = map(float, memory["numbers"])
        self.steps, self._columns, self._species = map(int, memory["counts"])

    def _conduct(self, dt: float, *, last: bool) -> None:
        """Let heat flow for the time that has passed since it last did: every few steps, for it is slow and costly."""
        if self.conductivity <= 0.0:
            return
        self._owed += dt
        share = self.conductivity * self._owed / self.cell_size**2
        if last or self.steps % RARELY == 0 or share > GENTLE * self._heat_capacity:
            conduction.conduct(
                self.state,
                self._law,
                self._medium,
                self._real(share),
                self._columns,
                self.sides,
                self._line,
                self._heat,
            )
            self._owed = 0.0

    def _feed(self) -> None:
        if self._inlet is not None:
            self._fed = self._inlet(self.time).astype(self.state.dtype)

    def _time_step(self, until: float) -> float:
        careful = CAREFUL if self.steps < CAREFUL_STEPS else 1.0
        fastest = self._fastest
        if self.sides[0] in (grid.FED, grid.DRIVEN):
            fastest = max(fastest, float(abs(self._fed[grid.U]) + self._fed[grid.SOUND]))
        courant = careful * self.cfl * self.cell_size / fastest
        limits = {"viscous": np.inf, "conductive": np.inf}
        if self.viscosity > 0.0:
            density = max(VISCOUS * self._solid, 1e-300)
            limits["viscous"] = SLIDE * self.cell_size**2 * density / self.viscosity
        if self.conductivity > 0.0:
            limits["conductive"] = SPREAD * self.cell_size**2 * self._heat_capacity / self.conductivity
        kind = min(limits, key=lambda each: limits[each])
        dt = min(courant, limits[kind])
        if dt < SLOWEST * courant:
            dense = np.where(self.state[0] > self._medium.solid, self.state[0], np.inf)
            raise self._invalid(
                np.unravel_index(np.argmin(dense), dense.shape),
                f"a {kind} time step of at least {SLOWEST * courant:.2g} s, got {dt:.2g} s;"
                f" lower the {'viscosity' if kind == 'viscous' else 'conductivity'} or enlarge the cells",
            )
        left = until - self.time
        return left if left <= dt else min(dt, 0.5 * left) if left < 2.0 * dt else dt

    def _settle(self, dt: float) -> float:
        fastest, released, warm = chemistry.settle(
            self.state,
            self._law,
            self.kinetics,
            self._strength,
            dt,
            self._columns,
            self._medium,
            UNDERDENSE * self._solid,
            self._real(STRONG * self._solid),
            self._line,
            self._notes,
            self._wrong,
        )
        self.released += released
        if warm:
            self._species = 3
        if self._wrong[: self._columns].any() or not fastest > 0.0:
            raise self._nonsense()
        return float(fastest)

    def _nonsense(self) -> ValidityError:
        sane = np.isfinite(self.state).all(axis=0) & (self.state[0] > 0.0)
        if sane.all():
            momentum = np.abs(self.state[1]) + np.abs(self.state[2])
            cell = np.unravel_index(np.argmax(momentum / self.state[0]), sane.shape)
        else:
            cell = np.unravel_index(np.argmin(sane), sane.shape)
        values = ", ".join(f"{value:.4g}" for value in self.state[:4, cell[0], cell[1]])
        return self._invalid(cell, f"finite values and a positive density, got (rho, mx, my, E) = ({values})")

    def _invalid(self, cell: Any, what: str) -> ValidityError:
        y, x = map(int, cell)
        return ValidityError(f"case {self.case}: time {self.time:.4g} s, cell (y, x) = ({y}, {x}): expected {what}")


@kernel
def last_moving(state, columns, slowest):
    """Return how many columns lie up to the last one that moves, at most `columns`."""
    for i in range(columns - 1, -1, -1):
        for j in range(state.shape[1]):
            if abs(state[1, j, i]) > slowest * state[0, j, i] or abs(state[2, j, i]) > slowest * state[0, j, i]:
                return i + 1
    return 0


__all__ = ["Budget", "Flow"]
