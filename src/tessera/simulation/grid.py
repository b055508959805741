"""Cells and what lies beyond them: the layout of a state, and the rows of ghost cells at each side.

A state has the shape (7, y, x), by row of `Conserved`; a kernel holds one line of cells as rows of
`Primitive`, each contiguous.
"""

from enum import IntEnum
from typing import Any

import numpy as np

from tessera.physics import eos
from tessera.physics.law import ZERO, kernel

GHOSTS = 2
VOID_DENSITY = 2.0  # of a pore [kg/m3]: one part in a thousand, so that it neither resists nor heats


class Conserved(IntEnum):
    """Rows of a state: per volume, density [kg/m3], momenta [kg/m2/s], energy [J/m3], species [kg/m3]."""

    RHO = 0
    MX = 1
    MY = 2
    E = 3
    A = 4
    B = 5
    C = 6


class Primitive(IntEnum):
    """Rows of a line: density, velocities along and across it, internal energy, pressure, sound speed, species."""

    RHO = 0
    U = 1
    V = 2
    ENERGY = 3
    P = 4
    SOUND = 5
    A = 6
    B = 7
    C = 8


class Side(IntEnum):
    """What lies beyond a side of the box."""

    OPEN = 0
    WALL = 1
    FED = 2


RHO, U, V, ENERGY, P, SOUND, A, B, C = (int(row) for row in Primitive)
WIDTH = len(Primitive)
OPEN, WALL, FED = (int(side) for side in Side)


def at_rest(solid: np.ndarray, law: Any, dtype: Any) -> np.ndarray:
    """Return the state (7, y, x) of the solid at rest, from its share (y, x) of each cell [1]."""
    state = np.zeros((len(Conserved), *solid.shape), dtype)
    state[Conserved.RHO] = solid * float(eos.solid_density(law, 0.0)) + (1.0 - solid) * VOID_DENSITY
    state[Conserved.A] = state[Conserved.RHO]
    return state


def feed(law: Any, particle_velocity: float, dtype: Any) -> np.ndarray:
    """Return the primitive values behind a shock of a particle velocity [m/s], which enter from the left."""
    behind, _ = eos.hugoniot(law, particle_velocity)
    values = np.zeros(WIDTH, dtype)
    values[RHO], values[U], values[ENERGY], values[P] = (
        behind.density,
        behind.velocity,
        behind.energy,
        behind.pressure,
    )
    values[SOUND] = eos.sound_speed(law, behind.density, behind.energy)
    values[A] = 1.0
    return values


@kernel
def fill_ends(line, cells, left, right, inlet):
    """Fill the ghost cells before and behind the `cells` cells of a line, which start at `GHOSTS`."""
    last = GHOSTS + cells - 1
    for row in range(WIDTH):
        values = line[row]
        for ghost in range(GHOSTS):
            if left == FED:
                values[ghost] = inlet[row]
            elif left == WALL:
                values[GHOSTS - 1 - ghost] = values[GHOSTS + ghost]
            else:
                values[ghost] = values[GHOSTS]
            values[last + 1 + ghost] = values[last - ghost] if right == WALL else values[last]
        if row == U:
            for ghost in range(GHOSTS):
                if left == WALL:
                    values[ghost] = ZERO - values[ghost]
                if right == WALL:
                    values[last + 1 + ghost] = ZERO - values[last + 1 + ghost]
