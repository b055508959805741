"""Smooth flows of ideal gas: a bump that is carried, a simple wave, and a vortex, for the order of accuracy."""

import numpy as np
from scipy.optimize import brentq

from tessera.physics import eos
from tessera.simulation.grid import PERIODIC
from tessera.verification import lines
from tessera.verification.findings import Curve, Found, Panel, Row, order, told

GAS = eos.IdealGas(1.4)
SPEED = 100.0  # unit of the velocity [m/s]
CELLS, ACROSS = (64, 128, 256, 512), (56, 112, 224)
STRENGTH = 5.0  # of the vortex
OWN = "exact solution"


def smooth() -> Found:
    """Run all three on finer and finer grids."""
    rows, curves = [], []
    for name, solve, cells in (("bump", bump, CELLS), ("simple wave", wave, CELLS), ("vortex", vortex, ACROSS)):
        errors = np.array([solve(n) for n in cells])
        mean, largest = list(errors[:, 0]), list(errors[:, 1])
        rows += [told(f"{name}: L1 error of ρ, {n} cells", e, None, "", OWN) for n, e in zip(cells, mean, strict=True)]
        rows.append(order(f"{name}: order in L1, last halving", mean[-2:], 2.0, 1.7, OWN))
        rows.append(_told_order(f"{name}: order in the maximum norm, last halving", largest[-2:]))
        curves.append(Curve(np.array(cells, float), np.array(mean), name))
    guide = np.array([40.0, 512.0])
    curves.append(Curve(guide, 2.0 * mean[0] * (guide / 40.0) ** -2.0, "order 2", exact=True))
    panel = Panel("smooth flows", "cells", "L1 error of ρ", tuple(curves), logarithmic=True)
    return Found(
        rows,
        (panel,),
        (
            "The limiter takes the slope away at an extremum, where the scheme is of first order: the error "
            "of the highest cell falls slower than that of the mean.",
        ),
    )


def _told_order(quantity: str, errors: list[float]) -> Row:
    return told(quantity, float(np.log2(errors[0] / errors[1])), 2.0, "", "the limiter clips extrema")


def bump(n: int) -> tuple[float, float]:
    """Carry a bump of density at equal pressure; return mean and largest relative error of the density."""
    x = (np.arange(n) + 0.5) / n

    def density(x):
        return 1.0 + 0.2 * np.exp(-100.0 * (x - 0.35) ** 2)

    end = 0.3 / SPEED
    state = _line(density(x), np.full(n, SPEED), np.full(n, SPEED**2))
    now = lines.profile(lines.until(lines.flow(state, GAS, 1.0 / n, cfl=0.5), end))
    return _apart(now.density, density(x - 0.3))


def wave(n: int) -> tuple[float, float]:
    """Run a simple wave to the right, before it breaks; the velocity is constant along u + c."""
    gamma, c0, x = GAS.gamma, np.sqrt(GAS.gamma), (np.arange(n) + 0.5) / n
    end = 0.12

    def velocity(x):
        return 0.2 * np.exp(-100.0 * (x - 0.35) ** 2)

    def fields(u):
        c = c0 + 0.5 * (gamma - 1.0) * u
        density = (c / c0) ** (2.0 / (gamma - 1.0))
        return density, u, density**gamma

    def origin(place):
        return brentq(
            lambda x: x + (c0 + 0.5 * (gamma + 1.0) * velocity(x)) * end - place, place - 1.0, place, xtol=1e-14
        )

    density, u, p = fields(velocity(x))
    state = _line(density, u * SPEED, p * SPEED**2)
    now = lines.profile(lines.until(lines.flow(state, GAS, 1.0 / n, cfl=0.5), end / SPEED))
    started = np.array([origin(place) for place in x])
    return _apart(now.density, fields(velocity(started))[0])


def vortex(n: int) -> tuple[float, float]:
    """Carry an isentropic vortex once through a periodic box of 14 x 14 radii along its diagonal, to where it was."""
    gamma, size = GAS.gamma, 14.0
    x = (np.arange(n) + 0.5) * size / n - 0.5 * size

    across, along = np.meshgrid(x, x)
    swirl = STRENGTH / (2.0 * np.pi) * np.exp(0.5 * (1.0 - across**2 - along**2))
    T = 1.0 - (gamma - 1.0) / (2.0 * gamma) * swirl**2
    rho, p, u, v = T ** (1.0 / (gamma - 1.0)), T ** (gamma / (gamma - 1.0)), 1.0 - swirl * along, 1.0 + swirl * across
    state = np.zeros((7, n, n))
    state[0], state[1], state[2] = rho, rho * u * SPEED, rho * v * SPEED
    state[3], state[4] = SPEED**2 * (p / (gamma - 1.0) + 0.5 * rho * (u**2 + v**2)), rho
    flow = lines.flow(state, GAS, size / n, cfl=0.5, sides=(PERIODIC, PERIODIC, PERIODIC))
    lines.until(flow, size / SPEED)
    return _apart(flow.state[0], rho)


def _line(density: np.ndarray, velocity: np.ndarray, pressure: np.ndarray) -> np.ndarray:
    state = np.zeros((7, lines.ROWS, density.size))
    energy = pressure / (GAS.gamma - 1.0) + 0.5 * density * velocity**2
    state[0], state[1], state[3], state[4] = density, density * velocity, energy, density
    return state


def _apart(got: np.ndarray, exact: np.ndarray) -> tuple[float, float]:
    return float(np.abs(got - exact).mean() / exact.mean()), float(np.abs(got - exact).max() / exact.mean())
