"""Shocked HMX: pistons, free surfaces and what they hit, and a gap that closes."""

from typing import Any, NamedTuple

import numpy as np

from tessera.physics import eos
from tessera.physics.eos import State
from tessera.simulation import grid
from tessera.verification import lines
from tessera.verification.exact import RIGHT, Side, released, riemann, shocked
from tessera.verification.findings import AT_MOST, Curve, Found, Panel, Row, near, order, told
from tessera.verification.lines import FED, OPEN, WALL
from tessera.verification.materials import BIRCH, HMX, LINEAR, constant_heat

OWN = "Hugoniot of the law"
TABLE = "EOSlib's formulas and constants (LANL)"
LINE = "Us = c0 + s up, Benson and Conley 1999"
PISTON, CELLS, SIZE = 1000.0, 400, 1e-8
VOID = State(grid.VOID_DENSITY, 0.0, 0.0, 0.0)


class Piston(NamedTuple):
    """A piston into HMX of one law: published pressure [Pa], shock speed [m/s] and temperature [K], with sources."""

    law: Any
    pressure: float
    speed: float
    temperature: float | None
    source: str
    heat: str


PISTONS = {
    "birch-murnaghan": Piston(
        BIRCH, 9.08e9, 4770.0, 504.0, TABLE, "C(T) of Menikoff and Sewell, scaled with the volume"
    ),
    "linear-hugoniot": Piston(
        LINEAR, 9.43e9, 4960.0, None, LINE, "C(T) of Menikoff and Sewell, scaled with the volume"
    ),
    "linear-hugoniot, C = 1000 J/kg/K": Piston(constant_heat(1000.0), 9.43e9, 4960.0, 532.0, LINE, "constant"),
    "linear-hugoniot, C = 1280 J/kg/K": Piston(constant_heat(1280.0), 9.43e9, 4960.0, 497.0, LINE, "constant"),
    "linear-hugoniot, C = 1500 J/kg/K": Piston(constant_heat(1500.0), 9.43e9, 4960.0, 479.0, LINE, "constant"),
    "mie-gruneisen": Piston(HMX, 9.43e9, 4960.0, None, LINE, "linear ramp"),
}


class Shock(NamedTuple):
    """A shock as it was run: pressure [Pa], speed [m/s] and temperature [K], and the last profile."""

    pressure: float
    speed: float
    temperature: float
    profile: lines.Profile


def at_rest(law: Any) -> State:
    """Return the solid at rest."""
    return State(float(eos.solid_density(law, 0.0)), 0.0, 0.0, 0.0)


def temperature(law: Any, state: State) -> float:
    """Return the temperature of a state [K]."""
    return float(eos.temperature(law, state.density, state.energy))


def driven(law: Any, velocity: float, fed: bool) -> Shock:
    """Run a shock, fed as the state behind it, or made by matter that flies against a wall."""
    rest, frame = at_rest(law), 0.0 if fed else velocity
    behind, speed = eos.hugoniot(law, velocity)
    inlet = grid.feed(law, velocity, np.float64) if fed else None
    state = lines.line((CELLS, rest._replace(velocity=-frame)))
    flow = lines.flow(state, law, SIZE, sides=(FED if fed else WALL, OPEN, WALL), inlet=inlet)
    length, half, places = CELLS * SIZE, 0.5 * behind.pressure, []
    for share in (0.3, 0.8):
        now = lines.profile(lines.until(flow, share * length / (speed - frame)))
        places.append(lines.crossing(now.x, now.pressure, half))
    measured = (places[1] - places[0]) / (0.5 * length / (speed - frame)) + frame
    low = (velocity / speed if fed else 0.0) * places[1]
    values = now.pressure, eos.temperature(law, now.density, now.energy)
    p, T = (lines.plateau(each, now.x, low, places[1]) for each in values)
    return Shock(p, measured, T, now)


