"""Tension down to the spall limit: where shocks meet their releases, matter holds or opens."""

import numpy as np
import pytest

from tessera.physics import eos
from tessera.simulation import grid, run
from tests.simulation.flows import FED, HMX, OPEN, WALL, conserved, flow, pore, primitive, until

CELL, PUSH = 1e-8, 60.0


def torn(spall, speed=PUSH, n=200):
    """Return a line of solid whose halves fly apart, with half the speed each, and the tension that should arise."""
    state = conserved((n, 1891.0, -0.5 * speed, 0.0), (n, 1891.0, 0.5 * speed, 0.0))
    box = until(flow(state, sides=(OPEN, OPEN, WALL), spall=spall, cell_size=CELL), 2e-10)
    return box, 0.5 * speed * 1891.0 * 2901.0


def stretched(box):
    rho, _, e, _ = primitive(box)
    return eos.tension(HMX, rho, e)


def test_matter_bears_tension_up_to_its_limit():
    box, expected = torn(1e9)
    assert expected == pytest.approx(1.65e8, rel=0.01)
    assert stretched(box)[200] == pytest.approx(-expected, rel=0.02)
    assert abs(primitive(box)[1][200]) < 1e-4
    assert box.state[0, 0].min() > 0.985 * 1891.0


def test_beyond_its_limit_it_opens():
    box, expected = torn(0.5e8)
    opened = stretched(box) < -0.5e8
    assert opened.any()
    assert box.state[0, 0, 195:205].min() < stretched_density(-0.5e8)
    held = stretched(box)[~opened]
    assert held.min() >= -0.5e8
    assert expected > 0.5e8


def stretched_density(p):
    return 1891.0 + p / 2901.0**2


def test_without_a_limit_there_is_no_tension():
    box, _ = torn(0.0)
    assert box.state[0, 0, 199:201].max() < 0.99 * 1891.0
    assert run.fields(box.state, HMX).pressure.min() == 0.0


@pytest.mark.parametrize("spall", [0.0, 0.3e9])
def test_a_slab_in_a_void_flies_on_unchanged(spall):
    """Its smeared edges are neither pulled in nor torn off."""
    state = conserved(
        (40, grid.VOID_DENSITY, 500.0, 0.0), (60, 1891.0, 500.0, 0.0), (60, grid.VOID_DENSITY, 500.0, 0.0)
    )
    box = until(flow(state, sides=(OPEN, OPEN, WALL), spall=spall, cell_size=CELL), 4e-10)
    middle = slice(66, 114)
    u = primitive(box)[1]
    np.testing.assert_allclose(u[middle], 500.0, atol=1e-6 if spall == 0.0 else 12.0)
    assert box.state[0, 0].max() < 1.02 * 1891.0
    assert box.state[0].sum() == pytest.approx(state[0].sum(), rel=1e-9)


def test_a_shock_that_meets_a_free_surface_leaves_tension_only_where_it_is_allowed():
    lowest = []
    for spall in (0.0, 0.5e9):
        state = grid.at_rest(pore(24, 60, (12.0, 40.0), 6.0), HMX, np.float64)
        box = flow(
            state,
            sides=(FED, OPEN, WALL),
            inlet=grid.feed(HMX, 600.0, np.float64),
            spall=spall,
            viscosity=0.05,
            cell_size=3.5e-8,
        )
        pressures = []
        while box.time < 5e-10:
            box.advance(5e-10)
            pressures.append(run.fields(box.state, HMX, spall=spall).pressure.min())
        lowest.append(min(pressures))
    assert lowest[0] == 0.0
    assert -0.5e9 <= lowest[1] < -1e8
