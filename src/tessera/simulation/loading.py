"""What drives the shock in from the left: a piston, a history of pressure, a flyer."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tessera.errors import ConfigError
from tessera.physics import eos
from tessera.physics.numerics import root
from tessera.physics.strength import Strength
from tessera.simulation import grid

BEHIND = 8  # columns of void behind a flyer
STATES = 129  # of a table of the inlet


class Piston(NamedTuple):
    """Matter behind a steady shock is fed at its particle velocity [m/s]."""

    velocity: float


class Inflow(NamedTuple):
    """Matter in the state of the first cell is fed at a velocity [m/s]: an inlet that prescribes nothing else.

    What the start heats in the first cell enters for ever: the layer that has entered is hotter than what was shocked.
    """

    velocity: float


class PressureHistory(NamedTuple):
    """Matter at a pressure that changes in time is fed, in its state on the principal Hugoniot.

    That is exact for a shock that rises in one step, and for later changes to the order of the entropy of the shock.

    Attributes
    ----------
    times
        Rising [s]; before the first and after the last the pressure is constant.
    pressures
        Normal stress at these times [Pa], not negative; linear between them.
    """

    times: tuple[float, ...]
    pressures: tuple[float, ...]


class Flyer(NamedTuple):
    """A plate of the same solid, with void behind it, that hits the box at the start.

    Attributes
    ----------
    velocity
        [m/s].
    thickness
        [m].
    """

    velocity: float
    thickness: float


Loading = Piston | Inflow | PressureHistory | Flyer


class Start(NamedTuple):
    """How a case begins.

    Attributes
    ----------
    state
        Conserved values, see `grid.at_rest`, with `lead` columns before the box.
    left
        What lies on the left, of `grid.Side`.
    inlet
        Primitive values that are fed, or a function of the time [s] that gives them.
    lead
        Columns that are computed and not stored.
    resting
        Column from which on all is at rest.
    """

    state: np.ndarray
    left: int
    inlet: np.ndarray | Callable[[float], np.ndarray] | None
    lead: int
    resting: int


def start(
    loading: Loading,
    solid: np.ndarray,
    law: Any,
    dtype: Any,
    cell_size: float,
    strength: Strength | None = None,
    temperature: float | None = None,
) -> Start:
    """Return how a case begins.

    Parameters
    ----------
    solid
        Share of solid in each computed cell (y, x) [1].
    law
        A law with voids.
    cell_size
        [m].
    temperature
        Of the solid [K]; that of its law by default.
    """
    strong = strength is not None
    if isinstance(loading, Flyer):
        plate = max(1, round(loading.thickness / cell_size))
        lead = plate + BEHIND
        whole = np.concatenate([np.zeros((solid.shape[0], BEHIND)), np.ones((solid.shape[0], plate)), solid], axis=1)
        state = grid.at_rest(whole, law, dtype, strong=strong, temperature=temperature)
        flying = state[:, :, :lead]
        flying[grid.Conserved.MX] = flying[grid.Conserved.RHO] * loading.velocity
        flying[grid.Conserved.E] += 0.5 * flying[grid.Conserved.RHO] * loading.velocity**2
        return Start(state, grid.OPEN, None, lead, lead)
    state = grid.at_rest(solid, law, dtype, strong=strong, temperature=temperature)
    if isinstance(loading, Piston | Inflow):
        left = grid.FED if isinstance(loading, Piston) else grid.DRIVEN
        inlet = grid.feed(law, loading.velocity, dtype, strength=strength, temperature=temperature)
        return Start(state, left, inlet, 0, 0)
    return Start(state, grid.FED, _history(loading, law, strength, temperature), 0, 0)


def particle_velocity(
    loading: Loading, law: Any, strength: Strength | None = None, temperature: float | None = None
) -> float:
    """Return the particle velocity [m/s] behind the strongest shock that a loading drives into the solid."""
    if isinstance(loading, Piston | Inflow):
        return loading.velocity
    if isinstance(loading, Flyer):
        return 0.5 * loading.velocity

    peak = max(loading.pressures)

    def short(u):
        return eos.hugoniot(law, u, strength=strength, temperature=temperature)[0].pressure - peak

    highest = 10.0
    while short(highest) < 0.0:
        highest *= 2.0
        if highest > 1e5:
            raise ConfigError(f"pressures: expected what a shock can reach, got {peak:g} Pa")
    return float(root(short, 1e-3, highest, 1e-6))


def _history(
    loading: PressureHistory, law: Any, strength: Strength | None, temperature: float | None
) -> Callable[[float], np.ndarray]:
    """Return the inlet over time, from a table of the Hugoniot."""
    peak = particle_velocity(loading, law, strength, temperature)
    table = np.stack(
        [
            grid.feed(law, u, np.float64, strength=strength, temperature=temperature)
            for u in np.linspace(0.0, peak, STATES)
        ]
    )
    table[0, grid.P] = 0.0

    def inlet(time: float) -> np.ndarray:
        p = np.interp(time, loading.times, loading.pressures)
        return np.array([np.interp(p, table[:, grid.P], column) for column in table.T])

    return inlet


__all__ = ["Flyer", "Inflow", "Loading", "Piston", "PressureHistory", "Start", "particle_velocity", "start"]
