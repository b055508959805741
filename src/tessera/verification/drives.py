"""Loadings: a flyer and a history of pressure, against the Hugoniot and the simple waves that follow."""

import numpy as np
from scipy.optimize import brentq

from tessera.physics import eos
from tessera.simulation import grid, loading
from tessera.simulation.flow import Flow
from tessera.simulation.loading import Flyer, Loading, PressureHistory
from tessera.verification import lines
from tessera.verification.exact import RIGHT, Isentrope, Side
from tessera.verification.findings import Curve, Found, Panel, Row, at_most, near, told
from tessera.verification.materials import HMX

VELOCITY, THICKNESS, LENGTH, PLACE = 2000.0, 2e-6, 6e-6, 2e-6  # [m/s], [m]; of the box, and where it is watched
BEHIND, SPEED = eos.hugoniot(HMX, 0.5 * VELOCITY)
HELD, LOWERED = (3e-10, 7e-10), 0.4  # a pressure begins and ends to fall [s], to this share
GRIDS = (150, 300, 600)
HUGONIOT, SIMPLE = "Hugoniot of the law", "simple wave on the isentrope of the law"
PATH = Isentrope(Side(HMX, BEHIND), RIGHT)


def drives() -> Found:
    """Run both on finer and finer lines."""
    plate, one = _flyer()
    history, other = _history()
    low = LOWERED * BEHIND.pressure
    there = PATH.to(low)
    other_velocity = brentq(lambda u: eos.hugoniot(HMX, u)[0].pressure - low, 1.0, 0.5 * VELOCITY)
    impedance = there.density * float(eos.sound_speed(HMX, there.density, there.energy))
    note = (
        "A history feeds matter in its state on the principal Hugoniot; while the pressure falls, what should enter is "
        f"on the isentrope of the shocked solid, and faster by {there.velocity - other_velocity:.0f} m/s at the lowest "
        f"pressure. In acoustic theory that lowers the pressure at the inlet by "
        f"{50.0 * impedance * (there.velocity - other_velocity) / low:.1f} %, and the error of the profile does not "
        "vanish with the cells."
    )
    return Found(plate + history, (one, other), (note,))


def _begun(what: Loading, cells: int) -> tuple[Flow, int]:
    """Return a line of solid with its loading, and the columns before it."""
    size = LENGTH / cells
    begun = loading.start(what, np.ones((lines.ROWS, cells)), HMX, np.float64, size)
    sides = (begun.left, grid.OPEN, grid.WALL)
    more = {"sides": sides, "inlet": begun.inlet, "resting": begun.resting}
    return lines.flow(begun.state, HMX, size, **more), begun.lead


