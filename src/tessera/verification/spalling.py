"""Tension: two halves that fly apart, and the slab that the impact of a flyer spalls off."""

from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from tessera.physics import eos
from tessera.physics.eos import State
from tessera.simulation.flow import Flow
from tessera.simulation.grid import OPEN, VOID_DENSITY, WALL
from tessera.verification import lines
from tessera.verification.findings import AT_MOST, Curve, Found, Panel, Row, at_most, near, order, told
from tessera.verification.materials import HMX

SIZE = 1e-8
APART, HALF = 60.0, 200  # [m/s], cells
IMPACT, FLYER, TARGET, EMPTY = 200.0, 100, 300, 60  # [m/s], cells
LIMIT, UNLIMITED = 0.3e9, 1e9  # spall [Pa]
END = 2.4e-9
FINER = (1, 2, 4)
WITHIN = 4  # cells below the surface whose velocity is that of the surface
SOLID = 0.9  # share of the solid's density above which a cell is part of a slab
REST = State(HMX.density, 0.0, 0.0, 0.0)
VOID = State(VOID_DENSITY, 0.0, 0.0, 0.0)
ISENTROPE, ACOUSTIC = "isentrope of the law below its density at rest", "acoustic theory"
PULL_BACK = f"{ACOUSTIC}: ρ c Δu / 2"


def spalling() -> Found:
    """Run both."""
    struck, panel = _impact()
    note = (
        "A cell is empty as soon as it is past the limit, and the pull of the cells around it takes some cells to "
        "build up and to pass on: the surface is pulled back by less than the limit says, by a share that falls with "
        "the cells. A surface of matter that bears tension moves from cell to cell in jerks, whose swing does not fall "
        "with the cells; the mean velocity is right."
    )
    return Found(_torn() + struck, (panel,), (note,))


def _pull(velocity: float) -> float:
    """Return the tension [Pa] of matter at rest that is pulled to a velocity [m/s] along its isentrope.

    Below the density at rest p = c0^2 (rho - rho0) + Gamma rho e, with de = p / rho^2 drho and du = c / rho drho.
    """
    c0, gruneisen = HMX.sound_speed, HMX.gruneisen

    def pressure(rho, e):
        return c0**2 * (rho - HMX.density) + gruneisen * rho * e

    def change(_, values):
        rho, e = values
        p = pressure(rho, e)
        thinning = -rho / np.sqrt(c0**2 + gruneisen * (e + p / rho))
        return thinning, p / rho**2 * thinning

    path = solve_ivp(change, (0.0, velocity), (HMX.density, 0.0), rtol=1e-10, atol=1e-10)
    return -float(pressure(*path.y[:, -1]))


def _torn() -> list[Row]:
    """Pull two halves of a line apart, below the limit and above it."""
    expected = _pull(0.5 * APART)
    parts = (HALF, REST._replace(velocity=-0.5 * APART)), (HALF, REST._replace(velocity=0.5 * APART))
    rows = []
    for spall, what in ((1e9, "held"), (0.5e8, "opened")):
        now = lines.profile(lines.until(lines.flow(lines.line(*parts), HMX, SIZE, spall=spall), 2e-10))
        pull = -eos.tension(HMX, now.density, now.energy)
        middle = slice(HALF - 20, HALF + 20)
        if what == "held":
            got = float(np.median(pull[middle]))
            rows += [
                near("halves held: tension", got, expected, 0.005, "MPa", ISENTROPE),
                near("halves held: tension", got, 0.5 * APART * HMX.density * HMX.sound_speed, 0.02, "MPa", ACOUSTIC),
                at_most("halves held: velocity", np.abs(now.velocity[middle]).max(), 0.1, "m/s", "symmetry"),
            ]
        else:
            thinnest = float(now.density[middle].min()) / HMX.density
            limit = 1.0 - spall / (HMX.density * HMX.sound_speed**2)
            kept = float(np.median(now.velocity[HALF + 20 : HALF + 60]))
            rows += [
                Row("halves apart: least density", "", thinnest, limit, AT_MOST, limit, "at the spall limit"),
                near("halves apart: velocity", kept, 0.5 * APART, 0.05, "m/s", "nothing pulls"),
            ]
    return rows


