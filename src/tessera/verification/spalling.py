"""Tension: two halves that fly apart, and the slab that the impact of a flyer spalls off."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from tessera.physics import eos
from tessera.physics.eos import State
from tessera.simulation.flow import Flow
from tessera.simulation.grid import OPEN, VOID_DENSITY, WALL
from tessera.verification import lines
from tessera.verification.exact import LEFT, Isentrope, Side
from tessera.verification.findings import Curve, Found, Panel, Row, at_most, near, told
from tessera.verification.materials import HMX

SIZE = 1e-8
APART, HALF = 60.0, 200  # [m/s], cells
IMPACT, FLYER, TARGET, EMPTY = 200.0, 100, 300, 60  # [m/s], cells
LIMIT, UNLIMITED = 0.3e9, 1e9  # spall [Pa]
END = 2.4e-9
SOLID = 0.9  # share of the solid's density above which a cell is part of a slab
REST = State(HMX.density, 0.0, 0.0, 0.0)
VOID = State(VOID_DENSITY, 0.0, 0.0, 0.0)
ISENTROPE, ACOUSTIC = "isentrope of the law below its density at rest", "acoustic theory"


def spalling() -> Found:
    """Run both."""
    impact, panel = _impact()
    return Found(_torn() + impact, (panel,))


def _torn() -> list[Row]:
    """Pull two halves of a line apart, below the limit and above it."""
    path = Isentrope(Side(HMX, REST), LEFT, lowest=-UNLIMITED)
    root = brentq(lambda s: path.at(s).velocity - 0.5 * APART, path.end, path.begin)
    expected = -path.at(root).pressure
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
            open_ = now.density < (1.0 - spall / (HMX.density * HMX.sound_speed**2)) * HMX.density
            most = float(pull[~open_].max()) / spall
            rows += [
                Row("halves apart: tension over its limit", "", most, 1.0, "at most", 1.0 + 1e-6, "spall limit"),
                told("halves apart: cells that opened", float(open_.sum()), None, "", ""),
            ]
            kept = now.velocity[HALF + 20 : HALF + 60]
            rows.append(told("halves apart: velocity", float(np.median(kept)), 0.5 * APART, "m/s", "nothing pulls"))
    return rows


class Spall(NamedTuple):
    """What the far free surface of a target did: times [s] and velocities [m/s]; the thickness of the slab [m]."""

    times: np.ndarray
    velocities: np.ndarray
    thickness: float
    speed: float


def impact(spall: float) -> Spall:
    """Let a flyer hit a target."""
    parts = (EMPTY, VOID), (FLYER, REST._replace(velocity=IMPACT)), (TARGET, REST), (EMPTY, VOID)
    flow = lines.flow(lines.line(*parts), HMX, SIZE, spall=spall, sides=(OPEN, OPEN, WALL))
    times, velocities = [], []

    def watch(flow: Flow) -> None:
        rho = flow.state[0, 0]
        last = int(np.flatnonzero(rho > SOLID * HMX.density).max())
        times.append(flow.time)
        velocities.append(flow.state[1, 0, last] / rho[last])

    now = lines.profile(lines.until(flow, END, watch))
    solid = np.flatnonzero(now.density > SOLID * HMX.density)
    gaps = np.flatnonzero(np.diff(solid) > 1)
    if gaps.size == 0:
        return Spall(np.array(times), np.array(velocities), float("nan"), float("nan"))
    low, high = solid[gaps[-1]] + 1, solid[gaps[-1] + 1]
    cut = low + int(np.argmin(now.density[low:high]))
    mass = now.density[cut:].sum() * SIZE
    speed = float((now.density[cut:] * now.velocity[cut:]).sum() * SIZE / mass)
    return Spall(np.array(times), np.array(velocities), mass / HMX.density, speed)


def _impact() -> tuple[list[Row], Panel]:
    """Compare the slab and the velocity of its surface with acoustic theory."""
    found, held = impact(LIMIT), impact(UNLIMITED)
    behind, speed = eos.hugoniot(HMX, 0.5 * IMPACT)
    arrival = (TARGET * SIZE) / speed
    peak = float(np.median(found.velocities[(found.times > arrival + 1e-10) & (found.times < arrival + 4e-10)]))
    later = found.times > arrival + 3e-10
    trough = float(found.velocities[later].min())
    pull = 0.5 * HMX.density * HMX.sound_speed * (peak - trough)
    least = float(held.velocities[held.times > arrival + 3e-10].min())
    rows = [
        near("impact: velocity of the free surface", peak, IMPACT, 0.01, "m/s", "twice that behind the shock"),
        near(
            "impact: thickness of the slab", found.thickness, FLYER * SIZE, 0.05, "µm", f"{ACOUSTIC}: that of the flyer"
        ),
        near("impact: spall limit from the pull-back", pull, LIMIT, 0.1, "MPa", f"{ACOUSTIC}: ρ c Δu / 2"),
        told("impact: mean velocity of the slab", found.speed, None, "m/s", ""),
        told("impact: pressure", behind.pressure, None, "MPa", "Hugoniot of the law"),
        told("impact without spall: least velocity of the surface", least, 0.0, "m/s", f"{ACOUSTIC}: full pull-back"),
    ]
    curves = (
        Curve(found.times * 1e9, found.velocities, f"spall at {LIMIT / 1e9:g} GPa"),
        Curve(held.times * 1e9, held.velocities, "no spall"),
    )
    return rows, Panel("free surface of a target", "t (ns)", "u (m/s)", curves)
