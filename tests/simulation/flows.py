"""Flows that tests share: lines of cells with two states, boxes with a pore, and exact solutions."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from tessera.physics import eos, reaction
from tessera.simulation import grid, run

HMX = eos.LAWS["mie-gruneisen"](1891.0, 2901.0, 2.058, 1.1, 300.0)
INERT, TARVER = reaction.REACTIONS["inert"](), reaction.REACTIONS["tarver"]()
OPEN, WALL, FED = grid.Side.OPEN, grid.Side.WALL, grid.Side.FED


def conserved(*parts, rows=2):
    """Return a state (7, rows, x) from parts of (cells, density, velocity, energy)."""
    line = np.concatenate([np.tile(values, (cells, 1)) for cells, *values in parts]).T
    rho, u, e = line
    state = np.zeros((7, rows, rho.size))
    state[0], state[1], state[3], state[4] = rho, rho * u, rho * (e + 0.5 * u**2), rho
    return state


def flow(state, law=HMX, kinetics=INERT, sides=(OPEN, OPEN, WALL), cell_size=1e-8, **more):
    options = {"viscosity": 0.0, "cfl": 0.7} | more
    return run.Flow(state, law, kinetics, cell_size=cell_size, sides=sides, **options)


def until(what, end):
    while what.time < end:
        what.advance(end)
    return what


def primitive(what, law=HMX):
    """Return density, velocity, energy and pressure of the first row."""
    rho, u = what.state[0, 0], what.state[1, 0] / what.state[0, 0]
    e = what.state[3, 0] / rho - 0.5 * u**2
    return rho, u, e, eos.pressure(law, rho, e)


def pore(rows, columns, centre, radius):
    """Return the solid fraction (y, x) round a disc-shaped pore, lengths in cells."""
    y, x = np.mgrid[0 : 4 * rows, 0 : 4 * columns]
    inside = ((y + 0.5) / 4 - centre[0]) ** 2 + ((x + 0.5) / 4 - centre[1]) ** 2 < radius**2
    return 1.0 - inside.reshape(rows, 4, columns, 4).mean(axis=(1, 3))


def released(state, law=HMX):
    """Return the state after an isentropic release to zero pressure: de = p / rho^2 drho, du = -c / rho drho."""

    def along(rho, values):
        e, _ = values
        return eos.pressure(law, rho, e) / rho**2, -eos.sound_speed(law, rho, e) / rho

    def free(rho, values):
        return eos.energy(law, rho, 0.0) - values[0] + 1e-6

    free.terminal = True
    span, start = (state.density, 0.9 * law.density), (state.energy, state.velocity)
    path = solve_ivp(along, span, start, rtol=1e-10, atol=1e-6, events=free)
    assert path.status == 1
    return eos.State(path.t[-1], path.y[1, -1], path.y[0, -1], 0.0)


def shocked(ahead, p, law=HMX):
    """Return the state behind a shock of pressure `p` into unpressed matter, from the jump conditions."""

    def excess(rho):
        return eos.energy(law, rho, p) - ahead.energy - 0.5 * p * (1 / ahead.density - 1 / rho)

    rho = brentq(excess, 1.001 * ahead.density, 1.8 * ahead.density, xtol=1e-10)
    work = p * (1 / ahead.density - 1 / rho)
    return eos.State(rho, ahead.velocity + np.sqrt(work), ahead.energy + 0.5 * work, p)
