"""The slopes within cells, and how wide an edge grows that they carry."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tessera.physics import eos
from tessera.simulation.faces import slope_row
from tests.simulation.flows import OPEN, WALL, conserved, flow, until

THIN = 0.1
VALUES = st.floats(-1e3, 1e3, width=32)


def slope(low, mid, high, density=1.0):
    """Return the slope of one cell between two."""
    found = np.zeros(1)
    slope_row(THIN, *(np.array([value]) for value in (density, low, mid, high)), found)
    return found[0]


@given(VALUES, VALUES, VALUES)
def test_a_slope_is_central_where_that_makes_no_new_extremum(low, mid, high):
    found, sides, central = slope(low, mid, high), (mid - low, high - mid), 0.5 * (high - low)
    if min(sides) < 0.0 < max(sides) or 0.0 in sides:
        assert found == 0.0
    else:
        assert abs(found) == min(abs(central), 2.0 * abs(sides[0]), 2.0 * abs(sides[1]))
        assert np.sign(found) == np.sign(central)


@given(VALUES, VALUES, VALUES)
def test_a_mirrored_slope_is_the_same_with_the_other_sign(low, mid, high):
    assert slope(high, mid, low) == -slope(low, mid, high)


def test_a_void_has_no_slope():
    assert slope(0.0, 1.0, 2.0, density=0.5 * THIN) == 0.0
    assert slope(0.0, 1.0, 2.0, density=2.0 * THIN) == 1.0


def test_an_edge_carried_over_a_hundred_cells_is_seven_cells_wide():
    """A contact between two densities at one pressure: from 5 to 95 % of the jump; van Leer's slopes make it 8.5."""
    n = 100
    state = conserved((n, 2.0, 1.0, 1.25), (2 * n, 1.0, 1.0, 2.5))
    end = until(flow(state, eos.IdealGas(1.4), sides=(OPEN, OPEN, WALL), cell_size=1.0 / n), 1.0)
    density = end.state[0, 0]
    high, middle, low = np.interp([-1.95, -1.5, -1.05], -density, np.arange(density.size))
    assert abs(middle - (2 * n - 0.5)) < 0.05
    assert 1.0 < low - high < 7.0
