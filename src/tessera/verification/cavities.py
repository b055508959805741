"""Cavities of air in water that a shock collapses, with liquid and gas at one pressure and temperature in each cell."""

from typing import NamedTuple

import numpy as np

from tessera.physics import eos
from tessera.simulation.run import fields
from tessera.verification import lines
from tessera.verification.exact import at_pressure, riemann
from tessera.verification.findings import Curve, Found, Panel, Picture, near, told
from tessera.verification.lines import OPEN, WALL
from tessera.verification.pores import disc

LIQUID = (4.4, 6e8, 1000.0)
PRESSURE = 1e5  # at rest [Pa]


class Cavity(NamedTuple):
    """A cavity and the shock that hits it; lengths along x and y of the upper half of the box.

    Attributes
    ----------
    box, radius, centre
        Lengths [m]; the centre lies on the axis.
    ahead
        How far ahead of the cavity the shock begins [m].
    gas
        Density of the air [kg/m3].
    shock
        Density [kg/m3], velocity [m/s] and pressure [Pa] behind the shock.
    end
        When to stop, after the start [s].
    """

    box: tuple[float, float]
    radius: float
    centre: float
    ahead: float
    gas: float
    shock: tuple[float, float, float]
    end: float

    @property
    def contact(self) -> float:
        """When the shock touches the cavity [s]."""
        density, velocity, _ = self.shock
        return self.ahead * (density - LIQUID[2]) / (density * velocity)


SMALL = Cavity((24e-3, 12e-3), 3e-3, 12e-3, 2.4e-3, 1.0, (1323.65, 681.58, 1.9e9), 5e-6)
LARGE = Cavity((1.2, 0.5), 0.2, 0.5, 0.05, 1.0, (1230.0, 432.69, 1e9), 4e-4)
OWN = "exact solution of the two laws"
QUOTED = "3.6 to 3.7 µs and 2.6 to 2.85 km/s of Nourgaliev 2006 and others, quoted, not read"
PLOTTED = "Shyue 1999 and Zheng 2008, their mean"


class Axis(NamedTuple):
    """Four places on the axis of the large cavity, as ways along the shock's path [m].

    Attributes
    ----------
    early, late
        Of the upstream wall, where the density is 500 kg/m3, from its place at rest, 0.1 and 0.2 ms after the start.
    near, far
        Of the shock from the impact, where the pressure is 0.3 GPa, from the far wall, after 0.3 and 0.4 ms.
    """

    early: float
    late: float
    near: float
    far: float

    @property
    def impact(self) -> float:
        """When the shock from the impact left the far wall, at the speed it has afterwards [s]."""
        return 3e-4 - 1e-4 * self.near / (self.far - self.near)

    @property
    def jet(self) -> float:
        """Mean speed of the upstream wall from 0.2 ms to its impact [m/s]."""
        return (2.0 * LARGE.radius - self.late) / (self.impact - 2e-4)


# Read from profiles that Shyue, J. Comput. Phys. 156 (1999) 43, and Zheng, Shu and Chew, J. Comput. Phys. 227 (2008)
# 6895, plot, as digitised for the validation of blastFoam (airWaterShockBubble).
PAPERS = ("Shyue 1999", "Zheng 2008")
PROFILES = (Axis(0.0844, 0.222, 0.0425, 0.2925), Axis(0.0775, 0.220, 0.0300, 0.2945))


class Collapse(NamedTuple):
    """A collapse as it was run: times after the start [s], upstream and downstream wall on the axis [m], fastest
    liquid on the axis [m/s], highest pressure [Pa]; and the densities and pressures (y, x) at the times asked for."""

    time: np.ndarray
    upstream: np.ndarray
    downstream: np.ndarray
    jet: np.ndarray
    highest: np.ndarray
    pictures: list[tuple[np.ndarray, np.ndarray]]