def _fan() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pressures on the release of the shocked solid, velocities, and speeds u + c of their signals."""
    states = [PATH.at(s) for s in np.linspace(PATH.begin, PATH.end, 400)]
    rho, u, e, p = np.array(states).T
    return p, u, u + eos.sound_speed(HMX, rho, e)


def _flyer() -> tuple[list[Row], Panel]:
    """Watch the pressure at one place: the shock comes, is held, and is released from the rear of the flyer."""
    through = THICKNESS / SPEED
    rear = -THICKNESS + VELOCITY * through
    p, _, signal = _fan()
    arrival = PLACE / SPEED
    release = through + (PLACE - rear) / signal
    half = float(np.interp(0.5 * BEHIND.pressure, p[::-1], release[::-1]))
    rows: list[Row] = []
    curves, errors = [], []
    for cells in GRIDS:
        flow, lead = _begun(Flyer(VELOCITY, THICKNESS), cells)
        place = lead + round(PLACE / flow.cell_size)
        seen: list[tuple[float, ...]] = []

        def watch(flow: Flow, place: int = place, seen: list[tuple[float, ...]] = seen) -> None:
            rho, mx, energy = (flow.state[row, 0, place - 1 : place + 1].mean() for row in (0, 1, 3))
            seen.append((flow.time, mx / rho, float(eos.pressure(HMX, rho, energy / rho - 0.5 * (mx / rho) ** 2))))

        lines.until(flow, 1.3 * half, watch)
        times, velocities, pressures = np.array(seen).T
        held = (times > arrival + 0.3 * (release[0] - arrival)) & (times < release[0] - 0.1 * (release[0] - arrival))
        came, left = (_passing(times, pressures, 0.5 * BEHIND.pressure, side) for side in (0, -1))
        errors.append(abs((left - came) / (half - arrival) - 1.0))
        curves.append(Curve(times * 1e9, pressures / 1e9, f"{cells} cells"))
        if cells == GRIDS[-1]:
            rows += [
                near("flyer: pressure", np.median(pressures[held]), BEHIND.pressure, 0.002, "GPa", HUGONIOT),
                near("flyer: velocity", np.median(velocities[held]), 0.5 * VELOCITY, 0.002, "m/s", "half of its own"),
                near("flyer: arrival at 2 µm", came, arrival, 0.01, "ns", HUGONIOT),
                near("flyer: time above half of the pressure", left - came, half - arrival, 0.02, "ns", SIMPLE),
            ]
        rows.append(told(f"flyer: error of that time, {cells} cells", errors[-1], None, "", SIMPLE))
    x = np.concatenate([[0.0, arrival, arrival], release[p > 0.0]])
    y = np.concatenate([[0.0, 0.0, BEHIND.pressure], p[p > 0.0]])
    shown = x < 1.3 * half
    exact = Curve(x[shown] * 1e9, y[shown] / 1e9, "exact", exact=True)
    return rows, Panel("behind a flyer, at 2 µm", "t (ns)", "p (GPa)", (exact, *curves))


def _passing(times: np.ndarray, values: np.ndarray, level: float, which: int) -> float:
    """Return the first or last time at which values pass a level, between steps."""
    above = values > level
    i = int(np.flatnonzero(above[1:] != above[:-1])[which])
    return float(times[i] + (level - values[i]) / (values[i + 1] - values[i]) * (times[i + 1] - times[i]))


def _history() -> tuple[list[Row], Panel]:
    """Compare the profile of a pressure that is held and falls with the simple wave that starts at the inlet."""
    peak = BEHIND.pressure
    what = PressureHistory((0.0, *HELD), (peak, peak, LOWERED * peak))
    end = HELD[1] + 1e-10
    p, _, signal = _fan()
    starts = np.linspace(*HELD, 200)
    falling = np.interp(starts, HELD, (peak, LOWERED * peak))
    places = np.interp(falling, p[::-1], signal[::-1]) * (end - starts)
    front = SPEED * end
    rows: list[Row] = []
    curves, errors = [], []
    for cells in GRIDS:
        flow, _ = _begun(what, cells)
        now = lines.profile(lines.until(flow, end))
        exact = np.where(now.x > front, 0.0, np.interp(now.x, places[::-1], falling[::-1]))
        errors.append(float(np.abs(now.pressure - exact).sum() / exact.sum()))
        curves.append(Curve(now.x * 1e6, now.pressure / 1e9, f"{cells} cells"))
        rows.append(told(f"history: L1 error of p, {cells} cells", errors[-1], None, "", SIMPLE))
    plateau = lines.plateau(now.pressure, now.x, places[0], front)
    rows[-1] = at_most(rows[-1].quantity, errors[-1], 0.01, "", SIMPLE)
    rows += [
        near("history: pressure that is held", plateau, peak, 0.002, "GPa", "as asked for"),
        near("history: shock", lines.crossing(now.x, now.pressure, 0.5 * peak), front, 0.01, "µm", HUGONIOT),
        near("history: pressure at the inlet", now.pressure[0], LOWERED * peak, 0.02, "GPa", "as asked for"),
    ]
    line = Curve(
        np.concatenate([[0.0], places[::-1], [front, front, LENGTH]]) * 1e6,
        np.concatenate([[LOWERED * peak], falling[::-1], [peak, 0.0, 0.0]]) / 1e9,
        "exact",
        exact=True,
    )
    return rows, Panel(f"a pressure that falls, {end * 1e9:g} ns", "x (µm)", "p (GPa)", (line, *curves))
