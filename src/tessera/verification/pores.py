"""The hotspot of a round pore on finer and finer grids, with all the physics of a study."""

from typing import NamedTuple

import numpy as np

from tessera.simulation import grid
from tessera.simulation.flow import Flow
from tessera.simulation.snapshot import Fields, fields
from tessera.verification.findings import Curve, Found, Panel, Picture, Row, near, told
from tessera.verification.lines import FED, OPEN, WALL
from tessera.verification.materials import BURNING, Body

HOT = 875.0  # [K]
PISTON = 1000.0  # [m/s]
SIZE, DIAMETER, PLACE = (2.8e-6, 8.96e-6), 1.26e-6, 2.8e-6  # of the upper half of the box [m]; of the pore
TIMES = (1.03e-9, 1.55e-9, 2.06e-9, 2.6e-9, 3.27e-9)
CELLS = (70e-9, 35e-9, 17.5e-9)
WITHIN = 0.05
THICK = BURNING._replace(viscosity=0.1, conductivity=30.0)
BODIES = ((BURNING, True), (THICK, False), (BURNING._replace(conductivity=0.0), False))  # held to `WITHIN` or told


def disc(rows: int, columns: int, centre: tuple[float, float], radius: float) -> np.ndarray:
    """Return the solid fraction (y, x) round a disc-shaped pore, lengths in cells."""
    y, x = np.mgrid[0 : 8 * rows, 0 : 8 * columns]
    inside = ((y + 0.5) / 8 - centre[0]) ** 2 + ((x + 0.5) / 8 - centre[1]) ** 2 < radius**2
    return 1.0 - inside.reshape(rows, 8, columns, 8).mean(axis=(1, 3))


class Collapse(NamedTuple):
    """Hotspot areas [m2] and highest temperatures [K] at `TIMES`, and the last fields, of the upper half."""

    areas: list[float]
    hottest: list[float]
    last: Fields


def collapse(body: Body, cell: float) -> Collapse:
    """Run one pore in a material on cells of a size [m]."""
    rows, columns = round(SIZE[0] / cell), round(SIZE[1] / cell)
    solid = disc(rows, columns, (0.0, PLACE / cell), 0.5 * DIAMETER / cell)
    flow = Flow(
        grid.at_rest(solid, body.law, np.float32, strong=body.strength is not None),
        cell_size=cell,
        cfl=0.7,
        sides=(FED, OPEN, WALL),
        inlet=grid.feed(body.law, PISTON, np.float32, strength=body.strength),
        **body._asdict(),
    )
    areas, hottest = [], []
    for time in TIMES:
        while flow.time < time:
            flow.advance(time)
        now = fields(flow.state, body.law, spall=body.spall)
        areas.append(2.0 * cell**2 * float((now.temperature > HOT).sum()))
        hottest.append(float(now.temperature.max()))
    return Collapse(areas, hottest, now)


def hotspots() -> Found:
    """Compare areas between grids: of the studies' material, of a more viscous one, of one that does not conduct."""
    rows: list[Row] = []
    panels: list[Panel | Picture] = []
    notes: list[str] = []
    for body, held in BODIES:
        name = f"{body.viscosity:g} Pa s, {body.conductivity:g} W/m/K"
        found = {cell: collapse(body, cell) for cell in CELLS}
        rows += _compared(name, found, held)
        curves = [Curve(np.array(TIMES) * 1e9, np.array(found[c].areas) * 1e12, f"{c * 1e9:g} nm") for c in CELLS]
        panels.append(Panel(f"area hotter than {HOT:g} K, {name}", "t (ns)", "area (µm²)", tuple(curves)))
        T = found[CELLS[-1]].last.temperature
        what = f"{CELLS[-1] * 1e9:g} nm, {TIMES[-1] * 1e9:g} ns, {name}"
        size = (SIZE[1] * 1e6, 2.0 * SIZE[0] * 1e6)
        panels.append(Picture(what, np.concatenate([T[::-1], T]), size, "µm", "T (K)", "inferno"))
        notes.append(_told(name, found))
    notes.append(
        "The bound is kept by the material of the studies. At the collapse the area holds what the smeared surface of "
        "the pore, crushed like a powder of a cell's width, is heated in excess (see the gap that closes), and what "
        "viscosity spreads of the vortices that follow: the more of it, the further the first area is from converged. "
        "Later it grows with the burnt core, as heat crosses its edge: without conduction only the "
        "diffusion of the scheme carries it, which vanishes with the cells, so that there is no growth to converge "
        "to. The conductivity is an effective one, which stands for the flame that no cell here resolves, and "
        "carries it alike on the finer grids; a grid too coarse for it does not ignite, as the highest temperatures "
        "say. These viscosities lie within what molecular dynamics "
        "finds for molten HMX without pressure, 0.45 Pa s near 550 K to 0.0055 at 800 K (Bedrov, Smith and Sewell "
        "2000)."
    )
    return Found(rows, tuple(panels), tuple(notes))


def _compared(name: str, found: dict[float, Collapse], held: bool) -> list[Row]:
    """Compare the areas of coarser grids with those of the finest; only the last before it is held to a bound."""
    rows, finest = [], found[CELLS[-1]]
    for cell in CELLS[:-1]:
        for time, area, fine in zip(TIMES, found[cell].areas, finest.areas, strict=True):
            what = f"{name}: area, {cell * 1e9:g} nm, {time * 1e9:g} ns"
            source = f"the same on {CELLS[-1] * 1e9:g} nm"
            if held and cell == CELLS[-2]:
                rows.append(near(what, area, fine, WITHIN, "µm²", source))
            else:
                rows.append(told(what, area, fine, "µm²", source))
    for cell in CELLS:
        what = f"{name}: highest temperature, {cell * 1e9:g} nm, {TIMES[-1] * 1e9:g} ns"
        rows.append(told(what, found[cell].hottest[-1], None, "K", ""))
    return rows


def _told(name: str, found: dict[float, Collapse]) -> str:
    """Say how far apart the areas are, and how the differences fall."""
    coarse, middle, fine = (found[cell].areas for cell in CELLS)
    apart = [100.0 * abs(area / finest - 1.0) for area, finest in zip(middle, fine, strict=True)]
    steps = [(a - b, b - c) for a, b, c in zip(coarse, middle, fine, strict=True)]
    fall = ", ".join(f"{one / two:.1f}" if one * two > 0.0 else "no sign kept" for one, two in steps)
    return (
        f"{name}: between {CELLS[1] * 1e9:g} and {CELLS[2] * 1e9:g} nm the areas differ by {min(apart):.1f} to "
        f"{max(apart):.1f} %. The difference falls from one halving to the next by factors of {fall} at these times, "
        "where first order is 2."
    )
