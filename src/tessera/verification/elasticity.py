"""Strength: elastic and plastic waves in HMX against the jump conditions, and small waves for speed and order."""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from tessera.physics import eos
from tessera.physics.eos import State
from tessera.simulation import grid
from tessera.simulation.flow import Flow
from tessera.simulation.grid import PERIODIC, Conserved, Stress
from tessera.verification import lines
from tessera.verification.findings import Curve, Found, Panel, Row, at_most, near, order, told
from tessera.verification.lines import FED, OPEN, WALL
from tessera.verification.materials import HMX, STRENGTH

CELLS, SIZE, END = 800, 1e-8, 1.5e-9
SPALL = 0.3e9  # of the small waves, half of which pull [Pa]
SMALL, WAVE = 1e-6, 1e-6  # strain [1] and box [m] of a small wave
GRIDS = (16, 32, 64, 128)
JUMP, ACOUSTIC = "jump conditions of the law with strength", "acoustic theory"
Y, G = STRENGTH.yield_stress, STRENGTH.modulus


class Push(NamedTuple):
    """A shock as it was run, in the frame of the matter ahead; each (n,).

    Attributes
    ----------
    x, velocity, density, stress, deviator, temperature
        [m], [m/s], [kg/m3], normal stress [Pa], its deviatoric part [Pa], [K].
    """

    x: np.ndarray
    velocity: np.ndarray
    density: np.ndarray
    stress: np.ndarray
    deviator: np.ndarray
    temperature: np.ndarray


def elasticity() -> Found:
    """Run a shock in two waves, an overdriven one, and small waves."""
    rows, panels = [], []
    for velocity in (300.0, 1000.0):
        for fed in (False, True):
            found, panel = _shock(velocity, fed)
            rows += found
            if not fed:
                panels.append(panel)
    curves = []
    for kind, speed in (("longitudinal", LONGITUDINAL), ("shear", SHEAR)):
        for way, (nx, ny) in (("along x", (1, 0)), ("along y", (0, 1)), ("along a diagonal", (1, 1))):
            name = f"{kind} wave {way}"
            errors, shifts = zip(*(small(kind, (nx, ny), n) for n in GRIDS), strict=True)
            source = f"{ACOUSTIC}, {GRIDS[-1]} cells"
            rows.append(near(f"{name}: speed", speed * (1.0 + shifts[-1]), speed, 1e-3, "m/s", source))
            rows += [
                told(f"{name}: L1 error, {n} cells", each, None, "", "share of its height, after one period")
                for n, each in zip(GRIDS, errors, strict=True)
            ]
            rows.append(order(f"{name}: order in L1, last halving", list(errors[-2:]), 2.0, 1.7, ACOUSTIC))
            if ny == 0 or nx == ny:
                curves.append(Curve(np.array(GRIDS, float), np.array(errors), f"{kind}, {way}"))
    guide = np.array([16.0, 128.0])
    curves.append(Curve(guide, 2.0 * curves[0].y[0] * (guide / 16.0) ** -2.0, "order 2", exact=True))
    panels.append(Panel("small waves, one period", "cells", "L1 error", tuple(curves), logarithmic=True))
    note = (
        "The deviatoric stress follows the density at 4/3 G: a front that overshoots its density by 0.05 % and comes "
        "back unloads 4 % of it, which is what the rows of the stress over the pressure show; the normal stress hardly "
        "feels it."
    )
    return Found(rows, tuple(panels), (note,))


def precursor() -> tuple[State, float]:
    """Return the state at the elastic limit, its pressure the normal stress, and the speed [m/s] of its shock.

    Elastic strain along one direction reaches yield at ln(rho / rho0) = Y / 2G, where the stress exceeds the pressure
    by 2/3 Y; mass, momentum and energy then say the rest.
    """
    rest = HMX.density
    density = rest * np.exp(0.5 * Y / G)
    apart = 1.0 / rest - 1.0 / density

    def stress(e):
        return float(eos.pressure(HMX, density, e)) + 2.0 / 3.0 * Y

    e = brentq(lambda e: e - 0.5 * stress(e) * apart, 0.0, 1e6, xtol=1e-9)
    u = np.sqrt(stress(e) * apart)
    return State(density, u, e, stress(e)), u / (rest * apart)


LONGITUDINAL, SHEAR = float(np.sqrt(HMX.sound_speed**2 + 4.0 / 3.0 * G / HMX.density)), float(np.sqrt(G / HMX.density))


def push(velocity: float, fed: bool) -> tuple[Push, Push]:
    """Drive a shock with matter that flies against a wall, or with the state behind it; return it at two times."""
    frame = 0.0 if fed else velocity
    state = grid.at_rest(np.ones((lines.ROWS, CELLS)), HMX, np.float64, strong=True)
    state[Conserved.MX] = -frame * state[Conserved.RHO]
    state[Conserved.E] += 0.5 * frame**2 * state[Conserved.RHO]
    more: dict[str, Any] = {"sides": (WALL, OPEN, WALL)}
    if fed:
        more = {"sides": (FED, OPEN, WALL), "inlet": grid.feed(HMX, velocity, np.float64, strength=STRENGTH)}
    flow = lines.flow(state, HMX, SIZE, strength=STRENGTH, **more)
    return tuple(_seen(lines.until(flow, time), frame) for time in (0.6 * END, END))  # type: ignore[return-value]


