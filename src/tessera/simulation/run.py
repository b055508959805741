"""One case: from the share of solid in each cell to fields at equal intervals of time.

A shock enters from the left as the state behind it, fed at the particle velocity; walls above and below;
open on the right. The box ahead of the shock is at rest and is left out of the work.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from tessera.errors import ConfigError, ValidityError
from tessera.physics import eos
from tessera.physics.law import kernel, of_precision
from tessera.physics.reaction import burnt
from tessera.simulation import chemistry, grid, scheme

AHEAD = 6  # columns beyond the last that moves
MOVING = 1e-6  # slowest velocity that counts as motion [m/s]
CAREFUL_STEPS, CAREFUL = 5, 0.2  # the first steps are a fifth as long
SPREAD = 0.2  # largest viscosity x time step / (density x cell size^2)
SLOWEST = 0.05  # least share of the Courant step that viscosity may ask for
THIN, FLOOR, STRESSED, UNDERDENSE, BLURRED = 0.02, 5e-5, 0.9, 0.5, 0.05  # shares of the solid's density
SIDES = (grid.FED, grid.OPEN, grid.WALL)


class Flow:
    """A state and all that advances it; each `advance` is one time step.

    Parameters
    ----------
    state
        Conserved values (7, y, x), see `grid.Conserved`; changed in place.
    law, kinetics
        One of `eos.LAWS`, one of `reaction.REACTIONS`, made.
    viscosity
        Shear viscosity [Pa s].
    cell_size
        [m].
    cfl
        Courant number of a step [1].
    temperature_cap, jet_energy_cap
        Highest temperature [K], highest energy [J/kg] of matter below half the solid's density.
    sides
        What lies left, right, and above and below: `grid.OPEN`, `WALL` or `FED` (left only).
    inlet
        Primitive values that a fed side feeds.
    case
        Named in errors.
    """

    def __init__(
        self,
        state: np.ndarray,
        law: Any,
        kinetics: Any,
        *,
        viscosity: float,
        cell_size: float,
        cfl: float,
        temperature_cap: float = np.inf,
        jet_energy_cap: float = np.inf,
        sides: tuple[int, int, int] = SIDES,
        inlet: np.ndarray | None = None,
        case: int = 0,
    ) -> None:
        self.state, self.law, self.kinetics, self.case = state, law, kinetics, case
        self.viscosity, self.cell_size, self.cfl = viscosity, cell_size, cfl
        self.temperature_cap, self.jet_energy_cap, self.sides = temperature_cap, jet_energy_cap, sides
        self.time, self.steps, self.removed, self.released = 0.0, 0, 0.0, 0.0
        self._real = state.dtype.type
        self._law = of_precision(law, state.dtype)
        solid = float(eos.solid_density(law, 0.0))
        self._solid = solid
        floor = FLOOR * solid if solid > 0.0 else float(np.finfo(np.float32).tiny)
        self._medium = scheme.Medium(*map(self._real, (floor, THIN * solid, STRESSED * solid)))
        self._inlet = np.zeros(grid.WIDTH, state.dtype) if inlet is None else inlet
        columns = state.shape[2]
        self._columns = AHEAD if sides[0] == grid.FED else columns
        self._columns = min(self._columns, columns)
        self._work = scheme.workspace(columns, state.dtype)
        self._saved = np.zeros((2, grid.WIDTH, columns), state.dtype)
        self._line = np.zeros((grid.WIDTH, columns), state.dtype)
        self._notes = np.zeros((2, columns), state.dtype)
        self._wrong = np.zeros(columns, np.uint8)
        self._species = 3 if isinstance(law, eos.Mixture) else 0  # from the first cell that burns, or as the law asks
        self._fastest = self._settle(0.0)
        if sides[0] == grid.FED:
            self._fastest = max(self._fastest, float(self._inlet[grid.U] + self._inlet[grid.SOUND]))

    def advance(self, until: float) -> None:
        """Advance by one time step, no further than to a time [s].

        Raises
        ------
        ValidityError
            The state is nonsense, or viscosity asks for steps that would never end.
        """
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
            self.sides,
            self._inlet,
            self.steps % 2 == 0,
            self._work,
            self._saved,
        )
        self.steps += 1
        self.time += dt
        self._fastest = self._settle(dt)
        if self._columns < self.state.shape[2]:
            front = last_moving(self.state, self._columns, self._real(MOVING))
            self._columns = min(max(front + AHEAD, self._columns), self.state.shape[2])

    def _time_step(self, until: float) -> float:
        careful = CAREFUL if self.steps < CAREFUL_STEPS else 1.0
        courant = careful * self.cfl * self.cell_size / self._fastest
        dt = courant
        if self.viscosity > 0.0:
            dt = min(dt, SPREAD * max(STRESSED * self._solid, 1e-300) * self.cell_size**2 / self.viscosity)
        if dt < SLOWEST * courant:
            density = np.where(self.state[0] > self._medium.solid, self.state[0], np.inf)
            raise self._invalid(
                np.unravel_index(np.argmin(density), density.shape),
                f"a viscous time step of at least {SLOWEST * courant:.2g} s, got {dt:.2g} s;"
                " lower the viscosity or enlarge the cells",
            )
        left = until - self.time
        return left if left <= dt else min(dt, 0.5 * left) if left < 2.0 * dt else dt

    def _settle(self, dt: float) -> float:
        fastest, removed, released, warm = chemistry.settle(
            self.state,
            self._law,
            self.kinetics,
            dt,
            self._columns,
            self._medium,
            UNDERDENSE * self._solid,
            self.temperature_cap,
            self.jet_energy_cap,
            self._line,
            self._notes,
            self._wrong,
        )
        self.removed += removed
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


class Fields(NamedTuple):
    """What is stored of a state, by the names of the dataset contract; each (y, x)."""

    temperature: np.ndarray
    pressure: np.ndarray
    microstructure: np.ndarray
    velocity_x: np.ndarray
    velocity_y: np.ndarray


def fields(state: np.ndarray, law: Any, average: int = 1) -> Fields:
    """Return the fields of a state (7, y, x), as means over `average` x `average` cells, single precision."""
    values = np.zeros((5, *state.shape[1:]))
    density = float(eos.solid_density(law, 0.0))
    observe(state, of_precision(law, np.float64), THIN * density, BLURRED * density, values)
    ny, nx = state.shape[1] // average, state.shape[2] // average
    means = values.reshape(5, ny, average, nx, average).mean(axis=(2, 4))
    return Fields(*means.astype(np.float32))


@kernel
def observe(state, law, thin, blurred, values):
    """Write temperature, pressure, solid share and velocities of each cell; voids are as cold as the start."""
    cold = eos.temperature(law, eos.solid_density(law, 0.0), 0.0)
    for j in range(state.shape[1]):
        for i in range(state.shape[2]):
            rho = np.float64(state[0, j, i])
            u, v = state[1, j, i] / rho, state[2, j, i] / rho
            e = max(state[3, j, i] / rho - 0.5 * (u * u + v * v), 0.0)
            moved = 1.0 if blurred == 0.0 else min(rho / blurred, 1.0)
            here = eos.at_burnt(law, burnt(rho, state[4, j, i], state[5, j, i], state[6, j, i]))
            values[0, j, i] = eos.temperature(here, rho, e) if rho >= thin else cold
            values[1, j, i] = eos.pressure(here, rho, e)
            values[2, j, i] = eos.solid_fraction(here, rho, e)
            values[3, j, i] = u * moved
            values[4, j, i] = v * moved


@kernel
def last_moving(state, columns, slowest):
    """Return how many columns lie up to the last one that moves, at most `columns`."""
    for i in range(columns - 1, -1, -1):
        for j in range(state.shape[1]):
            if abs(state[1, j, i]) > slowest * state[0, j, i] or abs(state[2, j, i]) > slowest * state[0, j, i]:
                return i + 1
    return 0


def simulate(
    solid: np.ndarray,
    *,
    law: Any,
    reaction: Any,
    viscosity: float,
    particle_velocity: float,
    cell_size: float,
    snapshots: int,
    interval: float,
    average: int = 1,
    case: int = 0,
    progress: Callable[[], Any] | None = None,
    cfl: float = 0.7,
    precision: str = "float32",
    temperature_cap: float = 5000.0,
    jet_energy_cap: float = 2.0e6,
) -> xr.Dataset:
    """Simulate one case.

    Parameters
    ----------
    solid
        Share of solid in each computed cell (y, x) [1].
    law, reaction
        A law of `eos.LAWS` with voids and a reaction of `reaction.REACTIONS`, made.
    viscosity, particle_velocity, cell_size
        [Pa s], [m/s], [m].
    snapshots, interval
        How many snapshots to store, the first at time 0, and the time between two [s].
    average
        Stored cells are means of `average` x `average` computed ones.
    case
        Its number, for the coordinate and for errors.
    progress
        Called after each snapshot but the first.
    cfl, precision, temperature_cap, jet_energy_cap
        Courant number [1], type of the kernels, caps [K] and [J/kg].

    Returns
    -------
    The fields of the dataset contract (time, y, x), with attributes `core_seconds` (processor time without
    compilation), `steps`, and `removed_energy_share`, what the caps took of the energy in the box.

    Raises
    ------
    ConfigError
        The solid is not a share per cell.
    ValidityError
        The simulation left its validity; names case, time [s] and cell (y, x).
    """
    if solid.ndim != 2 or not np.all((solid >= 0.0) & (solid <= 1.0)):
        raise ConfigError(f"solid: expected shares from 0 to 1 of shape (y, x), got shape {solid.shape}")

    def flow_of(solid: np.ndarray) -> Flow:
        return Flow(
            grid.at_rest(solid, law, precision),
            law,
            reaction,
            viscosity=viscosity,
            cell_size=cell_size,
            cfl=cfl,
            temperature_cap=temperature_cap,
            jet_energy_cap=jet_energy_cap,
            inlet=grid.feed(law, particle_velocity, precision),
            case=case,
        )

    _compile(flow_of)
    began = time.thread_time()
    flow = flow_of(solid)
    stored = [fields(flow.state, law, average)]
    for number in range(1, snapshots):
        while flow.time < number * interval:
            flow.advance(number * interval)
        stored.append(fields(flow.state, law, average))
        if progress is not None:
            progress()
    spent = time.thread_time() - began
    ny, nx = solid.shape[0] // average, solid.shape[1] // average
    held = float(flow.state[grid.Conserved.E].sum(dtype=np.float64))
    return xr.Dataset(
        {
            name: (("time", "y", "x"), np.stack([getattr(snapshot, name) for snapshot in stored]))
            for name in Fields._fields
        },
        coords={
            "case": case,
            "time": np.arange(snapshots) * interval,
            "y": (np.arange(ny) + 0.5) * cell_size * average,
            "x": (np.arange(nx) + 0.5) * cell_size * average,
        },
        attrs={
            "core_seconds": spent,
            "steps": flow.steps,
            "removed_energy_share": flow.removed / (held + flow.removed) if held > 0.0 else 0.0,
        },
    )


def _compile(flow_of: Callable[[np.ndarray], Flow]) -> None:
    """Compile or load every kernel, so that a clock started afterwards shows work alone."""
    small = flow_of(np.ones((4, 8)))
    fields(small.state, small.law)
    small.viscosity = 0.0
    small.advance(1e-15)


__all__ = ["Fields", "Flow", "fields", "simulate"]
