"""What happens in each cell after the flow: it yields, burns, melts, is checked.

The reaction is split from the flow at constant density, in substeps of at most 60 K. Cells that are surely
cold are told by a bound that vectorises; the few others are solved one by one in double precision.
"""

import math

import numpy as np

from tessera.physics.eos import (
    at_burnt,
    heat_capacity,
    pressure,
    temperature,
    temperature_bound,
)
from tessera.physics.law import FOUR, ONE, THREE, ZERO, kernel, row_kernel
from tessera.physics.reaction import burnt, explosive, fragments, heating, ignition, intermediates, released
from tessera.physics.strength import least_melting, melting
from tessera.simulation.grid import ENERGY, RHO, SOUND, P, U, V
from tessera.simulation.primitives import primitives

WARMING = 60.0  # of a substep [K]
SUBSTEPS = 60
BURNT = 1e-5  # share of reacting species below which a cell is done [1]
FAINT = np.float32(1e-14)  # second invariant of the stress over that of yield, below which there is none [1]
FASTEST = np.float32(1e6)  # any signal beyond is nonsense [m/s]


@kernel
def burn(law, reaction, rho, e, a, b, c, dt):
    """Return specific internal energy [J/kg] and shares of A, B, C of a cell after `dt` [s]."""
    left = dt
    for substep in range(SUBSTEPS):
        if a + b + c < BURNT:
            break
        here = at_burnt(law, burnt(1.0, a, b, c))
        T = temperature(here, rho, e)
        if ignition(reaction, 0.0) > T:
            break
        power = abs(heating(reaction, T, a, b, c)) + 1e-30
        span = max(WARMING * heat_capacity(here, rho, T) / power, 1e-3 * left)
        span = left if substep == SUBSTEPS - 1 else min(span, left)
        a2 = explosive(reaction, T, a, b, c, span)
        b2 = fragments(reaction, T, a, b, c, span)
        c2 = intermediates(reaction, T, a, b, c, span)
        e += released(reaction, a2, b2, c2) - released(reaction, a, b, c)
        a, b, c = a2, b2, c2
        left -= span
        if left <= 0.0:
            break
    return e, a, b, c


@row_kernel
def check_row(rho, mx, my, total, a, b, c, wrong):
    """Tell the columns of a row whose conserved values are not finite or whose density is not positive.

    The primitive values cannot tell: they are floored, and a floor turns what is not a number into one.
    """
    for i in range(wrong.size):
        nought = ZERO * (rho[i] + mx[i] + my[i] + total[i] + a[i] + b[i] + c[i])
        sane = (rho[i] > ZERO) & (nought == ZERO)
        wrong[i] = wrong[i] if sane else np.uint8(1)


@row_kernel
def survey_row(law, r, u, v, e, c, reacting, fastest, wrong, bound):
    """Note the fastest signal and nonsense of each column, and write bounds of the temperature of a row."""
    for i in range(bound.size):
        speed = max(abs(u[i]), abs(v[i])) + c[i]
        sane = speed < FASTEST
        fastest[i] = max(fastest[i], speed if sane else ZERO * r[i])
        wrong[i] = wrong[i] if sane else np.uint8(1)
    for i in range(bound.size):
        here = at_burnt(law, burnt(r[i], reacting[0, i], reacting[1, i], reacting[2, i]))
        bound[i] = temperature_bound(here, r[i], e[i])


@row_kernel
def yield_row(strength, strong, rho, normal, across, shear, modulus):
    """Return the stress of a row of cells radially to the yield surface, and write their modulus.

    Matter that is thinner than `strong` has none.
    """
    limit = strength.yield_stress * strength.yield_stress / THREE
    stiff = strength.modulus
    for i in range(rho.size):
        second = (normal[i] * normal[i] + across[i] * across[i]) + (normal[i] * across[i] + shear[i] * shear[i])
        allowed = limit * (rho[i] * rho[i])
        left = math.sqrt(allowed / max(second, allowed))
        share = left if (rho[i] > strong) & (second > FAINT * allowed) else ZERO * strong
        normal[i] *= share
        across[i] *= share
        shear[i] *= share
        modulus[i] = stiff if rho[i] > strong else ZERO * strong