def start(cavity: Cavity, cell: float) -> tuple[np.ndarray, eos.Pair]:
    """Return the state and the law."""
    law = eos.pair(LIQUID, (1.4, cavity.gas), pressure=PRESSURE)
    columns, rows = round(cavity.box[0] / cell), round(cavity.box[1] / cell)
    liquid = disc(rows, columns, (0.0, cavity.centre / cell), cavity.radius / cell)
    water, air = (float(eos.energy(law._replace(burnt=y), rho, PRESSURE)) for y, rho in ((0.0, 1e3), (1.0, cavity.gas)))
    state = np.zeros((7, rows, columns))
    state[4] = liquid * LIQUID[2]
    state[0] = state[4] + (1.0 - liquid) * cavity.gas
    state[3] = liquid * LIQUID[2] * water + (1.0 - liquid) * cavity.gas * air
    density, velocity, pressure = cavity.shock
    behind = round((cavity.centre - cavity.radius - cavity.ahead) / cell)
    e = float(eos.energy(law, density, pressure))
    state[0, :, :behind], state[4, :, :behind] = density, density
    state[1, :, :behind], state[3, :, :behind] = density * velocity, density * (e + 0.5 * velocity**2)
    return state, law


def collapse(cavity: Cavity, cells_per_radius: int, pictured: tuple[float, ...] = ()) -> Collapse:
    """Run a cavity until its end, and keep pictures of some times [s]."""
    cell = cavity.radius / cells_per_radius
    state, law = start(cavity, cell)
    flow = lines.flow(state, law, cell, cfl=0.6, sides=(OPEN, OPEN, WALL))
    found, pictures, x = [], [], (np.arange(state.shape[2]) + 0.5) * cell
    for stop in (*pictured, cavity.end):
        while flow.time < stop:
            for _ in range(8):
                flow.advance(stop)
            now = fields(flow.state, law)
            axis, wet = now.microstructure[0], now.microstructure[0] > 0.5
            dry = np.flatnonzero(~wet)
            walls = (x[dry[0]], x[dry[-1]]) if dry.size else (np.nan, np.nan)
            fast = float(now.velocity_x[0][axis > 0.9].max())
            found.append((flow.time, *walls, fast, float(now.pressure.max())))
        pictures.append((flow.state[0].copy(), fields(flow.state, law).pressure))
    time, upstream, downstream, jet, highest = np.array(found).T
    return Collapse(time, upstream, downstream, jet, highest, pictures)


def axis(cavity: Cavity, cell: float, pictures: list[tuple[np.ndarray, np.ndarray]]) -> Axis:
    """Read the four places from pictures at 0.1, 0.2, 0.3 and 0.4 ms."""
    rest, far = cavity.centre - cavity.radius, cavity.centre + cavity.radius
    x = (np.arange(pictures[0][0].shape[1]) + 0.5) * cell
    walls = [lines.crossing(x, rho[0], 500.0, high=far - 0.1 * cavity.radius) - rest for rho, _ in pictures[:2]]
    fronts = [lines.crossing(x, p[0], 3e8) - far for _, p in pictures[2:]]
    return Axis(*walls, *fronts)


class Surface(NamedTuple):
    """The surface between water and air after a microsecond.

    Attributes
    ----------
    speed, width
        Of the contact: [m/s], cells from 5 to 95 % of water.
    pressure, ahead, temperature
        In the contact; of the shock in the air, its way ahead of the contact; highest of the air: each over the
        exact value [1].
    exact
        Exact speed of the contact [m/s].
    """

    speed: float
    width: float
    pressure: float
    ahead: float
    temperature: float
    exact: float


