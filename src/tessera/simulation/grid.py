"""Cells and what lies beyond them: the layout of a state, and the rows of ghost cells at each side.

A state has the shape (7, y, x), by row of `Conserved`, or (11, y, x) with the rows of `Stress` of a material with
strength; a kernel holds one line of cells as rows of `Primitive`, each contiguous.
"""

from enum import IntEnum
from typing import Any

import numpy as np

from tessera.physics import eos
from tessera.physics.law import ZERO, kernel
from tessera.physics.strength import uniaxial

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


class Stress(IntEnum):
    """Further rows of a state: density x deviatoric stress [kg Pa/m3], and the shear modulus of the cell [Pa].

    Strain along z is none, and SZZ = -(SXX + SYY).
    """

    SXX = 7
    SYY = 8
    SXY = 9
    MODULUS = 10


class Primitive(IntEnum):
    """Rows of a line: density, velocities along and across it, internal energy, pressure, sound speed, species,
    deviatoric stress along, across and in shear, shear modulus, shear impedance.

    With strength the pressure is the normal stress, counted positive in compression, and the sound speed that of
    longitudinal waves.
    """

    RHO = 0
    U = 1
    V = 2
    ENERGY = 3
    P = 4
    SOUND = 5
    A = 6
    B = 7
    C = 8
    SNN = 9
    STT = 10
    SNT = 11
    MODULUS = 12
    IMPEDANCE = 13


class Side(IntEnum):
    """What lies beyond a side of the box: its last cell, a mirror, given values, the other side, a given velocity."""

    OPEN = 0
    WALL = 1
    FED = 2
    PERIODIC = 3
    DRIVEN = 4


RHO, U, V, ENERGY, P, SOUND, A, B, C, SNN, STT, SNT, MODULUS, IMPEDANCE = (int(row) for row in Primitive)
WIDTH = len(Primitive)
OPEN, WALL, FED, PERIODIC, DRIVEN = (int(side) for side in Side)


def at_rest(
    solid: np.ndarray, law: Any, dtype: Any, *, strong: bool = False, temperature: float | None = None
) -> np.ndarray:
    """Return the state (7, y, x), or (11, y, x) if `strong`, of the solid at rest and without pressure.

    Parameters
    ----------
    solid
        Share of solid in each cell (y, x) [1].
    law
        A law with voids.
    temperature
        Of the solid [K]; that of its law by default.
    """
    density, energy = eos.unloaded(law, temperature)
    state = np.zeros((len(Conserved) + (len(Stress) if strong else 0), *solid.shape), dtype)
    state[Conserved.RHO] = solid * density + (1.0 - solid) * VOID_DENSITY
    state[Conserved.E] = state[Conserved.RHO] * energy
    state[Conserved.A] = state[Conserved.RHO]
    return state


def feed(
    law: Any, particle_velocity: float, dtype: Any, *, strength: Any = None, temperature: float | None = None
) -> np.ndarray:
    """Return the primitive values behind a shock of a particle velocity [m/s], which enter from the left.

    Parameters
    ----------
    strength
        A `Strength`; the shock then carries a normal stress, of which two thirds of the yield stress are deviatoric.
    temperature
        Of the solid ahead [K]; that of its law by default.
    """
    values = np.zeros(WIDTH, dtype)
    values[A] = 1.0
    if particle_velocity > 0.0:
        behind, _ = eos.hugoniot(law, particle_velocity, strength=strength, temperature=temperature)
        values[RHO], values[U], values[ENERGY], values[P] = behind
    else:
        values[RHO], values[ENERGY] = eos.unloaded(law, temperature)
    rho, e = float(values[RHO]), float(values[ENERGY])
    square = float(eos.sound_speed(law, rho, e)) ** 2
    if strength is not None:
        free, _ = eos.unloaded(law, temperature)
        values[SNN] = -uniaxial(strength, rho / free)
        values[STT], values[MODULUS] = -0.5 * values[SNN], strength.modulus
        values[IMPEDANCE] = np.sqrt(rho * strength.modulus)
        square += 4.0 / 3.0 * strength.modulus / rho
    values[SOUND] = np.sqrt(square)
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
            elif left == PERIODIC:
                values[ghost] = values[cells + ghost]
            elif left == WALL:
                values[GHOSTS - 1 - ghost] = values[GHOSTS + ghost]
            else:
                values[ghost] = inlet[U] if (left == DRIVEN) & (row == U) else values[GHOSTS]
            if right == PERIODIC:
                values[last + 1 + ghost] = values[GHOSTS + ghost]
            else:
                values[last + 1 + ghost] = values[last - ghost] if right == WALL else values[last]
        if (row == U) | (row == SNT):
            for ghost in range(GHOSTS):
                if left == WALL:
                    values[ghost] = ZERO - values[ghost]
                if right == WALL:
                    values[last + 1 + ghost] = ZERO - values[last + 1 + ghost]