@row_kernel
def longitudinal_row(rho, modulus, c):
    """Turn the sound speed of a row of cells into that of longitudinal waves."""
    for i in range(c.size):
        inverse = ONE / rho[i]
        c[i] = math.sqrt(c[i] * c[i] + FOUR / THREE * modulus[i] * inverse)


@kernel
def settle(state, law, reaction, strength, dt, columns, medium, half, strong, line, notes, wrong):
    """Let the first `columns` columns yield, burn and melt, and check them.

    Parameters
    ----------
    strength
        A `Strength`; acts where the state has the rows of `Stress`.
    dt
        Time step [s].
    half
        Density [kg/m3] below which nothing burns.
    strong
        Density [kg/m3] below which there is no strength.
    line, notes, wrong
        Rows (14, n), (2, n), (n) to write to; `wrong` tells columns with nonsense.

    Returns
    -------
    The fastest signal [m/s], the energy that the reaction released [J/m3], summed over cells, and the number of cells
    that were warm enough to burn.
    """
    heat, warm = 0.0, 0
    for i in range(columns):
        notes[0, i], wrong[i] = ZERO, 0
    stressed = state.shape[0] > 7
    ignited = ignition(reaction, 0.0)
    watched = ignited
    if stressed:
        watched = min(ignited, least_melting(strength.curve, 0.0))
    for j in range(state.shape[1]):
        if stressed:
            yield_row(
                strength,
                strong,
                state[0, j, :columns],
                state[7, j, :columns],
                state[8, j, :columns],
                state[9, j, :columns],
                state[10, j, :columns],
            )
        primitives(law, medium, state, j, columns, 1, 2, 0, False, line, 0)
        if stressed:
            longitudinal_row(line[RHO, :columns], state[10, j, :columns], line[SOUND, :columns])
        r, e, bound = line[RHO, :columns], line[ENERGY, :columns], notes[1, :columns]
        check_row(
            state[0, j, :columns],
            state[1, j, :columns],
            state[2, j, :columns],
            state[3, j, :columns],
            state[4, j, :columns],
            state[5, j, :columns],
            state[6, j, :columns],
            wrong[:columns],
        )
        survey_row(
            law,
            r,
            line[U, :columns],
            line[V, :columns],
            e,
            line[SOUND, :columns],
            state[4:7, j, :columns],
            notes[0, :columns],
            wrong[:columns],
            bound,
        )
        for i in range(columns):
            if bound[i] < watched or r[i] < half:
                continue
            rho, old = np.float64(r[i]), np.float64(e[i])
            burning, molten = bound[i] >= ignited, False
            if stressed:
                molten = bound[i] >= melting(strength.curve, rho, line[P, i])
            if not (burning or molten):
                continue
            whole = max(rho, state[4, j, i] + state[5, j, i] + state[6, j, i])
            a, b, c = state[4, j, i] / whole, state[5, j, i] / whole, state[6, j, i] / whole
            new = old
            if burning:
                new, a, b, c = burn(law, reaction, rho, old, a, b, c, dt)
            if new != old:
                state[4, j, i], state[5, j, i], state[6, j, i] = rho * a, rho * b, rho * c
                warm += 1
            heat += rho * (new - old)
            state[3, j, i] += rho * (new - old)
            if molten:
                here = at_burnt(law, burnt(1.0, a, b, c))
                T = temperature(here, rho, new)
                if melting(strength.curve, rho, pressure(here, rho, new)) <= T:
                    for k in range(7, state.shape[0]):
                        state[k, j, i] = ZERO
    fastest = notes[0, 0]
    for i in range(columns):
        fastest = max(fastest, notes[0, i])
    return fastest, heat, warm


__all__ = ["burn", "settle"]