def pistons() -> Found:
    """Run pistons of 1000 m/s into HMX by each law, against a wall; and fed, for the law of the demo."""
    rows, curves = [], []
    for name, piston in PISTONS.items():
        law = piston.law
        behind, speed = eos.hugoniot(law, PISTON)
        got = driven(law, PISTON, fed=False)
        rows += [
            near(f"{name}: p", got.pressure, behind.pressure, 0.01, "GPa", OWN),
            near(f"{name}: p", got.pressure, piston.pressure, 0.01, "GPa", piston.source),
            near(f"{name}: Us", got.speed, speed, 0.01, "km/s", OWN),
            near(f"{name}: Us", got.speed, piston.speed, 0.01, "km/s", piston.source),
            near(
                f"{name}: T",
                got.temperature,
                temperature(law, behind),
                0.01,
                "K",
                f"{OWN}; heat capacity {piston.heat}",
            ),
        ]
        if piston.temperature is not None:
            source = TABLE if law is BIRCH else "Hugoniot of the source with this heat capacity"
            rows.append(near(f"{name}: T", got.temperature, piston.temperature, 0.01, "K", source))
        if name in ("birch-murnaghan", "linear-hugoniot", "mie-gruneisen"):
            curves.append(Curve(got.profile.x * 1e6, got.profile.pressure / 1e9, name))
    behind, speed = eos.hugoniot(HMX, PISTON)
    got = driven(HMX, PISTON, fed=True)
    rows += [
        near("mie-gruneisen, fed: p", got.pressure, behind.pressure, 0.01, "GPa", OWN),
        near("mie-gruneisen, fed: Us", got.speed, speed, 0.01, "km/s", OWN),
        near("mie-gruneisen, fed: T", got.temperature, temperature(HMX, behind), 0.01, "K", OWN),
    ]
    return Found(rows, (Panel("HMX against a wall at 1000 m/s", "x (µm)", "p (GPa)", tuple(curves)),))


class Impact(NamedTuple):
    """A slab that hits HMX at rest: pressure of the shock that it came from [Pa], its speed over that of the free
    surface, and the published pressure [Pa] and temperature [K]."""

    first: float
    times: float
    pressure: float
    temperature: float


RELEASES = {9.5e9: (2.07e3, 419.0), 15e9: (2.88e3, None)}  # free surface [m/s], temperature after the release [K]
IMPACTS = (
    Impact(9.5e9, 1.0, 9.5e9, 520.0),
    Impact(9.5e9, 1.5, 16.9e9, 770.0),
    Impact(9.5e9, 2.0, 25.8e9, 1108.0),
    Impact(9.5e9, 2.5, 36.2e9, 1529.0),
    Impact(15e9, 1.5, 27.5e9, 1176.0),
    Impact(15e9, 2.0, 42.8e9, 1806.0),
)


def surfaces() -> Found:
    """Release shocked HMX into a void, and let slabs at multiples of the free surface's speed hit HMX at rest."""
    rows, curves, law, rest = [], [], BIRCH, at_rest(BIRCH)
    for first, (speed, warm) in RELEASES.items():
        behind = shocked(Side(law, rest), first, RIGHT)
        end = released(Side(law, behind))
        half, label = CELLS // 2, f"from {first / 1e9:g} GPa"
        state = lines.line((half, behind), (half, VOID))
        now = lines.profile(lines.until(lines.flow(state, law, SIZE), 0.25 * CELLS * SIZE / 6000.0))
        free = (now.density > 0.95 * end.density) & (now.pressure < 1e-3 * first)
        u = float(np.median(now.velocity[free]))
        T = float(np.median(eos.temperature(law, now.density[free], now.energy[free])))
        rows += [
            near(f"free surface {label}", u, end.velocity, 0.01, "km/s", "isentrope of the law"),
            near(f"free surface {label}", u, speed, 0.01, "km/s", TABLE),
            near(f"T after release {label}", T, temperature(law, end), 0.01, "K", "isentrope of the law"),
        ]
        if warm is not None:
            rows.append(near(f"T after release {label}", T, warm, 0.02, "K", TABLE))
        curves.append(Curve(now.x * 1e6, now.velocity / 1e3, label))
    for impact in IMPACTS:
        speed = impact.times * RELEASES[impact.first][0]
        got, exact = _hit(rest._replace(velocity=speed)), shocked(Side(law, rest), _shared(rest, speed), RIGHT)
        label = f"{impact.times:g} x the surface of {impact.first / 1e9:g} GPa"
        rows += [
            near(f"{label}: p", got.pressure, exact.pressure, 0.01, "GPa", OWN),
            near(f"{label}: p", got.pressure, impact.pressure, 0.01, "GPa", TABLE),
            near(f"{label}: T", got.temperature, temperature(law, exact), 0.01, "K", OWN),
            near(f"{label}: T", got.temperature, impact.temperature, 0.01, "K", TABLE),
        ]
    warm_slab = released(Side(law, shocked(Side(law, rest), 9.5e9, RIGHT)))
    solution, got = riemann(Side(law, warm_slab), Side(law, rest)), _hit(warm_slab)
    label = "released slab at the surface's speed"
    rows += [
        near(f"{label}: p", got.pressure, solution.pressure, 0.01, "GPa", OWN),
        near(f"{label}: T of what it hits", got.temperature, temperature(law, solution.stars[1]), 0.01, "K", OWN),
    ]
    return Found(
        rows,
        (Panel("release into a void", "x (µm)", "u (km/s)", tuple(curves)),),
        (
            "The published temperature after release is 419 K; the law itself says 426 K, and the bound of that row "
            "is 2 % for this reason: the source follows the isentrope to the density of the released solid, which is "
            "2 % below that at rest, and cools on the way; the law here keeps the temperature scale of rest below "
            "that density.",
            "The published states of re-impact are those of a slab that was cold and unpressed before it flew, which "
            "is what the rows above run; the last two rows run the slab as the release leaves it, warm and thinner.",
        ),
    )


