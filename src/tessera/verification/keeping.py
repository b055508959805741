"""What a flow must keep: mass, momentum and energy, mirrors to the last bit, and the same flow in a moving frame."""

from typing import Any

import numpy as np

from tessera.physics import eos, reaction
from tessera.physics.eos import State
from tessera.simulation import grid
from tessera.simulation.grid import Conserved
from tessera.simulation.run import Flow
from tessera.verification import lines
from tessera.verification.exact import Side, riemann
from tessera.verification.findings import AT_MOST, Found, Row, at_most, order, told
from tessera.verification.lines import FED, OPEN, WALL
from tessera.verification.materials import BIRCH, HMX, PRODUCTS
from tessera.verification.pores import disc

TARVER = reaction.Tarver()
PISTON, SIZE, STEPS = 1000.0, 3.5e-8, 400
ROUND_OFF = "conservation"
BODIES = {
    "mie-gruneisen, tarver": (HMX, TARVER),
    "birch-murnaghan with products, tarver": (eos.mixture(BIRCH, PRODUCTS, 5.86e6), TARVER),
}


def keeping() -> Found:
    """Run closed boxes, mirrored boxes and moving tubes."""
    rows = []
    for name, (law, kinetics) in BODIES.items():
        rows += _closed(name, law, kinetics)
    for dtype in (np.float64, np.float32):
        rows += _mirrored(dtype)
    return Found(rows + _moving())


def _box(law: Any, kinetics: Any, solid: np.ndarray, dtype: Any, sides: tuple[int, int, int], **more: Any) -> Flow:
    """Return a flow round a pore, with its left fifth shocked, or fed from the left."""
    state = grid.at_rest(solid, law, dtype)
    behind, _ = eos.hugoniot(law, PISTON)
    if sides[0] == FED:
        more["inlet"] = grid.feed(law, PISTON, dtype)
    else:
        fifth = solid.shape[1] // 5
        state[:, :, :fifth] = lines.line((fifth, behind))[:, :1]
    return Flow(state, law, kinetics, viscosity=0.05, cell_size=SIZE, cfl=0.7, sides=sides, **more)


def _closed(name: str, law: Any, kinetics: Any) -> list[Row]:
    """Compare mass and energy before and after in a box of walls, and the momentum along y of a symmetric pore."""
    solid = disc(32, 60, (16.0, 28.0), 9.0)
    flow = _box(law, kinetics, solid, np.float64, (WALL, WALL, WALL))
    before = flow.state.sum(axis=(1, 2))
    scale = before[Conserved.MX]
    early = 0.0
    for step in range(STEPS):
        flow.advance(1.0)
        if step < 10:  # the shock touches no wall but the left one, where pressure pushes
            early = max(early, abs(float(flow.state[Conserved.MY].sum())) / scale)
    after = flow.state.sum(axis=(1, 2))
    energy = after[Conserved.E] - flow.released
    species = flow.state[Conserved.A :].sum() - before[Conserved.A]
    return [
        at_most(f"{name}: mass", abs(after[0] / before[0] - 1.0), 1e-12, "", ROUND_OFF),
        at_most(f"{name}: energy less heat", abs(energy / before[Conserved.E] - 1.0), 1e-12, "", ROUND_OFF),
        at_most(f"{name}: momentum along y", early, 1e-12, "", "symmetry, share of the momentum along x"),
        Row(
            f"{name}: gain of reacting species",
            "",
            float(species / before[0]),
            0.0,
            AT_MOST,
            1e-12,
            "species only burn",
        ),
        told(f"{name}: heat released", flow.released / before[Conserved.E], None, "", "share of the energy in the box"),
    ]


def _mirrored(dtype: Any) -> list[Row]:
    """Count the values that differ in a box and in its mirror image, after all the physics."""
    solid = disc(32, 60, (14.3, 26.0), 9.0)
    rows = []
    for axis, sides in ((1, (FED, OPEN, WALL)), (2, (WALL, WALL, WALL))):
        one = _box(HMX, TARVER, solid, dtype, sides)
        other = _box(HMX, TARVER, solid[::-1] if axis == 1 else solid, dtype, sides)
        if axis == 2:
            other = Flow(_flipped(one.state, axis), HMX, TARVER, viscosity=0.05, cell_size=SIZE, cfl=0.7, sides=sides)
        for _ in range(STEPS):
            one.advance(1.0)
            other.advance(1.0)
        apart = int(np.sum(_flipped(other.state, axis) != one.state))
        what = f"{np.dtype(dtype).name}: values that differ from the mirror along {'y' if axis == 1 else 'x'}"
        rows.append(at_most(what, apart, 0.0, "", "symmetry, to the last bit"))
    return rows


def _flipped(state: np.ndarray, axis: int) -> np.ndarray:
    """Return the mirror image of a state."""
    image = np.flip(state, axis).copy()
    image[Conserved.MY if axis == 1 else Conserved.MX] *= -1.0
    return image


def _moving() -> list[Row]:
    """Compare a stiff tube at rest with one that flies at 1000 m/s, by the states between its waves."""
    behind, _ = eos.hugoniot(HMX, PISTON)
    length, end = 4e-6, 1.5e-10
    rows, errors = [], []
    for cells in (100, 200, 400):
        found = []
        for frame in (0.0, 1000.0):
            left, right = behind._replace(velocity=frame), State(HMX.density, frame, 0.0, 0.0)
            solution = riemann(Side(HMX, left), Side(HMX, right))
            now = lines.tube(solution, cells, length, 0.5 * length, end)
            exact = lines.exact(solution, now.x, 0.5 * length, end)
            found.append((now.pressure, exact[3]))
        shift = round(1000.0 * end / (length / cells))
        apart = (found[1][0] - found[1][1])[shift:] - (found[0][0] - found[0][1])[:-shift]
        errors.append(float(np.abs(apart).mean() / np.abs(found[0][1]).mean()))
        rows.append(told(f"stiff tube in a moving frame, {cells} cells", errors[-1], None, "", "pressure at rest, L1"))
    rows[-1] = at_most(rows[-1].quantity, errors[-1], 5e-3, "", "pressure at rest, L1")
    rows.append(order("order of that difference", errors, 1.0, 2 / 3, "vanishes with the cells"))
    return rows