class Spall(NamedTuple):
    """What the far free surface of a target did: times [s] and velocities [m/s]; the thickness of the slab [m]."""

    times: np.ndarray
    velocities: np.ndarray
    thickness: float
    speed: float


def impact(spall: float, times_finer: int = 1) -> Spall:
    """Let a flyer hit a target, on cells so many times finer."""
    size = SIZE / times_finer
    parts = (
        (EMPTY, VOID._replace(velocity=IMPACT)),
        (FLYER, REST._replace(velocity=IMPACT)),
        (TARGET, REST),
        (EMPTY, VOID),
    )
    state = lines.line(*((cells * times_finer, each) for cells, each in parts))
    flow = lines.flow(state, HMX, size, spall=spall, sides=(OPEN, OPEN, WALL))
    times, velocities = [], []

    def watch(flow: Flow) -> None:
        rho = flow.state[0, 0]
        last = int(np.flatnonzero(rho > SOLID * HMX.density).max()) - WITHIN
        times.append(flow.time)
        velocities.append(flow.state[1, 0, last] / rho[last])

    now = lines.profile(lines.until(flow, END, watch))
    solid = np.flatnonzero(now.density > SOLID * HMX.density)
    gaps = np.flatnonzero(np.diff(solid) > 1)
    if gaps.size == 0:
        return Spall(np.array(times), np.array(velocities), float("nan"), float("nan"))
    low, high = solid[gaps[-1]] + 1, solid[gaps[-1] + 1]
    cut = low + int(np.argmin(now.density[low:high]))
    mass = now.density[cut:].sum() * size
    speed = float((now.density[cut:] * now.velocity[cut:]).sum() * size / mass)
    return Spall(np.array(times), np.array(velocities), mass / HMX.density, speed)


def _impact() -> tuple[list[Row], Panel]:
    """Compare the slab and the velocity of its surface with acoustic theory."""
    behind, speed = eos.hugoniot(HMX, 0.5 * IMPACT)
    arrival = (TARGET * SIZE) / speed
    rows: list[Row] = []
    curves, short = [], []
    for finer in FINER:
        found, cells = impact(LIMIT, finer), f"{FLYER * finer} cells"
        level = (found.times > arrival + 1e-10) & (found.times < arrival + 4e-10)
        peak = float(np.median(found.velocities[level]))
        swing = 0.5 * float(np.ptp(found.velocities[level]))
        pull = 0.5 * HMX.density * HMX.sound_speed * (peak - _least(found, arrival))
        short.append(LIMIT - pull)
        curves.append(Curve(found.times * 1e9, found.velocities, f"{cells} in the flyer"))
        rows.append(told(f"impact: spall limit from the pull-back, {cells}", pull, LIMIT, "MPa", PULL_BACK))
    thickness = f"{ACOUSTIC}: that of the flyer"
    held = impact(UNLIMITED)
    rows[-1] = near(rows[-1].quantity, pull, LIMIT, 0.15, "MPa", PULL_BACK)
    rows += [
        order("impact: order of what the pull-back falls short by", short, 1.0, 0.5, PULL_BACK),
        near("impact: velocity of the free surface", peak, IMPACT, 0.01, "m/s", "twice that behind the shock"),
        told("impact: swing of that velocity while it is held", swing, 0.0, "m/s", "a surface that crosses cells"),
        near("impact: thickness of the slab", found.thickness, FLYER * SIZE, 0.05, "µm", thickness),
        told("impact: mean velocity of the slab", found.speed, None, "m/s", ""),
        told("impact: pressure", behind.pressure, None, "MPa", "Hugoniot of the law"),
        at_most("impact without spall: least velocity of the surface", _least(held, arrival), 2.0, "m/s", ACOUSTIC),
    ]
    curves.append(Curve(held.times * 1e9, held.velocities, "no spall"))
    return rows, Panel("free surface of a target", "t (ns)", "u (m/s)", tuple(curves))


def _least(found: Spall, arrival: float) -> float:
    """Return the velocity [m/s] to which a surface is pulled back."""
    return float(found.velocities[found.times > arrival + 3e-10].min())
