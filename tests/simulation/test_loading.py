"""What drives a shock in: each kind gives the shock that the jump conditions say."""

import numpy as np
import pytest

from tessera.errors import ConfigError
from tessera.physics import eos
from tessera.physics.strength import Strength
from tessera.simulation import loading, run
from tessera.simulation.loading import Flyer, Inflow, Piston, PressureHistory
from tests.simulation.flows import HMX, INERT

CELL = 2e-8
SHOCKED, SPEED = eos.hugoniot(HMX, 1000.0)


def case(what, snapshots=4, columns=120, **more):
    options = {"law": HMX, "reaction": INERT, "cell_size": CELL, "interval": 1e-10, "precision": "float64"} | more
    return run.simulate(np.ones((4, columns)), loading=what, snapshots=snapshots, **options)


@pytest.mark.parametrize("what", [Piston(1000.0), Inflow(1000.0), PressureHistory((0.0,), (SHOCKED.pressure,))])
def test_a_steady_push_is_the_shock_of_its_velocity(what):
    found = case(what).isel(time=-1, y=0)
    front = int((found.pressure > 0.5 * SHOCKED.pressure).sum()) * CELL
    assert front == pytest.approx(SPEED * 3e-10, abs=2 * CELL)
    np.testing.assert_allclose(found.pressure[8:60], SHOCKED.pressure, rtol=5e-3)
    np.testing.assert_allclose(found.velocity_x[8:60], 1000.0, rtol=5e-3)
    assert loading.particle_velocity(what, HMX) == pytest.approx(1000.0, rel=1e-5)


def test_an_inflow_keeps_feeding_what_the_start_heated():
    """The layer that has entered is hotter than the matter that was shocked; a piston's is not."""
    layers = []
    for what in (Inflow(1000.0), Piston(1000.0)):
        found = case(what, viscosity=0.05).isel(time=-1, y=0)
        layers.append(float(found.temperature[:8].mean() - found.temperature[25:60].mean()))
    assert layers[0] > 20.0
    assert abs(layers[1]) < 3.0


def test_a_flyer_drives_half_its_velocity_for_as_long_as_it_is_thick():
    flyer = Flyer(2000.0, 60 * CELL)
    found = case(flyer, snapshots=9, columns=200).isel(y=0)
    early, late = found.isel(time=2), found.isel(time=-1)
    front = int(np.flatnonzero(early.pressure > 0.5 * SHOCKED.pressure).max())
    np.testing.assert_allclose(early.velocity_x[front - 15 : front - 6], 1000.0, rtol=5e-3)
    np.testing.assert_allclose(early.pressure[front - 15 : front - 6], SHOCKED.pressure, rtol=5e-3)
    assert float(late.pressure[40:60].max()) < 0.5 * SHOCKED.pressure
    assert float(late.pressure.max()) > 0.9 * SHOCKED.pressure
    assert loading.particle_velocity(flyer, HMX) == 1000.0
    assert dict(found.sizes) == {"time": 9, "x": 200}


def test_a_pressure_that_falls_releases_what_it_pushed():
    times, pressures = (0.0, 2e-10, 4e-10), (SHOCKED.pressure, SHOCKED.pressure, 0.3 * SHOCKED.pressure)
    found = case(PressureHistory(times, pressures), snapshots=6, columns=150).isel(y=0)
    at_inlet = found.pressure[:, 1].values
    expected = np.interp(found.time, times, pressures)
    np.testing.assert_allclose(at_inlet[1:], expected[1:], rtol=0.08)  # cells lag behind a side that falls
    assert float(found.pressure[-1].max()) > 0.95 * SHOCKED.pressure


def test_a_box_that_is_warm_at_the_start_has_the_shock_of_warm_matter():
    found = case(Piston(1000.0), temperature=400.0).isel(y=0)
    behind, speed = eos.hugoniot(HMX, 1000.0, temperature=400.0)
    np.testing.assert_allclose(found.temperature[0], 400.0, rtol=1e-6)
    assert not found.velocity_x[0].any()
    np.testing.assert_allclose(found.pressure[-1, 8:60], behind.pressure, rtol=5e-3)
    np.testing.assert_allclose(found.temperature[-1, -5:], 400.0, rtol=1e-5)
    assert speed < SPEED


def test_strength_and_loading_together_are_steady():
    strength = Strength()
    found = case(Piston(1000.0), strength=strength).isel(time=-1, y=0)
    behind, _ = eos.hugoniot(HMX, 1000.0, strength=strength)
    np.testing.assert_allclose(found.pressure[8:60], behind.pressure - 2 / 3 * strength.yield_stress, rtol=5e-3)


def test_a_pressure_that_no_shock_reaches_is_refused():
    with pytest.raises(ConfigError, match=r"^pressures: expected what a shock can reach, got 1e\+30 Pa$"):
        loading.particle_velocity(PressureHistory((0.0,), (1e30,)), HMX)
