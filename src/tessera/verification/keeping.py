"""What a flow must keep: mass, momentum and energy, mirrors to the last bit, and the same flow in a moving frame."""

from typing import Any

import numpy as np

from tessera.physics import eos, reaction
from tessera.physics.eos import State
from tessera.simulation import grid
from tessera.simulation.flow import Flow
from tessera.simulation.grid import PERIODIC, Conserved, Stress
from tessera.verification import lines
from tessera.verification.exact import Side, riemann
from tessera.verification.findings import AT_MOST, Found, Row, at_most, order, told
from tessera.verification.lines import FED, OPEN, WALL
from tessera.verification.materials import BIRCH, HMX, PRODUCTS, STRENGTH, Body
from tessera.verification.pores import disc

TARVER = reaction.Tarver()
PISTON, SIZE, STEPS = 1000.0, 3.5e-8, 400
ROUND_OFF, ACCOUNT = "conservation", "what it held, what entered, what was released"
FLUID = Body(HMX, TARVER, 0.05)
FULL = Body(HMX, TARVER, 0.05, 0.5, STRENGTH, 0.3e9)
BODIES = {
    "mie-gruneisen, tarver": FLUID,
    "birch-murnaghan with products, tarver": Body(eos.mixture(BIRCH, PRODUCTS, 5.86e6), TARVER, 0.05),
    "all physics": FULL,
}
BOXES = {
    "fed, walls below and above": (FED, OPEN, WALL),
    "fed, open below and above": (FED, OPEN, OPEN),
    "fed, periodic below and above": (FED, OPEN, PERIODIC),
    "periodic": (PERIODIC, PERIODIC, PERIODIC),
}


def keeping() -> Found:
    """Run closed boxes, boxes that matter enters and leaves, mirrored boxes and moving tubes."""
    rows = []
    for name, body in BODIES.items():
        rows += _closed(name, body)
    for dtype in (np.float64, np.float32):
        for name, sides in BOXES.items():
            rows += _accounted(name, sides, dtype)
    for dtype in (np.float64, np.float32):
        for name, body in (("fluid", FLUID), ("all physics", FULL)):
            rows += _mirrored(name, body, dtype)
    return Found(rows + _moving())


def _box(body: Body, solid: np.ndarray, dtype: Any, sides: tuple[int, int, int]) -> Flow:
    """Return a flow round a pore, with its left fifth shocked, or fed from the left."""
    law = body.law
    state = grid.at_rest(solid, law, dtype, strong=body.strength is not None)
    inlet = None
    if sides[0] == FED:
        inlet = grid.feed(law, PISTON, dtype, strength=body.strength)
    else:
        fifth = solid.shape[1] // 5
        state[: len(Conserved), :, :fifth] = lines.line((fifth, eos.hugoniot(law, PISTON)[0]))[:, :1]
    return _flow(state, body, sides, inlet)


def _flow(state: np.ndarray, body: Body, sides: tuple[int, int, int], inlet: np.ndarray | None = None) -> Flow:
    return Flow(state, cell_size=SIZE, cfl=0.7, sides=sides, inlet=inlet, **body._asdict())


def _accounted(name: str, sides: tuple[int, int, int], dtype: Any) -> list[Row]:
    """Compare what a box of all physics holds with what it held, what entered and what was released.

    A pore off the middle makes momentum along y; both momenta are shares of the larger of the two at the end.
    """
    flow = _box(FULL, disc(32, 60, (14.3, 26.0), 9.0), dtype, sides)
    before = flow.budget()
    for _ in range(STEPS):
        flow.advance(1.0)
    now = flow.budget()
    gained = now.total - before.total - now.inflow
    gained[3] -= now.released
    size = np.array([now.total[0], now.total[1], now.total[1], now.total[3]])
    label = f"all physics, {np.dtype(dtype).name}, {name}"
    shares = zip(("mass", "momentum along x", "momentum along y", "energy"), np.abs(gained / size), strict=True)
    if dtype == np.float64:
        rows = [at_most(f"{label}: {what}", share, 1e-12, "", ACCOUNT) for what, share in shares]
        rows.append(told(f"{label}: mass that entered", now.inflow[0] / now.total[0], None, "", "share of the mass"))
        rows.append(told(f"{label}: heat released", now.released / now.total[3], None, "", "share of the energy"))
        return rows
    return [told(f"{label}: {what}", share, 0.0, "", ACCOUNT) for what, share in shares]


def _closed(name: str, body: Body) -> list[Row]:
    """Compare mass and energy before and after in a box of walls, and the momentum along y of a symmetric pore."""
    solid = disc(32, 60, (16.0, 28.0), 9.0)
    flow = _box(body, solid, np.float64, (WALL, WALL, WALL))
    before = flow.state.sum(axis=(1, 2))
    scale = before[Conserved.MX]
    early = 0.0
    for step in range(STEPS):
        flow.advance(1.0)
        if step < 10:  # the shock touches no wall but the left one, where pressure pushes
            early = max(early, abs(float(flow.state[Conserved.MY].sum())) / scale)
    after = flow.state.sum(axis=(1, 2))
    energy = after[Conserved.E] - flow.released
    species = flow.state[Conserved.A : Conserved.C + 1].sum() - before[Conserved.A]
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


def _mirrored(name: str, body: Body, dtype: Any) -> list[Row]:
    """Count the values that differ in a box and in its mirror image."""
    solid = disc(32, 60, (14.3, 26.0), 9.0)
    rows = []
    for axis, sides in ((1, (FED, OPEN, WALL)), (2, (WALL, WALL, WALL))):
        one = _box(body, solid, dtype, sides)
        other = _box(body, solid[::-1], dtype, sides) if axis == 1 else _flow(_flipped(one.state, axis), body, sides)
        for _ in range(STEPS):
            one.advance(1.0)
            other.advance(1.0)
        apart = int(np.sum(_flipped(other.state, axis) != one.state))
        what = f"{name}, {np.dtype(dtype).name}: values that differ from the mirror along {'y' if axis == 1 else 'x'}"
        rows.append(at_most(what, apart, 0.0, "", "symmetry, to the last bit"))
    return rows


def _flipped(state: np.ndarray, axis: int) -> np.ndarray:
    """Return the mirror image of a state."""
    image = np.flip(state, axis).copy()
    turned = [Conserved.MY if axis == 1 else Conserved.MX, *([Stress.SXY] if len(state) > len(Conserved) else [])]
    image[turned] *= -1.0
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