def _shared(rest: State, speed: float) -> float:
    """Return the pressure of matter hit by its like: both move at half the speed behind their shocks."""
    return eos.hugoniot(BIRCH, 0.5 * (speed - rest.velocity))[0].pressure


def _hit(slab: State) -> Shock:
    """Run the impact of a slab on HMX at rest; the values of what was hit, between contact and front."""
    rest, half = at_rest(BIRCH), CELLS // 2
    solution = riemann(Side(BIRCH, slab), Side(BIRCH, rest))
    end = 0.4 * CELLS * SIZE / solution.speeds[4]
    now = lines.profile(lines.until(lines.flow(lines.line((half, slab), (half, rest)), BIRCH, SIZE), end))
    middle = 0.5 * CELLS * SIZE
    places = middle + solution.velocity * end, middle + solution.speeds[4] * end
    values = now.pressure, eos.temperature(BIRCH, now.density, now.energy)
    p, T = (lines.plateau(each, now.x, *places) for each in values)
    return Shock(p, (lines.crossing(now.x, now.pressure, 0.5 * p) - middle) / end, T, now)


def gap() -> Found:
    """Let a shocked slab cross a gap of 0.5 um and hit HMX at rest, on finer and finer lines."""
    law, rest, length = HMX, at_rest(HMX), 3e-6
    behind, speed = eos.hugoniot(law, PISTON)
    slab = released(Side(law, behind))
    solution = riemann(Side(law, slab), Side(law, rest))
    closure = length / 3.0 / speed + length / 6.0 / slab.velocity
    end, contact = 1.3 * closure, 0.5 * length + solution.velocity * 0.3 * closure
    back, front = (0.5 * length + solution.speeds[side] * 0.3 * closure for side in (0, 4))
    hottest, extra, cells = [], [], (150, 300, 600)
    for n in cells:
        dx, third, sixth = length / n, n // 3, n // 6
        state = lines.line((third, rest), (sixth, VOID), (n - third - sixth, rest))
        inlet = grid.feed(law, PISTON, np.float64)
        flow = lines.until(lines.flow(state, law, dx, sides=(FED, OPEN, WALL), inlet=inlet), end)
        now = lines.profile(flow)
        T = eos.temperature(law, now.density, now.energy)
        hottest.append(float(T.max()))
        plain = np.where(now.x > contact, solution.stars[1].energy, solution.stars[0].energy)
        hit = (now.x > back + 0.1 * (contact - back)) & (now.x < front)
        extra.append(float((now.density * np.maximum(now.energy - plain, 0.0))[hit].sum() * dx))
    rows = []
    for low, high, star, what in (
        (back, contact, solution.stars[0], "slab"),
        (contact, front, solution.stars[1], "what it hit"),
    ):
        got = lines.plateau(now.pressure, now.x, low, high)
        rows.append(near(f"p of {what}", got, star.pressure, 0.01, "GPa", OWN))
        rows.append(near(f"T of {what}", lines.plateau(T, now.x, low, high), temperature(law, star), 0.01, "K", OWN))
    for n, T_max in zip(cells, hottest, strict=True):
        source = "below the threshold of a hotspot; the states behind the second shocks are the row above"
        rows.append(
            Row(f"hottest cell, {n} cells", "K", T_max, temperature(law, solution.stars[1]), AT_MOST, 875.0, source)
        )
    share = [value / (length * behind.density * behind.energy) for value in extra]
    rows += [
        told(f"heat in excess, {n} cells", one, None, "", "share of the heat in the box")
        for n, one in zip(cells, share, strict=True)
    ]
    rows.append(order("order of the heat in excess", extra, 1.0, 0.5, "a powder of a cell's width"))
    panel = Panel("a gap of 0.5 µm, closed", "x (µm)", "T (K)", (Curve(now.x * 1e6, T, "600 cells"),))
    return Found(rows, (panel,))
