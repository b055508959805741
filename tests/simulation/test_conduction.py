"""Heat conduction against its exact solution, and what it must keep."""

import numpy as np
import pytest

from tessera.errors import ValidityError
from tessera.physics import eos
from tessera.simulation import grid
from tests.simulation.flows import HMX, OPEN, WALL, flow, pore, until

CELL, CONDUCTIVITY = 1e-8, 50.0
PERIODIC = (grid.PERIODIC, grid.PERIODIC, grid.PERIODIC)


def warm(n, amplitude=1.0, along=True):
    """Return a solid at rest with a wave of temperature [K] whose pressure is the same everywhere."""
    state = grid.at_rest(np.ones((4, n) if along else (n, 4)), HMX, np.float64)
    wave = amplitude * (1.0 + np.cos(2 * np.pi * (np.arange(n) + 0.5) / n))
    energy = eos.energy_of_temperature(HMX, 1891.0, 300.0 + wave)
    density = HMX.sound_speed**2 * 1891.0 / (HMX.sound_speed**2 + HMX.gruneisen * energy)
    values = energy if along else energy[:, None]
    state[0] = density if along else density[:, None]
    state[3], state[4] = state[0] * values, state[0]
    return state


def temperature(box):
    return eos.temperature(HMX, box.state[0], box.state[3] / box.state[0])


@pytest.mark.parametrize("along", [True, False])
def test_a_wave_of_heat_decays_as_the_heat_equation_says(along):
    """At second order in the cell size."""
    errors = []
    for n in (16, 32):
        cell = 32 * CELL / n
        box = flow(warm(n, along=along), sides=PERIODIC, conductivity=CONDUCTIVITY, cell_size=cell, cfl=0.3)
        until(box, 4e-10)
        T = temperature(box)
        T = T[0] if along else T[:, 0]
        height = T[0] - T[n // 2]
        start = 2.0 * np.cos(np.pi / n)
        alpha = CONDUCTIVITY / (1891.0 * eos.heat_capacity(HMX, 1891.0, 301.0))
        errors.append(height / start - np.exp(-alpha * (2 * np.pi / (32 * CELL)) ** 2 * 4e-10))
    assert abs(errors[1]) < 2e-3
    assert abs(errors[0]) > 3.0 * abs(errors[1])


def test_heat_stays_in_a_closed_box_and_does_not_enter_voids():
    state = grid.at_rest(pore(24, 24, (12.0, 12.0), 5.0), HMX, np.float64)
    state[3, :, :6] += 1e9
    box = flow(state, sides=(WALL, WALL, WALL), conductivity=CONDUCTIVITY, viscosity=0.05, cell_size=CELL)
    before = box.state[3].sum()
    for _ in range(100):
        box.advance(1.0)
    assert box.state[3].sum() == pytest.approx(before, rel=1e-13)


def test_no_conduction_changes_nothing():
    boxes = [flow(warm(32, 100.0), sides=PERIODIC, cell_size=CELL, conductivity=k) for k in (0.0, 1e-30)]
    for box in boxes:
        until(box, 5e-11)
    np.testing.assert_allclose(boxes[0].state, boxes[1].state, rtol=1e-12, atol=1e-6)


def test_a_conductivity_that_asks_for_endless_steps_is_refused():
    with pytest.raises(ValidityError, match="a conductive time step of at least"):
        flow(warm(16), sides=(OPEN, OPEN, OPEN), conductivity=1e9, cell_size=CELL).advance(1.0)
