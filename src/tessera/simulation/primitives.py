"""From conserved to primitive values, row by row.

Voids hold no pressure; matter bears tension up to its spall limit. With strength the pressure is the normal stress
and the sound speed that of longitudinal waves, so that the rest of a sweep along one direction need not know of it.
"""

import math
from typing import NamedTuple

import numpy as np

from tessera.physics.eos import at_burnt, pressure, sound_speed, squared_speed, tension
from tessera.physics.eos.functions import VOID_SPEED
from tessera.physics.law import FOUR, HALF, ONE, THREE, ZERO, kernel, row_kernel
from tessera.physics.reaction import burnt
from tessera.simulation.grid import ENERGY, IMPEDANCE, MODULUS, RHO, SNN, SNT, SOUND, STT, A, P, U, V

STILL = np.float32(1e-7)  # velocities below are rest [m/s]: denormal numbers are slow
COLD = np.float32(1e-6)  # internal energies below are none [J/kg]
PURE = np.float32(1e-9)  # shares below are none [1]


class Medium(NamedTuple):
    """What tells solid from void, and bounds of what matter bears.

    Attributes
    ----------
    floor
        Least divisor of a density [kg/m3].
    thin
        Density below which cells are void and the reconstruction is constant [kg/m3].
    viscous
        Density below which cells carry viscous stress only in proportion to it [kg/m3].
    solid
        Density above which cells conduct heat [kg/m3].
    spall
        Tension that opens a void [Pa].
    least
        Lowest pressure, or normal stress with strength, of a face [Pa].
    coldest
        Least specific internal energy [J/kg].
    """

    floor: float
    thin: float
    viscous: float
    solid: float
    spall: float
    least: float
    coldest: float


@row_kernel
def motion_row(medium, rho, normal, across, total, r, u, v, e):
    """Write density, velocities and internal energy of a row of cells."""
    for i in range(r.size):
        inverse = ONE / max(rho[i], medium.floor)
        un, ut = normal[i] * inverse, across[i] * inverse
        un = un if abs(un) > STILL else ZERO * inverse
        ut = ut if abs(ut) > STILL else ZERO * inverse
        inner = total[i] * inverse - HALF * (un * un + ut * ut)
        inner = inner if abs(inner) > COLD else ZERO * inverse
        r[i], u[i], v[i] = max(rho[i], medium.floor), un, ut
        e[i] = max(inner, medium.coldest)


@row_kernel
def pressure_row(law, reacting, r, e, p, c):
    """Write pressure and sound speed of a row of cells, whose voids hold no pressure."""
    for i in range(r.size):
        here = at_burnt(law, burnt(r[i], reacting[0, i], reacting[1, i], reacting[2, i]))
        p[i] = pressure(here, r[i], e[i])
        c[i] = sound_speed(here, r[i], e[i])


@row_kernel
def tension_row(law, spall, reacting, r, e, p, c):
    """Write pressure and sound speed of a row of cells, which bear tension and have none once it opened a void."""
    for i in range(r.size):
        here = at_burnt(law, burnt(r[i], reacting[0, i], reacting[1, i], reacting[2, i]))
        stretched = tension(here, r[i], e[i])
        square = max(squared_speed(here, r[i], e[i]), VOID_SPEED * VOID_SPEED)
        held = stretched >= ZERO - spall
        p[i] = stretched if held else ZERO * spall
        c[i] = math.sqrt(square) if held else VOID_SPEED + ZERO * spall


@row_kernel
def share_row(r, amount, share):
    """Write the shares of a species in a row of cells."""
    for i in range(share.size):
        part = amount[i] / r[i]
        share[i] = min(part, ONE) if part > PURE else ZERO * part


@row_kernel
def stress_row(
    r, carried_normal, carried_across, carried_shear, stiff, normal, across, shear, modulus, impedance, p, c
):
    """Write stress, modulus and shear impedance of a row of cells; make pressure and speed those of the normal."""
    for i in range(r.size):
        inverse = ONE / r[i]
        normal[i], across[i] = carried_normal[i] * inverse, carried_across[i] * inverse
        shear[i], modulus[i] = carried_shear[i] * inverse, stiff[i]
        impedance[i] = math.sqrt(r[i] * stiff[i])
        p[i] -= normal[i]
        c[i] = math.sqrt(c[i] * c[i] + FOUR / THREE * stiff[i] * inverse)


@kernel
def primitives(law, medium, state, j, cells, normal, across, species, strong, line, start):
    """Write the primitive values of the first cells of row `j` to a line, from `start` on."""
    end = start + cells
    r, e, p, c = line[RHO, start:end], line[ENERGY, start:end], line[P, start:end], line[SOUND, start:end]
    motion_row(
        medium,
        state[0, j, :cells],
        state[normal, j, :cells],
        state[across, j, :cells],
        state[3, j, :cells],
        r,
        line[U, start:end],
        line[V, start:end],
        e,
    )
    if medium.spall > ZERO:
        tension_row(law, medium.spall, state[4:7, j, :cells], r, e, p, c)
    else:
        pressure_row(law, state[4:7, j, :cells], r, e, p, c)
    for k in range(species):
        share_row(r, state[4 + k, j, :cells], line[A + k, start:end])
    if strong:
        stress_row(
            r,
            state[6 + normal, j, :cells],
            state[6 + across, j, :cells],
            state[9, j, :cells],
            state[10, j, :cells],
            line[SNN, start:end],
            line[STT, start:end],
            line[SNT, start:end],
            line[MODULUS, start:end],
            line[IMPEDANCE, start:end],
            p,
            c,
        )


__all__ = ["Medium", "primitives"]
