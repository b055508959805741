"""What a box holds is what it held, what entered and what was released: with every law of physics switched on."""

import numpy as np
import pytest

from tessera.data.fields import ACCOUNT
from tessera.physics.strength import Strength
from tessera.simulation import grid, loading, run
from tests.simulation.flows import FED, HMX, OPEN, TARVER, WALL, conserved, flow, pore, until

SOLID = pore(24, 40, (10.3, 16.0), 6.0)
CELL = 3.5e-8
FULL = {"viscosity": 0.05, "conductivity": 0.5, "spall": 0.3e9, "cell_size": CELL, "kinetics": TARVER}


def box_of(dtype, vertical, strength):
    strong = strength is not None
    inlet = grid.feed(HMX, 1000.0, dtype, strength=strength)
    state = grid.at_rest(SOLID, HMX, dtype, strong=strong)
    return flow(state, sides=(FED, OPEN, vertical), inlet=inlet, strength=strength, **FULL)


@pytest.mark.parametrize("vertical", [WALL, OPEN, grid.PERIODIC], ids=["wall", "open", "periodic"])
@pytest.mark.parametrize("strength", [None, Strength()], ids=["fluid", "strong"])
def test_totals_follow_from_what_entered_to_round_off(vertical, strength):
    box = box_of(np.float64, vertical, strength)
    before = box.budget()
    for _ in range(150):
        box.advance(1.0)
    now = box.budget()
    size = np.array([now.total[0], now.total[1], now.total[1], now.total[3]])
    gained = now.total - before.total - now.inflow
    gained[3] -= now.released
    assert now.inflow[0] > 0.05 * now.total[0]
    assert abs(now.released) > 1e-4 * now.total[3]
    assert np.all(np.abs(gained) <= 2e-13 * size), gained / size


def test_single_precision_loses_little():
    box = box_of(np.float32, WALL, Strength())
    before = box.budget()
    for _ in range(150):
        box.advance(1.0)
    now = box.budget()
    gained = now.total - before.total - now.inflow
    gained[3] -= now.released
    assert np.all(np.abs(gained[[0, 1, 3]]) <= 3e-6 * now.total[[0, 1, 3]])


def test_a_wall_feels_the_momentum_that_it_turns():
    """Matter that runs into a wall below leaves its momentum there, and nothing else."""
    state = grid.at_rest(np.ones((40, 4)), HMX, np.float64)
    state[2] = -500.0 * state[0]
    state[3] += 0.5 * state[2] ** 2 / state[0]
    box = flow(state, sides=(grid.PERIODIC, grid.PERIODIC, WALL), cell_size=CELL)
    start = box.budget()
    until(box, 2e-10)
    now = box.budget()
    assert now.total[2] - start.total[2] == pytest.approx(now.inflow[2], rel=1e-12)
    assert now.inflow[2] > 0.1 * abs(start.total[2])
    np.testing.assert_allclose(now.inflow[[0, 1, 3]], 0.0, atol=1e-20)


def test_a_periodic_box_has_neither_left_nor_right():
    """A wave that leaves on one side enters on the other: shifted cells stay shifted, to the last bit."""
    line = conserved((10, 2200.0, 300.0, 2e5), (22, 1900.0, 0.0, 5e4), rows=4)
    sides = (grid.PERIODIC, grid.PERIODIC, grid.PERIODIC)
    one, other = flow(line.copy(), sides=sides), flow(np.roll(line, (2, 7), axis=(1, 2)), sides=sides)
    for _ in range(60):
        one.advance(1.0)
        other.advance(1.0)
    np.testing.assert_array_equal(other.state, np.roll(one.state, (2, 7), axis=(1, 2)))


def test_every_snapshot_says_what_the_box_holds():
    case = run.simulate(
        SOLID,
        law=HMX,
        reaction=TARVER,
        loading=loading.Piston(1000.0),
        cell_size=CELL,
        snapshots=4,
        interval=1e-10,
        precision="float64",
        viscosity=0.05,
    )
    assert {*ACCOUNT} <= {*map(str, case.coords)}
    for name in ("mass", "momentum_x", "energy"):
        gained = case[f"total_{name}"] - case[f"total_{name}"][0] - case[f"inflow_{name}"]
        if name == "energy":
            gained = gained - case["released_energy"]
        assert float(np.abs(gained).max()) <= 1e-12 * float(case[f"total_{name}"].max()), name
    entered = 2369.0 * 1000.0 * 1e-10 * 24 * CELL  # before the release from the pore comes back
    assert float(case["inflow_mass"][1]) == pytest.approx(entered, rel=0.03)