def _seen(flow: Flow, frame: float) -> Push:
    now = lines.profile(flow)
    deviator = flow.state[Stress.SXX, 0] / now.density
    heat = eos.temperature(HMX, now.density, now.energy)
    return Push(now.x + frame * flow.time, now.velocity + frame, now.density, now.pressure - deviator, deviator, heat)


def _shock(velocity: float, fed: bool) -> tuple[list[Row], Panel]:
    """Compare what lies behind and between the waves."""
    behind, speed = eos.hugoniot(HMX, velocity, strength=STRENGTH)
    limit, ahead = precursor()
    two = speed < ahead
    early, late = push(velocity, fed)
    lapse = 0.4 * END
    start = 0.0 if fed else velocity * END
    label = f"{velocity:g} m/s, {'fed' if fed else 'against a wall'}"

    def run(level):
        return (lines.crossing(late.x, late.velocity, level) - lines.crossing(early.x, early.velocity, level)) / lapse

    def between(values, low, high):
        return lines.plateau(values, late.x, low, high)

    shock = run(0.5 * (velocity + (limit.velocity if two else 0.0)))
    reach = start, speed * END
    T = float(eos.temperature(HMX, behind.density, behind.energy))
    rows = [
        near(f"{label}: speed of the shock", shock, speed, 0.005, "km/s", JUMP),
        near(f"{label}: normal stress", between(late.stress, *reach), behind.pressure, 0.002, "GPa", JUMP),
        near(f"{label}: density", between(late.density, *reach), behind.density, 0.002, "kg/m³", JUMP),
        near(f"{label}: temperature", between(late.temperature, *reach), T, 0.002, "K", JUMP),
        near(f"{label}: stress over pressure", -between(late.deviator, *reach), 2 / 3 * Y, 0.1, "MPa", "2/3 Y"),
    ]
    places = [0.0, speed * END, speed * END, late.x.max()]
    heights = [velocity, velocity, 0.0, 0.0]
    if two:
        gap = speed * END, ahead * END
        rows += [
            near(f"{label}: speed of the precursor", run(0.5 * limit.velocity), ahead, 0.005, "km/s", JUMP),
            near(
                f"{label}: stress at the elastic limit", between(late.stress, *gap), limit.pressure, 0.01, "MPa", JUMP
            ),
            near(f"{label}: velocity behind it", between(late.velocity, *gap), limit.velocity, 0.01, "m/s", JUMP),
        ]
        places = [0.0, gap[0], gap[0], gap[1], gap[1], late.x.max()]
        heights = [velocity, velocity, limit.velocity, limit.velocity, 0.0, 0.0]
    else:
        beyond = late.x > lines.crossing(late.x, late.velocity, 0.5 * velocity) + 10 * SIZE
        most = float(np.abs(late.velocity[beyond]).max())
        rows.append(at_most(f"{label}: velocity 10 cells ahead", most, 1.0, "m/s", "overdriven: no precursor"))
    curves = (
        Curve(np.array(places) * 1e6, np.array(heights), "exact", exact=True),
        Curve(late.x * 1e6, late.velocity, f"{CELLS} cells"),
    )
    return rows, Panel(f"{velocity:g} m/s against a wall, {END * 1e9:g} ns", "x (µm)", "u (m/s)", curves)


def small(kind: str, direction: tuple[int, int], n: int) -> tuple[float, float]:
    """Carry a small sine along an axis or a diagonal of a periodic box for one period.

    Returns
    -------
    The L1 error of its velocity over its height, and by what share it ran ahead.
    """
    way = np.array(direction, float)
    waves = float(np.linalg.norm(way))
    way /= waves
    across = np.array([-way[1], way[0]])
    c, moving = (LONGITUDINAL, way) if kind == "longitudinal" else (SHEAR, across)
    shape = tuple(n if direction[axis] else lines.ROWS for axis in (1, 0))
    y, x = ((np.arange(m) + 0.5) * WAVE / n for m in shape)
    phase = 2.0 * np.pi * (direction[0] * x[None, :] + direction[1] * y[:, None]) / WAVE
    strain = SMALL * np.sin(phase)
    state = grid.at_rest(np.ones(shape), HMX, np.float64, strong=True)
    rho = HMX.density * (1.0 + strain) if kind == "longitudinal" else np.full(shape, HMX.density)
    u = c * strain
    state[Conserved.RHO], state[Conserved.A] = rho, rho
    state[Conserved.MX], state[Conserved.MY] = rho * u * moving[0], rho * u * moving[1]
    state[Conserved.E] = 0.5 * rho * u**2
    squeeze = 0.5 * (np.outer(way, moving) + np.outer(moving, way))
    deviator = 2.0 * G * (squeeze - np.trace(squeeze) / 3.0 * np.eye(2))
    for row, (i, j) in ((Stress.SXX, (0, 0)), (Stress.SYY, (1, 1)), (Stress.SXY, (0, 1))):
        state[row] = -rho * strain * deviator[i, j]
    flow = lines.flow(state, HMX, WAVE / n, strength=STRENGTH, spall=SPALL, sides=(PERIODIC,) * 3, cfl=0.5)
    lines.until(flow, WAVE / waves / c)
    got = (moving[0] * flow.state[Conserved.MX] + moving[1] * flow.state[Conserved.MY]) / flow.state[Conserved.RHO]
    lag = np.angle(np.sum(got * np.exp(1j * phase)) / np.sum(u * np.exp(1j * phase)))
    return float(np.abs(got - u).mean() / (c * SMALL)), float(lag / (2.0 * np.pi))