def surface(cells: int) -> Surface:
    """Run water behind the small cavity's shock against its air, on a line."""
    law = eos.pair(LIQUID, (1.4, SMALL.gas), pressure=PRESSURE)
    density, velocity, pressure = SMALL.shock
    air = law._replace(burnt=1.0)
    left, right = at_pressure(law, density, velocity, pressure), at_pressure(air, SMALL.gas, 0.0, PRESSURE)
    solution = riemann(left, right)
    length, end, half = 12e-3, 1e-6, cells // 2
    state = lines.line((half, left.state), (cells - half, right.state))
    state[4, :, half:] = 0.0
    flow = lines.flow(state, law, length / cells, cfl=0.6)
    now = lines.profile(lines.until(flow, end))
    x, gas = now.x - 0.5 * length, 1.0 - flow.state[4, 0] / flow.state[0, 0]
    cell = [
        (law._replace(burnt=min(max(y, 0.0), 1.0)), *at) for y, *at in zip(gas, now.density, now.energy, strict=True)
    ]
    wet, p, T = (
        np.array([float(of(*each)) for each in cell]) for of in (eos.solid_fraction, eos.pressure, eos.temperature)
    )
    place = lines.crossing(x, wet, 0.5)
    width = (lines.crossing(x, wet, 0.05) - lines.crossing(x, wet, 0.95)) / (length / cells)
    front = lines.crossing(x, p, 0.2 * solution.pressure)
    hot = float(eos.temperature(air, solution.stars[1].density, solution.stars[1].energy))
    return Surface(
        place / end,
        width,
        float(np.interp(place, x, p)) / solution.pressure,
        (front - place) / ((solution.speeds[4] - solution.velocity) * end),
        float(T[x > place].max()) / hot,
        solution.velocity,
    )


