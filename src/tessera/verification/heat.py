"""Heat conduction: a wave of heat decays as the heat equation says."""

import numpy as np

from tessera.physics import eos
from tessera.simulation import grid
from tessera.simulation.grid import PERIODIC, Conserved
from tessera.verification import lines
from tessera.verification.findings import Curve, Found, Panel, near, order, told
from tessera.verification.materials import HMX

CONDUCTIVITY, HEIGHT, LENGTH, END = 50.0, 0.01, 3.2e-7, 5e-11  # [W/m/K], [K], [m], [s]
GRIDS = (16, 32, 64, 128)
SOURCE = "heat equation"


def conduction() -> Found:
    """Let waves along both axes and a diagonal decay on finer and finer grids."""
    rows, curves = [], []
    for name, direction in (("along x", (1, 0)), ("along y", (0, 1)), ("along a diagonal", (1, 1))):
        found = [decay(direction, n) for n in GRIDS]
        errors = [each[1] for each in found]
        rows.append(near(f"{name}: height left, {GRIDS[-1]} cells", found[-1][0], found[-1][2], 0.002, "", SOURCE))
        rows += [
            told(f"{name}: L1 error, {n} cells", e, None, "", "share of the height at the start")
            for n, e in zip(GRIDS, errors, strict=True)
        ]
        rows.append(order(f"{name}: order in L1, last halving", errors[-2:], 2.0, 1.7, SOURCE))
        curves.append(Curve(np.array(GRIDS, float), np.array(errors), name))
    guide = np.array([16.0, 128.0])
    curves.append(Curve(guide, 2.0 * curves[0].y[0] * (guide / 16.0) ** -2.0, "order 2", exact=True))
    return Found(rows, (Panel("a wave of heat", "cells", "L1 error", tuple(curves), logarithmic=True),))


def decay(direction: tuple[int, int], n: int) -> tuple[float, float, float]:
    """Return the share of its height that a wave keeps, its L1 error, and the share that it should keep.

    Its density makes the pressure the same everywhere, so that nothing moves but as heat leaves.
    """
    shape = tuple(n if direction[axis] else lines.ROWS for axis in (1, 0))
    y, x = ((np.arange(m) + 0.5) * LENGTH / n for m in shape)
    number = 2.0 * np.pi / LENGTH
    wave = np.cos(number * (direction[0] * x[None, :] + direction[1] * y[:, None]))
    middle = 301.0
    energy = eos.energy_of_temperature(HMX, HMX.density, middle + HEIGHT * wave)
    density = HMX.sound_speed**2 * HMX.density / (HMX.sound_speed**2 + HMX.gruneisen * energy)
    state = grid.at_rest(np.ones(shape), HMX, np.float64)
    state[Conserved.RHO], state[Conserved.A], state[Conserved.E] = density, density, density * energy
    flow = lines.flow(state, HMX, LENGTH / n, conductivity=CONDUCTIVITY, sides=(PERIODIC,) * 3, cfl=0.3)
    lines.until(flow, END)
    rho = flow.state[Conserved.RHO]
    moving = 0.5 * (flow.state[Conserved.MX] ** 2 + flow.state[Conserved.MY] ** 2) / rho**2
    T = eos.temperature(HMX, rho, flow.state[Conserved.E] / rho - moving) - middle
    alpha = CONDUCTIVITY / (density.mean() * float(eos.heat_capacity(HMX, HMX.density, middle)))
    left = float(np.exp(-alpha * number**2 * (direction[0] + direction[1]) * END))
    got = float(np.sum(T * wave) / np.sum(wave**2)) / HEIGHT
    return got, float(np.abs(T - HEIGHT * left * wave).mean()) / HEIGHT, left