def cavities() -> Found:
    """Run the surface on a line, and both cavities on two grids."""
    rows = []
    for cells in (200, 800, 3200):
        line, label = surface(cells), f"surface, {cells} cells"
        rows += [
            near(f"{label}: speed", line.speed, line.exact, 0.02, "m/s", OWN),
            told(f"{label}: width in cells", line.width, None, "", "from 5 to 95 % of water"),
            told(f"{label}: p in the contact over the exact one", line.pressure, 1.0, "", OWN),
            told(f"{label}: way of the shock in the air ahead of it, over the exact one", line.ahead, 1.0, "", OWN),
            told(f"{label}: highest T of the air over the exact one", line.temperature, 1.0, "", OWN),
        ]
    curves, pictures = [], []
    for per_radius in (30, 60):
        found = collapse(SMALL, per_radius, (2.7e-6, 3.9e-6))
        label, (time, jet) = f"6 mm, {per_radius} cells per radius", _impact(found)
        rows += [
            near(f"{label}: impact", time, 3.65e-6, 0.05, "µs", QUOTED),
            told(f"{label}: impact after the first contact", time - SMALL.contact, None, "µs", ""),
            near(f"{label}: jet", jet, 2725.0, 0.05, "km/s", QUOTED),
            told(f"{label}: highest pressure", float(found.highest.max()), 9e9, "GPa", "8 to 10 GPa, unverified"),
        ]
        curves.append(_wall(SMALL, found, f"{per_radius} cells per radius"))
        pictures = found.pictures
    shown = _shown()
    for per_radius in (40, 80):
        found = collapse(LARGE, per_radius, (1e-4, 2e-4, 3e-4))
        label, (time, jet) = f"0.4 m, {per_radius} cells per radius", _impact(found)
        read = axis(LARGE, LARGE.radius / per_radius, found.pictures)
        rows += [
            near(f"{label}: way of the upstream wall in 0.1 ms", read.early, shown.early, 0.05, "cm", PLOTTED),
            near(f"{label}: way of the upstream wall in 0.2 ms", read.late, shown.late, 0.05, "cm", PLOTTED),
            near(f"{label}: way of the shock from the impact at 0.4 ms", read.far, shown.far, 0.05, "cm", PLOTTED),
            near(
                f"{label}: impact after the first contact, by that shock",
                read.impact - LARGE.contact,
                shown.impact - LARGE.contact,
                0.05,
                "µs",
                PLOTTED,
            ),
            near(f"{label}: jet, mean speed from 0.2 ms to the impact", read.jet, shown.jet, 0.05, "km/s", PLOTTED),
            told(
                f"{label}: impact after the first contact, as the cells tell it", time - LARGE.contact, None, "µs", ""
            ),
            told(f"{label}: jet, fastest water", jet, None, "km/s", ""),
            told(f"{label}: highest pressure at 0.4 ms", float(found.pictures[-1][1][0].max()), None, "GPa", PEAKS),
        ]
    large = [_wall(LARGE, found, "80 cells per radius")]
    for name, of in zip(PAPERS, PROFILES, strict=True):
        ways = np.array([of.early, of.late, 2.0 * LARGE.radius])
        large.append(Curve(np.array([1e-4, 2e-4, of.impact]) * 1e6, ways * 1e3, name))
    panels: list[Panel | Picture] = [
        Panel("upstream wall, 6 mm", "t (µs)", "way (mm)", tuple(curves)),
        Panel("upstream wall, 0.4 m", "t (µs)", "way (mm)", tuple(large)),
    ]
    for title, (density, _) in zip(("2.7 µs", "3.9 µs"), pictures, strict=False):
        half = density[: density.shape[0] // 2, density.shape[1] // 4 :]
        whole = np.concatenate([half[::-1], half]) / 1e3
        panels.append(Picture(f"density, {title}", whole, (18.0, 12.0), "mm", "ρ (g/cm³)", start=6.0))
    return Found(rows, tuple(panels), NOTES)


PEAKS = "2.66 GPa on the axis of Shyue 1999, 2.89 of Zheng 2008"
NOTES = (
    "Times count from a start with the shock 2.4 mm ahead of the small cavity, 0.86 µs before the first contact, and "
    "5 cm ahead of the large one, 22 µs before. So does Nourgaliev's case begin as it was taken up since (He and Tan, "
    "J. Comput. Phys. 513 (2024) 113192: box of 24 mm, cavity of 3 mm at 12 mm, shock at 6.6 mm, frames at 2.2, 3.5, "
    "3.8 and 4.5 µs), and it is from there that the quoted 3.6 to 3.7 µs fit: from the first contact they would ask "
    "for a mean speed of 1.6 km/s of a wall that starts at twice the particle velocity, 1.36 km/s, and arrives at 2.8.",
    "Of the large cavity, profiles of density and pressure on the axis are published at 0.1, 0.2, 0.3 and 0.4 ms. They "
    "tell the collapse by the wall, and by the shock that the impact sends downstream: read backwards, it left the far "
    "wall 261 µs after the first contact in the one and 267 µs in the other, and the wall had come there from 0.2 ms "
    "at 2.15 and 2.03 km/s. Points read from plots are good to some 3 mm, the two papers differ by as much as 7 mm.",
    "A cell that holds some of both has one temperature, and next to water the air has no heat capacity to speak of: "
    "in the profile the air that the contact smears over some cells is at 320 to 930 K where its shock should make it "
    "1570 K. It loses its heat to the water and with that most of its volume, so that the shock in the air starts "
    "late, a delay that falls slowly with the cells; only beyond the contact of the finest line the air is as hot as "
    "it should be. What the water does, the speed of the surface, the jet and the "
    "time of impact, hardly depends on it; temperatures of a thin gas do, and must not be read from such runs. The "
    "pressure within the contact is off by tens of percent of that of the air, 3 MPa beside 1.9 GPa, without "
    "oscillation in the water.",
)


def _shown() -> Axis:
    """Return the mean of what the papers show."""
    return Axis(*np.mean(PROFILES, axis=0).tolist())


def _wall(cavity: Cavity, found: Collapse, label: str) -> Curve:
    """Return the way of the upstream wall [mm] over time [µs], while the cavity is open."""
    open_yet = np.isfinite(found.upstream)
    way = found.upstream[open_yet] - cavity.centre + cavity.radius
    return Curve(found.time[open_yet] * 1e6, way * 1e3, label)


def _impact(found: Collapse) -> tuple[float, float]:
    """Return when the jet hits the far wall, after the start [s], and its speed there [m/s]."""
    closed = int(np.argmax(np.isnan(found.upstream)))
    return float(found.time[closed]), float(found.jet[: closed + 1].max())
